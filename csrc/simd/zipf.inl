// Zipf numbers in vectors, compiled once per instruction set; the including file provides `lanes`, and log2
// and exp2 over them.

using lanes::Doubles;
using lanes::kLanes;
using lanes::Mask;
using lanes::Words;
using Kind = ZipfShape::Kind;

// open_unit_double of each word.
inline Doubles open_unit(Words word) noexcept {
  const Words digits = lanes::either(lanes::right<12>(word), lanes::word(kOneBits));
  return lanes::as_real(digits) - lanes::real(1.0 - 0x1p-53);
}

struct Candidate {
  Doubles u;      // the uniform value, as the shape's kind says
  Doubles above;  // X + 1/2
  Doubles k;
};

template <Kind kind>
[[gnu::always_inline]] inline Candidate invert(const ZipfShape& shape, Words word) noexcept {
  const Doubles u = lanes::real(shape.far) + open_unit(word) * lanes::real(shape.span);
  Doubles log2_x = u;
  if constexpr (kind == Kind::power) log2_x = log2(u) * lanes::real(shape.inverse_t);
  if constexpr (kind == Kind::small) log2_x = log2_1p(u) * lanes::real(shape.inverse_t);
  const Doubles above = exp2(log2_x) * lanes::real(shape.scale) + lanes::real(shape.shift);
  const Doubles k =
      lanes::most(lanes::least(lanes::floor(above), lanes::real(shape.largest)), lanes::real(1.0));
  return {u, above, k};
}

// Whether H(k + 1/2) - h(k) lies above U, in the terms of the kind. Never for k = 1.
template <Kind kind>
inline Mask rejects(const ZipfShape& shape, const Candidate& candidate) noexcept {
  const Doubles inverse_scale = lanes::real(shape.inverse_scale);
  const Doubles q = lanes::real(shape.q);
  const Doubles log2_end = log2((candidate.k + lanes::real(0.5) + q) * inverse_scale);
  const Doubles log2_middle = log2((candidate.k + q) * inverse_scale);
  const Doubles t = lanes::real(shape.t);
  // Beyond these powers nothing is left of either side.
  const Doubles lowest = lanes::real(-1000.0);
  Doubles threshold;
  if constexpr (kind == Kind::log) {
    threshold =
        log2_end - lanes::real(1.4426950408889634) * exp2(lanes::real(0.0) - log2_middle) * inverse_scale;
  } else {
    const Doubles height = exp2(lanes::most(log2_middle * (t - lanes::real(1.0)), lowest)) * inverse_scale;
    const Doubles exponent = lanes::most(log2_end * t, lowest);
    if constexpr (kind == Kind::power) threshold = exp2(exponent) - t * height;
    if constexpr (kind == Kind::small) threshold = exp2_m1(exponent) - t * height;
  }
  const Mask later = lanes::less(lanes::real(1.0), candidate.k);
  if (kind == Kind::log || shape.t > 0.0)
    return lanes::both_masks(later, lanes::less(candidate.u, threshold));
  return lanes::both_masks(later, lanes::less(threshold, candidate.u));
}

// Whether the candidate is too near to the lower end of its interval to be kept without being judged.
inline Mask doubtful(const ZipfShape& shape, const Candidate& candidate) noexcept {
  const Doubles rank = candidate.k + lanes::real(shape.q);
  const Doubles room = (candidate.above - candidate.k) * (rank * rank);
  return lanes::both_masks(lanes::less(lanes::real(1.0), candidate.k),
                           lanes::less(room, lanes::real(shape.doubt)));
}

inline std::size_t note(Mask mask, std::size_t at, std::size_t count, std::uint32_t* list,
                        std::size_t noted) noexcept {
  for (unsigned left = lanes::mask_bits(mask); left != 0; left &= left - 1) {
    const std::size_t position = at + static_cast<unsigned>(__builtin_ctz(left));
    if (position < count) list[noted++] = static_cast<std::uint32_t>(position);
  }
  return noted;
}

template <Kind kind, bool exact>
std::size_t run(const ZipfShape& shape, const std::uint64_t* words, std::size_t count, std::uint64_t* numbers,
                std::uint32_t* list) noexcept {
  std::size_t noted = 0;
  for (std::size_t j = 0; j < count; j += 2 * kLanes) {
    const Candidate candidate[2] = {invert<kind>(shape, lanes::load(words + j)),
                                    invert<kind>(shape, lanes::load(words + j + kLanes))};
    for (std::size_t v = 0; v < 2; ++v) {
      lanes::store(numbers + j + v * kLanes, lanes::whole_to_word(candidate[v].k));
      Mask mask;
      if constexpr (exact) {
        mask = rejects<kind>(shape, candidate[v]);
      } else {
        mask = doubtful(shape, candidate[v]);
      }
      if (lanes::mask_bits(mask) != 0) noted = note(mask, j + v * kLanes, count, list, noted);
    }
  }
  return noted;
}

template <bool exact>
std::size_t run_kind(const ZipfShape& shape, const std::uint64_t* words, std::size_t count,
                     std::uint64_t* numbers, std::uint32_t* list) noexcept {
  switch (shape.kind) {
    case Kind::power: return run<Kind::power, exact>(shape, words, count, numbers, list);
    case Kind::small: return run<Kind::small, exact>(shape, words, count, numbers, list);
    case Kind::log: break;
  }
  return run<Kind::log, exact>(shape, words, count, numbers, list);
}

template <Kind kind>
void places_of(const ZipfShape& shape, const std::uint64_t* words, std::size_t count,
               double* above) noexcept {
  for (std::size_t j = 0; j < count; j += kLanes) {
    lanes::store(above + j, invert<kind>(shape, lanes::load(words + j)).above);
  }
}

void places(const ZipfShape& shape, const std::uint64_t* words, std::size_t count, double* above) noexcept {
  switch (shape.kind) {
    case Kind::power: return places_of<Kind::power>(shape, words, count, above);
    case Kind::small: return places_of<Kind::small>(shape, words, count, above);
    case Kind::log: return places_of<Kind::log>(shape, words, count, above);
  }
}

// One by one: faster than the gathers of AVX2.
[[maybe_unused]] std::size_t look_up_each(const std::uint16_t* guide, const std::uint64_t* words,
                                          std::size_t count, std::uint64_t* numbers,
                                          std::uint32_t* unknown) noexcept {
  std::size_t noted = 0;
  for (std::size_t j = 0; j < count; ++j) {
    numbers[j] = guide[words[j] >> (64 - kGuideBits)];
    unknown[noted] = static_cast<std::uint32_t>(j);
    noted += numbers[j] == 0 ? 1 : 0;
  }
  return noted;
}
