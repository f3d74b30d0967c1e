// The files beside a request.
#pragma once

#include <string>
#include <vector>

#include "request.h"

namespace runner {

// The text of the request of the block `id`. Throws Error: file-missing, bad-request where it is
// larger than any that we know.
std::string read_request(const std::string& id);

// See that it is there with the hash that was said. Throws Error: file-missing, file-differs.
void check_file(const DeviceFile& file);

// The bytes of a file, of which there must be `size`. Throws as above, and wrong-shape.
std::vector<char> read_input(const DeviceFile& file, size_t size);

// Write beside the place and rename: who sees the file sees all of it. Throws std::system_error,
// and then leaves nothing.
void write_whole(const std::string& name, const void* data, size_t size);

}  // namespace runner
