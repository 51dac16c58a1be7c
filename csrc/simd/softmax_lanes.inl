// Softmax kernels on generic vectors of 16 floats, compiled once per instruction set. The file that includes
// this gives Lanes, Ints, exponential(), whether that is infinite for all large numbers (kOverflows), LaneSum
// and larger().

constexpr std::size_t kWidth = 16;
constexpr std::size_t kVectors = kLanes / kWidth;
typedef double Doubles __attribute__((vector_size(128)));

inline Lanes load(const float* from) {
  Lanes lanes;
  __builtin_memcpy(&lanes, from, sizeof lanes);
  return lanes;
}
inline Lanes load(const std::uint16_t* from) {
  typedef std::uint16_t Shorts __attribute__((vector_size(32)));
  Shorts halves;
  __builtin_memcpy(&halves, from, sizeof halves);
  return reinterpret_cast<Lanes>(__builtin_convertvector(halves, Ints) << 16);
}
inline void store(float* to, Lanes lanes) { __builtin_memcpy(to, &lanes, sizeof lanes); }

inline Lanes choose(Ints mask, Lanes yes, Lanes no) {
  return reinterpret_cast<Lanes>((reinterpret_cast<Ints>(yes) & mask) | (reinterpret_cast<Ints>(no) & ~mask));
}

// tanh(u) = e / (e + 2) with e = exp(2 |u|) - 1, kept exact for small u: 2^f - 1 comes from its own series.
inline Lanes hyperbolic_tangent(Lanes u) {
  const Ints sign = reinterpret_cast<Ints>(u) & static_cast<std::int32_t>(0x80000000);
  Lanes x = reinterpret_cast<Lanes>(reinterpret_cast<Ints>(u) & 0x7FFFFFFF);
  x = choose(x > 10.0f, Lanes{} + 10.0f, x);  // from 9.02 on it is 1 in float
  const Lanes t = x * 2.885390082f;
  const Lanes n = (t + 12582912.0f) - 12582912.0f;
  // What is left of 2 x, in two parts of log 2: small arguments lose nothing.
  const Lanes r = (x + x) - n * 0.693145752f - n * 1.42860677e-6f;
  Lanes q = 1.9841270e-4f + Lanes{};
  q = q * r + 1.3888889e-3f;
  q = q * r + 8.3333333e-3f;
  q = q * r + 4.1666667e-2f;
  q = q * r + 1.6666667e-1f;
  q = q * r + 0.5f;
  q = q * r * r + r;
  const Ints exponent = __builtin_convertvector(n, Ints);
  const Lanes power = reinterpret_cast<Lanes>((exponent + 127) << 23);
  const Lanes e = power * q + (power - 1.0f);
  Lanes result = e / (e + 2.0f);
  result = choose(u != u, u, result);
  return reinterpret_cast<Lanes>(reinterpret_cast<Ints>(result) | sign);
}

inline Lanes transformed(Lanes product, const LogitTransform& how) {
  const Lanes z = product * how.scale;
  return how.cap == 0.0f ? z : how.cap * hyperbolic_tangent(z / how.cap);
}

void transform(float* z, std::size_t rows, const LogitTransform& how) {
  for (std::size_t i = 0; i < rows; ++i) {
    const float bias = how.bias == nullptr ? 0.0f : how.bias[i];
    for (std::size_t v = 0; v < kLanes; v += kWidth) {
      float* at = z + i * kLanes + v;
      store(at, transformed(load(at) + bias, how));
    }
  }
}

// exp(old - max) for the sums so far, once the maximum has moved.
inline void raise(TokenSums& sums, std::size_t v, Lanes max, bool all) {
  const Lanes fall = load(sums.max + v) - max;
  alignas(64) float factor[kWidth];
  alignas(64) float by[kWidth];
  store(factor, exponential(fall));
  store(by, fall);
  for (std::size_t j = 0; j < kWidth; ++j) {
    const double f = static_cast<double>(factor[j]);
    const double d = f == 0.0 ? 0.0 : static_cast<double>(by[j]);
    if (all) sums.weighted[v + j] = f * (sums.weighted[v + j] + d * sums.exponential[v + j]);
    sums.exponential[v + j] *= f;
  }
  store(sums.max + v, max);
}

inline void add_lanes(double* to, Lanes lanes) {
  alignas(64) float part[kWidth];
  store(part, lanes);
  for (std::size_t j = 0; j < kWidth; ++j) to[j] += static_cast<double>(part[j]);
}

inline bool any(Ints mask) {
  std::int32_t all = 0;
  for (std::size_t j = 0; j < kWidth; ++j) all |= mask[j];
  return all != 0;
}

inline void new_max(const float* z, std::size_t rows, TokenSums& sums, bool all) {
  Lanes max[kVectors] = {load(sums.max), load(sums.max + kWidth)};
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t v = 0; v < kVectors; ++v) max[v] = larger(load(z + i * kLanes + v * kWidth), max[v]);
  }
  for (std::size_t v = 0; v < kVectors; ++v) {
    if (any(max[v] > load(sums.max + v * kWidth))) raise(sums, v * kWidth, max[v], all);
  }
}

void add(const float* z, std::size_t rows, TokenSums& sums) {
  new_max(z, rows, sums, false);
  const Lanes max[kVectors] = {load(sums.max), load(sums.max + kWidth)};
  Lanes sum[kVectors][2] = {};
  std::size_t i = 0;
  for (; i + 2 <= rows; i += 2) {
    for (std::size_t v = 0; v < kVectors; ++v) {
      const float* at = z + i * kLanes + v * kWidth;
      sum[v][0] += exponential(load(at) - max[v]);
      sum[v][1] += exponential(load(at + kLanes) - max[v]);
    }
  }
  for (std::size_t v = 0; v < kVectors; ++v) {
    if (i < rows) sum[v][0] += exponential(load(z + i * kLanes + v * kWidth) - max[v]);
    add_lanes(sums.exponential + v * kWidth, sum[v][0] + sum[v][1]);
  }
}

void add_all(const float* z, std::size_t rows, TokenSums& sums) {
  new_max(z, rows, sums, true);
  for (std::size_t v = 0; v < kLanes; v += kWidth) {
    const Lanes max = load(sums.max + v);
    Lanes exponentials = {};
    Lanes weighted = {};
    Lanes logits = {};
    for (std::size_t i = 0; i < rows; ++i) {
      const Lanes at = load(z + i * kLanes + v);
      const Lanes e = exponential(at - max);
      exponentials += e;
      weighted += choose(e == 0.0f, Lanes{}, e * (at - max));
      logits += at;
    }
    add_lanes(sums.exponential + v, exponentials);
    add_lanes(sums.weighted + v, weighted);
    add_lanes(sums.logit + v, logits);
  }
}

void gradient(float* z, std::size_t rows, const LogitTransform& how, const TokenSlopes& slopes) {
  const bool plain = how.plain();
  for (std::size_t v = 0; v < kLanes; v += kWidth) {
    const Lanes log_sum_exp = load(slopes.log_sum_exp + v);
    const Lanes on_probability = load(slopes.on_probability + v);
    const Lanes on_surprise = load(slopes.on_surprise + v);
    const Lanes entropy = load(slopes.entropy + v);
    const Lanes everywhere = load(slopes.everywhere + v);
    const bool surprises = any(on_surprise != 0.0f);
    for (std::size_t i = 0; i < rows; ++i) {
      float* place = z + i * kLanes + v;
      Lanes at = load(place);
      Lanes slope = Lanes{} + how.scale;
      if (!plain) {
        at = transformed(how.bias == nullptr ? at : at + how.bias[i], how);
        if (how.cap != 0.0f) slope *= 1.0f - (at / how.cap) * (at / how.cap);
      }
      const Lanes p = exponential(at - log_sum_exp);
      Lanes g = p * on_probability - everywhere;
      if (surprises) {
        const Lanes surprise = p * (log_sum_exp - at - entropy) * on_surprise;
        g += choose(p == 0.0f, Lanes{}, surprise);
      }
      store(place, plain ? g : g * slope);
    }
  }
}

// Logits of a row that stay in the first cache, where they are read twice.
constexpr std::size_t kPiece = 2048;

template <class T>
inline Lanes entry(const T* row, std::size_t i, std::size_t n, const LogitTransform& how, bool plain) {
  Lanes z;
  if (i + kWidth <= n) {
    z = load(row + i);
  } else {
    T part[kWidth] = {};
    for (std::size_t j = 0; i + j < n; ++j) part[j] = row[i + j];
    z = load(part);
  }
  if (!plain) z = transformed(z, how);
  if (i + kWidth > n) {  // -inf weighs nothing and is no maximum
    for (std::size_t j = n - i; j < kWidth; ++j) z[j] = -__builtin_inff();
  }
  return z;
}

/// The largest of logits first to last - 1, and of `max`.
template <class T>
float largest(const T* row, std::size_t first, std::size_t last, std::size_t n, const LogitTransform& how,
              float max) {
  const bool plain = how.plain();
  Lanes high[2] = {Lanes{} + max, Lanes{} + max};
  std::size_t i = first;
  for (; plain && i + 2 * kWidth <= last; i += 2 * kWidth) {
    high[0] = larger(load(row + i), high[0]);
    high[1] = larger(load(row + i + kWidth), high[1]);
  }
  for (; i < last; i += kWidth) high[0] = larger(entry(row, i, n, how, plain), high[0]);
  high[0] = larger(high[0], high[1]);
  float top = high[0][0];
  for (std::size_t j = 1; j < kWidth; ++j) top = high[0][j] > top ? high[0][j] : top;
  return top;
}

inline void raise(RowSums& sums, float max) {
  if (!(max > sums.max)) return;
  const float fall = sums.max - max;
  const double f = static_cast<double>(exponential(Lanes{} + fall)[0]);
  if (f != 0.0) sums.weighted += static_cast<double>(fall) * sums.exponential;
  sums.weighted *= f;
  sums.exponential *= f;
  sums.max = max;
}

struct PieceSums {
  Lanes exponential, weighted, logits;
  double last_logits;  // of less than a vector
};

template <bool kAll, class T>
PieceSums piece_sums(const T* row, std::size_t first, std::size_t last, std::size_t n,
                     const LogitTransform& how, Lanes max) {
  const bool plain = how.plain();
  LaneSum exponentials[2];
  PieceSums sums = {};
  const std::size_t whole = plain && !kAll ? first + (last - first) / (2 * kWidth) * (2 * kWidth) : first;
  std::size_t i = first;
  for (; i < whole; i += 2 * kWidth) {
    // The next piece comes while this one is worked on; a prefetch past the end does nothing.
    for (std::size_t j = 0; j < 2 * kWidth * sizeof(T); j += 64) {
      __builtin_prefetch(reinterpret_cast<const char*>(row + i) + kPiece * sizeof(T) + j);
    }
    exponentials[0].add(load(row + i) - max);
    exponentials[1].add(load(row + i + kWidth) - max);
  }
  for (; i < last; i += kWidth) {
    const Lanes z = entry(row, i, n, how, plain);
    if (!kAll) {
      exponentials[0].add(z - max);
      continue;
    }
    const Lanes e = exponential(z - max);
    sums.exponential += e;
    sums.weighted += choose(e == 0.0f, Lanes{}, e * (z - max));
    if (i + kWidth <= n) {
      sums.logits += z;
    } else {
      for (std::size_t j = 0; i + j < n; ++j) sums.last_logits += static_cast<double>(z[j]);
    }
  }
  if (!kAll) sums.exponential = exponentials[0].sum() + exponentials[1].sum();
  return sums;
}

template <bool kAll, class T>
RowSums row_sums(const T* row, std::size_t n, const LogitTransform& how) {
  RowSums sums = {-__FLT_MAX__, 0.0, 0.0, 0.0};
  for (std::size_t first = 0; first < n; first += kPiece) {
    const std::size_t last = n - first < kPiece ? n : first + kPiece;
    const auto raise_max = [&] { raise(sums, largest(row, first, last, n, how, sums.max)); };
    const auto of_piece = [&] { return piece_sums<kAll>(row, first, last, n, how, Lanes{} + sums.max); };
    // What was the maximum before is near enough, as a rule, and the sum tells where it is not.
    const bool look = first == 0 || !kOverflows;
    if (look) raise_max();
    PieceSums piece = of_piece();
    if (!look && any(~(piece.exponential <= kLargeSum))) {  // or NaN
      raise_max();
      piece = of_piece();
    }
    for (std::size_t j = 0; j < kWidth; ++j) {
      sums.exponential += static_cast<double>(piece.exponential[j]);
      sums.weighted += static_cast<double>(piece.weighted[j]);
      sums.logit += static_cast<double>(piece.logits[j]);
    }
    sums.logit += piece.last_logits;
  }
  return sums;
}

constexpr SoftmaxKernels kKernels = {transform,
                                     add,
                                     add_all,
                                     gradient,
                                     {row_sums<false, float>, row_sums<true, float>},
                                     {row_sums<false, std::uint16_t>, row_sums<true, std::uint16_t>}};
