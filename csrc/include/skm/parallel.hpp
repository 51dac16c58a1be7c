// Work on several threads: equal ranges, blocks that threads take one by one, or whatever the work takes from
// a counter. Nothing is kept between calls.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace skm {

/// Waits for done() for as long as other threads of the same work may take to end, some tens of microseconds,
/// letting others run. Returns whether it has come true. A thread that sleeps instead is woken late: by then
/// short work could be over. Memory that done() reads must be atomic.
template <class Done>
bool soon(Done&& done) noexcept {
  constexpr int kTries = 200;
  for (int tries = 0; tries < kTries; ++tries) {
    if (done()) return true;
    std::this_thread::yield();
  }
  return false;
}

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

/// Which of `count` tasks are still to be taken, and how many are done.
struct TaskCount {
  explicit TaskCount(std::size_t tasks) noexcept : count(tasks) {}

  /// Calls body(task) for tasks that nobody has taken, until there are none.
  template <class Body>
  void work(Body&& body) {
    std::size_t mine = 0;
    for (std::size_t task = next.fetch_add(1); task < count; task = next.fetch_add(1), ++mine) body(task);
    // Nothing is waited for that has not been taken, so those who take nothing need not say so.
    if (mine > 0 && done.fetch_add(mine, std::memory_order_acq_rel) + mine == count) done.notify_all();
  }
  /// Waits until all are done.
  void wait() const noexcept {
    const auto left = [this] { return done.load(std::memory_order_acquire) != count; };
    if (soon([&] { return !left(); })) return;
    for (std::size_t seen = done.load(); seen != count; seen = done.load()) done.wait(seen);
  }

  const std::size_t count;
  alignas(64) std::atomic<std::size_t> next = 0;
  alignas(64) std::atomic<std::size_t> done = 0;
};

/// Calls body(begin, end) for blocks that cover [0, count), of `block` items but for the last, on up to
/// `threads` threads, the caller's among them. Each takes the next block when it is done with one, so that
/// neither a thread that starts late nor a processor that others use keeps everybody waiting; which thread
/// does what is left to chance. `body` must not throw. Where the system gives no more threads those there are
/// do the work. It returns when all blocks are done: threads that only then begin find nothing to do, and end
/// by themselves.
template <class Body>
void parallel_blocks(std::size_t count, std::size_t block, std::size_t threads, Body&& body) {
  const std::size_t blocks = (count + block - 1) / block;
  const auto take = [&body, count, block](std::size_t b) {
    body(b * block, std::min(count, (b + 1) * block));
  };
  threads = std::min(threads, blocks);
  if (threads < 2) {
    for (std::size_t b = 0; b < blocks; ++b) take(b);
    return;
  }
  const auto tasks = std::make_shared<TaskCount>(blocks);
  try {
    // `take` is here as long as there are tasks; `tasks` as long as there is a thread.
    for (std::size_t t = 1; t < threads; ++t) {
      std::thread([tasks, &take] { tasks->work(take); }).detach();
    }
  } catch (const std::system_error&) {
  }
  tasks->work(take);
  tasks->wait();
}

/// Calls work() on `threads` threads (one of them the caller's), and returns when all are done. Each call
/// takes its share of the work from somewhere common (an atomic counter), so fewer threads than asked for,
/// where the system gives no more, do the same work. An exception that a call throws is thrown here once all
/// have ended.
template <class Work>
void run_threads(int threads, Work work) {
  std::exception_ptr failure;
  std::mutex mutex;
  const auto guarded = [&]() noexcept {
    try {
      work();
    } catch (...) {
      const std::scoped_lock lock(mutex);
      failure = std::current_exception();
    }
  };
  std::vector<std::thread> helpers;
  helpers.reserve(threads);
  try {
    for (int t = 1; t < threads; ++t) helpers.emplace_back(guarded);
  } catch (const std::system_error&) {  // no more threads to be had: those there are share the work
  }
  guarded();
  for (std::thread& helper : helpers) helper.join();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace skm
