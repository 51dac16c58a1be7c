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

constexpr PhiloxKernels kKernels = {words, doubles, words_at};
