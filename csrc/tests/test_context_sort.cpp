// The context sort against a plain sort of whole contexts.
#include <algorithm>
#include <cstdint>
#include <numeric>
#include <random>
#include <vector>

#include "check.hpp"
#include "skm/context_sort.hpp"

namespace {

using Positions = std::vector<std::uint32_t>;

int shared_bytes(const std::vector<std::uint8_t>& text, std::uint32_t a, std::uint32_t b, int depth) {
  int d = 0;
  while (d < depth && text[a - 1 - d] == text[b - 1 - d]) ++d;
  return d;
}

void check_order(const std::vector<std::uint8_t>& text, int depth) {
  const std::uint32_t count = static_cast<std::uint32_t>(text.size() - skm::context_padding);
  Positions expected(count);
  std::iota(expected.begin(), expected.end(), static_cast<std::uint32_t>(skm::context_padding));
  std::vector<std::uint64_t> items(expected.begin(), expected.end());
  std::sort(expected.begin(), expected.end(), [&](std::uint32_t a, std::uint32_t b) {
    const int same = shared_bytes(text, a, b, depth);
    if (same < depth) return text[a - 1 - same] < text[b - 1 - same];
    return text[a] != text[b] ? text[a] < text[b] : a < b;
  });
  std::vector<std::uint8_t> shared(count + 1, 255);
  skm::sort_contexts(text.data(), items.data(), count, shared.data(), 0, depth);
  for (std::uint32_t i = 0; i < count; ++i) {
    CHECK(static_cast<std::uint32_t>(items[i]) == expected[i]);
    if (i > 0) CHECK(shared[i] == shared_bytes(text, expected[i - 1], expected[i], depth));
  }
}

}  // namespace

int main() {
  std::mt19937 random(1);
  for (int round = 0; round < 300; ++round) {
    const int symbols = 1 << random() % 9;
    const std::size_t size = random() % (round % 10 == 0 ? 5000 : 200);
    std::vector<std::uint8_t> text(skm::context_padding + size);
    for (std::size_t i = skm::context_padding; i < text.size(); ++i) {
      // Every third text repeats itself at a distance, so that long contexts are shared.
      const bool repeat = round % 3 == 0 && i > skm::context_padding + 70 && random() % 50 != 0;
      text[i] = repeat ? text[i - 70] : static_cast<std::uint8_t>(random() % symbols * 37);
    }
    for (const int depth : {0, 1, 2, 3, 5, 8, 13, 64}) check_order(text, depth);
  }
}
