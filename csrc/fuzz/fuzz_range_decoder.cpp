// Hostile bytes into the range decoder: no read outside the message, every target inside its total, and
// whatever it accepts to the last byte must be what the encoder writes for those symbols.
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "skm/range_coder.hpp"
#include "skm/range_table.hpp"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

/// Takes its instructions from the head of the input: one byte per symbol.
void mixed_calls(std::span<const std::uint8_t> plan, std::span<const std::uint8_t> message) {
  skm::RangeDecoder decoder(message);
  skm::RangeEncoder encoder;
  for (const std::uint8_t step : plan) {
    const unsigned bits = step >> 3;
    const std::uint32_t odd_total = (std::uint32_t{1} << bits) - (bits > 1 ? 1 : 0);
    const std::uint32_t p1 = step == 0 ? 1 : step * 0x01010101U;
    std::uint32_t target = 0;
    switch (step % 3) {
      case 0:
        target = decoder.decode_target(odd_total);
        require(target < odd_total);
        decoder.consume(target, 1);
        encoder.encode(target, 1, odd_total);
        break;
      case 1: {
        target = decoder.decode_target_shift(bits);
        require(target >> bits == 0);
        // A wide symbol: everything from the target up.
        const std::uint32_t freq = (std::uint32_t{1} << bits) - target;
        decoder.consume(target, freq);
        encoder.encode_shift(target, freq, bits);
        break;
      }
      case 2: encoder.encode_bit(decoder.decode_bit(p1 == ~0U ? p1 - 1 : p1), p1 == ~0U ? p1 - 1 : p1); break;
    }
    require(decoder.position() <= message.size());
    if (decoder.failed()) return;
  }
  if (!decoder.at_end()) return;
  const auto again = encoder.finish();
  require(again.size() == message.size());
  for (std::size_t i = 0; i < again.size(); ++i) require(again[i] == message[i]);
}

void table(std::span<const std::uint8_t> head, std::span<const std::uint8_t> message) {
  std::vector<std::uint32_t> freqs;
  std::uint32_t total = 0;
  for (const std::uint8_t byte : head) {
    freqs.push_back(byte < 200 ? byte % 50 : std::uint32_t{1} << (byte - 200) / 3);
    total += freqs.back();
    if (total > std::uint32_t{1} << 30) break;
  }
  if (total == 0) return;
  const skm::RangeTable frequencies(freqs);
  std::vector<std::uint8_t> symbols(4 * message.size() + 1);
  skm::RangeDecoder decoder(message);
  const std::size_t done = skm::range_decode<std::uint8_t>(decoder, frequencies, symbols);
  for (std::size_t i = 0; i < done; ++i) require(symbols[i] < freqs.size() && freqs[symbols[i]] > 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::span<const std::uint8_t> input(data + 2, size - 2);
  const std::size_t head = data[0] < input.size() ? data[0] : input.size();
  if (data[1] & 1)
    table(input.first(head), input.subspan(head));
  else
    mixed_calls(input.first(head), input.subspan(head));
  return 0;
}
