// This process, as the kernel tells of it in /proc/self/status.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace runner {

struct ProcessStatus {
    // Resident memory in bytes, now and at its highest; none where the kernel does not tell.
    std::optional<int64_t> resident_bytes;
    std::optional<int64_t> peak_bytes;
    // The kernel's lines on memory, threads and cores, for who looks at a process from outside.
    std::string lines;
};

ProcessStatus process_status();

}  // namespace runner
