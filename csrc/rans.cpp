// rANS: tables, the ends of a stream, and the choice of kernel.
#include "skm/rans.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "simd/rans.hpp"
#include "simd/rans_step.hpp"
#include "skm/isa.hpp"

namespace skm {
namespace {

static_assert(kRansWays == simd::kRansWays);

using States = std::array<std::uint32_t, kRansWays>;

const simd::RansKernels& kernels() noexcept {
#if defined(SKM_X86)
  switch (active_isa()) {
    case Isa::avx512: return simd::rans_kernels_avx512();
    case Isa::avx2: return simd::rans_kernels_avx2();
    case Isa::baseline: break;
  }
#endif
  return simd::rans_kernels_baseline();
}

void store32(std::uint8_t* out, std::uint32_t value) noexcept {
  for (int byte = 0; byte < 4; ++byte) out[byte] = static_cast<std::uint8_t>(value >> (8 * byte));
}

std::uint32_t load32(const std::uint8_t* in) noexcept {
  std::uint32_t value = 0;
  for (int byte = 3; byte >= 0; --byte) value = value << 8 | in[byte];
  return value;
}

auto encode_kernel(const std::uint8_t*) noexcept { return kernels().encode8; }
auto encode_kernel(const std::uint16_t*) noexcept { return kernels().encode16; }
auto decode_kernel(const std::uint8_t*, bool packed) noexcept {
  return packed ? kernels().decode_packed : kernels().decode8;
}
auto decode_kernel(const std::uint16_t*, bool) noexcept { return kernels().decode16; }

/// What one slot of the decoder's table says.
template <typename Symbol>
struct Slot {
  Symbol symbol;
  std::uint32_t freq, rank;
};

template <typename Symbol>
Slot<Symbol> slot_at(const RansDecoderTable& table, std::uint32_t at) noexcept {
  const std::uint32_t word = table.slots()[at];
  if (table.packed()) return {static_cast<Symbol>(word & 0xFF), (word >> 8 & 0xFFF) + 1, word >> 20};
  Symbol symbol;
  std::memcpy(&symbol, table.symbols() + at * sizeof symbol, sizeof symbol);
  return {symbol, word & 0xFFFF, word >> 16};
}

}  // namespace

RansEncoderTable::RansEncoderTable(std::span<const std::uint32_t> freqs, unsigned bits, std::size_t padded)
    : entries_(padded, 0), bits_(std::max(bits, kRansMinBits)) {
  const unsigned scale = bits_ - bits;
  std::uint32_t cum = 0;
  for (std::size_t symbol = 0; symbol < freqs.size(); ++symbol) {
    const std::uint32_t freq = freqs[symbol] << scale;
    if (freq != 0) entries_[symbol] = freq | cum << 16;
    cum += freq;
  }
}

RansDecoderTable::RansDecoderTable(std::span<const std::uint32_t> freqs, unsigned bits,
                                   std::size_t symbol_size)
    : slots_(std::size_t{1} << std::max(bits, kRansMinBits)), bits_(std::max(bits, kRansMinBits)) {
  const bool packs = bits_ == kRansMinBits && symbol_size == 1;
  if (!packs) symbols_.resize(slots_.size() * symbol_size + 4);
  const unsigned scale = bits_ - bits;
  std::size_t at = 0;
  for (std::uint32_t symbol = 0; symbol < freqs.size(); ++symbol) {
    const std::uint32_t freq = freqs[symbol] << scale;
    for (std::uint32_t rank = 0; rank < freq; ++rank, ++at) {
      slots_[at] = packs ? symbol | (freq - 1) << 8 | rank << 20 : freq | rank << 16;
      if (packs) continue;
      const auto narrow = static_cast<std::uint16_t>(symbol);
      if (symbol_size == 2)
        std::memcpy(symbols_.data() + 2 * at, &narrow, 2);
      else
        symbols_[at] = static_cast<std::uint8_t>(symbol);
    }
  }
}

std::size_t rans_encoded_bound(std::size_t count) noexcept {
  // A symbol writes at most one word; vector stores reach up to 32 bytes below the last.
  return 2 * count + 4 * kRansWays + 32;
}

template <typename Symbol>
std::span<std::uint8_t> rans_encode(std::span<const Symbol> symbols, const RansEncoderTable& table,
                                    std::span<std::uint8_t> buffer) noexcept {
  States states;
  states.fill(simd::kRansLow);
  std::uint8_t* end = buffer.data() + buffer.size();
  std::uint8_t* const buffer_end = end;
  const std::size_t rounds = symbols.size() / kRansWays;
  for (std::size_t i = symbols.size(); i-- > rounds * kRansWays;) {
    const std::uint32_t entry = table.entries()[symbols[i]];
    if (entry == 0) return {};
    states[i % kRansWays] = simd::rans_put(states[i % kRansWays], entry, table.bits(), &end);
  }
  bool impossible = false;
  end = encode_kernel(symbols.data())(symbols.data(), rounds, table.entries(), table.bits(), states.data(),
                                      end, &impossible);
  if (impossible) return {};
  for (std::size_t way = std::min(symbols.size(), kRansWays); way-- > 0;) store32(end -= 4, states[way]);
  return {end, buffer_end};
}

template <typename Symbol>
RansResult rans_decode(std::span<const std::uint8_t> stream, const RansDecoderTable& table,
                       std::span<Symbol> symbols) noexcept {
  const std::size_t ways = std::min(symbols.size(), kRansWays);
  if (stream.size() < 4 * ways) return {RansStatus::truncated, stream.size(), 0};
  States states{};
  for (std::size_t way = 0; way < ways; ++way) {
    states[way] = load32(stream.data() + 4 * way);
    if (states[way] < simd::kRansLow) return {RansStatus::wrong_state, 4 * way, 0};
  }
  const std::uint8_t* const words_end = stream.data() + stream.size();
  std::size_t rounds = 0;
  const std::uint8_t* words = decode_kernel(symbols.data(), table.packed())(
      table.slots(), table.symbols(), table.bits(), states.data(), stream.data() + 4 * ways, words_end,
      symbols.data(), symbols.size() / kRansWays, &rounds);
  const std::uint32_t mask = (std::uint32_t{1} << table.bits()) - 1;
  for (std::size_t i = rounds * kRansWays; i < symbols.size(); ++i) {
    std::uint32_t& state = states[i % kRansWays];
    const auto slot = slot_at<Symbol>(table, state & mask);
    symbols[i] = slot.symbol;
    state = slot.freq * (state >> table.bits()) + slot.rank;
    if (state >= simd::kRansLow) continue;
    if (words_end - words < 2)
      return {RansStatus::truncated, static_cast<std::size_t>(words - stream.data()), i};
    state = state << 16 | simd::rans_load(words);
    words += 2;
  }
  const auto byte = static_cast<std::size_t>(words - stream.data());
  if (words != words_end) return {RansStatus::trailing_bytes, byte, symbols.size()};
  const bool whole = std::all_of(states.begin(), states.begin() + static_cast<std::ptrdiff_t>(ways),
                                 [](std::uint32_t state) { return state == simd::kRansLow; });
  return {whole ? RansStatus::ok : RansStatus::wrong_state, byte, symbols.size()};
}

template std::span<std::uint8_t> rans_encode(std::span<const std::uint8_t>, const RansEncoderTable&,
                                             std::span<std::uint8_t>) noexcept;
template std::span<std::uint8_t> rans_encode(std::span<const std::uint16_t>, const RansEncoderTable&,
                                             std::span<std::uint8_t>) noexcept;
template RansResult rans_decode(std::span<const std::uint8_t>, const RansDecoderTable&,
                                std::span<std::uint8_t>) noexcept;
template RansResult rans_decode(std::span<const std::uint8_t>, const RansDecoderTable&,
                                std::span<std::uint16_t>) noexcept;

}  // namespace skm
