// The runtime's pool of threads.
#pragma once

#include <cstdint>

// As ExecuTorch's extension/threadpool/threadpool.h declares them: libexecutorch_threadpool.so has
// these, and the wheel has no header of theirs. Only ever used through the pointer.
namespace executorch::extension::threadpool {
class ThreadPool {
  public:
    bool _unsafe_reset_threadpool(uint32_t threads);
};
ThreadPool* get_threadpool();
}  // namespace executorch::extension::threadpool

namespace runner {

// "Unsafe" is for who has loaded a network before, whose delegate keeps the pool that it was made
// with: to be called first.
inline void set_threads(int threads) {
    executorch::extension::threadpool::get_threadpool()->_unsafe_reset_threadpool(
        static_cast<uint32_t>(threads));
}

}  // namespace runner
