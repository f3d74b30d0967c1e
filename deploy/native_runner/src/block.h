// One block: load, first inference, warm-up, timed iterations, then the golden logits.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "answer.h"
#include "request.h"

namespace runner {

struct Block {
    Measured measured;
    // The kernel's lines on the process while its threads were there.
    std::string process_lines;
    // An ETDump of all inferences, where it was asked for.
    std::vector<uint8_t> etdump;
};

// Throws Error.
Block run_block(const Request& request, bool traced);

}  // namespace runner
