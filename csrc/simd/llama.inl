// Kernels of a Llama decoder, compiled once per instruction set. The file that includes this gives Lanes and
// Ints and Unsigned (vectors of kWidth floats and 32-bit integers), fused(a, b, c) = a b + c rounded once,
// larger(a, b) (b where a is NaN), scaled_up(t, p, n) (p with n added to its bits, but 0 where t < -126) and
// product_panel.

inline Lanes load(const float* from) {
  Lanes lanes;
  __builtin_memcpy(&lanes, from, sizeof lanes);
  return lanes;
}
inline Ints load(const std::int32_t* from) {
  Ints ints;
  __builtin_memcpy(&ints, from, sizeof ints);
  return ints;
}
inline void store(float* to, Lanes lanes) { __builtin_memcpy(to, &lanes, sizeof lanes); }

inline Lanes choose(Ints mask, Lanes yes, Lanes no) {
  return reinterpret_cast<Lanes>((reinterpret_cast<Ints>(yes) & mask) | (reinterpret_cast<Ints>(no) & ~mask));
}

// 2^t for t <= 127: 2^n 2^f, |f| <= 1/2, the second by a polynomial of relative error 9.2e-8. Below 2^-126 it
// is 0; NaN stays NaN.
inline Lanes power_of_two(Lanes t) {
  const Lanes shifted = t + 12582912.0f;  // 1.5 * 2^23: n is in its lowest bits
  const Lanes f = t - (shifted - 12582912.0f);
  Lanes p = fused(Lanes{} + 0x1.5bba14p-10f, f, Lanes{} + 0x1.3cea88p-7f);
  p = fused(p, f, Lanes{} + 0x1.c6b752p-5f);
  p = fused(p, f, Lanes{} + 0x1.ebf9bcp-3f);
  p = fused(p, f, Lanes{} + 0x1.62e42ap-1f);
  p = fused(p, f, Lanes{} + 1.0f);
  return scaled_up(t, p, reinterpret_cast<Ints>(shifted) << 23);
}

// 1 / d for d from 1 to 2^101: a guess that is off by an eighth at most, and three steps of Newton, of which
// each squares that.
inline Lanes reciprocal(Lanes d) {
  Lanes r = reinterpret_cast<Lanes>(0x7EF311C3u - reinterpret_cast<Unsigned>(d));
  for (int step = 0; step < 3; ++step) r = fused(r, fused(-d, r, Lanes{} + 1.0f), r);
  return r;
}

void product(const float* rows_panels, const float* x, std::size_t rows, std::size_t depth, float* c,
             bool add) {
  for (std::size_t i = 0; i < rows; i += kPanelRows) {
    product_panel(rows_panels + i * depth, x, depth, c + i * kTokenLanes, add);
  }
}

void normalise(const float* x, std::size_t width, float epsilon, float* out) {
  for (std::size_t v = 0; v < kTokenLanes; v += kWidth) {
    Lanes sums[4] = {};
    for (std::size_t i = 0; i < width; ++i) {
      const Lanes at = load(x + i * kTokenLanes + v);
      sums[i % 4] = fused(at, at, sums[i % 4]);
    }
    const Lanes mean = ((sums[0] + sums[1]) + (sums[2] + sums[3])) / static_cast<float>(width);
    Lanes scale = mean + epsilon;
    for (std::size_t j = 0; j < kWidth; ++j) scale[j] = __builtin_sqrtf(scale[j]);
    scale = 1.0f / scale;
    for (std::size_t i = 0; i < width; ++i) {
      store(out + i * kTokenLanes + v, load(x + i * kTokenLanes + v) * scale);
    }
  }
}

void rotate(float* heads, std::size_t num_heads, std::size_t half, const float* cosines, const float* sines) {
  for (std::size_t head = 0; head < num_heads; ++head) {
    float* first = heads + 2 * head * half * kTokenLanes;
    float* second = first + half * kTokenLanes;
    for (std::size_t at = 0; at < half * kTokenLanes; at += kWidth) {
      const Lanes a = load(first + at);
      const Lanes b = load(second + at);
      const Lanes c = load(cosines + at);
      const Lanes s = load(sines + at);
      store(first + at, a * c - b * s);
      store(second + at, a * s + b * c);
    }
  }
}

void activate(float* gate, std::size_t count) {
  const float* up = gate + count * kTokenLanes;
  for (std::size_t at = 0; at < count * kTokenLanes; at += kWidth) {
    const Lanes g = load(gate + at);
    Lanes t = g * -1.44269504f;
    t = choose(t > 100.0f, Lanes{} + 100.0f, t);
    // Far below, where the sigmoid is at its floor of 2^-100, the gate must not outgrow it.
    const Lanes bounded = choose(g < -128.0f, Lanes{} - 128.0f, g);
    store(gate + at, bounded * reciprocal(1.0f + power_of_two(t)) * load(up + at));
  }
}

// Entries of a tile of scores that lanes do not see become -inf.
inline void hide(float* scores, std::size_t first, std::size_t rows, const std::int32_t* visible) {
  for (std::size_t v = 0; v < kTokenLanes; v += kWidth) {
    const Ints seen = load(visible + v);
    for (std::size_t j = 0; j < rows; ++j) {
      float* at = scores + j * kTokenLanes + v;
      store(at, choose(seen > static_cast<std::int32_t>(first + j), load(at), Lanes{} - __builtin_inff()));
    }
  }
}

struct alignas(64) Running {
  float max[kTokenLanes];
  float sum[kTokenLanes];
};

// Scores become weights 2^(score - max), their sums are added to what was found before, which falls by what
// the maximum has risen. Rows are a multiple of 8; terms are summed in eight chains.
inline void weigh(float* scores, std::size_t rows, Running& running, float* mixed, std::size_t mixed_rows) {
  for (std::size_t v = 0; v < kTokenLanes; v += kWidth) {
    const Lanes before = load(running.max + v);
    Lanes highs[4] = {before, before, before, before};
    for (std::size_t j = 0; j < rows; j += 4) {
      for (std::size_t i = 0; i < 4; ++i)
        highs[i] = larger(load(scores + (j + i) * kTokenLanes + v), highs[i]);
    }
    const Lanes max = larger(larger(highs[0], highs[1]), larger(highs[2], highs[3]));
    Lanes sums[8] = {};
    for (std::size_t j = 0; j < rows; j += 8) {
#pragma GCC unroll 8
      for (std::size_t i = 0; i < 8; ++i) {
        float* at = scores + (j + i) * kTokenLanes + v;
        const Lanes weight = power_of_two(load(at) - max);
        store(at, weight);
        sums[i] += weight;
      }
    }
    const Lanes sum =
        ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
    const Lanes fall = power_of_two(before - max);
    store(running.max + v, max);
    store(running.sum + v, fused(load(running.sum + v), fall, sum));
    for (std::size_t i = 0; i < mixed_rows; ++i) {
      store(mixed + i * kTokenLanes + v, load(mixed + i * kTokenLanes + v) * fall);
    }
  }
}

void attend(const Attention& a) {
  float* scores = a.scratch;
  float* mixed = a.scratch + kKeyBlock * kTokenLanes;
  const std::size_t mixed_rows = (a.head_width + kPanelRows - 1) / kPanelRows * kPanelRows;
  std::size_t all_see = a.count;  // keys that no lane has hidden
  Running running;
  for (std::size_t lane = 0; lane < kTokenLanes; ++lane) {
    const auto seen = static_cast<std::size_t>(a.visible[lane]);
    all_see = seen < all_see ? seen : all_see;
    running.max[lane] = -__FLT_MAX__;
    running.sum[lane] = 0.0f;
  }
  for (std::size_t i = 0; i < mixed_rows * kTokenLanes; ++i) mixed[i] = 0.0f;
  for (std::size_t first = 0; first < a.count; first += kKeyBlock) {
    const std::size_t keys = a.count - first < kKeyBlock ? a.count - first : kKeyBlock;
    const std::size_t rows = (keys + kPanelRows - 1) / kPanelRows * kPanelRows;
    product(a.keys + first * a.head_width, a.queries, rows, a.head_width, scores, false);
    if (first + rows > all_see) hide(scores, first, rows, a.visible);
    weigh(scores, rows, running, mixed, mixed_rows);
    for (std::size_t i = 0; i < mixed_rows; i += kPanelRows) {
      product_panel(a.values + i / kPanelRows * a.values_stride + first * kPanelRows, scores, keys,
                    mixed + i * kTokenLanes, true);
    }
  }
  for (std::size_t v = 0; v < kTokenLanes; v += kWidth) {
    const Ints mine = load(a.visible + v) > 0;
    const Lanes scale = 1.0f / load(running.sum + v);
    for (std::size_t i = 0; i < a.head_width; ++i) {
      float* out = a.out + i * kTokenLanes + v;
      store(out, choose(mine, load(mixed + i * kTokenLanes + v) * scale, load(out)));
    }
  }
}

void fold(const float* logits, std::size_t rows, float* max, double* sum) {
  for (std::size_t v = 0; v < kTokenLanes; v += kWidth) {
    const Lanes before = load(max + v);
    Lanes high = before;
    for (std::size_t j = 0; j < rows; ++j) high = larger(load(logits + j * kTokenLanes + v), high);
    Lanes sums[4] = {};
    for (std::size_t j = 0; j < rows; ++j) {
      sums[j % 4] += power_of_two((load(logits + j * kTokenLanes + v) - high) * 1.44269504f);
    }
    const Lanes fall = power_of_two((before - high) * 1.44269504f);
    const Lanes here = (sums[0] + sums[1]) + (sums[2] + sums[3]);
    for (std::size_t j = 0; j < kWidth; ++j) {
      sum[v + j] = sum[v + j] * static_cast<double>(fall[j]) + static_cast<double>(here[j]);
    }
    store(max + v, high);
  }
}

constexpr LlamaKernels kKernels = {product, normalise, rotate, activate, attend, fold};
