// Zipf numbers: constants of a distribution, and arrays of draws in pieces that stay in cache.
#include "skm/zipf.hpp"

#include <algorithm>
#include <cmath>
#include <memory>

#include "simd/philox.hpp"
#include "simd/zipf.hpp"
#include "skm/isa.hpp"
#include "skm/parallel.hpp"

namespace skm {
namespace {

#include "simd/lanes_scalar.inl"
#include "simd/log2_exp2.inl"

constexpr std::size_t kGrain = 1u << 15;       // draws that pay for a thread
constexpr std::size_t kPiece = 2560;           // draws on the stack
constexpr std::size_t kBlock = 4 * kPiece;     // draws that a thread takes at a time
constexpr std::size_t kGuideWorth = 1u << 17;  // draws that pay for a guide
constexpr double kSmall = 0.03125;             // |1 - s| below which x^(1-s) - 1 is kept apart from the 1

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

// The numbers of words whose upper kGuideBits alone decide: where every word that begins so is kept, and
// gives the same number; else 0. Most words of a steep distribution need no more than this look. The answers
// are those of the full computation, so whether a guide is used changes nothing.
class Guide {
 public:
  explicit Guide(const ZipfShape& shape) noexcept : shape_(shape) {
    constexpr std::size_t kEdges = 1024;
    std::uint64_t words[kEdges + kZipfPadding] = {};
    double above[kEdges + kZipfPadding];
    for (std::size_t begin = 0; begin < kGuideSize; begin += kEdges) {
      for (std::size_t j = 0; j <= kEdges; ++j) {
        words[j] = begin + j < kGuideSize ? (begin + j) << (64 - kGuideBits) : ~std::uint64_t{0};
      }
      zipf_kernels().places(shape, words, kEdges + 1, above);
      for (std::size_t j = 0; j < kEdges; ++j) {
        numbers_[begin + j] = decided(std::min(above[j], above[j + 1]), std::max(above[j], above[j + 1]));
        known_ += numbers_[begin + j] != 0;
      }
    }
  }
  /// Whether looking costs less than it saves.
  bool useful() const noexcept { return known_ >= kGuideSize * 3 / 5; }
  const std::uint16_t* data() const noexcept { return numbers_; }

 private:
  // X + 1/2 is monotone in the word but for rounding, which the margin is many times of.
  std::uint16_t decided(double lowest, double highest) const noexcept {
    lowest -= 0x1p-40 * (lowest + shape_.q + 1.0);
    highest += 0x1p-40 * (highest + shape_.q + 1.0);
    if (highest < 2.0) return 1;
    if (lowest < 2.0 || highest >= 0x1p16 || highest >= shape_.largest + 1.0) return 0;
    const double k = std::floor(lowest);
    if (highest >= k + 1.0) return 0;
    const bool kept = (lowest - k) * (k + shape_.q) * (k + shape_.q) > shape_.doubt * (1.0 + 0x1p-20);
    return kept ? static_cast<std::uint16_t>(k) : std::uint16_t{0};
  }

  const ZipfShape& shape_;
  std::size_t known_ = 0;
  std::uint16_t numbers_[kGuideSize + 1] = {};
};

// One piece of a stream.
class Piece {
 public:
  /// `guide` may be null.
  Piece(const ZipfShape& shape, std::uint64_t key, const std::uint16_t* guide) noexcept
      : shape_(shape), guide_(guide), key_(key) {}

  /// Draws first ... first + count - 1, count <= kPiece.
  const std::uint64_t* draw(std::uint64_t first, std::size_t count) noexcept {
    draw(first, count, numbers_);
    return numbers_;
  }

  /// The same into `numbers`, which has room for count rounded up to kZipfPadding.
  void draw(std::uint64_t first, std::size_t count, std::uint64_t* numbers) noexcept {
    out_ = numbers;
    philox_.words(key_, first, count, words_);
    std::size_t left = 0;
    if (guide_ == nullptr) {
      left = zipf_.propose(shape_, words_, count, out_, positions_);
      for (std::size_t j = 0; j < left; ++j) some_words_[j] = words_[positions_[j]];
    } else {
      left = propose_unknown(zipf_.look_up(guide_, words_, count, out_, positions_));
    }
    if (left > 0) settle(first, left);
  }

 private:
  std::size_t propose_unknown(std::size_t unknown) noexcept {
    for (std::size_t j = 0; j < unknown; ++j) some_words_[j] = words_[positions_[j]];
    const std::size_t left = zipf_.propose(shape_, some_words_, unknown, some_numbers_, chosen_);
    write(unknown);
    for (std::size_t j = 0; j < left; ++j) {
      positions_[j] = positions_[chosen_[j]];
      some_words_[j] = some_words_[chosen_[j]];
    }
    return left;
  }

  // Judges the doubtful ones together, and again with new words those that were rejected.
  void settle(std::uint64_t first, std::size_t left) noexcept {
    for (std::uint64_t attempt = 1;; ++attempt) {
      const std::size_t rejected = zipf_.judge(shape_, some_words_, left, some_numbers_, chosen_);
      write(left);
      if (rejected == 0) return;
      left = rejected;
      for (std::size_t j = 0; j < left; ++j) {
        positions_[j] = positions_[chosen_[j]];
        indices_[j] = first + positions_[j];
      }
      philox_.words_at(key_, indices_, left, attempt, some_words_);
    }
  }

  void write(std::size_t count) noexcept {
    for (std::size_t j = 0; j < count; ++j) out_[positions_[j]] = some_numbers_[j];
  }

  const ZipfShape& shape_;
  const std::uint16_t* guide_;
  const PhiloxKernels& philox_ = philox_kernels();
  const ZipfKernels& zipf_ = zipf_kernels();
  std::uint64_t key_;
  std::uint64_t* out_ = nullptr;
  std::uint64_t words_[kPiece], numbers_[kPiece];
  std::uint64_t some_words_[kPiece], some_numbers_[kPiece], indices_[kPiece];
  std::uint32_t positions_[kPiece + kZipfPadding], chosen_[kPiece + kZipfPadding];
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
  const double log2_first = lane_log2((1.5 + shift) / shape.scale);
  const double log2_last = lane_log2((static_cast<double>(num_ranks) + 0.5 + shift) / shape.scale);
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
    near = (small ? lane_exp2_m1(first) : lane_exp2(first)) - shape.t * shape.inverse_scale;
    shape.far = small ? lane_exp2_m1(last) : lane_exp2(last);
  }
  shape.span = near - shape.far;
}

template <class T>
void Zipf::fill(std::uint64_t key, std::uint64_t first, std::span<T> out, unsigned threads) const {
  // Too large for the stack of a thread, and not worth its making for few draws.
  std::unique_ptr<const Guide> guide;
  if (out.size() >= kGuideWorth) guide = std::make_unique<const Guide>(shape_);
  const std::uint16_t* table = guide != nullptr && guide->useful() ? guide->data() : nullptr;
  parallel_blocks(out.size(), kBlock, part_count(out.size(), kGrain, threads),
                  [&](std::size_t begin, std::size_t end) {
                    Piece piece(shape_, key, table);
                    for (; begin < end; begin += kPiece) {
                      const std::size_t size = std::min(kPiece, end - begin);
                      if constexpr (sizeof(T) == sizeof(std::uint64_t)) {
                        if (size % kZipfPadding == 0) {
                          piece.draw(first + begin, size, out.data() + begin);
                          continue;
                        }
                      }
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
