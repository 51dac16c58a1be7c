// Llama decoders (Touvron and others 2023) in float32: hidden states of whole windows, or logits token by
// token.
//
// RMSNorm, rotary positions, grouped-query attention and SwiGLU; no biases, no gradients. What a token's
// states are depends on the tokens before it in its window and on nothing else: not on other windows, on how
// many are computed at once, on threads, on the instruction set (csrc/simd/llama.hpp), and they are the same
// for whole windows as token by token. They are so to the last bit, as long as all numbers stay finite; from
// an infinity or a NaN on, that window's states need not be numbers.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "skm/big_buffer.hpp"

namespace skm {

struct LlamaSizes {
  std::size_t width, hidden_width, num_layers, num_heads, num_kv_heads, head_width, vocabulary;
  double epsilon = 1e-5;
  double rotation_base = 10000.0;
};

/// Row-major matrices as files have them, per layer one after the other. Queries and keys have the first
/// members of all rotated pairs of a head in front of the second ones.
struct LlamaWeights {
  const float* embedding;       // (vocabulary, width)
  const float* attention_norm;  // (layers, width)
  const float* query;           // (layers, num_heads * head_width, width)
  const float* key;             // (layers, num_kv_heads * head_width, width)
  const float* value;           // the same
  const float* output;          // (layers, width, num_heads * head_width)
  const float* feed_norm;       // (layers, width)
  const float* gate;            // (layers, hidden_width, width)
  const float* up;              // the same
  const float* down;            // (layers, width, hidden_width)
  const float* final_norm;      // (width)
  const float* head;            // (vocabulary, width)
};

namespace detail {
struct LlamaRun;
struct LlamaWorkspace;
class LlamaCache;
}  // namespace detail

class Llama {
 public:
  /// Copies and packs the weights. Sizes are at least 1, head_width is even, num_heads a multiple of
  /// num_kv_heads. Throws std::bad_alloc.
  Llama(const LlamaSizes& sizes, const LlamaWeights& weights);
  ~Llama();
  Llama(const Llama&) = delete;
  Llama& operator=(const Llama&) = delete;

  const LlamaSizes& sizes() const noexcept { return sizes_; }

  /// Hidden states (tokens, width), normed and scaled, behind each token of windows that lie one behind the
  /// other: window i is tokens[offsets[i]] to tokens[offsets[i + 1] - 1]. Tokens are below the vocabulary.
  /// Throws std::bad_alloc.
  void hidden(std::span<const std::int64_t> tokens, std::span<const std::size_t> offsets, float* out,
              unsigned threads) const;

  /// Bits of targets[i], -log2 of the probability that it has behind tokens[i]; 0 where the target is
  /// negative, not a number where the model gives none. Throws std::bad_alloc.
  void bits(std::span<const std::int64_t> tokens, std::span<const std::size_t> offsets,
            std::span<const std::int64_t> targets, double* out, unsigned threads) const;

 private:
  friend class LlamaSteps;
  struct Layer {
    BigBuffer<float> projections, output, gate_up, down;
  };

  template <class Visit>
  void walk(std::span<const std::int64_t> tokens, std::span<const std::size_t> offsets, unsigned threads,
            const Visit& visit) const;
  void measure(std::span<const std::int64_t> targets, detail::LlamaWorkspace& work,
               double* out) const noexcept;
  void extend(std::span<const std::int64_t> tokens, std::span<const detail::LlamaRun> runs,
              const detail::LlamaCache& cache, detail::LlamaWorkspace& work) const noexcept;
  void attend(std::span<const detail::LlamaRun> runs, std::size_t layer, std::size_t block,
              const detail::LlamaCache& cache, detail::LlamaWorkspace& work) const noexcept;

  LlamaSizes sizes_;
  std::vector<double> frequencies_;  // (head_width / 2): angles of position 1
  BigBuffer<float> embedding_;
  std::vector<Layer> layers_;
  std::vector<float> final_norm_;
  BigBuffer<float> head_;
};

/// Windows side by side, one token of each at a time.
class LlamaSteps {
 public:
  /// For so many windows of at most `length` tokens. `model` must outlive this. Throws std::bad_alloc.
  LlamaSteps(const Llama& model, std::size_t windows, std::size_t length);
  ~LlamaSteps();

  std::size_t windows() const noexcept { return windows_; }
  std::size_t length() const noexcept { return length_; }
  /// Tokens so far of each window that had every step.
  std::size_t position() const noexcept { return position_; }

  /// Logits (tokens, vocabulary) behind the next tokens of the first tokens.size() <= windows() windows,
  /// fewer from one step to the next or as many. position() < length().
  void logits(std::span<const std::int64_t> tokens, float* out);

 private:
  const Llama& model_;
  std::size_t windows_, length_, position_ = 0;
  std::unique_ptr<detail::LlamaCache> cache_;
  std::unique_ptr<detail::LlamaWorkspace> work_;
};

}  // namespace skm
