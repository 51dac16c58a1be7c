// Byte code lengths by one table load a symbol. Also what AVX2 runs: its shuffles look up 16 entries,
// so a table of 256 in six planes would take 96 of them for 32 symbols, more than 32 loads.
#include "code_length.hpp"

namespace skm {
namespace {

bool sum_bytes(const std::uint8_t* symbols, std::size_t count, const std::uint64_t* table, const BytePlanes&,
               std::uint64_t* total) {
  constexpr std::size_t kRun = CodeLengthTable::kSafeAdditions;
  std::size_t i = 0;
  std::uint64_t sum = 0;
  for (; i + kRun <= count; i += kRun) {
    std::uint64_t part[4] = {0, 0, 0, 0};
    for (std::size_t j = i; j < i + kRun; j += 8) {
      std::uint64_t word;
      __builtin_memcpy(&word, symbols + j, 8);  // byte order does not matter to a sum
      for (int k = 0; k < 8; ++k) part[k & 3] += table[(word >> (8 * k)) & 255];
    }
    const std::uint64_t run = part[0] + part[1] + part[2] + part[3];
    if (run >= CodeLengthTable::kImpossible) return false;
    sum += run;
  }
  std::uint64_t rest = 0;
  for (; i < count; ++i) rest += table[symbols[i]];
  *total = sum + rest;
  return rest < CodeLengthTable::kImpossible;
}

void lengths(const double* probabilities, std::size_t count, double scale, std::uint64_t* units) {
  for (std::size_t s = 0; s < count; ++s) units[s] = length_units(probabilities[s], scale);
}

constexpr CodeLengthKernels kKernels = {sum_bytes, lengths};

}  // namespace

const CodeLengthKernels& code_length_kernels_baseline() noexcept { return kKernels; }

}  // namespace skm
