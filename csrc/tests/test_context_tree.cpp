// The context tree in batch and in sequence, against each other.
#include <cmath>
#include <cstdint>
#include <numeric>
#include <random>
#include <vector>

#include "check.hpp"
#include "skm/adaptive_context_tree.hpp"
#include "skm/context_sort.hpp"
#include "skm/context_tree.hpp"

namespace {

std::vector<std::uint8_t> draw_text(std::mt19937& random) {
  const unsigned symbols = 1u << random() % 9;
  std::vector<std::uint8_t> text(random() % 1500);
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool repeat = i > 90 && random() % 8 != 0;
    text[i] = repeat ? text[i - 90] : static_cast<std::uint8_t>(random() % symbols * 29);
  }
  return text;
}

double batch_bits(const skm::TreeModel& model, const std::vector<std::uint8_t>& document,
                  const skm::ContextTreeOptions& options) {
  std::vector<std::uint8_t> text(skm::context_padding, 0);
  text.insert(text.end(), document.begin(), document.end());
  text.resize(text.size() + skm::context_padding);
  const skm::Segment segment{skm::context_padding, skm::context_padding + document.size()};
  return skm::context_tree_bits(model, text.data(), &segment, 1, options);
}

void check_text(const skm::TreeModel& model, const std::vector<std::uint8_t>& text) {
  const double bits = batch_bits(model, text, {});
  skm::ContextTreeOptions tight;
  tight.threads = 2;
  tight.memory = 1;
  CHECK(batch_bits(model, text, tight) == bits);

  const std::vector<std::uint8_t> payload = skm::context_tree_encode(model, text);
  const double excess = 8.0 * static_cast<double>(payload.size()) - bits;
  CHECK(excess >= 0.0);
  CHECK(excess <= 64.0 + 1e-4 * bits);

  std::vector<double> each(text.size());
  skm::context_tree_byte_bits(model, text, each.data());
  CHECK(std::abs(std::accumulate(each.begin(), each.end(), 0.0) - bits) <= 1e-3 + 1e-6 * bits);

  std::vector<std::uint8_t> decoded(text.size());
  std::size_t position = 0;
  CHECK(skm::context_tree_decode(model, payload, decoded, position));
  CHECK(decoded == text);
  if (payload.size() > 2) {
    const std::span<const std::uint8_t> cut(payload.data(), payload.size() - 2);
    CHECK(!skm::context_tree_decode(model, cut, decoded, position));
    CHECK(position <= cut.size());
  }
}

}  // namespace

int main() {
  std::mt19937 random(1);
  for (const int depth : {0, 1, 2, 4, 16, 64}) {
    const skm::TreeModel model(depth);
    for (int round = 0; round < 6; ++round) check_text(model, draw_text(random));
  }
  const skm::TreeModel model(64);
  check_text(model, {});
  check_text(model, {7});
  check_text(model, std::vector<std::uint8_t>(3000, 0));
}
