// A team: threads that stay for several rounds of numbered tasks, which it hands out. Which thread does a
// task is left to chance, so tasks of one round must not touch the same things. Threads that must meet within
// their work are not a team but in lockstep (skm/lockstep.hpp); one round alone needs no team
// (skm/parallel.hpp).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <system_error>
#include <thread>
#include <type_traits>

#if defined(__unix__) || defined(__APPLE__)
#include <unistd.h>
#endif

#include "skm/parallel.hpp"

namespace skm {

class Team {
 public:
  /// `begin` and `end` run on every thread, the caller's too, around all its work. Where the system gives no
  /// more threads those there are share the work.
  Team(unsigned threads, void (*begin)(), void (*end)())
      : state_(threads > 1 ? std::make_shared<State>() : nullptr), begin_(begin), end_(end) {
    begin_();
    try {
      for (unsigned worker = 1; worker < threads; ++worker) {
        std::thread([state = state_, worker, begin, end] {
          begin();
          state->serve(worker);
          end();
        }).detach();
        ++workers_;
      }
    } catch (const std::system_error&) {
    }
  }

  /// Dismisses the threads. They end by themselves: nobody waits for that.
  ~Team() {
    if (workers_ > 0) {
      state_->task = nullptr;
      state_->start_round();
    }
    end_();
  }

  /// Threads, the caller's among them.
  std::size_t size() const noexcept { return workers_ + std::size_t{1}; }
  /// Whether they are here: a forked process has none of the threads of the one it comes from.
  bool here() const noexcept { return process_ == this_process(); }

  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  /// Calls body(task, worker) for every task below `count`, workers numbered from 0 (the caller's). `body`
  /// must not throw.
  template <class Body>
  void run(std::size_t count, Body&& body) {
    if (count < 2 || workers_ == 0) {
      for (std::size_t task = 0; task < count; ++task) body(task, 0u);
      return;
    }
    State& state = *state_;
    state.count = count;
    state.context = &body;
    state.task = [](void* context, std::size_t task, unsigned worker) {
      (*static_cast<std::remove_reference_t<Body>*>(context))(task, worker);
    };
    state.next.store(0, std::memory_order_relaxed);
    state.busy.store(workers_, std::memory_order_relaxed);
    state.start_round();
    state.work(0);
    soon([&state] { return state.busy.load() == 0; });
    for (std::uint32_t left = state.busy.load(); left != 0; left = state.busy.load()) state.busy.wait(left);
  }

 private:
  /// What the threads share: there as long as one of them is.
  struct State {
    void start_round() {
      round.fetch_add(1);
      round.notify_all();
    }
    void work(unsigned worker) {
      for (std::size_t each = next++; each < count; each = next++) task(context, each, worker);
    }
    void serve(unsigned worker) {
      for (std::uint32_t seen = 0;; ++seen) {
        soon([this, seen] { return round.load() != seen; });
        round.wait(seen);
        if (task == nullptr) return;
        work(worker);
        if (--busy == 0) busy.notify_all();
      }
    }

    void (*task)(void*, std::size_t, unsigned) = nullptr;
    void* context = nullptr;
    std::size_t count = 0;
    std::atomic<std::size_t> next{0};
    std::atomic<std::uint32_t> round{0};
    std::atomic<std::uint32_t> busy{0};
  };

  static long this_process() noexcept {
#if defined(__unix__) || defined(__APPLE__)
    return getpid();
#else
    return 0;
#endif
  }

  const long process_ = this_process();
  std::shared_ptr<State> state_;
  std::uint32_t workers_ = 0;
  void (*begin_)();
  void (*end_)();
};

}  // namespace skm
