// Lockstep: one body on several threads at once, for the length of a call. They go through the same steps
// together, each does its share of a step, and waits at its end for the others. Numbered tasks that any
// thread may do need no steps: csrc/team.hpp hands out rounds of them, skm/parallel.hpp those of one call.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <system_error>
#include <thread>
#include <vector>

namespace skm {

/// Lets another thread of the same processor have its units for a moment.
inline void pause_processor() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

/// Waits until ready(): a while in the processor, since threads in lockstep are as a rule a microsecond
/// apart, then letting others run, who may be those it waits for. Memory that ready() reads must be atomic.
template <class Ready>
void spin_until(Ready&& ready) noexcept {
  constexpr int kSpins = 1000;
  for (int spin = 0; !ready(); ++spin) {
    if (spin >= kSpins) {
      std::this_thread::yield();
      continue;
    }
    pause_processor();
  }
}

/// Where threads in lockstep wait for each other. One of them does what the others wait for.
class LockstepBarrier {
 public:
  explicit LockstepBarrier(std::size_t members) noexcept : members_(members) {}

  /// Waits until every member has come here and the first has returned from between(), which must not throw.
  template <class Between>
  void arrive_and_wait(bool is_first, Between&& between) noexcept {
    const std::uint32_t round = round_.load(std::memory_order_relaxed);
    if (is_first) {
      spin_until([&] { return arrived_.load(std::memory_order_acquire) + 1 == members_; });
      between();
      arrived_.store(0, std::memory_order_relaxed);
      round_.store(round + 1, std::memory_order_release);
      return;
    }
    arrived_.fetch_add(1, std::memory_order_acq_rel);
    spin_until([&] { return round_.load(std::memory_order_acquire) != round; });
  }

 private:
  const std::size_t members_;
  alignas(64) std::atomic<std::size_t> arrived_ = 0;
  alignas(64) std::atomic<std::uint32_t> round_ = 0;
};

/// One of the threads, seen from itself.
struct LockstepMember {
  std::size_t part;          ///< 0 to parts - 1; 0 is the caller's thread
  std::size_t parts;         ///< threads in all
  LockstepBarrier* barrier;  ///< none where there is one member

  /// Waits until every member has come here and the caller's thread has done between(). Memory that it takes
  /// there is as a rule memory that it has had before, in pages that are there still: allocators keep it by
  /// thread.
  template <class Between>
  void sync(Between&& between) const noexcept {
    if (barrier != nullptr) {
      barrier->arrive_and_wait(part == 0, between);
    } else {
      between();
    }
  }
  void sync() const noexcept {
    sync([] {});
  }
  /// First item of the part-th of parts contiguous shares of `count` items.
  static std::size_t share(std::size_t count, std::size_t part, std::size_t parts) noexcept {
    return count / parts * part + (count % parts < part ? count % parts : part);
  }
  std::size_t begin(std::size_t count) const noexcept { return share(count, part, parts); }
  std::size_t end(std::size_t count) const noexcept { return share(count, part + 1, parts); }
};

/// Numbered tasks that threads in lockstep take as they have time, even ones from the first up and odd ones
/// from the last down: with the same tasks again, most find in their caches what they left there.
class TwoEnds {
 public:
  /// To be called by one member while the others wait. Fewer than 2^32 tasks.
  void reset(std::size_t count) noexcept {
    count_ = count;
    taken_.store(0, std::memory_order_relaxed);
  }
  /// The next task, or their number or more if all are taken.
  std::size_t take(const LockstepMember& member) noexcept {
    const unsigned shift = member.part % 2 * 32;
    std::uint64_t taken = taken_.load(std::memory_order_relaxed);
    for (;;) {
      const std::size_t low = taken & 0xFFFFFFFF, high = taken >> 32;
      if (low + high == count_) return count_;
      if (taken_.compare_exchange_weak(taken, taken + (std::uint64_t{1} << shift), std::memory_order_relaxed))
        return shift == 0 ? low : count_ - 1 - high;
    }
  }

 private:
  std::size_t count_ = 0;
  alignas(64) std::atomic<std::uint64_t> taken_ = 0;  // from the first on; above 32 bits, from the last down
};

/// Calls body(LockstepMember) on `threads` threads at once, fewer where the system gives no more. Every
/// member must call sync() equally often, and `body` must not throw.
template <class Body>
void run_in_lockstep(unsigned threads, Body&& body) {
  std::optional<LockstepBarrier> barrier;
  std::atomic<std::size_t> members = 0;
  std::vector<std::thread> workers;
  workers.reserve(threads);
  for (std::size_t part = 1; part < threads; ++part) {
    try {
      workers.emplace_back([&, part] {
        members.wait(0);
        body(LockstepMember{part, members.load(), &*barrier});
      });
    } catch (const std::system_error&) {
      break;
    }
  }
  barrier.emplace(workers.size() + 1);
  members = workers.size() + 1;
  members.notify_all();
  body(LockstepMember{0, workers.size() + 1, workers.empty() ? nullptr : &*barrier});
  for (std::thread& worker : workers) worker.join();
}

}  // namespace skm
