// Philox one block at a time: what every other instruction set must equal.
#include "skm/philox.hpp"

#include "philox.hpp"

namespace skm {
namespace {

template <class T, class Convert>
inline void fill(std::uint64_t key, std::uint64_t first, std::size_t count, T* out, Convert convert) {
  std::size_t j = 0;
  if (count > 0 && first % 2 == 1) out[j++] = convert(random_block(key, first / 2).half[1]);
  for (; j + 2 <= count; j += 2) {
    const RandomBlock block = random_block(key, (first + j) / 2);
    out[j] = convert(block.half[0]);
    out[j + 1] = convert(block.half[1]);
  }
  if (j < count) out[j] = convert(random_block(key, (first + j) / 2).half[0]);
}

void words(std::uint64_t key, std::uint64_t first, std::size_t count, std::uint64_t* out) {
  fill(key, first, count, out, [](std::uint64_t word) { return word; });
}

void doubles(std::uint64_t key, std::uint64_t first, std::size_t count, double* out) {
  fill(key, first, count, out, [](std::uint64_t word) { return unit_double(word); });
}

void words_at(std::uint64_t key, const std::uint64_t* index, std::size_t count, std::uint64_t attempt,
              std::uint64_t* out) {
  for (std::size_t j = 0; j < count; ++j)
    out[j] = random_block(key, index[j] / 2, attempt).half[index[j] % 2];
}

template <class T>
std::size_t scale(const std::uint64_t* words, std::size_t count, std::uint64_t low, std::uint64_t range,
                  std::uint64_t shortfall, T* out, std::uint32_t* suspects) {
  std::size_t listed = 0;
  for (std::size_t j = 0; j < count; ++j) {
    const std::uint64_t middle = (words[j] >> 32) * range + ((words[j] & 0xFFFFFFFFu) * range >> 32);
    out[j] = static_cast<T>(low + (middle >> 32));
    suspects[listed] = static_cast<std::uint32_t>(j);
    listed += words[j] * range < shortfall ? 1 : 0;
  }
  return listed;
}

constexpr PhiloxKernels kKernels = {words, doubles, words_at, scale<std::uint64_t>, scale<std::uint32_t>};

}  // namespace

const PhiloxKernels& philox_kernels_baseline() noexcept { return kKernels; }

}  // namespace skm
