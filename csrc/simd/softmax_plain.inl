// Exponential, sum of exponentials and maximum on generic vectors, for instruction sets without better ones.

typedef float Lanes __attribute__((vector_size(64)));
typedef std::int32_t Ints __attribute__((vector_size(64)));

// exp(x) for x <= 0 (and little above): 2^n 2^f, |f| <= 1/2, the second by a polynomial of relative error
// 9.2e-8. Below 2^-126 it is 0; NaN stays NaN.
inline Lanes exponential(Lanes x) {
  const Lanes t = x * 1.44269504f;
  const Ints low = t < -126.0f;
  const Ints keep = ~low;
  const Lanes inside = reinterpret_cast<Lanes>(reinterpret_cast<Ints>(t) & keep);
  const Lanes n = (inside + 12582912.0f) - 12582912.0f;
  const Lanes f = inside - n;
  Lanes p = 0x1.5bba14p-10f * f + 0x1.3cea88p-7f;
  p = p * f + 0x1.c6b752p-5f;
  p = p * f + 0x1.ebf9bcp-3f;
  p = p * f + 0x1.62e42ap-1f;
  p = p * f + 1.0f;
  // 1.5 * 2^23 + n holds n in its lowest bits.
  const Ints exponent = reinterpret_cast<Ints>(inside + 12582912.0f) << 23;
  return reinterpret_cast<Lanes>((reinterpret_cast<Ints>(p) + exponent) & keep);
}

constexpr bool kOverflows = false;

class LaneSum {
 public:
  inline void add(Lanes x) { sum_ += exponential(x); }
  inline Lanes sum() const { return sum_; }

 private:
  Lanes sum_ = {};
};

// The larger; `b` where `a` is NaN.
inline Lanes larger(Lanes a, Lanes b) {
  const Ints mask = a > b;
  return reinterpret_cast<Lanes>((reinterpret_cast<Ints>(a) & mask) | (reinterpret_cast<Ints>(b) & ~mask));
}
