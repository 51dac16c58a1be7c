// Static tables for the range coder.
#include "skm/range_table.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace skm {

RangeTable::RangeTable(std::span<const std::uint32_t> freqs) : cum_(freqs.size() + 1) {
  for (std::size_t symbol = 0; symbol < freqs.size(); ++symbol)
    cum_[symbol + 1] = cum_[symbol] + freqs[symbol];
  if (std::has_single_bit(total())) total_bits_ = std::countr_zero(total());
  // About eight buckets a symbol: most then hold one.
  const auto total_width = static_cast<unsigned>(std::bit_width(total() - 1));
  const auto buckets_width = static_cast<unsigned>(std::bit_width(freqs.size())) + 3;
  bucket_shift_ = total_width > buckets_width ? total_width - buckets_width : 0;
  const std::size_t buckets = ((total() - 1) >> bucket_shift_) + 1;
  first_.reserve(buckets + 1);
  std::uint32_t symbol = 0;
  for (std::size_t bucket = 0; bucket <= buckets; ++bucket) {
    const std::size_t point = std::min<std::size_t>(bucket << bucket_shift_, total() - 1);
    while (cum_[symbol + 1] <= point) ++symbol;
    first_.push_back(symbol);
  }
}

namespace {

/// range_encode where `encoder` has room: nothing allocates, so nothing throws.
template <typename Symbol>
std::size_t encode_block(RangeEncoder& encoder, const RangeTable& table, std::span<const Symbol> symbols) {
  const int bits = table.total_bits();
  for (std::size_t i = 0; i < symbols.size(); ++i) {
    const std::size_t symbol = symbols[i];
    if (symbol >= table.alphabet() || table.freq(symbol) == 0) return i;
    if (bits >= 0)
      encoder.encode_shift(table.cum(symbol), table.freq(symbol), static_cast<unsigned>(bits));
    else
      encoder.encode(table.cum(symbol), table.freq(symbol), table.total());
  }
  return symbols.size();
}

}  // namespace

template <typename Symbol>
std::size_t range_encode(RangeEncoder& encoder, const RangeTable& table, std::span<const Symbol> symbols) {
  constexpr std::size_t kBlock = 4096;
  for (std::size_t begin = 0; begin < symbols.size(); begin += kBlock) {
    const auto block = symbols.subspan(begin, std::min(kBlock, symbols.size() - begin));
    encoder.reserve(4 * block.size());
    // A local coder stays in registers: the bytes it writes cannot be its own members.
    RangeEncoder local = std::move(encoder);
    const std::size_t done = encode_block(local, table, block);
    encoder = std::move(local);
    if (done < block.size()) return begin + done;
  }
  return symbols.size();
}

template <typename Symbol>
std::size_t range_decode(RangeDecoder& decoder, const RangeTable& table, std::span<Symbol> symbols) noexcept {
  const int bits = table.total_bits();
  RangeDecoder local = decoder;
  std::size_t i = 0;
  for (; i < symbols.size(); ++i) {
    const std::uint32_t target = bits >= 0 ? local.decode_target_shift(static_cast<unsigned>(bits))
                                           : local.decode_target(table.total());
    const std::uint32_t symbol = table.find(target);
    local.consume(table.cum(symbol), table.freq(symbol));
    if (local.failed()) [[unlikely]]
      break;
    symbols[i] = static_cast<Symbol>(symbol);
  }
  decoder = local;
  return i;
}

template std::size_t range_encode(RangeEncoder&, const RangeTable&, std::span<const std::uint8_t>);
template std::size_t range_encode(RangeEncoder&, const RangeTable&, std::span<const std::uint16_t>);
template std::size_t range_encode(RangeEncoder&, const RangeTable&, std::span<const std::uint32_t>);
template std::size_t range_decode(RangeDecoder&, const RangeTable&, std::span<std::uint8_t>) noexcept;
template std::size_t range_decode(RangeDecoder&, const RangeTable&, std::span<std::uint16_t>) noexcept;
template std::size_t range_decode(RangeDecoder&, const RangeTable&, std::span<std::uint32_t>) noexcept;

}  // namespace skm
