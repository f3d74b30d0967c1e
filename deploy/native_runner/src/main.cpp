// A block of the benchmark protocol (docs/benchmark-protocol.md), in this process.
//
// Started in the folder of its files. Exit status: 0 where an answer was written, be it of an
// error, 1 where it could not be, 2 for wrong arguments.
#include <cstdio>
#include <exception>
#include <new>
#include <stdexcept>
#include <system_error>

#include "affinity.h"
#include "answer.h"
#include "arguments.h"
#include "block.h"
#include "error.h"
#include "files.h"
#include "runtime_log.h"

namespace runner {
namespace {

// What came of the block, as the text of its answer. Nothing but an answer ever comes out of it.
std::string answered(const Arguments& arguments) {
    const std::string& id = arguments.id;
    try {
        const Request request = parse_request(read_request(id), id);
        const Block block = run_block(request, arguments.etdump.has_value());
        if (arguments.etdump) {
            write_whole(*arguments.etdump, block.etdump.data(), block.etdump.size());
        }
        std::fputs(block.process_lines.c_str(), stdout);
        return answer_of(id, block.measured);
    } catch (const Error& error) {
        return failed_answer(id, error.kind(), error.what());
    } catch (const std::bad_alloc&) {
        return failed_answer(id, Kind::out_of_memory, "no memory is left");
    } catch (const std::exception& error) {
        return failed_answer(id, Kind::internal, error.what());
    }
}

int refuse(const char* what) {
    std::fprintf(stderr, "mobile-deploy-runner: %s: give %s\n", what, kUsage);
    return 2;
}

int run(const std::vector<std::string>& words) {
    Arguments arguments;
    try {
        arguments = parse_arguments(words);
        if (!arguments.cores.empty()) hold_to(arguments.cores);
    } catch (const std::invalid_argument& error) {
        return refuse(error.what());
    } catch (const std::system_error& error) {
        return refuse(error.what());
    }
    if (arguments.version) {
        std::puts("mobile-deploy-runner " RUNNER_VERSION ", ExecuTorch " EXECUTORCH_VERSION);
        return 0;
    }
    keep_runtime_log();
    try {
        const std::string answer = answered(arguments);
        write_whole(arguments.id + ".answer.json", answer.data(), answer.size());
    } catch (const std::exception& error) {
        std::fprintf(stderr, "mobile-deploy-runner: %s\n", error.what());
        return 1;
    }
    return 0;
}

}  // namespace
}  // namespace runner

int main(int count, char** words) {
    return runner::run({words + 1, words + count});
}
