// Zipf numbers: constants of a distribution, and arrays of draws in pieces that stay in cache.
#include "skm/zipf.hpp"

#include <algorithm>

#include "simd/philox.hpp"
#include "simd/zipf.hpp"
#include "skm/isa.hpp"
#include "skm/parallel.hpp"

namespace skm {
namespace {

#include "simd/lanes_scalar.inl"
#include "simd/log2_exp2.inl"

constexpr std::size_t kGrain = 1u << 14;  // draws that pay for a thread
constexpr std::size_t kPiece = 1024;      // draws on the stack
constexpr double kSmall = 0.125;          // |1 - s| below which x^(1-s) - 1 is kept apart from the 1

const ZipfKernels& zipf_kernels() noexcept {
#if defined(SKM_X86)
  if (active_isa() == Isa::avx512) return zipf_kernels_avx512();
  if (active_isa() == Isa::avx2) return zipf_kernels_avx2();
#endif
  return zipf_kernels_baseline();
}

double whole_below(std::uint64_t n) noexcept {
  double x = static_cast<double>(n);
  if (x >= 0x1p63) x = 0x1.fffffffffffffp62;
  return static_cast<std::uint64_t>(x) > n ? static_cast<double>(n - (n >> 52)) : x;
}

// One piece of a stream.
class Piece {
 public:
  Piece(const ZipfShape& shape, std::uint64_t key) noexcept : shape_(shape), key_(key) {}

  /// Draws first ... first + count - 1, count <= kPiece.
  const std::uint64_t* draw(std::uint64_t first, std::size_t count) noexcept {
    philox_.words(key_, first, count, words_);
    const std::size_t doubts = zipf_.propose(shape_, words_, count, numbers_, positions_);
    if (doubts > 0) settle(first, doubts);
    return numbers_;
  }

 private:
  // Judges the doubtful ones together, and again with new words those that were rejected.
  void settle(std::uint64_t first, std::size_t doubts) noexcept {
    for (std::size_t j = 0; j < doubts; ++j) some_words_[j] = words_[positions_[j]];
    for (std::uint64_t attempt = 1;; ++attempt) {
      const std::size_t rejected = zipf_.judge(shape_, some_words_, doubts, some_numbers_, rejected_);
      for (std::size_t j = 0; j < doubts; ++j) numbers_[positions_[j]] = some_numbers_[j];
      if (rejected == 0) return;
      for (std::size_t j = 0; j < rejected; ++j) {
        positions_[j] = positions_[rejected_[j]];
        indices_[j] = first + positions_[j];
      }
      doubts = rejected;
      philox_.words_at(key_, indices_, doubts, attempt, some_words_);
    }
  }

  const ZipfShape& shape_;
  const PhiloxKernels& philox_ = philox_kernels();
  const ZipfKernels& zipf_ = zipf_kernels();
  std::uint64_t key_;
  std::uint64_t words_[kPiece] = {}, numbers_[kPiece];
  std::uint64_t some_words_[kPiece] = {}, some_numbers_[kPiece], indices_[kPiece] = {};
  std::uint32_t positions_[kPiece], rejected_[kPiece];
};
static_assert(kPiece % kZipfPadding == 0 && kPiece % kIndexPadding == 0);

}  // namespace

Zipf::Zipf(double exponent, double shift, std::uint64_t num_ranks) noexcept {
  ZipfShape& shape = shape_;
  shape.t = 1.0 - exponent;
  shape.q = shift;
  shape.scale = 1.0 + shift;
  shape.inverse_scale = 1.0 / shape.scale;
  shape.shift = 0.5 - shift;
  shape.largest = whole_below(num_ranks);
  shape.doubt = 1.03 / 24.0 * exponent * (exponent + 1.0);
  const double log2_first = log2((1.5 + shift) / shape.scale);
  const double log2_last = log2((static_cast<double>(num_ranks) + 0.5 + shift) / shape.scale);
  double near = 0.0;
  if (shape.t == 0.0) {
    shape.kind = ZipfShape::Kind::log;
    near = log2_first - 1.4426950408889634 * shape.inverse_scale;
    shape.far = log2_last;
  } else {
    const bool small = shape.t > -kSmall && shape.t < kSmall;
    shape.kind = small ? ZipfShape::Kind::small : ZipfShape::Kind::power;
    shape.inverse_t = 1.0 / shape.t;
    const double first = std::max(log2_first * shape.t, -1000.0);
    const double last = std::max(log2_last * shape.t, -1000.0);
    near = (small ? exp2_m1(first) : exp2(first)) - shape.t * shape.inverse_scale;
    shape.far = small ? exp2_m1(last) : exp2(last);
  }
  shape.span = near - shape.far;
}

template <class T>
void Zipf::fill(std::uint64_t key, std::uint64_t first, std::span<T> out, unsigned threads) const {
  parallel_ranges(out.size(), part_count(out.size(), kGrain, threads),
                  [&](std::size_t, std::size_t begin, std::size_t end) {
                    Piece piece(shape_, key);
                    for (; begin < end; begin += kPiece) {
                      const std::size_t size = std::min(kPiece, end - begin);
                      const std::uint64_t* numbers = piece.draw(first + begin, size);
                      for (std::size_t j = 0; j < size; ++j) out[begin + j] = static_cast<T>(numbers[j]);
                    }
                  });
}

template void Zipf::fill<std::uint32_t>(std::uint64_t, std::uint64_t, std::span<std::uint32_t>,
                                        unsigned) const;
template void Zipf::fill<std::uint64_t>(std::uint64_t, std::uint64_t, std::span<std::uint64_t>,
                                        unsigned) const;

}  // namespace skm
