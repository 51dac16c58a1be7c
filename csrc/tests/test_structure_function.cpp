// The structure function's hull and the two-part coder: sizes of the parts, round trips, damage, threads.
#include "skm/structure_function.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "check.hpp"
#include "skm/context_sort.hpp"
#include "skm/two_part.hpp"

namespace {

using skm::ContextSplit;
using skm::Segment;
using skm::StructureHull;
using skm::StructureOptions;

std::vector<std::uint8_t> padded(const std::string& document) {
  std::vector<std::uint8_t> text(skm::context_padding);
  text.insert(text.end(), document.begin(), document.end());
  return text;
}

StructureHull hull_of(const std::vector<std::uint8_t>& text, int depth, int threads = 1) {
  const Segment segment{skm::context_padding, text.size()};
  StructureOptions options;
  options.depth = depth;
  options.threads = threads;
  return skm::structure_hull<std::uint8_t>(text, {&segment, 1}, options);
}

std::string random_string(std::mt19937& random, std::size_t size, const std::string& alphabet) {
  std::string text(size, 0);
  for (char& byte : text) byte = alphabet[random() % alphabet.size()];
  return text;
}

// A phrase book: long contexts with one extension, contexts that differ far back.
std::string phrases(std::mt19937& random, std::size_t size) {
  const std::string book[] = {"the cat sat", "the dog sat", "a mat", std::string("\0\0x", 3)};
  std::string text;
  while (text.size() < size) text += book[random() % 4];
  return text;
}

void check_point(const std::vector<std::uint8_t>& text, const StructureHull& hull, std::size_t blocks,
                 int depth) {
  double model_bits = hull.root_model_bits;
  double data_bits = hull.root_data_bits;
  for (std::size_t b = 0; b < blocks; ++b) {
    model_bits += hull.model_bits[b];
    data_bits -= hull.data_bits[b];
  }
  const std::size_t splits = hull.block_begin.empty() ? 0 : hull.block_begin[blocks];
  const auto payload = skm::two_part_encode(text, {hull.splits.data(), splits}, depth);
  CHECK(std::abs(8.0 * static_cast<double>(payload.model.size()) - model_bits) < 24);
  CHECK(std::abs(8.0 * static_cast<double>(payload.data.size()) - data_bits) < 24);
  std::vector<std::uint8_t> document(text.size() - skm::context_padding);
  CHECK(skm::two_part_decode(payload.model, payload.data, depth, document));
  CHECK(std::equal(document.begin(), document.end(), text.begin() + skm::context_padding));
  for (std::size_t byte = 0; byte < payload.model.size(); ++byte) {
    auto damaged = payload.model;
    damaged[byte] ^= 16;
    // Another model may fit the same data: what counts is that nothing worse happens.
    (void)skm::two_part_decode(damaged, payload.data, depth, document);
  }
}

void test_round_trips() {
  std::mt19937 random(1);
  for (int k = 0; k < 60; ++k) {
    const std::size_t size = 1 + random() % 300;
    const auto text = padded(k % 2 == 0 ? random_string(random, size, "ab") : phrases(random, size));
    const int depth = k % 3 == 0 ? 64 : static_cast<int>(random() % 5);
    const StructureHull hull = hull_of(text, depth);
    const std::size_t blocks = hull.model_bits.size();
    for (const std::size_t point : {std::size_t{0}, blocks / 2, blocks})
      check_point(text, hull, point, depth);
  }
}

void test_slopes_fall() {
  std::mt19937 random(2);
  const auto text = padded(phrases(random, 5000));
  const StructureHull hull = hull_of(text, 64);
  CHECK(hull.model_bits.size() > 3);
  double before = HUGE_VAL;
  for (std::size_t b = 0; b < hull.model_bits.size(); ++b) {
    CHECK(hull.model_bits[b] > 0);
    const double slope = hull.data_bits[b] / hull.model_bits[b];
    CHECK(slope <= before);
    before = slope;
  }
}

void test_threads() {
  std::mt19937 random(3);
  const auto text = padded(phrases(random, 20000));
  const StructureHull one = hull_of(text, 20, 1);
  const StructureHull three = hull_of(text, 20, 3);
  CHECK(one.model_bits == three.model_bits);
  CHECK(one.data_bits == three.data_bits);
}

void test_empty() {
  CHECK(skm::two_part_encode(padded(""), {}, 64).model.empty());
  std::vector<std::uint8_t> nothing;
  CHECK(skm::two_part_decode({}, {}, 64, nothing));
  const std::uint8_t byte = 1;
  CHECK(!skm::two_part_decode({&byte, 1}, {}, 64, nothing));
}

}  // namespace

int main() {
  test_round_trips();
  test_slopes_fall();
  test_threads();
  test_empty();
}
