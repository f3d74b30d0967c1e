// Holding the process to some of the processor's cores.
#pragma once

#include <string>
#include <vector>

namespace runner {

// The cores of a list as Linux writes them, such as 0,4-7. Throws std::invalid_argument.
std::vector<int> parse_cores(const std::string& list);

// From now on this process, and the threads that it starts, run on these alone. Throws
// std::system_error where the system does not have them.
void hold_to(const std::vector<int>& cores);

}  // namespace runner
