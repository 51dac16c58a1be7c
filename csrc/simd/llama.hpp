// What a Llama decoder is made of, over panels: features below one another, tokens side by side in 32 lanes.
//
// Every result of a lane depends on that lane's numbers alone and on no other lane. All products are chains
// of fused multiply-adds in the order of the depth, one after the other, and the rest is + - * / and square
// roots of float32 in a fixed order: every instruction set gives the same bits.
#pragma once

#include <cstddef>
#include <cstdint>

namespace skm {

inline constexpr std::size_t kTokenLanes = 32;
/// Rows of a packed matrix lie in panels of so many: [panel][depth][row], the last one filled up with zeros.
inline constexpr std::size_t kPanelRows = 8;
/// Keys that are attended to at a time, at absolute positions: part of the order of summation.
inline constexpr std::size_t kKeyBlock = 128;

/// One head's queries of 32 lanes, and the keys and values of the window that some of them belong to.
struct Attention {
  const float* queries;       // (head_width, 32), in units of log2(e) / sqrt(head_width)
  const float* keys;          // packed rows: panels of 8 keys, depth head_width
  const float* values;        // panels of 8 entries of the head, each [key][entry]
  std::size_t values_stride;  // floats from one panel of values to the next
  std::size_t head_width;
  const std::int32_t* visible;  // (32): keys that each lane sees, 0 for lanes of other windows
  std::size_t count;            // the most of them, at least 1
  float* out;                   // (head_width, 32); lanes of other windows stay as they are
  float* scratch;               // (kKeyBlock + head_width rounded up to 8, 32)
};

struct LlamaKernels {
  /// c[i][lane] (+)= sum over k of rows[i][k] x[k][lane]; `rows` is a multiple of 8.
  void (*product)(const float* rows_panels, const float* x, std::size_t rows, std::size_t depth, float* c,
                  bool add);
  /// out = x / sqrt(mean of x^2 over the features + epsilon)
  void (*normalise)(const float* x, std::size_t width, float epsilon, float* out);
  /// Turns each of the heads' pairs (i, i + half) by the angle with these cosines and sines, (half, 32).
  void (*rotate)(float* heads, std::size_t num_heads, std::size_t half, const float* cosines,
                 const float* sines);
  /// gate[i] = gate[i] / (1 + exp(-gate[i])) * gate[count + i]
  void (*activate)(float* gate, std::size_t count);
  void (*attend)(const Attention& attention);
  /// Folds rows of logits (rows, 32) into each lane's maximum (-FLT_MAX at first) and sum of exp(z -
  /// maximum).
  void (*fold)(const float* logits, std::size_t rows, float* max, double* sum);
};

const LlamaKernels& llama_kernels_baseline() noexcept;
const LlamaKernels& llama_kernels_avx2() noexcept;
const LlamaKernels& llama_kernels_avx512() noexcept;

}  // namespace skm
