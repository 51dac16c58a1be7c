// Tiles of gradients with AVX-512, which writes whole lines past the caches.
#include <immintrin.h>

#include "gradient_tiles.hpp"

namespace skm {
namespace {

#ifndef NOSTREAM
inline void store_line(void* to, const void* line) {
  _mm512_stream_si512(static_cast<__m512i*>(to), _mm512_loadu_si512(line));
}
// Other threads see these stores in no order unless told.
inline void finish_lines() { _mm_sfence(); }
#else
inline void store_line(void* to, const void* line) { __builtin_memcpy(to, line, 64); }
inline void finish_lines() {}
#endif

#include "gradient_tiles.inl"

}  // namespace

const GradientTileKernels& gradient_tile_kernels_avx512() noexcept { return kKernels; }

}  // namespace skm
