#include "files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <system_error>

#include "error.h"
#include "sha256.h"

namespace runner {
namespace {

constexpr off_t kMostRequestBytes = off_t{1} << 20;

// An open file, closed at the end of its life.
class File {
  public:
    explicit File(int descriptor) : descriptor_(descriptor) {}
    ~File() { close(); }
    File(const File&) = delete;
    File& operator=(const File&) = delete;

    int descriptor() const { return descriptor_; }

    int close() {
        const int closed = descriptor_ < 0 ? 0 : ::close(descriptor_);
        descriptor_ = -1;
        return closed;
    }

  private:
    int descriptor_;
};

std::string reason() {
    return std::strerror(errno);
}

// A regular file, opened to be read, and its size.
off_t open_to_read(const std::string& name, File& file) {
    struct stat facts = {};
    if (file.descriptor() < 0 || fstat(file.descriptor(), &facts) != 0) {
        throw Error(Kind::file_missing, name + " is not there (" + reason() + ")");
    }
    if (!S_ISREG(facts.st_mode)) throw Error(Kind::file_missing, name + " is no file");
    return facts.st_size;
}

// A pipe, which is refused too, would wait for who writes to it.
int opened(const std::string& name) {
    return open(name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}

// Up to `size` bytes; fewer at the end of the file.
size_t read_some(const std::string& name, const File& file, void* to, size_t size) {
    size_t done = 0;
    while (done < size) {
        const ssize_t count = read(file.descriptor(), static_cast<char*>(to) + done, size - done);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) throw Error(Kind::file_missing, name + " cannot be read (" + reason() + ")");
        if (count == 0) break;
        done += static_cast<size_t>(count);
    }
    return done;
}

void check_hash(const DeviceFile& file, Sha256& hash) {
    if (hash.hex() != file.sha256) {
        throw Error(Kind::file_differs, file.name + " has another hash");
    }
}

}  // namespace

std::string read_request(const std::string& id) {
    const std::string name = id + ".request.json";
    File file(opened(name));
    const off_t size = open_to_read(name, file);
    if (size > kMostRequestBytes) {
        throw Error(Kind::bad_request, "the request is larger than any we know");
    }
    std::string text(static_cast<size_t>(size), '\0');
    text.resize(read_some(name, file, text.data(), text.size()));
    return text;
}

void check_file(const DeviceFile& wanted) {
    File file(opened(wanted.name));
    open_to_read(wanted.name, file);
    Sha256 hash;
    std::vector<char> piece(1 << 16);
    while (const size_t count = read_some(wanted.name, file, piece.data(), piece.size())) {
        hash.update(piece.data(), count);
    }
    check_hash(wanted, hash);
}

std::vector<char> read_input(const DeviceFile& wanted, size_t size) {
    static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "as the numbers of the files");
    File file(opened(wanted.name));
    const auto found = static_cast<size_t>(open_to_read(wanted.name, file));
    if (found != size) {
        throw Error(Kind::wrong_shape, wanted.name + " has " + std::to_string(found) +
                                           " bytes, the shape needs " + std::to_string(size));
    }
    std::vector<char> input(size);
    const size_t got = read_some(wanted.name, file, input.data(), size);
    Sha256 hash;
    hash.update(input.data(), got);
    check_hash(wanted, hash);
    return input;
}

void write_whole(const std::string& name, const void* data, size_t size) {
    const std::string part = name + ".part";
    const auto failed = [&](const char* what) {
        const int number = errno;
        unlink(part.c_str());
        throw std::system_error(number, std::generic_category(), std::string(what) + " " + name);
    };
    File file(open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (file.descriptor() < 0) failed("cannot make");
    for (size_t done = 0; done < size;) {
        const ssize_t count =
            write(file.descriptor(), static_cast<const char*>(data) + done, size - done);
        if (count < 0 && errno != EINTR) failed("cannot write");
        if (count > 0) done += static_cast<size_t>(count);
    }
    if (file.close() != 0) failed("cannot write");
    if (rename(part.c_str(), name.c_str()) != 0) failed("cannot rename");
}

}  // namespace runner
