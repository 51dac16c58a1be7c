// Splitting a range of work over threads. Nothing is shared and nothing is kept between calls.
#pragma once

#include <algorithm>
#include <cstddef>
#include <system_error>
#include <thread>
#include <vector>

namespace skm {

/// How many parts parallel_ranges makes of `count` items when a part should have at least `grain`.
inline std::size_t part_count(std::size_t count, std::size_t grain, unsigned threads) noexcept {
  return std::clamp<std::size_t>(count / std::max<std::size_t>(grain, 1), 1, std::max(threads, 1u));
}

/// Calls body(part, begin, end) for `parts` contiguous ranges that cover [0, count), each on its own
/// thread (the last on the caller's). `body` must not throw. Where the system gives no more threads
/// the caller's does the work: the result is the same.
template <class Body>
void parallel_ranges(std::size_t count, std::size_t parts, Body&& body) {
  std::vector<std::thread> workers;
  workers.reserve(parts - 1);
  const std::size_t share = count / parts;
  const std::size_t extra = count % parts;
  std::size_t begin = 0;
  for (std::size_t part = 0; part < parts; ++part) {
    const std::size_t end = begin + share + (part < extra ? 1 : 0);
    bool started = false;
    if (part + 1 < parts) {
      try {
        workers.emplace_back([&body, part, begin, end] { body(part, begin, end); });
        started = true;
      } catch (const std::system_error&) {
      }
    }
    if (!started) body(part, begin, end);
    begin = end;
  }
  for (std::thread& worker : workers) worker.join();
}

}  // namespace skm
