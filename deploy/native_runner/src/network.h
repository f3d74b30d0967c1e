// A .pte in ExecuTorch.
#pragma once

#include <executorch/extension/module/module.h>
#include <executorch/extension/tensor/tensor_ptr.h>

#include <cstdint>
#include <string>
#include <vector>

#include "request.h"

namespace executorch::etdump {
class ETDumpGen;
}

namespace runner {

// An input as the runtime takes it: the values point into the tensor.
struct Input {
    executorch::extension::TensorPtr tensor;
    std::vector<executorch::runtime::EValue> values;
};

class Network {
  public:
    // Ready to run with so many threads; 0 leaves the choice to the runtime. With `traced` the time
    // of each operator is kept, which costs time. Throws Error: load-failed, operator-missing,
    // out-of-memory.
    Network(const std::string& file, int threads, bool traced);

    // Throws Error (wrong-shape) where it does not take one input as the request says.
    void check_takes(const Request& request);

    // An input of what a file holds, which must outlive it.
    Input input_of(std::vector<char>& data, const Request& request) const;

    // Throws Error: run-failed, wrong-shape, out-of-memory.
    void run(const Input& input);

    // Of the last run.
    std::vector<float> logits() const;

    // The times of operators so far, as an ETDump. Once, of one that was made traced.
    std::vector<uint8_t> etdump();

  private:
    executorch::etdump::ETDumpGen* tracer_;
    executorch::extension::Module module_;
    // The runtime keeps the tensors that these name until the next run.
    std::vector<executorch::runtime::EValue> outputs_;
};

// See that the file holds together, before it is trusted. Throws Error (load-failed).
void verify_program(const std::string& file);

}  // namespace runner
