// What the runtime says of errors, which its error codes alone do not tell.
#pragma once

#include <string>

namespace runner {

// Keep what the runtime logs from now on instead of printing it; what it aborts for becomes the
// last words of the process.
void keep_runtime_log();

// Its errors so far, joined.
std::string runtime_errors();

}  // namespace runner
