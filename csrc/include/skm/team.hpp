// Threads that walk through the same steps together and wait for each other between them.
#pragma once

#include <atomic>
#include <barrier>
#include <cstddef>
#include <optional>
#include <system_error>
#include <thread>
#include <vector>

namespace skm {

/// One of a team's members, seen from its own thread.
struct TeamMember {
  std::size_t part;   ///< 0 to parts - 1; 0 is the caller's thread
  std::size_t parts;  ///< members of the team
  std::barrier<>* barrier;

  /// Waits until every member has come here.
  void sync() const {
    if (barrier != nullptr) barrier->arrive_and_wait();
  }
  /// First item of the part-th of parts contiguous shares of `count` items.
  static std::size_t share(std::size_t count, std::size_t part, std::size_t parts) noexcept {
    return count / parts * part + (count % parts < part ? count % parts : part);
  }
  std::size_t begin(std::size_t count) const noexcept { return share(count, part, parts); }
  std::size_t end(std::size_t count) const noexcept { return share(count, part + 1, parts); }
};

/// Calls body(TeamMember) on `threads` threads at once, fewer where the system gives no more. Every member
/// must call sync() equally often, and `body` must not throw.
template <class Body>
void run_team(unsigned threads, Body&& body) {
  std::optional<std::barrier<>> barrier;
  std::atomic<std::size_t> members = 0;
  std::vector<std::thread> workers;
  workers.reserve(threads);
  for (std::size_t part = 1; part < threads; ++part) {
    try {
      workers.emplace_back([&, part] {
        members.wait(0);
        body(TeamMember{part, members.load(), &*barrier});
      });
    } catch (const std::system_error&) {
      break;
    }
  }
  barrier.emplace(static_cast<std::ptrdiff_t>(workers.size() + 1));
  members = workers.size() + 1;
  members.notify_all();
  body(TeamMember{0, workers.size() + 1, workers.empty() ? nullptr : &*barrier});
  for (std::thread& worker : workers) worker.join();
}

}  // namespace skm
