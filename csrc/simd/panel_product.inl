// Panels of float32, compiled once per instruction set. kRows rows by 32 lanes of C stay in registers; the
// file that includes this gives kRows and product_block.
//
// Rows panel: [block of kRows][k][row]; lanes panel: [block of 32][k][lane].

// Products are summed one after the other over so much of k, then the sums: rounding grows with both alone.
constexpr std::size_t kSumDepth = 512;

inline float widened(float x) { return x; }
inline float widened(std::uint16_t x) {
  const std::uint32_t bits = static_cast<std::uint32_t>(x) << 16;
  float value;
  __builtin_memcpy(&value, &bits, sizeof value);
  return value;
}

// kUnit rows or lanes side by side; element (i, k) of m is m[i * along + k * down].
template <std::size_t kUnit, class T>
inline void pack_blocks(const T* m, std::size_t along, std::size_t down, std::size_t count, std::size_t depth,
                        PanelPlace place) {
  const std::size_t padded = (depth + kDepthUnit - 1) / kDepthUnit * kDepthUnit;
  for (std::size_t first = 0; first < count; first += kUnit) {
    float* out = static_cast<float*>(place.panel) + first * place.panel_depth + place.first_depth * kUnit;
    const std::size_t full = count - first < kUnit ? count - first : kUnit;
    for (std::size_t k = 0; k < padded; ++k, out += kUnit) {
      for (std::size_t i = 0; i < kUnit; ++i) {
        out[i] = k < depth && i < full ? widened(m[(first + i) * along + k * down]) : 0.0f;
      }
    }
  }
}

template <class T>
std::uint32_t pack_rows(const T* m, std::size_t stride, std::size_t count, std::size_t depth,
                        PanelPlace place) {
  pack_blocks<kRows>(m, stride, 1, count, depth, place);
  return 0;
}

template <class T>
std::uint32_t pack_rows_transposed(const T* m, std::size_t stride, std::size_t count, std::size_t depth,
                                   PanelPlace place) {
  pack_blocks<kRows>(m, 1, stride, count, depth, place);
  return 0;
}

template <class T>
std::uint32_t pack_lanes(const T* m, std::size_t stride, std::size_t count, std::size_t depth,
                         PanelPlace place) {
  pack_blocks<kLanes>(m, 1, stride, count, depth, place);
  return 0;
}

template <class T>
std::uint32_t pack_lanes_transposed(const T* m, std::size_t stride, std::size_t count, std::size_t depth,
                                    PanelPlace place) {
  pack_blocks<kLanes>(m, stride, 1, count, depth, place);
  return 0;
}

void product(const void* rows_panel, const void* lanes_panel, std::size_t rows, std::size_t depth, float* c,
             std::size_t stride, bool add) {
  const float* a = static_cast<const float*>(rows_panel);
  const float* b = static_cast<const float*>(lanes_panel);
  for (std::size_t first = 0; first < rows; first += kRows) {
    for (std::size_t k = 0; k < depth; k += kSumDepth) {
      product_block(a + first * depth + k * kRows, b + k * kLanes,
                    depth - k < kSumDepth ? depth - k : kSumDepth, c + first * stride, stride, add || k != 0);
    }
  }
}

void nothing() {}

constexpr PanelKernels kKernels = {
    kRows,
    sizeof(float),
    0,
    kDepthUnit,
    kBlockBytes,
    0,
    false,
    {pack_rows<float>, pack_rows_transposed<float>, pack_lanes<float>, pack_lanes_transposed<float>},
    {pack_rows<std::uint16_t>, pack_rows_transposed<std::uint16_t>, pack_lanes<std::uint16_t>,
     pack_lanes_transposed<std::uint16_t>},
    product,
    nullptr,
    nothing,
    nothing};
