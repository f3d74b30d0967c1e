// The command line.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace runner {

inline constexpr char kUsage[] =
    "mobile-deploy-runner [--cores LIST] [--etdump FILE] ID.request.json, or --version";

struct Arguments {
    bool version = false;
    // Of the block: the request is ID.request.json in the working folder.
    std::string id;
    // What the process is held to; empty for no choice.
    std::vector<int> cores;
    // Where the times of operators go.
    std::optional<std::string> etdump;
};

// Throws std::invalid_argument for what is no command line of ours.
Arguments parse_arguments(const std::vector<std::string>& words);

// Whether a text may name a block or a file: a-z, 0-9, dots and dashes, nothing that leads out of
// the folder.
bool is_name(const std::string& text);

}  // namespace runner
