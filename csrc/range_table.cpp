// Static tables for the range coder.
#include "skm/range_table.hpp"

#include <algorithm>
#include <bit>

namespace skm {

RangeTable::RangeTable(std::span<const std::uint32_t> freqs) : cum_(freqs.size() + 1) {
  for (std::size_t symbol = 0; symbol < freqs.size(); ++symbol)
    cum_[symbol + 1] = cum_[symbol] + freqs[symbol];
  if (std::has_single_bit(total())) total_bits_ = std::countr_zero(total());
  // About two buckets a symbol: most then hold one or two.
  const auto total_width = static_cast<unsigned>(std::bit_width(total() - 1));
  const auto buckets_width = static_cast<unsigned>(std::bit_width(freqs.size())) + 1;
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

template <typename Symbol>
std::size_t range_encode(RangeEncoder& encoder, const RangeTable& table, std::span<const Symbol> symbols) {
  const int bits = table.total_bits();
  for (std::size_t i = 0; i < symbols.size(); ++i) {
    if (symbols[i] >= table.alphabet() || table.freq(symbols[i]) == 0) return i;
    const std::uint32_t cum = table.cum(symbols[i]), freq = table.freq(symbols[i]);
    if (bits >= 0)
      encoder.encode_shift(cum, freq, static_cast<unsigned>(bits));
    else
      encoder.encode(cum, freq, table.total());
  }
  return symbols.size();
}

template <typename Symbol>
std::size_t range_decode(RangeDecoder& decoder, const RangeTable& table, std::span<Symbol> symbols) noexcept {
  const int bits = table.total_bits();
  for (std::size_t i = 0; i < symbols.size(); ++i) {
    const std::uint32_t target = bits >= 0 ? decoder.decode_target_shift(static_cast<unsigned>(bits))
                                           : decoder.decode_target(table.total());
    const std::uint32_t symbol = table.find(target);
    decoder.consume(table.cum(symbol), table.freq(symbol));
    if (decoder.failed()) [[unlikely]]
      return i;
    symbols[i] = static_cast<Symbol>(symbol);
  }
  return symbols.size();
}

template std::size_t range_encode(RangeEncoder&, const RangeTable&, std::span<const std::uint8_t>);
template std::size_t range_encode(RangeEncoder&, const RangeTable&, std::span<const std::uint16_t>);
template std::size_t range_encode(RangeEncoder&, const RangeTable&, std::span<const std::uint32_t>);
template std::size_t range_decode(RangeDecoder&, const RangeTable&, std::span<std::uint8_t>) noexcept;
template std::size_t range_decode(RangeDecoder&, const RangeTable&, std::span<std::uint16_t>) noexcept;
template std::size_t range_decode(RangeDecoder&, const RangeTable&, std::span<std::uint32_t>) noexcept;

}  // namespace skm
