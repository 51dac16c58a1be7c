// A team: every task of every round is done once, by a thread that has begun, before the round is over.
#include "../team.hpp"

#include <cstddef>
#include <vector>

#include "check.hpp"

namespace {

using skm::Team;

thread_local bool begun = false;

void begin() {
  CHECK(!begun);
  begun = true;
}

void end() {
  CHECK(begun);
  begun = false;
}

/// Rounds of no, one, few and many tasks, each with a body of its own.
void rounds_are_whole(unsigned threads) {
  {
    Team team(threads, begin, end);
    for (int round = 0; round < 200; ++round) {
      const std::size_t count = std::vector<std::size_t>{0, 1, 2, 7, 300}[round % 5];
      // Written by no more than one thread each, and read here after the round: neither needs to be atomic.
      std::vector<int> done(count, 0);
      team.run(count, [&](std::size_t task, unsigned worker) {
        CHECK(begun && worker < threads);
        done[task] += round + 1;
      });
      for (const int each : done) CHECK(each == round + 1);
    }
  }
  CHECK(!begun);
}

/// Workers' numbers tell threads apart: what is kept for each needs no lock.
void workers_do_not_share_numbers() {
  constexpr unsigned kThreads = 4;
  Team team(kThreads, begin, end);
  std::vector<std::size_t> sums(kThreads, 0);
  for (int round = 0; round < 100; ++round) {
    team.run(1000, [&](std::size_t task, unsigned worker) { sums[worker] += task; });
  }
  std::size_t sum = 0;
  for (const std::size_t each : sums) sum += each;
  CHECK(sum == std::size_t{100} * 999 * 1000 / 2);
}

}  // namespace

int main() {
  for (const unsigned threads : {1u, 2u, 5u}) rounds_are_whole(threads);
  workers_do_not_share_numbers();
}
