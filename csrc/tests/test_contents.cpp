#include "skm/contents.hpp"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "check.hpp"

namespace {

void test_permutation_is_one_to_one(std::uint64_t size) {
  for (std::uint64_t key = 0; key < 3; ++key) {
    const skm::Permutation permutation(size, key);
    std::vector<bool> seen(size);
    for (std::uint64_t x = 0; x < size; ++x) {
      const std::uint64_t image = permutation(x);
      CHECK(image < size && !seen[image]);
      seen[image] = true;
    }
  }
}

void test_greatest_size() {
  const skm::Permutation permutation(skm::Permutation::kMaxSize, 5);
  CHECK(permutation(0) < skm::Permutation::kMaxSize);
  CHECK(permutation(skm::Permutation::kMaxSize - 1) != permutation(0));
}

void test_fill(unsigned threads) {
  // Three digits of a name, and fields in words 0, 3 and 4: the last one from a second block.
  const std::vector<skm::ContentsColumn> digits{{1, 10, 0}, {5, 7, 0}, {2, 65535, 0}};
  const std::vector<skm::ContentsColumn> drawn{{0, 3, 0}, {3, 65535, 3}, {4, 1, 4}};
  constexpr std::size_t kStride = 7;
  constexpr std::uint16_t kUntouched = 12345;
  std::vector<std::uint64_t> elements(20000);
  for (std::size_t i = 0; i < elements.size(); ++i) elements[i] = i * i % (10 * 7 * 65535);
  std::vector<std::uint16_t> table(elements.size() * kStride, kUntouched);
  skm::fill_contents(elements, digits, drawn, 1, 2, table.data(), kStride, threads);
  const skm::Permutation permutation(10 * 7 * 65535, 1);
  for (std::size_t i = 0; i < elements.size(); ++i) {
    const std::uint16_t* row = table.data() + i * kStride;
    CHECK(row[1] + 10u * (row[5] + 7u * row[2]) == permutation(elements[i]));
    const skm::RandomBlock block = skm::random_block(2, elements[i]);
    CHECK(row[0] == (block.half[0] & 0xFFFFFFFFu) * 3 >> 32);
    CHECK(row[3] == (block.half[1] >> 32) * 65535 >> 32);
    CHECK(row[4] == 0 && row[6] == kUntouched);
  }
  skm::fill_contents({}, digits, drawn, 1, 2, nullptr, kStride, threads);
}

}  // namespace

int main() {
  for (std::uint64_t size = 1; size <= 70; ++size) test_permutation_is_one_to_one(size);
  test_permutation_is_one_to_one((1u << 19) + 1);
  test_permutation_is_one_to_one(1u << 20);
  test_greatest_size();
  for (const unsigned threads : {1u, 2u, 5u}) test_fill(threads);
  return 0;
}
