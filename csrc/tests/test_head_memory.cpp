// Memory that a training step of the head takes beside its results, counted where it is allocated: at most 4
// % of what the float32 logits would take at the large shape of the bench, 5 % at the small one.
#include <cstdint>
#include <cstdlib>
#include <new>
#include <vector>

#include "../head_blocks.hpp"
#include "check.hpp"
#include "skm/linear_cross_entropy.hpp"

namespace {

std::size_t taken = 0;
std::size_t most_taken = 0;

constexpr std::size_t kHeader = 4096;  // keeps the size, and the alignment of what follows

}  // namespace

// Everything of size lies in skm::Aligned, and so comes by here.
void* operator new(std::size_t size, std::align_val_t) {
  void* room = std::aligned_alloc(kHeader, skm::rounded_up(kHeader + size, kHeader));
  if (room == nullptr) throw std::bad_alloc();
  *static_cast<std::size_t*>(room) = size;
  taken += size;
  most_taken = std::max(most_taken, taken);
  return static_cast<char*>(room) + kHeader;
}

void operator delete(void* p, std::align_val_t) noexcept {
  char* room = static_cast<char*>(p) - kHeader;
  taken -= *reinterpret_cast<std::size_t*>(room);
  std::free(room);
}

namespace {

// Blocks of the vocabulary have a size of their own: so many entries make a full one.
constexpr std::size_t kEntries = 400;

template <class T>
double extra_bytes(std::size_t tokens, std::size_t width, unsigned threads) {
  const skm::Aligned<T> x(tokens * width), weight(kEntries * width), by_x(tokens * width),
      by_weight(kEntries * width);
  std::fill_n(x.get(), tokens * width, T{});
  std::fill_n(weight.get(), kEntries * width, T{});
  const std::vector<std::int64_t> target(tokens, 1);
  std::vector<float> loss(tokens), log_sum_exp(tokens);
  const std::vector<float> up(tokens, 1.0f);
  const skm::LinearHead<T> head = {x.get(), weight.get(), nullptr, target.data(), tokens, width, kEntries};
  const std::size_t before = taken;
  most_taken = taken;
  skm::linear_cross_entropy<T>(head, {}, {loss.data(), log_sum_exp.data()}, threads);
  skm::linear_cross_entropy_backward<T>(head, {}, {log_sum_exp.data(), nullptr, up.data()},
                                        {by_x.get(), by_weight.get(), nullptr}, threads);
  CHECK(taken == before && most_taken > before);
  return static_cast<double>(most_taken - before);
}

template <class T>
void test_memory(std::size_t tokens, std::size_t width, std::size_t vocabulary, double share) {
  const double logits = 4.0 * static_cast<double>(tokens) * static_cast<double>(vocabulary);
  for (const unsigned threads : {1u, 2u}) {
    const double extra = extra_bytes<T>(tokens, width, threads);
    std::printf("%zu x %zu x %zu, %zu bytes, %u threads: %.0f KiB, %.2f %% of logits\n", tokens, width,
                vocabulary, sizeof(T), threads, extra / 1024, 100 * extra / logits);
    CHECK(extra <= share * logits);
  }
}

}  // namespace

int main() {
  test_memory<float>(1024, 768, 50257, 0.04);
  test_memory<std::uint16_t>(1024, 768, 50257, 0.05);
  test_memory<float>(4096, 256, 8192, 0.05);
  test_memory<std::uint16_t>(4096, 256, 8192, 0.05);
  return 0;
}
