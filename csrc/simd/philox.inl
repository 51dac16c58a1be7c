// Kernels of Philox in vectors, compiled once per instruction set; the including file provides `lanes` and
// philox_blocks.inl.

void words(std::uint64_t key, std::uint64_t first, std::size_t count, std::uint64_t* out) {
  fill(
      key, first, count, out, [](std::uint64_t* to, Words x) { lanes::store(to, x); },
      philox_kernels_baseline().words);
}

void doubles(std::uint64_t key, std::uint64_t first, std::size_t count, double* out) {
  fill(
      key, first, count, out, [](double* to, Words x) { lanes::store(to, lanes::unit_double(x)); },
      philox_kernels_baseline().doubles);
}

void words_at(std::uint64_t key, const std::uint64_t* index, std::size_t count, std::uint64_t attempt,
              std::uint64_t* out) {
  const Keys keys(key);
  const Words attempt_low = lanes::word(attempt);
  const Words attempt_high = lanes::word(attempt >> 32);
  for (std::size_t j = 0; j < count; j += kLanes) {
    const Words i = lanes::load(index + j);
    const Words block = lanes::right<1>(i);
    State state[1] = {{block, lanes::upper_half(block), attempt_low, attempt_high}};
    Halves halves[1];
    finish<0>(state, keys, halves);
    lanes::store(out + j, lanes::if_odd(i, halves[0].half1, halves[0].half0));
  }
}

template <class T>
std::size_t scale(const std::uint64_t* words, std::size_t count, std::uint64_t low, std::uint64_t range,
                  std::uint64_t shortfall, T* out, std::uint32_t* suspects) {
  const Words times = lanes::word(range);
  const Words limit = lanes::word((shortfall + 1) / 2);  // of half the product, which has no sign bit
  std::size_t listed = 0;
  std::size_t j = 0;
  for (; j + kLanes <= count; j += kLanes) {
    const Words word = lanes::load(words + j);
    const Words lower = lanes::multiply_low(word, times);
    const Words middle =
        lanes::add(lanes::multiply_low(lanes::right<32>(word), times), lanes::right<32>(lower));
    lanes::store(out + j, lanes::add(lanes::word(low), lanes::right<32>(middle)));
    for (unsigned mask = lanes::below(lanes::right<1>(lanes::joined(lower, middle)), limit); mask != 0;
         mask &= mask - 1) {
      suspects[listed++] = static_cast<std::uint32_t>(j) + static_cast<unsigned>(__builtin_ctz(mask));
    }
  }
  for (; j < count; ++j) {
    const std::uint64_t middle = (words[j] >> 32) * range + ((words[j] & 0xFFFFFFFFu) * range >> 32);
    out[j] = static_cast<T>(low + (middle >> 32));
    if (words[j] * range < shortfall) suspects[listed++] = static_cast<std::uint32_t>(j);
  }
  return listed;
}

constexpr PhiloxKernels kKernels = {words, doubles, words_at, scale<std::uint64_t>, scale<std::uint32_t>};
