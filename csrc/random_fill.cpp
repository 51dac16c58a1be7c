// Arrays of random numbers: blocks of indices that threads take, cut into pieces that stay in cache.
#include "skm/random_fill.hpp"

#include <algorithm>

#include "simd/philox.hpp"
#include "skm/isa.hpp"
#include "skm/parallel.hpp"
#include "skm/philox.hpp"

namespace skm {

const PhiloxKernels& philox_kernels() noexcept {
#if defined(SKM_X86)
  if (active_isa() == Isa::avx512) return philox_kernels_avx512();
  if (active_isa() == Isa::avx2) return philox_kernels_avx2();
#endif
  return philox_kernels_baseline();
}

namespace {

__extension__ typedef unsigned __int128 uint128;

constexpr std::size_t kGrain = 1u << 17;  // draws that pay for a thread
// Words on the stack, and draws that a thread takes at a time: whole groups of vectors on every instruction
// set.
constexpr std::size_t kPiece = 1280;
constexpr std::size_t kBlock = 8 * kPiece;

template <class Body>
void in_blocks(std::size_t count, unsigned threads, Body&& body) {
  parallel_blocks(count, kBlock, part_count(count, kGrain, threads), body);
}

// body(begin, words) for pieces of [0, count) with their words.
template <class Body>
void in_pieces(std::uint64_t key, std::uint64_t first, std::size_t count, unsigned threads, Body&& body) {
  const PhiloxKernels& kernels = philox_kernels();
  in_blocks(count, threads, [&](std::size_t begin, std::size_t end) {
    std::uint64_t words[kPiece];
    for (; begin < end; begin += kPiece) {
      const std::size_t size = std::min(kPiece, end - begin);
      kernels.words(key, first + begin, size, words);
      body(begin, std::span<const std::uint64_t>(words, size));
    }
  });
}

// One draw below `range`, of index i: with as many words as it takes.
[[gnu::noinline]] std::uint64_t draw_below(std::uint64_t key, std::uint64_t i, std::uint64_t range,
                                           std::uint64_t shortfall) noexcept {
  for (std::uint64_t attempt = 0;; ++attempt) {
    const std::uint64_t word = random_block(key, i / 2, attempt).half[i % 2];
    const uint128 product = static_cast<uint128>(word) * range;
    if (static_cast<std::uint64_t>(product) >= shortfall) return static_cast<std::uint64_t>(product >> 64);
  }
}

// scale64 or scale32 where the range is too wide for them; 0 stands for 2^64.
template <class T>
std::size_t scale_wide(std::span<const std::uint64_t> words, std::uint64_t low, std::uint64_t range,
                       std::uint64_t shortfall, T* out, std::uint32_t* suspects) noexcept {
  std::size_t listed = 0;
  for (std::size_t j = 0; j < words.size(); ++j) {
    const uint128 product = static_cast<uint128>(words[j]) * range;
    out[j] = static_cast<T>(low + (range == 0 ? words[j] : static_cast<std::uint64_t>(product >> 64)));
    suspects[listed] = static_cast<std::uint32_t>(j);
    listed += static_cast<std::uint64_t>(product) < shortfall ? 1 : 0;
  }
  return listed;
}

}  // namespace

void fill_words(std::uint64_t key, std::uint64_t first, std::span<std::uint64_t> out, unsigned threads) {
  in_blocks(out.size(), threads, [&](std::size_t begin, std::size_t end) {
    philox_kernels().words(key, first + begin, end - begin, out.data() + begin);
  });
}

void fill_doubles(std::uint64_t key, std::uint64_t first, std::span<double> out, unsigned threads) {
  in_blocks(out.size(), threads, [&](std::size_t begin, std::size_t end) {
    philox_kernels().doubles(key, first + begin, end - begin, out.data() + begin);
  });
}

void fill_floats(std::uint64_t key, std::uint64_t first, std::span<float> out, unsigned threads) {
  in_pieces(key, first, out.size(), threads, [&](std::size_t begin, std::span<const std::uint64_t> words) {
    for (std::size_t j = 0; j < words.size(); ++j) {
      out[begin + j] = static_cast<float>(static_cast<std::int32_t>(words[j] >> 40)) * 0x1p-24f;
    }
  });
}

template <class T>
void fill_integers(std::uint64_t key, std::uint64_t first, std::uint64_t low, std::uint64_t range,
                   std::span<T> out, unsigned threads) {
  const PhiloxKernels& kernels = philox_kernels();
  const std::uint64_t shortfall = range == 0 ? 0 : (0 - range) % range;  // 2^64 mod range
  in_pieces(key, first, out.size(), threads, [&](std::size_t begin, std::span<const std::uint64_t> words) {
    std::uint32_t suspects[kPiece];
    T* to = out.data() + begin;
    std::size_t listed = 0;
    if (range == 0 || range >> 32 != 0) {
      listed = scale_wide(words, low, range, shortfall, to, suspects);
    } else if constexpr (sizeof(T) == sizeof(std::uint64_t)) {
      listed = kernels.scale64(words.data(), words.size(), low, range, shortfall, to, suspects);
    } else {
      listed = kernels.scale32(words.data(), words.size(), low, range, shortfall, to, suspects);
    }
    for (std::size_t j = 0; j < listed; ++j) {
      const std::uint32_t at = suspects[j];
      to[at] = static_cast<T>(low + draw_below(key, first + begin + at, range, shortfall));
    }
  });
}

template void fill_integers<std::uint32_t>(std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t,
                                           std::span<std::uint32_t>, unsigned);
template void fill_integers<std::uint64_t>(std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t,
                                           std::span<std::uint64_t>, unsigned);

}  // namespace skm
