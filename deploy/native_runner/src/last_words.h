// An answer for the case that the runtime takes the whole process with it.
//
// A .pte is trusted by the runtime that reads it: a damaged one may end in a signal, or in a check
// of the runtime's own that aborts.
#pragma once

#include <string>

#include "error.h"

namespace runner {

// From now on, if the process crashes, the answer of the block `id` says so, as of `kind`, and that
// it did while it did what `doing` says. One line goes to stderr. To be called again for what comes
// next.
void prepare_last_words(const std::string& id, Kind kind, const std::string& doing);

// The same now, for `reason`. Exits: 0 where the answer could be written, else 1.
[[noreturn]] void say_last_words(const char* reason);

}  // namespace runner
