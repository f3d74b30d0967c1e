// What came of a block: Answer of deploy/protocol/messages.py.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "error.h"

namespace runner {

// Times in nanoseconds of a monotonic clock, memory in bytes.
struct Measured {
    int64_t load_ns = 0;
    int64_t first_ns = 0;
    std::vector<int64_t> iterations_ns;
    std::optional<int64_t> memory_before_bytes;
    std::optional<int64_t> memory_peak_bytes;
    // By the index of the golden input.
    std::vector<std::pair<int64_t, std::vector<float>>> logits;
};

std::string answer_of(const std::string& id, const Measured& measured);

// `text` is cut, and made printable ASCII.
std::string failed_answer(const std::string& id, Kind kind, const std::string& text);

}  // namespace runner
