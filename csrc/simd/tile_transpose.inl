// A tile, 16 rows of 16 double words (pairs of bfloat16, quadruples of bytes), and its transpose.

constexpr std::size_t kBlock = 16;
constexpr std::size_t kTileBytes = 1024;

// Transposed by interleaving singles, doubles, quarters and halves of registers.
inline void transpose(__m512i* v) {
  __m512i t[kBlock];
  for (std::size_t i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_epi32(v[i], v[i + 1]);
    t[i + 1] = _mm512_unpackhi_epi32(v[i], v[i + 1]);
  }
  for (std::size_t i = 0; i < 16; i += 4) {
    v[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
    v[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
    v[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
    v[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
  }
  for (std::size_t i = 0; i < 4; ++i) {
    for (std::size_t j = 0; j < 16; j += 8) {
      t[j + i] = _mm512_shuffle_i32x4(v[j + i], v[j + i + 4], 0x88);
      t[j + i + 4] = _mm512_shuffle_i32x4(v[j + i], v[j + i + 4], 0xDD);
    }
  }
  for (std::size_t i = 0; i < 8; ++i) {
    v[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
    v[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xDD);
  }
}
