#include "last_words.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstring>
#include <initializer_list>

#include "answer.h"

namespace runner {
namespace {

// The answer is composed beforehand, around the reason: a signal's handler may only call what is
// async-signal-safe (signal-safety(7)).
constexpr char kReason[] = "REASON";
struct Prepared {
    std::string file, part, head, tail, doing;
};
Prepared prepared;
std::atomic_flag speaks = ATOMIC_FLAG_INIT;

// The main thread's: what overflows its stack has none left.
alignas(16) char handler_stack[1 << 16];

bool write_all(int file, std::initializer_list<const char*> texts) {
    for (const char* text : texts) {
        for (size_t left = std::strlen(text); left > 0;) {
            const ssize_t count = write(file, text, left);
            if (count <= 0) return false;
            text += count;
            left -= static_cast<size_t>(count);
        }
    }
    return true;
}

const char* name_of(int signal) {
    switch (signal) {
        case SIGSEGV:
            return "SIGSEGV, a segmentation fault";
        case SIGBUS:
            return "SIGBUS, a bus error";
        case SIGILL:
            return "SIGILL, an illegal instruction";
        case SIGFPE:
            return "SIGFPE, an arithmetic error";
        default:
            return "SIGABRT, an abort";
    }
}

void on_signal(int signal) {
    say_last_words(name_of(signal));
}

void catch_signals() {
    stack_t stack = {};
    stack.ss_sp = handler_stack;
    stack.ss_size = sizeof handler_stack;
    sigaltstack(&stack, nullptr);
    struct sigaction action = {};
    action.sa_handler = on_signal;
    action.sa_flags = SA_ONSTACK;
    for (const int signal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT}) {
        sigaction(signal, &action, nullptr);
    }
}

}  // namespace

void prepare_last_words(const std::string& id, Kind kind, const std::string& doing) {
    const std::string answer = failed_answer(
        id, kind, std::string("the runtime crashed while it ") + doing + " (" + kReason + ")");
    const size_t place = answer.find(kReason);
    const std::string file = id + ".answer.json";
    prepared = {file, file + ".part", answer.substr(0, place),
                answer.substr(place + std::strlen(kReason)), doing};
    catch_signals();
}

void say_last_words(const char* reason) {
    // Of several threads that crash one speaks, and ends them all.
    while (speaks.test_and_set()) pause();
    write_all(STDERR_FILENO, {"mobile-deploy-runner: the runtime crashed while it ",
                              prepared.doing.c_str(), " (", reason, ")\n"});
    const int file = open(prepared.part.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    const bool written =
        file >= 0 && write_all(file, {prepared.head.c_str(), reason, prepared.tail.c_str()}) &&
        close(file) == 0 && rename(prepared.part.c_str(), prepared.file.c_str()) == 0;
    if (!written) unlink(prepared.part.c_str());
    _exit(written ? 0 : 1);
}

}  // namespace runner
