// Kernels of gradient tiles on generic vectors of 16 floats, compiled once per instruction set. The file that
// includes this gives store_line(), which writes a line of 64 aligned bytes, and finish_lines().

constexpr std::size_t kWidth = 16;
typedef float Lanes __attribute__((vector_size(64)));
typedef std::uint32_t Bits __attribute__((vector_size(64)));
typedef std::uint16_t Halves __attribute__((vector_size(32)));

inline Lanes load(const float* from) {
  Lanes lanes;
  __builtin_memcpy(&lanes, from, sizeof lanes);
  return lanes;
}

inline Halves rounded(Lanes lanes) {
  const Bits bits = reinterpret_cast<Bits>(lanes);
  const Bits up = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16;
  const Bits quiet = bits >> 16 | 0x40;
  const Bits nan = reinterpret_cast<Bits>((bits & 0x7FFFFFFF) > 0x7F800000);
  return __builtin_convertvector((quiet & nan) | (up & ~nan), Halves);
}

inline bool on_lines(const void* out, std::size_t row_bytes, std::size_t columns) {
  return columns == kLanes && (reinterpret_cast<std::uintptr_t>(out) | row_bytes) % 64 == 0;
}

void to_float(const float* tile, std::size_t rows, std::size_t columns, float* out, std::size_t stride) {
  if (on_lines(out, stride * sizeof(float), columns)) {
    for (std::size_t i = 0; i < rows; ++i) {
      for (std::size_t v = 0; v < kLanes; v += kWidth) {
        const Lanes lanes = load(tile + i * kLanes + v);
        store_line(out + i * stride + v, &lanes);
      }
    }
    finish_lines();
    return;
  }
  for (std::size_t i = 0; i < rows; ++i) {
    __builtin_memcpy(out + i * stride, tile + i * kLanes, columns * sizeof(float));
  }
}

void add_to_float(const float* tile, std::size_t rows, std::size_t columns, float* out, std::size_t stride) {
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t j = 0; j < columns; ++j) out[i * stride + j] += tile[i * kLanes + j];
  }
}

void to_bfloat16(const float* tile, std::size_t rows, std::size_t columns, std::uint16_t* out,
                 std::size_t stride) {
  const bool lines = on_lines(out, stride * sizeof(std::uint16_t), columns);
  for (std::size_t i = 0; i < rows; ++i) {
    Halves halves[2];
    for (std::size_t v = 0; v < 2; ++v) halves[v] = rounded(load(tile + i * kLanes + v * kWidth));
    if (lines)
      store_line(out + i * stride, halves);
    else
      __builtin_memcpy(out + i * stride, halves, columns * sizeof(std::uint16_t));
  }
  if (lines) finish_lines();
}

void sum_rows(const float* tile, std::size_t rows, float* sums) {
  for (std::size_t i = 0; i < rows; ++i) {
    const Lanes both = load(tile + i * kLanes) + load(tile + i * kLanes + kWidth);
    float part[kWidth];
    __builtin_memcpy(part, &both, sizeof part);
    for (std::size_t half = kWidth / 2; half > 0; half /= 2) {
      for (std::size_t j = 0; j < half; ++j) part[j] += part[j + half];
    }
    sums[i] = part[0];
  }
}

constexpr GradientTileKernels kKernels = {to_float, add_to_float, to_bfloat16, sum_rows};
