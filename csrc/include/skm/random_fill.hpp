// Arrays of random numbers of one stream, in vectors and on several threads.
//
// Draw i takes word i of the stream: half i % 2 of block (i / 2, 0) of skm/philox.hpp. A draw that may need
// more words (integers, Zipf) takes for attempt a the same half of block (i / 2, a). So every element is a
// function of (key, index) alone: the same for any split of the range, on any processor.
//
// `first` is the index of the first draw; indices are taken modulo 2^64. `threads` >= 1 is the most threads
// used. Functions may throw std::bad_alloc or std::system_error where a thread cannot be had.
#pragma once

#include <cstdint>
#include <span>

namespace skm {

/// Words of the stream.
void fill_words(std::uint64_t key, std::uint64_t first, std::span<std::uint64_t> out, unsigned threads);

/// Uniform on [0, 1), multiples of 2^-53.
void fill_doubles(std::uint64_t key, std::uint64_t first, std::span<double> out, unsigned threads);

/// Uniform on [0, 1), multiples of 2^-24: the upper 24 bits of each word.
void fill_floats(std::uint64_t key, std::uint64_t first, std::span<float> out, unsigned threads);

/// Uniform on low ... low + range - 1, exactly: words whose product with the range falls short are drawn
/// again (Lemire 2019, "Fast random integer generation in an interval"). range 0 stands for 2^64. Sums are
/// modulo 2^64, so signed and unsigned results are the same words; T is std::uint64_t or std::uint32_t.
template <class T>
void fill_integers(std::uint64_t key, std::uint64_t first, std::uint64_t low, std::uint64_t range,
                   std::span<T> out, unsigned threads);

}  // namespace skm
