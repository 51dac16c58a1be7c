// Cross-entropy of a language-model head, softmax(x weight^T + bias), without the logits ever lying in
// memory: tiles of them are made, folded into running sums and forgotten.
//
// The loss of token i with target t among V is, in nats, with z the transformed logits of its row and L their
// log-sum-exp,
//
//   (1 - label_smoothing) (L - z[t]) + label_smoothing (L - mean(z)) + z_loss L^2,
//   z = softcap tanh(logit_scale (x w + bias) / softcap),
//
// and 0 where the target is ignored. T is float, std::uint16_t for the upper halves of floats (bfloat16,
// taken as exact), or double. Products are summed in float32, sums over the vocabulary in double beyond 96
// terms; for double, which is there to check gradients, everything is plain loops.
//
// Results depend on the instruction set in use (isa.hpp, matrix_unit.hpp), not on the number of threads. With
// tiles of bytes, float32 logits are products of fixed-point numbers of 24 bits, each row of x and of weight
// in steps of 2^-23 of its largest element or less; with tiles of bfloat16 alone, of sums of three of those,
// exact to 24 bits. In the products that make gradients tiles take 16 bits. Where x or weight holds numbers
// from 2^32 on, infinities or NaN, the work is done again in float32 proper. A logit of -inf is an impossible
// entry; a NaN or +inf makes the token's results NaN.
//
// Nothing throws but std::bad_alloc. Targets must have been checked (first_wrong_target).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

namespace skm {

/// What losses and gradients are given in.
template <class T>
using Wide = std::conditional_t<std::is_same_v<T, double>, double, float>;

struct LossObjective {
  std::int64_t ignore_index = -100;
  double logit_scale = 1.0;
  double softcap = 0.0;  // 0 for none
  double label_smoothing = 0.0;
  double z_loss = 0.0;
};

/// Matrices without gaps: x is (tokens, width), weight (vocabulary, width). vocabulary >= 1.
template <class T>
struct LinearHead {
  const T* x;
  const T* weight;
  const Wide<T>* bias;  // (vocabulary) or null
  const std::int64_t* target;
  std::size_t tokens, width, vocabulary;
};

/// Given logits (tokens, vocabulary) without gaps.
template <class T>
struct GivenLogits {
  const T* logits;
  const std::int64_t* target;
  std::size_t tokens, vocabulary;
};

/// Per token. Entropy (of the predicted distribution, in nats) and argmax (the lowest of several) are
/// computed only where they are not null.
template <class T>
struct TokenLosses {
  Wide<T>* loss;
  Wide<T>* log_sum_exp;
  Wide<T>* entropy = nullptr;
  std::int64_t* argmax = nullptr;
};

/// Gradients by the results, per token, and what the forward pass found.
template <class T>
struct Upstream {
  const Wide<T>* log_sum_exp_found;
  const Wide<T>* entropy_found = nullptr;  // needed with `entropy`
  const Wide<T>* loss = nullptr;           // null for zero, as are the next two
  const Wide<T>* log_sum_exp = nullptr;
  const Wide<T>* entropy = nullptr;
};

/// Where gradients go; null for those not wanted. Shapes of x, weight and bias.
template <class T>
struct HeadGradients {
  T* x = nullptr;
  T* weight = nullptr;
  Wide<T>* bias = nullptr;
};

/// Index of the first target that is neither in [0, vocabulary) nor ignored; targets.size() if there is none.
std::size_t first_wrong_target(std::span<const std::int64_t> targets, std::size_t vocabulary,
                               std::int64_t ignore_index) noexcept;

template <class T>
void linear_cross_entropy(const LinearHead<T>& head, const LossObjective& objective,
                          const TokenLosses<T>& losses, unsigned threads);

/// Logits are made a second time.
template <class T>
void linear_cross_entropy_backward(const LinearHead<T>& head, const LossObjective& objective,
                                   const Upstream<T>& upstream, const HeadGradients<T>& gradients,
                                   unsigned threads);

/// The same from logits, read once.
template <class T>
void cross_entropy(const GivenLogits<T>& given, const LossObjective& objective, const TokenLosses<T>& losses,
                   unsigned threads);

/// Gradient by the logits, (tokens, vocabulary).
template <class T>
void cross_entropy_backward(const GivenLogits<T>& given, const LossObjective& objective,
                            const Upstream<T>& upstream, T* gradient, unsigned threads);

}  // namespace skm
