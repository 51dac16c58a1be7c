// Kernels of a Llama decoder, compiled once per instruction set. The file that includes this gives Lanes and
// Ints and Unsigned (vectors of kWidth floats and 32-bit integers), fused(a, b, c) = a b + c rounded once,
// larger(a, b) and smaller(a, b) (b where one is NaN), nearest(t) and scaled(t, n, p) for powers of two, and
// product_panel<kCount>, which is `product` for 8 rows and kCount lanes, 32 or 16 of them.

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
  const Nearest n = nearest(t);
  const Lanes f = n.rest;
  Lanes p = fused(Lanes{} + 0x1.5bba14p-10f, f, Lanes{} + 0x1.3cea88p-7f);
  p = fused(p, f, Lanes{} + 0x1.c6b752p-5f);
  p = fused(p, f, Lanes{} + 0x1.ebf9bcp-3f);
  p = fused(p, f, Lanes{} + 0x1.62e42ap-1f);
  p = fused(p, f, Lanes{} + 1.0f);
  return scaled(t, n, p);
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
    product_panel<kTokenLanes>(rows_panels + i * depth, x, depth, c + i * kTokenLanes, add);
  }
}

void normalise(const float* x, std::size_t width, float epsilon, float* out) {
  for (std::size_t v = 0; v < kTokenLanes; v += kWidth) {
    Lanes sums[4] = {};
    for (std::size_t i = 0; i < width; i += 4) {
#pragma GCC unroll 4
      for (std::size_t chain = 0; chain < 4; ++chain) {
        if (i + chain == width) break;
        const Lanes at = load(x + (i + chain) * kTokenLanes + v);
        sums[chain] = fused(at, at, sums[chain]);
      }
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
    const Lanes t = smaller(Lanes{} + 100.0f, g * -1.44269504f);
    // Far below, where the sigmoid is at its floor of 2^-100, the gate must not outgrow it.
    const Lanes bounded = larger(Lanes{} - 128.0f, g);
    store(gate + at, bounded * reciprocal(1.0f + power_of_two(t)) * load(up + at));
  }
}

// Lanes of which the tiles of scores are computed together where they see as many keys.
constexpr std::size_t kHalf = kTokenLanes / 2;

struct alignas(64) Running {
  float max[kTokenLanes];
  float sum[kTokenLanes];
};

// What kHalf lanes see of the keys: none see more than `most`, all of those that see any see `all`.
struct Sight {
  std::size_t all, most;
};

inline Sight sight_of(const std::int32_t* visible) {
  Sight found = {static_cast<std::size_t>(-1), 0};
  for (std::size_t lane = 0; lane < kHalf; ++lane) {
    const auto seen = static_cast<std::size_t>(visible[lane]);
    found.all = seen < found.all ? seen : found.all;
    found.most = seen > found.most ? seen : found.most;
  }
  return found;
}

// Scores of keys from `from` on, in kHalf lanes, become -inf where lanes do not see them.
inline void hide(float* scores, std::size_t from, std::size_t end, const std::int32_t* visible) {
  for (std::size_t v = 0; v < kHalf; v += kWidth) {
    const Ints seen = load(visible + v);
    for (std::size_t j = from; j < end; ++j, scores += kTokenLanes) {
      store(scores + v,
            choose(seen > static_cast<std::int32_t>(j), load(scores + v), Lanes{} - __builtin_inff()));
    }
    scores -= (end - from) * kTokenLanes;
  }
}

// Scores become weights 2^(score - max), their sums are added to what was found before, which falls by what
// the maximum has risen, in kHalf lanes. Rows are a multiple of 8; terms are summed in eight chains.
inline void weigh(float* scores, std::size_t rows, float* run_max, float* run_sum, float* mixed,
                  std::size_t mixed_rows) {
  for (std::size_t v = 0; v < kHalf; v += kWidth) {
    const Lanes before = load(run_max + v);
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
    store(run_max + v, max);
    store(run_sum + v, fused(load(run_sum + v), fall, sum));
    for (std::size_t i = 0; i < mixed_rows; ++i) {
      store(mixed + i * kTokenLanes + v, load(mixed + i * kTokenLanes + v) * fall);
    }
  }
}

inline std::size_t up_to_panel(std::size_t n) { return (n + kPanelRows - 1) / kPanelRows * kPanelRows; }

// Keys that both halves see are multiplied with both at once, the others with the half that sees them. A key
// that a lane does not see has weight 0, so that leaving it out changes nothing.
void attend(const Attention& a) {
  float* scores = a.scratch;
  float* mixed = a.scratch + kKeyBlock * kTokenLanes;
  const std::size_t mixed_rows = up_to_panel(a.head_width);
  const Sight sights[2] = {sight_of(a.visible), sight_of(a.visible + kHalf)};
  Running running;
  for (std::size_t lane = 0; lane < kTokenLanes; ++lane) {
    running.max[lane] = -__FLT_MAX__;
    running.sum[lane] = 0.0f;
  }
  for (std::size_t i = 0; i < mixed_rows * kTokenLanes; ++i) mixed[i] = 0.0f;
  for (std::size_t first = 0; first < a.count; first += kKeyBlock) {
    std::size_t keys[2];
    for (std::size_t half = 0; half < 2; ++half) {
      const std::size_t most = sights[half].most < first ? first : sights[half].most;
      keys[half] = most - first < kKeyBlock ? most - first : kKeyBlock;
    }
    const std::size_t more = keys[1] > keys[0];  // the half that sees more keys
    const std::size_t both = keys[1 - more];
    const float* panels = a.keys + first * a.head_width;
    const std::size_t lanes = more * kHalf;
    product(panels, a.queries, up_to_panel(both), a.head_width, scores, false);
    for (std::size_t i = up_to_panel(both); i < keys[more]; i += kPanelRows) {
      product_panel<kHalf>(panels + i * a.head_width, a.queries + lanes, a.head_width,
                           scores + i * kTokenLanes + lanes, false);
    }
    for (std::size_t half = 0; half < 2; ++half) {
      if (keys[half] == 0) continue;
      const std::size_t at = half * kHalf;
      const std::size_t rows = up_to_panel(keys[half]);
      const std::size_t from = sights[half].all < first ? first : sights[half].all;
      if (from < first + rows)
        hide(scores + (from - first) * kTokenLanes + at, from, first + rows, a.visible + at);
      weigh(scores + at, rows, running.max + at, running.sum + at, mixed + at, mixed_rows);
    }
    for (std::size_t i = 0; i < mixed_rows; i += kPanelRows) {
      const float* values = a.values + i / kPanelRows * a.values_stride + first * kPanelRows;
      product_panel<kTokenLanes>(values, scores, both, mixed + i * kTokenLanes, true);
      if (keys[more] > both) {
        product_panel<kHalf>(values + both * kPanelRows, scores + both * kTokenLanes + lanes,
                             keys[more] - both, mixed + i * kTokenLanes + lanes, true);
      }
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
    Lanes highs[4] = {before, before, before, before};
    Lanes sums[4] = {};
    for (std::size_t j = 0; j < rows; j += 4) {
#pragma GCC unroll 4
      for (std::size_t chain = 0; chain < 4; ++chain) {
        if (j + chain == rows) break;
        highs[chain] = larger(load(logits + (j + chain) * kTokenLanes + v), highs[chain]);
      }
    }
    const Lanes high = larger(larger(highs[0], highs[1]), larger(highs[2], highs[3]));
    for (std::size_t j = 0; j < rows; j += 4) {
#pragma GCC unroll 4
      for (std::size_t chain = 0; chain < 4; ++chain) {
        if (j + chain == rows) break;
        sums[chain] += power_of_two((load(logits + (j + chain) * kTokenLanes + v) - high) * 1.44269504f);
      }
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
