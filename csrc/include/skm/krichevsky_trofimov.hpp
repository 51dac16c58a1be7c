// Order-k Krichevsky-Trofimov code: in every context of k bytes a Dirichlet(alpha) estimator over 256
// symbols.
//
// Its length depends on counts alone, so it is computed twice over: from counts (`Counts`, `bits`), in any
// order and split anyhow, and in sequence (`sequential_bits`, `encode`, `decode`), a byte at a time. By the
// chain rule both are the same number.
//
// alpha is a fraction, so the sequential probabilities (q c + p) / (q n + 256 p) are ratios of integers and
// a stream is the same on every machine. Alpha = 1/2 is Krichevsky and Trofimov's (1981).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace skm::kt {

inline constexpr int kMaxOrder = 8;
/// Bounds of alpha = numerator / denominator: frequencies stay far from 64 bits.
inline constexpr uint32_t kMaxNumerator = 1u << 20;
inline constexpr uint32_t kMaxDenominator = 1u << 12;
/// Longest document that `encode` takes: counts of the adaptive model have 32 bits.
inline constexpr uint64_t kMaxStreamBytes = (uint64_t{1} << 31) - 1;

struct Parameters {
  int order = 0;             ///< bytes of context, 0 to kMaxOrder
  uint32_t numerator = 1;    ///< of alpha, 1 to kMaxNumerator
  uint32_t denominator = 2;  ///< of alpha, 1 to kMaxDenominator

  double alpha() const { return static_cast<double>(numerator) / denominator; }
};

/// The last k bytes as a number, the most recent in the most significant byte; unused bytes are zero.
using Context = uint64_t;

/// The context after `byte` follows `context`.
inline Context next_context(Context context, uint8_t byte, int order) noexcept {
  const Context mask = order == 0 ? 0 : ~Context{0} << (64 - 8 * order);
  return ((context >> 8) | (static_cast<Context>(byte) << 56)) & mask;
}

/// A document, or a part of one: `context` is what stands before its first byte (0 at a document's start).
struct Document {
  std::span<const uint8_t> bytes;
  Context context = 0;
};

/// How often each byte followed each context; rows sorted by context, then symbol, each pair once.
struct Counts {
  std::vector<Context> contexts;
  std::vector<uint8_t> symbols;
  std::vector<uint64_t> counts;
};

/// A Counts that lives elsewhere.
struct CountsView {
  std::span<const Context> contexts;
  std::span<const uint8_t> symbols;
  std::span<const uint64_t> counts;
};

/// Counts of `documents` together. Works in passes over ranges of contexts, so that besides the result it
/// holds about `memory_bytes` (at least 1 MiB); 16 bytes per input byte make one pass.
Counts count(std::span<const Document> documents, int order, int threads, uint64_t memory_bytes);

/// Sum of two counts.
Counts add(const CountsView& left, const CountsView& right);

/// Code length in bits of any documents with these counts.
double bits(const CountsView& counts, const Parameters& parameters);

/// Code length in bits of `documents` coded as one; keeps no counts. The same number for any `threads` and
/// `memory_bytes`, up to rounding.
double bits(std::span<const Document> documents, const Parameters& parameters, int threads,
            uint64_t memory_bytes);

/// Code length of each document alone; `out` has one double per document.
void bits_each(std::span<const Document> documents, const Parameters& parameters, int threads,
               uint64_t memory_bytes, double* out);

/// Bits of every byte given those before it; `out` has one double per byte of all documents.
void sequential_bits(std::span<const Document> documents, const Parameters& parameters, double* out);

/// Payload of `document`, at most kMaxStreamBytes long.
std::vector<uint8_t> encode(std::span<const uint8_t> document, const Parameters& parameters);

/// Fills `out` from `payload`. Returns false, with the payload bytes read so far in `*place`, when no encoder
/// wrote `payload` for this many bytes. Memory grows with the bytes decoded, never with anything declared.
bool decode(std::span<const uint8_t> payload, const Parameters& parameters, std::span<uint8_t> out,
            uint64_t* place);

}  // namespace skm::kt
