// What becomes of logits while the tile unit makes the next: exponentials summed, wanted rows kept.
//
// Needs exponential_avx512.inl, tile_unit.inl, panel_product.hpp and softmax_lanes.hpp.

// Folds one group of logits into the sums, some rows at a time, between the steps that make the next group.
class Folding {
 public:
  explicit inline Folding(TokenSums& sums) : sums_(sums) { start(nullptr, 0, 1); }

  // Of rows that will be folded in about `steps` steps.
  inline void start(const float* z, std::size_t rows, std::size_t steps) {
    z_ = z;
    rows_ = rows;
    pace_ = (rows << 16) / steps + 1;
    due_ = done_ = 0;
    for (std::size_t v = 0; v < 2; ++v) {
      max_[v] = _mm512_load_ps(sums_.max + 16 * v);
      sum_[v].clear();
    }
  }

  inline void step() { fold(done_ + next_rows()); }

  // The same between the kPlaces tile instructions of a step: make(fold_next) makes them and calls
  // fold_next() behind each.
  template <std::size_t kPlaces, class Make>
  inline void step_between(const Make& make) {
    const std::size_t rows = next_rows();
    switch (rows) {
      case 0: return make_folding<0, kPlaces>(make);
      case 1: return make_folding<1, kPlaces>(make);
      case 2: return make_folding<2, kPlaces>(make);
      case 3: return make_folding<3, kPlaces>(make);
      default: make_folding<4, kPlaces>(make); fold(done_ + rows - 4);
    }
  }

  inline void finish() {
    fold(rows_);
    // Lanes, one token each, whose maximum is to move. Only those are taken again: what a token gets must
    // not depend on the tokens beside it.
    const unsigned large = large_of(sum_[0].sum()) | large_of(sum_[1].sum()) << 16;
    if (large != 0) fold_with_new_max(large);
    for (std::size_t v = 0; v < 2; ++v) {
      const __m512 sum = _mm512_maskz_mov_ps(static_cast<__mmask16>(~(large >> 16 * v)), sum_[v].sum());
      add_eight(sums_.exponential + 16 * v, _mm512_castps512_ps256(sum));
      add_eight(sums_.exponential + 16 * v + 8,
                _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(sum), 1)));
    }
  }

 private:
  static inline unsigned large_of(__m512 sum) {  // or NaN
    return _mm512_cmp_ps_mask(sum, _mm512_set1_ps(kLargeSum), _CMP_NLE_UQ);
  }

  void fold_with_new_max(unsigned lanes) {
    TokenSums all = sums_;
    softmax_kernels_avx512().add(z_, rows_, all);
    for (; lanes != 0; lanes &= lanes - 1) {
      const auto lane = static_cast<std::size_t>(__builtin_ctz(lanes));
      sums_.max[lane] = all.max[lane];
      sums_.exponential[lane] = all.exponential[lane];
    }
  }

  static inline void add_eight(double* to, __m256 part) {
    _mm512_store_pd(to, _mm512_add_pd(_mm512_load_pd(to), _mm512_cvtps_pd(part)));
  }

  inline std::size_t next_rows() {
    due_ += pace_;
    return (due_ >> 16 < rows_ ? due_ >> 16 : rows_) - done_;
  }

  inline void fold_half(std::size_t row, std::size_t v) {
    sum_[v].add(_mm512_sub_ps(_mm512_load_ps(z_ + row * kLanes + 16 * v), max_[v]));
  }

  inline void fold(std::size_t to) {
    for (; done_ < to; ++done_) {
      fold_half(done_, 0);
      fold_half(done_, 1);
    }
  }

  // A step that folds kRows rows, half a row behind some of its instructions. The compiler knows behind
  // which.
  template <std::size_t kRows, std::size_t kPlaces, class Make>
  inline void make_folding(const Make& make) {
    static_assert(2 * kRows <= kPlaces);
    std::size_t place = 0;
    make([&]() __attribute__((always_inline)) {
      const std::size_t half = place * 2 * kRows / kPlaces;
      ++place;
      if (place * 2 * kRows / kPlaces > half) {
        fold_half(done_ + half / 2, half % 2);
      } else {
        keep_apart();
      }
    });
    done_ += kRows;
  }

  TokenSums& sums_;
  const float* z_;
  std::size_t rows_, done_, pace_, due_;
  __m512 max_[2];
  ExponentialSum sum_[2];
};

inline void keep_wanted(const WantedRows& wanted, std::size_t first, std::size_t rows, const float* tile) {
  for (std::size_t v = 0; v < kLanes; v += 16) {
    const __m512i at = _mm512_sub_epi32(_mm512_loadu_si512(wanted.row + v),
                                        _mm512_set1_epi32(static_cast<std::int32_t>(first)));
    unsigned here = _mm512_cmplt_epu32_mask(at, _mm512_set1_epi32(static_cast<std::int32_t>(rows)));
    for (; here != 0; here &= here - 1) {
      const std::size_t lane = v + static_cast<std::size_t>(__builtin_ctz(here));
      wanted.product[lane] = tile[(static_cast<std::size_t>(wanted.row[lane]) - first) * kLanes + lane];
    }
  }
}
