// Range coder: what goes in comes out, at the length promised; damage is noticed and harmless.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "check.hpp"
#include "skm/range_coder.hpp"

namespace {

struct Step {
  enum Kind { kFrequency, kShift, kBit } kind;
  std::uint32_t cum, freq, total;  // kBit: cum is the bit, freq is p1
};

double ideal_bits(const Step& step) {
  switch (step.kind) {
    case Step::kFrequency: return std::log2(static_cast<double>(step.total)) - std::log2(step.freq);
    case Step::kShift: return step.total - std::log2(step.freq);
    case Step::kBit: {
      const double p1 = std::ldexp(static_cast<double>(step.freq), -32);
      return -std::log2(step.cum ? p1 : 1 - p1);
    }
  }
  return 0;
}

/// Frequencies of every size, with the extremes (certain, 1 in 2^31) often.
Step random_step(std::mt19937_64& random) {
  Step step{static_cast<Step::Kind>(random() % 3), 0, 0, 0};
  if (step.kind == Step::kBit) {
    const std::uint32_t p1 = static_cast<std::uint32_t>(random()) >> (random() % 32);
    step.freq = p1 == 0 ? 1 : random() % 2 ? p1 : ~p1 + 1;
    step.cum = random() % 2;
    return step;
  }
  const unsigned bits = static_cast<unsigned>(random() % 32);
  std::uint64_t total = std::uint64_t{1} << bits;
  if (step.kind == Step::kFrequency) total -= random() % (total / 2 + 1);
  const std::uint64_t freq = random() % 8 == 0 ? total : 1 + (random() % total >> (random() % 32));
  const std::uint64_t room = total - freq;
  step.freq = static_cast<std::uint32_t>(freq);
  step.cum = static_cast<std::uint32_t>(random() % 4 == 0 ? room : random() % (room + 1));
  step.total = step.kind == Step::kShift ? bits : static_cast<std::uint32_t>(total);
  return step;
}

void encode(skm::RangeEncoder& encoder, const Step& step) {
  switch (step.kind) {
    case Step::kFrequency: encoder.encode(step.cum, step.freq, step.total); break;
    case Step::kShift: encoder.encode_shift(step.cum, step.freq, step.total); break;
    case Step::kBit: encoder.encode_bit(step.cum != 0, step.freq); break;
  }
}

bool decode_matches(skm::RangeDecoder& decoder, const Step& step) {
  std::uint32_t target = 0;
  switch (step.kind) {
    case Step::kBit: return decoder.decode_bit(step.freq) == (step.cum != 0);
    case Step::kFrequency: target = decoder.decode_target(step.total); break;
    case Step::kShift: target = decoder.decode_target_shift(step.total); break;
  }
  decoder.consume(step.cum, step.freq);
  return step.cum <= target && target - step.cum < step.freq;
}

void test_round_trips() {
  std::mt19937_64 random(1);
  skm::RangeEncoder encoder;
  for (int round = 0; round < 3000; ++round) {
    std::vector<Step> steps(random() % 200);
    double ideal = 0;
    encoder.reset();
    for (Step& step : steps) {
      step = random_step(random);
      encode(encoder, step);
      ideal += ideal_bits(step);
    }
    const auto message = encoder.finish();
    const double bits = 8.0 * static_cast<double>(message.size());
    CHECK(bits >= ideal - 1e-6 && bits <= ideal + 8.001);
    skm::RangeDecoder decoder(message);
    for (const Step& step : steps) CHECK(decode_matches(decoder, step));
    CHECK(!decoder.failed() && decoder.at_end());
    if (message.empty()) continue;
    // The same symbols from one byte less are never taken for whole, nor from one more.
    skm::RangeDecoder truncated(message.first(message.size() - 1));
    bool same = true;
    for (const Step& step : steps) same = decode_matches(truncated, step) && same;
    CHECK(!(same && truncated.at_end()));
    std::vector<std::uint8_t> longer(message.begin(), message.end());
    longer.push_back(0);
    skm::RangeDecoder trailing(longer);
    for (const Step& step : steps) decode_matches(trailing, step);
    CHECK(!trailing.failed() && !trailing.at_end());
  }
}

/// A carry through a run of 0xFF as long as the message. The number 1/2 is read as if it were a
/// message, and every symbol chosen to hold it strictly inside: the encoder stays at 0x7FFFFF...
/// until the last symbol decides between that and 0x800000...
void test_long_carry(bool upper) {
  const std::uint32_t total = 1 << 16;
  std::vector<std::uint8_t> half(100000, 0);
  half[0] = 0x80;
  skm::RangeDecoder guide(half);
  skm::RangeEncoder encoder;
  std::vector<std::uint32_t> cums;
  while (guide.position() < half.size()) {
    const std::uint32_t target = guide.decode_target(total);
    const std::uint32_t cum = std::min(target == 0 ? 0 : target - 1, total - 3);
    guide.consume(cum, 3);
    encoder.encode(cum, 3, total);
    cums.push_back(cum);
  }
  const std::uint32_t last = upper ? total - 1 : 0;
  encoder.encode(last, 1, total);
  const auto message = encoder.finish();
  CHECK(message[0] == (upper ? 0x80 : 0x7F));
  for (std::size_t i = 1; i + 16 < message.size(); ++i) CHECK(message[i] == (upper ? 0x00 : 0xFF));
  skm::RangeDecoder decoder(message);
  for (const std::uint32_t cum : cums) {
    CHECK(decoder.decode_target(total) - cum < 3);
    decoder.consume(cum, 3);
  }
  CHECK(decoder.decode_target(total) == last);
  decoder.consume(last, 1);
  CHECK(decoder.at_end());
}

void test_empty() {
  skm::RangeEncoder encoder;
  CHECK(encoder.finish().empty());
  skm::RangeDecoder decoder;
  CHECK(!decoder.failed() && decoder.at_end());
  decoder.decode_bit(std::uint32_t{1} << 31);
  CHECK(decoder.failed() && !decoder.at_end());
  const std::vector<std::uint8_t> byte{0};
  CHECK(!skm::RangeDecoder(byte).at_end());
}

/// Garbage in: every target below its total, and failure once the end is passed.
void test_garbage() {
  std::mt19937_64 random(2);
  for (int round = 0; round < 2000; ++round) {
    std::vector<std::uint8_t> garbage(random() % 40);
    for (auto& byte : garbage) byte = random() % 4 ? 0xFF : static_cast<std::uint8_t>(random());
    skm::RangeDecoder decoder(garbage);
    for (int i = 0; i < 400; ++i) {
      const auto total = static_cast<std::uint32_t>(1 + random() % (std::uint64_t{1} << 31));
      const std::uint32_t target = decoder.decode_target(total);
      CHECK(target < total);
      decoder.consume(target, 1);
      decoder.decode_bit(static_cast<std::uint32_t>(random() | 1));
    }
    CHECK(decoder.failed() && !decoder.at_end() && decoder.position() == garbage.size());
  }
}

}  // namespace

int main() {
  test_round_trips();
  test_long_carry(true);
  test_long_carry(false);
  test_empty();
  test_garbage();
}
