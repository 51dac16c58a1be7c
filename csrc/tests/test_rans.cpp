// rANS: round trips over alphabets, precisions and lengths; the same bytes from every instruction set
// this processor has; damage noticed.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <random>
#include <vector>

#include "check.hpp"
#include "skm/rans.hpp"

namespace {

/// `possible` of `alphabet` symbols with random shares of 2^bits; the others have none.
std::vector<std::uint32_t> random_freqs(std::mt19937_64& random, std::size_t alphabet, std::size_t possible,
                                        unsigned bits) {
  std::vector<std::uint32_t> freqs(alphabet, 0);
  std::vector<std::size_t> chosen;
  for (std::size_t symbol = 0; symbol < alphabet; ++symbol) {
    const std::size_t missing = possible - chosen.size();
    if (random() % (alphabet - symbol) < missing) chosen.push_back(symbol);
  }
  std::uint32_t left = (std::uint32_t{1} << bits) - static_cast<std::uint32_t>(possible);
  for (const std::size_t symbol : chosen) {
    const std::uint32_t extra = static_cast<std::uint32_t>(random() % (left + 1)) >> (random() % 8);
    freqs[symbol] = 1 + extra;
    left -= extra;
  }
  freqs[chosen[random() % possible]] += left;
  return freqs;
}

template <typename Symbol>
std::vector<Symbol> random_symbols(std::mt19937_64& random, const std::vector<std::uint32_t>& freqs,
                                   std::size_t count) {
  std::discrete_distribution<std::uint32_t> draw(freqs.begin(), freqs.end());
  std::vector<Symbol> symbols(count);
  for (auto& symbol : symbols) symbol = static_cast<Symbol>(draw(random));
  return symbols;
}

template <typename Symbol>
void test_round_trip(std::mt19937_64& random, std::size_t alphabet, std::size_t possible, unsigned bits,
                     std::size_t count) {
  const auto freqs = random_freqs(random, alphabet, possible, bits);
  const auto symbols = random_symbols<Symbol>(random, freqs, count);
  const auto encoder = skm::RansEncoderTable::build<Symbol>(freqs, bits);
  const auto decoder = skm::RansDecoderTable::build<Symbol>(freqs, bits);
  std::vector<std::uint8_t> buffer(skm::rans_encoded_bound(count));
  const auto tail = skm::rans_encode<Symbol>(symbols, encoder, buffer);
  // An exact copy, so that a sanitizer sees any read past the end.
  const std::vector<std::uint8_t> stream(tail.begin(), tail.end());
  std::vector<Symbol> decoded(count);
  const auto result = skm::rans_decode<Symbol>(stream, decoder, decoded);
  CHECK(result.status == skm::RansStatus::ok);
  CHECK(result.byte == stream.size() && result.symbols == count);
  CHECK(decoded == symbols);
  if (count == 0) return;

  double ideal = 0;
  for (const Symbol symbol : symbols) ideal += bits - std::log2(freqs[symbol]);
  CHECK(8.0 * static_cast<double>(stream.size()) < ideal * 1.002 + 32.0 * 32 + 1);

  const std::vector<std::uint8_t> truncated(stream.begin(), stream.end() - 2);
  CHECK(skm::rans_decode<Symbol>(truncated, decoder, decoded).status != skm::RansStatus::ok);
  auto longer = stream;
  longer.resize(longer.size() + 2);
  CHECK(skm::rans_decode<Symbol>(longer, decoder, decoded).status == skm::RansStatus::trailing_bytes);
}

void test_impossible(std::mt19937_64& random) {
  const std::vector<std::uint32_t> freqs{1000, 0, 3096};
  const auto table = skm::RansEncoderTable::build<std::uint8_t>(freqs, 12);
  for (const std::uint8_t wrong : {1, 3, 255}) {
    for (const std::size_t at : {0, 31, 32, 500, 999}) {
      auto symbols = random_symbols<std::uint8_t>(random, freqs, 1000);
      symbols[at] = wrong;
      std::vector<std::uint8_t> buffer(skm::rans_encoded_bound(symbols.size()));
      CHECK(skm::rans_encode<std::uint8_t>(symbols, table, buffer).empty());
    }
  }
}

/// A flipped bit can go unnoticed where it swaps symbols that leave a coder in the same state: those of
/// equal frequency do, so here all differ, and fewer than one flip in a thousand is missed.
void test_flips(std::mt19937_64& random) {
  std::vector<std::uint32_t> freqs(100);
  for (std::uint32_t symbol = 0; symbol < 99; ++symbol) freqs[symbol] = 2 * symbol + 10;
  freqs[99] = (1 << 14) - std::accumulate(freqs.begin(), freqs.end(), std::uint32_t{0});
  const auto symbols = random_symbols<std::uint8_t>(random, freqs, 3000);
  const auto encoder = skm::RansEncoderTable::build<std::uint8_t>(freqs, 14);
  const auto decoder = skm::RansDecoderTable::build<std::uint8_t>(freqs, 14);
  std::vector<std::uint8_t> buffer(skm::rans_encoded_bound(symbols.size()));
  const auto tail = skm::rans_encode<std::uint8_t>(symbols, encoder, buffer);
  std::vector<std::uint8_t> stream(tail.begin(), tail.end());
  std::vector<std::uint8_t> decoded(symbols.size());
  std::size_t missed = 0;
  for (std::size_t bit = 0; bit < 8 * stream.size(); ++bit) {
    stream[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
    missed += skm::rans_decode<std::uint8_t>(stream, decoder, decoded).status == skm::RansStatus::ok;
    stream[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
  }
  CHECK(1000 * missed < 8 * stream.size());
}

}  // namespace

int main() {
  std::mt19937_64 random(3);
  for (unsigned bits = 0; bits <= skm::kRansMaxBits; ++bits) {
    for (const std::size_t count : {0, 1, 2, 31, 32, 33, 63, 64, 100, 1000, 20000}) {
      const std::size_t most = std::size_t{1} << bits;
      const std::size_t possible = 1 + random() % std::min<std::size_t>(most, 256);
      test_round_trip<std::uint8_t>(random, possible + random() % (257 - possible), possible, bits, count);
      const std::size_t many = 1 + random() % most;
      test_round_trip<std::uint16_t>(random, many + random() % (65537 - many), many, bits, count);
    }
  }
  test_impossible(random);
  test_flips(random);
}
