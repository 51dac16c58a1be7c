// Range coder: symbols with integer frequencies into bytes and back, exact and nearly free of loss.
//
// Contract, both sides
//   - A symbol is the interval [cum, cum + freq) of [0, total): freq >= 1, cum + freq <= total,
//     1 <= total <= 2^31. The decoder must present the same sequence of intervals and calls.
//   - A bit has probability p1 / 2^32 of being one, 1 <= p1 <= 2^32 - 1.
//   - Loss: at most 2^-24 bits a symbol (total / range, see range_ below), none for bits, and
//     8 bits at the end. The empty message is zero bytes.
//   - Integers only: the same bytes on every machine.
//
// The encoder allocates only when its buffer grows (doubling). The decoder never allocates, never
// throws and never reads outside its span: past the end it reads zeros. Arguments are not checked;
// nothing the *stream* holds can make the decoder leave its domain: decode_target() is always below
// total. After damage it returns some symbols or other; `failed()` becomes true when the damage is
// certain, and `at_end()` after the last symbol is false for nearly every damaged stream.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

namespace skm {

/// Largest frequency total, as a power of two.
inline constexpr unsigned kRangeMaxTotalBits = 31;

namespace detail {

__extension__ typedef unsigned __int128 uint128;

inline std::uint64_t to_big_endian(std::uint64_t word) noexcept {
  if constexpr (std::endian::native == std::endian::little) word = __builtin_bswap64(word);
  return word;
}

/// Share of `range` that a one has: floor(range * p1 / 2^32). With range >= 2^56 both it and the
/// rest are at least 2^24.
inline std::uint64_t bit_split(std::uint64_t range, std::uint32_t p1) noexcept {
  return static_cast<std::uint64_t>((static_cast<uint128>(range) * p1) >> 32);
}

/// Whole bytes by which `range` can be scaled up and stay below 2^64: 0 to 7.
inline unsigned spare_bytes(std::uint64_t range) noexcept {
  return static_cast<unsigned>(std::countl_zero(range)) >> 3;
}

}  // namespace detail

class RangeEncoder {
 public:
  RangeEncoder() : bytes_(kInitialBytes) {}

  void encode(std::uint32_t cum, std::uint32_t freq, std::uint32_t total) {
    narrow(range_ / total, cum, freq);
  }

  /// Same stream as encode(cum, freq, 1 << total_bits), without the division. total_bits <= 31.
  void encode_shift(std::uint32_t cum, std::uint32_t freq, unsigned total_bits) {
    narrow(range_ >> total_bits, cum, freq);
  }

  /// One has the lower part of the interval.
  void encode_bit(bool bit, std::uint32_t p1) {
    const std::uint64_t split = detail::bit_split(range_, p1);
    add(bit ? 0 : split);
    range_ = bit ? split : range_ - split;
    emit();
  }

  /// Writes the last byte and returns the whole message, valid until the encoder is used again or
  /// destroyed. Call once; then only reset().
  std::span<const std::uint8_t> finish() {
    if (size_ == 0 && range_ == kFullRange) return {};
    // range_ >= 2^56, so some multiple of 2^56 lies in the interval: its top byte says it all,
    // and the decoder's zeros after the end supply the rest.
    add(kTop - 1);
    bytes_[size_++] = static_cast<std::uint8_t>(low_ >> 56);
    return {bytes_.data(), size_};
  }

  /// Ready for another message; keeps the buffer.
  void reset() noexcept {
    low_ = 0;
    range_ = kFullRange;
    size_ = 0;
  }

  /// Room for `bytes` more, so that nothing allocates until they are written. A symbol takes 4 at most.
  void reserve(std::size_t bytes) {
    if (size_ + bytes + kSlack > bytes_.size())
      bytes_.resize(std::max(2 * bytes_.size(), size_ + bytes + kSlack));
  }

  /// Bytes written so far; finish() adds one (none to the empty message).
  std::size_t size() const noexcept { return size_; }

 private:
  static constexpr std::uint64_t kFullRange = ~std::uint64_t{0};
  static constexpr std::uint64_t kTop = std::uint64_t{1} << 56;
  static constexpr std::size_t kInitialBytes = 64;
  static constexpr std::size_t kSlack = 16;  // one store of 8 bytes, and the last byte

  void narrow(std::uint64_t unit, std::uint32_t cum, std::uint32_t freq) {
    add(unit * cum);
    range_ = unit * freq;
    emit();
  }

  void add(std::uint64_t amount) noexcept {
    low_ += amount;
    if (low_ < amount) carry();
  }

  /// Adds one to the number written so far. It cannot run off the front: the whole interval lies
  /// below one. Runs of 0xFF become zeros, so the cost over a message is linear.
  void carry() noexcept {
    std::size_t at = size_;
    while (++bytes_[--at] == 0) {
    }
  }

  /// Writes as many bytes as range_ has spare. Eight are stored whatever their number: no branch.
  void emit() {
    const unsigned count = detail::spare_bytes(range_);
    const std::uint64_t out = detail::to_big_endian(low_);
    std::memcpy(bytes_.data() + size_, &out, sizeof out);
    size_ += count;
    low_ <<= 8 * count;
    range_ <<= 8 * count;
    if (size_ + kSlack > bytes_.size()) [[unlikely]]
      bytes_.resize(2 * bytes_.size());
  }

  // The interval is [low_, low_ + range_) in units of 2^-64 of the last byte written; low_ + range_
  // may pass 2^64, which is the carry to come.
  std::uint64_t low_ = 0;
  // Between calls 2^56 <= range_ < 2^64, so a unit (range_ / total, total <= 2^31) is at least 2^25
  // and what the truncation wastes is below 2^-25 of the range.
  std::uint64_t range_ = kFullRange;
  std::vector<std::uint8_t> bytes_;  // bytes_.size() >= size_ + kSlack
  std::size_t size_ = 0;
};

class RangeDecoder {
 public:
  explicit RangeDecoder(std::span<const std::uint8_t> message = {}) noexcept
      : data_(message.data()), size_(message.size()) {
    code_ = peek();
    position_ = 8;
  }

  /// Which point of [0, total) the stream names: the symbol with cum <= target < cum + freq is the
  /// next. Follow with consume(cum, freq) of that symbol.
  std::uint32_t decode_target(std::uint32_t total) noexcept { return target(range_ / total, total); }
  std::uint32_t decode_target_shift(unsigned total_bits) noexcept {
    return target(range_ >> total_bits, std::uint32_t{1} << total_bits);
  }

  void consume(std::uint32_t cum, std::uint32_t freq) noexcept {
    code_ -= unit_ * cum;
    range_ = unit_ * freq;
    refill();
  }

  bool decode_bit(std::uint32_t p1) noexcept {
    const std::uint64_t split = detail::bit_split(range_, p1);
    const bool bit = code_ < split;
    code_ -= bit ? 0 : split;
    range_ = bit ? split : range_ - split;
    refill();
    return bit;
  }

  /// True once no encoder can have written what was read: the stream named a point outside every
  /// symbol, or symbols were asked for past its end. Stays true. Check it every so often in long
  /// loops, and always before trusting a size.
  bool failed() const noexcept { return outside_ || (over_read() > kMaxOverRead && range_ != kFullRange); }

  /// After the last symbol: the message was used up exactly and ends as finish() ends it.
  bool at_end() const noexcept {
    if (position_ == 8 && range_ == kFullRange) return size_ == 0 && !outside_;
    if (failed()) return false;
    return position_ == size_ + kMaxOverRead && code_ < kTop;
  }

  /// Bytes of the message that have decided something so far; for messages about damage.
  std::size_t position() const noexcept { return position_ < size_ ? position_ : size_; }

  /// Bytes taken after the end (they read as zeros). 7 is the most that a whole message takes, 8
  /// before the first symbol of an empty one.
  std::size_t over_read() const noexcept { return position_ > size_ ? position_ - size_ : 0; }

 private:
  static constexpr std::uint64_t kFullRange = ~std::uint64_t{0};
  static constexpr std::uint64_t kTop = std::uint64_t{1} << 56;
  static constexpr std::size_t kMaxOverRead = 7;

  std::uint32_t target(std::uint64_t unit, std::uint32_t total) noexcept {
    unit_ = unit;
    const std::uint64_t point = code_ / unit;
    if (point < total) [[likely]]
      return static_cast<std::uint32_t>(point);
    outside_ = true;
    return total - 1;
  }

  /// Next 8 bytes, zeros after the end.
  std::uint64_t peek() const noexcept {
    std::uint64_t word = 0;
    if (position_ + 8 <= size_) [[likely]]
      std::memcpy(&word, data_ + position_, 8);
    else if (position_ < size_)
      std::memcpy(&word, data_ + position_, size_ - position_);
    return detail::to_big_endian(word);
  }

  void refill() noexcept {
    const unsigned count = detail::spare_bytes(range_);
    // Two shifts, because a shift by 64 (count = 0) is undefined.
    code_ = (code_ << (8 * count)) | ((peek() >> 1) >> (63 - 8 * count));
    range_ <<= 8 * count;
    position_ += count;
  }

  const std::uint8_t* data_;
  std::size_t size_;
  std::size_t position_ = 0;          // of the next byte to enter code_; may pass size_
  std::uint64_t code_;                // stream minus the encoder's low_; below range_ in a whole message
  std::uint64_t range_ = kFullRange;  // the encoder's, step by step
  std::uint64_t unit_ = 0;            // of the last decode_target
  bool outside_ = false;
};

}  // namespace skm
