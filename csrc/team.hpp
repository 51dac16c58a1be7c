// Threads that stay for several rounds of numbered tasks. Which thread does a task is left to chance, so
// tasks of one round must not touch the same things.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <system_error>
#include <thread>
#include <vector>

#include "skm/parallel.hpp"

namespace skm {

class Team {
 public:
  /// `begin` and `end` run on every thread, the caller's too, around all its work. Where the system gives no
  /// more threads those there are share the work.
  Team(unsigned threads, void (*begin)(), void (*end)()) : begin_(begin), end_(end) {
    begin_();
    workers_.reserve(threads);
    try {
      for (unsigned worker = 1; worker < threads; ++worker) {
        workers_.emplace_back([this, worker] { serve(worker); });
      }
    } catch (const std::system_error&) {
    }
  }

  ~Team() {
    task_ = nullptr;
    start_round();
    for (std::thread& worker : workers_) worker.join();
    end_();
  }

  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  /// Calls body(task, worker) for every task below `count`, workers numbered from 0 (the caller's). `body`
  /// must not throw.
  template <class Body>
  void run(std::size_t count, Body&& body) {
    count_ = count;
    context_ = &body;
    task_ = [](void* context, std::size_t task, unsigned worker) {
      (*static_cast<std::remove_reference_t<Body>*>(context))(task, worker);
    };
    next_.store(0, std::memory_order_relaxed);
    if (count > 1) {
      busy_.store(static_cast<std::uint32_t>(workers_.size()), std::memory_order_relaxed);
      start_round();
    }
    work(0);
    if (count > 1) {
      soon([this] { return busy_.load() == 0; });
      for (std::uint32_t left = busy_.load(); left != 0; left = busy_.load()) busy_.wait(left);
    }
  }

 private:
  void start_round() {
    round_.fetch_add(1);
    round_.notify_all();
  }

  void work(unsigned worker) {
    for (std::size_t task = next_++; task < count_; task = next_++) task_(context_, task, worker);
  }

  void serve(unsigned worker) {
    begin_();
    for (std::uint32_t seen = 0;;) {
      soon([this, seen] { return round_.load() != seen; });
      round_.wait(seen);
      ++seen;
      if (task_ == nullptr) break;
      work(worker);
      if (--busy_ == 0) busy_.notify_all();
    }
    end_();
  }

  void (*begin_)();
  void (*end_)();
  void (*task_)(void*, std::size_t, unsigned) = nullptr;
  void* context_ = nullptr;
  std::size_t count_ = 0;
  std::atomic<std::size_t> next_{0};
  std::atomic<std::uint32_t> round_{0};
  std::atomic<std::uint32_t> busy_{0};
  std::vector<std::thread> workers_;
};

}  // namespace skm
