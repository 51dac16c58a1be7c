// Krichevsky-Trofimov: lengths from counts against the sequential sum and a naive product, for any memory
// limit and number of threads; streams there and back, near the length, and refused when cut.
#include <array>
#include <cmath>
#include <map>
#include <numeric>
#include <random>

#include "check.hpp"
#include "skm/krichevsky_trofimov.hpp"

namespace {

using namespace skm::kt;

constexpr uint64_t kPlenty = uint64_t{1} << 30;

std::vector<uint8_t> text(size_t size, unsigned letters, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<uint8_t> bytes(size);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random() % letters * 37);
  return bytes;
}

bool close(double a, double b) { return std::abs(a - b) <= 1e-9 * std::max(std::abs(b), 1.0); }

double naive_bits(std::span<const uint8_t> bytes, const Parameters& p) {
  std::map<Context, std::array<double, 256>> counts;
  double bits = 0;
  Context context = 0;
  for (const uint8_t byte : bytes) {
    auto& seen = counts[context];
    const double total = std::accumulate(seen.begin(), seen.end(), 0.0);
    bits -= std::log2((seen[byte] + p.alpha()) / (total + 256 * p.alpha()));
    seen[byte] += 1;
    context = next_context(context, byte, p.order);
  }
  return bits;
}

void test_lengths(const Parameters& p, const std::vector<uint8_t>& bytes) {
  const Document document{bytes};
  const std::span documents(&document, 1);
  const double expected = naive_bits(bytes, p);
  CHECK(close(bits(documents, p, 1, kPlenty), expected));
  CHECK(bits(documents, p, 3, kPlenty) == bits(documents, p, 1, kPlenty));
  CHECK(close(bits(documents, p, 2, 1), expected));
  std::vector<double> each(bytes.size());
  sequential_bits(documents, p, each.data());
  CHECK(close(std::accumulate(each.begin(), each.end(), 0.0), expected));
}

void test_counts(const Parameters& p, const std::vector<uint8_t>& bytes) {
  const Document whole{bytes};
  const size_t half = bytes.size() / 2;
  Document second{std::span(bytes).subspan(half)};
  for (size_t i = 0; i < half; ++i) second.context = next_context(second.context, bytes[i], p.order);
  const Document first{std::span(bytes).first(half)};
  const auto counts_of = [&](const Document& d) { return count(std::span(&d, 1), p.order, 2, kPlenty); };
  const auto view = [](const Counts& c) { return CountsView{c.contexts, c.symbols, c.counts}; };
  const Counts a = counts_of(first), b = counts_of(second), all = counts_of(whole);
  const Counts sum = add(view(a), view(b));
  CHECK(sum.contexts == all.contexts && sum.symbols == all.symbols && sum.counts == all.counts);
  CHECK(close(bits(view(all), p), naive_bits(bytes, p)));
}

void test_streams(const Parameters& p, const std::vector<uint8_t>& bytes) {
  const Document document{bytes};
  const double length = bits(std::span(&document, 1), p, 1, kPlenty);
  const std::vector<uint8_t> payload = encode(bytes, p);
  const double gap = 8.0 * static_cast<double>(payload.size()) - length;
  CHECK(gap >= -1e-9 * length && gap < 64 + 1e-4 * length);
  std::vector<uint8_t> decoded(bytes.size());
  uint64_t place = 0;
  CHECK(decode(payload, p, decoded, &place) && decoded == bytes);
  if (!payload.empty()) {
    // What is left can be the payload of another document, never of this one.
    const auto cut = std::span(payload).first(payload.size() - 1);
    CHECK(!decode(cut, p, decoded, &place) || decoded != bytes);
  }
}

// Totals past 2^31 are shifted down: encoder and decoder still agree, and the length holds. What was never
// seen is then cheaper than by the exact probabilities, so the payload may be the shorter.
void test_large_totals() {
  const Parameters p{0, 1, kMaxDenominator};
  std::vector<uint8_t> bytes = text(600'000, 7, 5);
  bytes.back() = 255;
  const Document document{bytes};
  const double length = bits(std::span(&document, 1), p, 1, kPlenty);
  const std::vector<uint8_t> payload = encode(bytes, p);
  CHECK(std::abs(8.0 * static_cast<double>(payload.size()) - length) < 64);
  std::vector<uint8_t> decoded(bytes.size());
  uint64_t place = 0;
  CHECK(decode(payload, p, decoded, &place) && decoded == bytes);
}

}  // namespace

int main() {
  for (int order = 0; order <= kMaxOrder; ++order) {
    for (const Parameters& p : {Parameters{order, 1, 2}, Parameters{order, 3, 256}}) {
      for (const std::vector<uint8_t>& bytes :
           {text(0, 1, 1), text(1, 256, 2), text(3000, 3, 3), text(300, 256, 4)}) {
        test_lengths(p, bytes);
        test_counts(p, bytes);
        test_streams(p, bytes);
      }
    }
  }
  // Enough for several threads, several passes and a bucket that does not fit.
  test_lengths({3, 1, 2}, text(300'000, 5, 8));
  test_counts({3, 1, 2}, text(300'000, 5, 9));
  test_large_totals();
}
