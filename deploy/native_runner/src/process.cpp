#include "process.h"

#include <cstdlib>
#include <fstream>

namespace runner {

ProcessStatus process_status() {
    ProcessStatus status;
    std::ifstream file("/proc/self/status");
    for (std::string line; std::getline(file, line);) {
        const std::string name = line.substr(0, line.find(':'));
        const auto bytes = [&]() -> std::optional<int64_t> {
            const int64_t kib = std::atoll(line.c_str() + name.size() + 1);
            return kib > 0 ? std::optional<int64_t>(kib * 1024) : std::nullopt;
        };
        if (name == "VmRSS") {
            status.resident_bytes = bytes();
        } else if (name == "VmHWM") {
            status.peak_bytes = bytes();
        } else if (name != "Threads" && name != "Cpus_allowed_list") {
            continue;
        }
        status.lines += line + "\n";
    }
    return status;
}

}  // namespace runner
