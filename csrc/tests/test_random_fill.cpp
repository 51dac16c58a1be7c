// Arrays of random numbers: every element is the one its index names, whatever the split.
#include "skm/random_fill.hpp"

#include <algorithm>
#include <vector>

#include "../simd/philox.hpp"
#include "check.hpp"
#include "skm/philox.hpp"

namespace {

__extension__ typedef unsigned __int128 uint128;

constexpr std::uint64_t kKey = 0x1234567890ABCDEF;

std::uint64_t word_at(std::uint64_t i, std::uint64_t attempt = 0) {
  return skm::random_block(kKey, i / 2, attempt).half[i % 2];
}

// Ranges that start odd, are short, or cross a change in the upper half of the block counter or its end.
void check_ranges() {
  for (const std::uint64_t first :
       {0ull, 1ull, 7ull, (1ull << 33) - 40, (1ull << 33) - 15, (5ull << 33) - 3, ~0ull - 50}) {
    for (const std::size_t count : {0u, 1u, 2u, 15u, 16u, 17u, 33u, 100u}) {
      std::vector<std::uint64_t> words(count + 1, 42);
      std::vector<double> doubles(count + 1, 42.0);
      skm::fill_words(kKey, first, std::span(words.data(), count), 1);
      skm::fill_doubles(kKey, first, std::span(doubles.data(), count), 1);
      for (std::size_t j = 0; j < count; ++j) {
        CHECK(words[j] == word_at(first + j));
        CHECK(doubles[j] == skm::unit_double(words[j]));
      }
      CHECK(words[count] == 42 && doubles[count] == 42.0);
    }
  }
}

void check_threads() {
  const std::size_t count = 300001;
  std::vector<double> one(count), seven(count);
  skm::fill_doubles(kKey, 3, one, 1);
  skm::fill_doubles(kKey, 3, seven, 7);
  CHECK(one == seven);
}

void check_words_at() {
  std::vector<std::uint64_t> index = {0, 1, 5, 1ull << 40, ~0ull, 12, 13, 14, 2, 0, 0, 0, 0, 0, 0, 0};
  std::vector<std::uint64_t> out(index.size());
  for (const std::uint64_t attempt : {0ull, 1ull, (1ull << 35) + 3}) {
    skm::philox_kernels().words_at(kKey, index.data(), 9, attempt, out.data());
    for (std::size_t j = 0; j < 9; ++j) CHECK(out[j] == word_at(index[j], attempt));
  }
}

// Narrow ranges, which vectors do: a range just above 2^31 sends one word in 2^33 back, so the kernels are
// asked for suspects with made-up words as well.
void check_narrow_integers() {
  std::vector<std::uint32_t> narrow(1003);
  std::vector<std::uint64_t> wide(narrow.size());
  for (const std::uint64_t range : {1ull, 6ull, 1000ull, (1ull << 31) + 1, (1ull << 32) - 1}) {
    skm::fill_integers<std::uint32_t>(kKey, 4, 77, range, narrow, 1);
    skm::fill_integers<std::uint64_t>(kKey, 4, 77, range, wide, 2);
    for (std::size_t j = 0; j < wide.size(); ++j) {
      const uint128 product = static_cast<uint128>(word_at(4 + j)) * range;
      CHECK(wide[j] == 77 + static_cast<std::uint64_t>(product >> 64));
      CHECK(narrow[j] == static_cast<std::uint32_t>(wide[j]));
    }
  }
  const std::uint64_t words[20] = {0, 1, 5, ~0ull, 1ull << 63, 0, 7, 1ull << 32, 3, 0,
                                   0, 9, 0, 2,     0,          1, 1, 4,          0, 8};
  std::uint64_t out[20];
  std::uint32_t suspects[20];
  const std::size_t listed = skm::philox_kernels().scale64(words, 20, 0, 3, 1, out, suspects);
  std::size_t zeros = 0;
  for (std::size_t j = 0; j < 20; ++j) {
    const bool found = std::find(suspects, suspects + listed, j) != suspects + listed;
    CHECK(words[j] != 0 || found);
    zeros += words[j] == 0;
    CHECK(out[j] == static_cast<std::uint64_t>(static_cast<uint128>(words[j]) * 3 >> 64));
  }
  CHECK(listed >= zeros && listed <= zeros + 3);
}

void check_integers() {
  std::vector<std::uint64_t> out(1000);
  // Two in three words of this range fall short of nothing, one in three is drawn again.
  const std::uint64_t range = 0xAAAAAAAAAAAAAAABu;
  skm::fill_integers<std::uint64_t>(kKey, 9, 5, range, out, 1);
  std::size_t again = 0;
  for (std::size_t j = 0; j < out.size(); ++j) {
    for (std::uint64_t attempt = 0;; ++attempt) {
      const uint128 product = static_cast<uint128>(word_at(9 + j, attempt)) * range;
      if (static_cast<std::uint64_t>(product) < (0 - range) % range) continue;
      CHECK(out[j] == static_cast<std::uint64_t>(product >> 64) + 5);
      again += attempt > 0;
      break;
    }
  }
  CHECK(again > 250 && again < 420);
  skm::fill_integers<std::uint64_t>(kKey, 9, 5, 0, out, 1);
  CHECK(out[2] == word_at(11) + 5);
  std::vector<std::uint32_t> small(1000);
  skm::fill_integers<std::uint32_t>(kKey, 0, 10, 6, small, 1);
  for (const std::uint32_t x : small) CHECK(x >= 10 && x < 16);
}

}  // namespace

int main() {
  check_ranges();
  check_threads();
  check_words_at();
  check_integers();
  check_narrow_integers();
  std::vector<float> floats(3000);
  skm::fill_floats(kKey, 0, floats, 1);
  for (std::size_t j = 0; j < floats.size(); ++j) {
    CHECK(floats[j] == static_cast<float>(word_at(j) >> 40) / 16777216.0f && floats[j] < 1.0f);
  }
  return 0;
}
