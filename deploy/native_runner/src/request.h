// What one block is asked for: Request of deploy/protocol/messages.py.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace runner {

inline constexpr int kProtocolVersion = 2;
// Of what says nothing of pixels: answers, and requests of networks that take floats.
inline constexpr int kPlainVersion = 1;

// A file beside the request.
struct DeviceFile {
    std::string name;
    std::string sha256;
};

// What an input is made of: normalized numbers, or a bitmap's bytes.
enum class Element { float32, uint8, int8 };

// A photo as the network takes it, in the memory's order.
struct GoldenInput {
    int64_t index;
    DeviceFile file;
};

struct Request {
    std::string id;
    DeviceFile artifact;
    std::string format;
    // 0 leaves the choice to the runtime.
    int threads;
    int64_t warmup;
    int64_t iterations;
    std::vector<int32_t> shape;
    Element element = Element::float32;
    // What is timed: one of `golden` by its index, or else numbers made from a seed.
    std::optional<int64_t> timed_golden;
    int64_t seed;
    std::vector<GoldenInput> golden;

    // How many numbers the input has, and bytes.
    size_t elements() const;
    size_t bytes() const;
};

// The request that `text` is, which must be of the block `id`. Throws Error: bad-request, or
// newer-protocol before anything else is read.
Request parse_request(const std::string& text, const std::string& id);

}  // namespace runner
