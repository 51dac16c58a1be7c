// Arrays of random numbers: ranges of indices split over threads and cut into pieces that stay in cache.
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

constexpr std::size_t kGrain = 1u << 15;  // draws that pay for a thread
constexpr std::size_t kPiece = 1024;      // words on the stack

template <class Body>
void in_parts(std::size_t count, unsigned threads, Body&& body) {
  parallel_ranges(count, part_count(count, kGrain, threads),
                  [&](std::size_t, std::size_t begin, std::size_t end) { body(begin, end); });
}

// body(begin, words) for pieces of [0, count) with their words.
template <class Body>
void in_pieces(std::uint64_t key, std::uint64_t first, std::size_t count, unsigned threads, Body&& body) {
  const PhiloxKernels& kernels = philox_kernels();
  in_parts(count, threads, [&](std::size_t begin, std::size_t end) {
    std::uint64_t words[kPiece];
    for (; begin < end; begin += kPiece) {
      const std::size_t size = std::min(kPiece, end - begin);
      kernels.words(key, first + begin, size, words);
      body(begin, std::span<const std::uint64_t>(words, size));
    }
  });
}

// The draw at index i when its first word fell short.
[[gnu::noinline]] std::uint64_t redrawn(std::uint64_t key, std::uint64_t i, std::uint64_t range,
                                        std::uint64_t shortfall) noexcept {
  for (std::uint64_t attempt = 1;; ++attempt) {
    const std::uint64_t word = random_block(key, i / 2, attempt).half[i % 2];
    const uint128 product = static_cast<uint128>(word) * range;
    if (static_cast<std::uint64_t>(product) >= shortfall) return static_cast<std::uint64_t>(product >> 64);
  }
}

}  // namespace

void fill_words(std::uint64_t key, std::uint64_t first, std::span<std::uint64_t> out, unsigned threads) {
  in_parts(out.size(), threads, [&](std::size_t begin, std::size_t end) {
    philox_kernels().words(key, first + begin, end - begin, out.data() + begin);
  });
}

void fill_doubles(std::uint64_t key, std::uint64_t first, std::span<double> out, unsigned threads) {
  in_parts(out.size(), threads, [&](std::size_t begin, std::size_t end) {
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
  const std::uint64_t shortfall = range == 0 ? 0 : (0 - range) % range;  // 2^64 mod range
  in_pieces(key, first, out.size(), threads, [&](std::size_t begin, std::span<const std::uint64_t> words) {
    for (std::size_t j = 0; j < words.size(); ++j) {
      const uint128 product = static_cast<uint128>(words[j]) * range;
      std::uint64_t x = range == 0 ? words[j] : static_cast<std::uint64_t>(product >> 64);
      if (static_cast<std::uint64_t>(product) < shortfall) [[unlikely]] {
        x = redrawn(key, first + begin + j, range, shortfall);
      }
      out[begin + j] = static_cast<T>(low + x);
    }
  });
}

template void fill_integers<std::uint32_t>(std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t,
                                           std::span<std::uint32_t>, unsigned);
template void fill_integers<std::uint64_t>(std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t,
                                           std::span<std::uint64_t>, unsigned);

}  // namespace skm
