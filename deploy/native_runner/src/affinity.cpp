#include "affinity.h"

#include <sched.h>

#include <cerrno>
#include <sstream>
#include <stdexcept>
#include <system_error>

namespace runner {
namespace {

int core_number(const std::string& digits) {
    if (digits.empty() || digits.size() > 4 ||
        digits.find_first_not_of("0123456789") != std::string::npos ||
        std::stoi(digits) >= CPU_SETSIZE) {
        throw std::invalid_argument("no core is named '" + digits + "'");
    }
    return std::stoi(digits);
}

}  // namespace

std::vector<int> parse_cores(const std::string& list) {
    std::vector<int> cores;
    std::stringstream parts(list);
    for (std::string part; std::getline(parts, part, ',');) {
        const size_t dash = part.find('-');
        const int first = core_number(part.substr(0, dash));
        const int last = dash == std::string::npos ? first : core_number(part.substr(dash + 1));
        for (int core = first; core <= last; ++core) cores.push_back(core);
    }
    if (cores.empty()) throw std::invalid_argument("'" + list + "' names no core");
    return cores;
}

void hold_to(const std::vector<int>& cores) {
    cpu_set_t set;
    CPU_ZERO(&set);
    for (const int core : cores) CPU_SET(core, &set);
    if (sched_setaffinity(0, sizeof set, &set) != 0) {
        throw std::system_error(errno, std::generic_category(), "cannot be held to those cores");
    }
}

}  // namespace runner
