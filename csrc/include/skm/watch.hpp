// How a long computation is watched from another thread, and stopped.
#pragma once

#include <atomic>
#include <cstdint>

namespace skm {

struct Watch {
  std::atomic<std::uint64_t>* progress = nullptr;  ///< bytes done so far
  const std::atomic<bool>* cancel = nullptr;       ///< once true: stop soon; the result is meaningless

  void advance(std::uint64_t bytes) const noexcept {
    if (progress != nullptr) progress->fetch_add(bytes, std::memory_order_relaxed);
  }
  bool cancelled() const noexcept { return cancel != nullptr && cancel->load(std::memory_order_relaxed); }
};

}  // namespace skm
