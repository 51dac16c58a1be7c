// Hostile bytes into the rANS decoder: no access outside stream, tables and output; every instruction set
// this processor has is a matter of SKMFAST_ISA. What is accepted must be what the encoder writes.
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "skm/rans.hpp"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

/// Frequencies with total 2^bits from arbitrary bytes; what is left goes to the last symbol.
std::vector<std::uint32_t> frequencies(std::span<const std::uint8_t> bytes, unsigned bits, std::size_t most) {
  std::vector<std::uint32_t> freqs;
  std::uint32_t left = std::uint32_t{1} << bits;
  for (const std::uint8_t byte : bytes) {
    if (freqs.size() + 1 >= most) break;
    const std::uint32_t wanted = byte < 128 ? byte % 16 : std::uint32_t{1} << (byte - 128) / 10;
    freqs.push_back(wanted < left ? wanted : left);
    left -= freqs.back();
  }
  freqs.push_back(left);
  return freqs;
}

template <typename Symbol>
void decode(std::span<const std::uint8_t> head, std::span<const std::uint8_t> input, unsigned bits,
            std::size_t count) {
  const auto freqs = frequencies(head, bits, std::size_t{1} << (8 * sizeof(Symbol)));
  const auto table = skm::RansDecoderTable::build<Symbol>(freqs, bits);
  // Copies of exact size, so that one byte too far is seen.
  const std::vector<std::uint8_t> stream(input.begin(), input.end());
  std::vector<Symbol> symbols(count);
  const auto result = skm::rans_decode<Symbol>(stream, table, symbols);
  require(result.byte <= stream.size() && result.symbols <= count);
  if (result.status != skm::RansStatus::ok) return;
  for (const Symbol symbol : symbols) require(symbol < freqs.size() && freqs[symbol] > 0);
  std::vector<std::uint8_t> buffer(skm::rans_encoded_bound(count));
  const auto again =
      skm::rans_encode<Symbol>(symbols, skm::RansEncoderTable::build<Symbol>(freqs, bits), buffer);
  require(again.size() == stream.size());
  for (std::size_t i = 0; i < again.size(); ++i) require(again[i] == stream[i]);
}

/// From the other side: the input as symbols, encoded and decoded, whatever they are.
void round_trip(std::span<const std::uint8_t> head, std::span<const std::uint8_t> input, unsigned bits) {
  const auto freqs = frequencies(head, bits, 256);
  const std::vector<std::uint8_t> symbols(input.begin(), input.end());
  std::vector<std::uint8_t> buffer(skm::rans_encoded_bound(symbols.size()));
  const auto stream = skm::rans_encode<std::uint8_t>(
      symbols, skm::RansEncoderTable::build<std::uint8_t>(freqs, bits), buffer);
  if (stream.empty()) return;
  std::vector<std::uint8_t> decoded(symbols.size());
  const auto table = skm::RansDecoderTable::build<std::uint8_t>(freqs, bits);
  require(skm::rans_decode<std::uint8_t>(stream, table, decoded).status == skm::RansStatus::ok);
  require(decoded == symbols);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 4) return 0;
  const std::span<const std::uint8_t> input(data + 4, size - 4);
  const std::size_t head = data[0] < input.size() ? data[0] : input.size();
  const unsigned bits = data[1] % (skm::kRansMaxBits + 1);
  const std::size_t count = data[2] | (data[3] >> 2) << 8;
  switch (data[3] & 3) {
    case 0: round_trip(input.first(head), input.subspan(head), bits); break;
    case 1: decode<std::uint16_t>(input.first(head), input.subspan(head), bits, count); break;
    default: decode<std::uint8_t>(input.first(head), input.subspan(head), bits, count); break;
  }
  return 0;
}
