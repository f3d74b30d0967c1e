#include "error.h"

namespace runner {

const char* word(Kind kind) {
    switch (kind) {
        case Kind::bad_request:
            return "bad-request";
        case Kind::newer_protocol:
            return "newer-protocol";
        case Kind::file_missing:
            return "file-missing";
        case Kind::file_differs:
            return "file-differs";
        case Kind::runtime_missing:
            return "runtime-missing";
        case Kind::load_failed:
            return "load-failed";
        case Kind::operator_missing:
            return "operator-missing";
        case Kind::wrong_shape:
            return "wrong-shape";
        case Kind::run_failed:
            return "run-failed";
        case Kind::out_of_memory:
            return "out-of-memory";
        case Kind::internal:
            return "internal";
    }
    return "internal";
}

}  // namespace runner
