// Vector steps of the adaptive context tree, compiled once per instruction set.

#include "state_lanes.inl"

typedef std::int16_t ShortLanes __attribute__((vector_size(32)));

inline IntLanes exponents_of(const AdaptiveSlot& slot) noexcept {
  ShortLanes lanes;
  __builtin_memcpy(&lanes, slot.exponent, sizeof lanes);
  return __builtin_convertvector(lanes, IntLanes);
}

// The product itself; states less likely by 2^60 than the likeliest count as zero.
inline Lanes product_of(const AdaptiveSlot& slot) noexcept {
  const IntLanes exponents = exponents_of(slot);
  const IntLanes bits = reinterpret_cast<IntLanes>(load(slot.mantissa)) + (exponents << 23);
  return reinterpret_cast<Lanes>(bits & (exponents > -60));
}

// slot := values * 2^exponents, normalised. Values are positive and normal.
inline void put(AdaptiveSlot& slot, Lanes values, IntLanes exponents) noexcept {
  const IntLanes bits = reinterpret_cast<IntLanes>(values);
  exponents += (bits >> 23) - 127;
  std::int32_t largest = exponents[0];
  for (int i = 1; i < tree_states; ++i) largest = exponents[i] > largest ? exponents[i] : largest;
  exponents -= largest;
  const IntLanes floor = IntLanes{} - 32768;
  const IntLanes low = exponents < floor;
  exponents = (exponents & ~low) | (floor & low);
  store(slot.mantissa, reinterpret_cast<Lanes>((bits & 0x007fffff) | 0x3f800000));
  const ShortLanes shorts = __builtin_convertvector(exponents, ShortLanes);
  __builtin_memcpy(slot.exponent, &shorts, sizeof shorts);
}

void ascend(const AdaptiveSlot& slot, bool turn, const float* chain, const BitRatio& below,
            BitRatio& above) noexcept {
  const Lanes product = turned(product_of(slot), !turn);
  const Lanes one = transition(chain, product * load(below.one));
  const Lanes zero = transition(chain, product * load(below.zero));
  const Lanes both = one + zero;
  store(above.one, one / both);
  store(above.zero, zero / both);
}

std::uint32_t predict(const AdaptiveSlot* slot, bool turn, const double* prior,
                      const BitRatio& ratio) noexcept {
  alignas(64) float product[tree_states];
  store(product, slot == nullptr ? Lanes{} + 1.0f : turned(product_of(*slot), !turn));
  double one = 0.0;
  double zero = 0.0;
  for (int p = 0; p < tree_states; ++p) {
    const double weight = prior[p] * static_cast<double>(product[p]);
    one += weight * static_cast<double>(ratio.one[p]);
    zero += weight * static_cast<double>(ratio.zero[p]);
  }
  const double scaled = one / (one + zero) * 4294967296.0;
  if (!(scaled >= 1.0)) return 1;
  return scaled >= 4294967295.0 ? 4294967295u : static_cast<std::uint32_t>(scaled);
}

void update(AdaptiveSlot& slot, const float* factor, bool turn) noexcept {
  put(slot, load(slot.mantissa) * turned(load(factor), !turn), exponents_of(slot));
}

void start(AdaptiveSlot& slot, const float* factor, bool turn) noexcept {
  put(slot, turned(load(factor), !turn), IntLanes{});
}

void copy(AdaptiveSlot& to, const AdaptiveSlot& from, bool turn) noexcept {
  put(to, turned(load(from.mantissa), !turn), turned_exponents(exponents_of(from), !turn));
}

void lift(AdaptiveSlot& to, const AdaptiveSlot& from, const float* chain) noexcept {
  put(to, transition(chain, product_of(from)), IntLanes{});
}

constexpr AdaptiveKernels adaptive_kernels{ascend, predict, update, start, copy, lift};
