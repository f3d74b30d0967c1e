// Why there are no figures, in the protocol's kinds.
#pragma once

#include <stdexcept>
#include <string>

namespace runner {

// Those of RunnerErrorKind in deploy/protocol/messages.py that can happen here.
enum class Kind {
    bad_request,
    newer_protocol,
    file_missing,
    file_differs,
    runtime_missing,
    load_failed,
    operator_missing,
    wrong_shape,
    run_failed,
    out_of_memory,
    internal,
};

// The protocol's word for it.
const char* word(Kind kind);

// Ends a block; becomes the answer's error.
class Error : public std::runtime_error {
  public:
    Error(Kind kind, const std::string& text) : std::runtime_error(text), kind_(kind) {}

    Kind kind() const { return kind_; }

  private:
    Kind kind_;
};

}  // namespace runner
