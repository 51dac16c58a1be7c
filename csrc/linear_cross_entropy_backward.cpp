// Backward pass of the linear cross-entropy. With G (vocabulary, tokens) the gradient by the logits,
//
//   dx = G^T weight,   dweight = G x,   dbias = G 1.
//
// For each block of weight rows all tokens pass by, in chunks: logits are made again and turned into G where
// they are made; G, packed both ways, gives the block's share of dx at once and, when a chunk is through, of
// dweight. So weight and its gradient pass through memory once, and of G a block by a chunk exists. Every sum
// is made by one thread in one order.
//
// A chunk that is not the only one is packed again for every block. Float32 rather makes one pass for each
// chunk, and adds to dweight, which is float32 itself.
#include <atomic>
#include <cmath>

#include "coordinate_factors.hpp"
#include "head_blocks.hpp"
#include "skm/linear_cross_entropy.hpp"
#include "team.hpp"

namespace skm {
namespace {

/// Packed tokens at a time, and no more than kMaxChunk of them: 1024 of width 768 in three bytes.
constexpr std::size_t kTokenBytes = (std::size_t{9} << 18) + (std::size_t{1} << 14);
constexpr std::size_t kMaxChunk = 1024;

/// What becomes of 32 lanes of logits.
struct LaneSlopes {
  TokenSlopes all;
  float on_target[kLanes];  // subtracted at the target
  bool none[kLanes];        // no slope at all, whatever the logits: ignored tokens, lanes without one
  bool some_none = false;
};

/// Of `tokens` tokens from `token` on.
template <class T>
void set_slopes(const LinearHead<T>& head, const LossObjective& objective, const Upstream<T>& upstream,
                std::size_t token, std::size_t tokens, LaneSlopes& lanes) noexcept {
  TokenSlopes& slopes = lanes.all;
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    const bool here = lane < tokens;
    const std::size_t i = here ? token + lane : 0;
    const auto of = [&](const float* values) { return here && values != nullptr ? values[i] : 0.0f; };
    const bool ignored = !here || head.target[i] == objective.ignore_index;
    const float up = ignored ? 0.0f : of(upstream.loss);
    const auto smoothing = static_cast<float>(objective.label_smoothing);
    const float log_sum_exp = upstream.log_sum_exp_found[i];
    slopes.log_sum_exp[lane] = log_sum_exp;
    slopes.on_probability[lane] = of(upstream.log_sum_exp);
    if (up != 0.0f) {
      slopes.on_probability[lane] += up * (1.0f + 2.0f * static_cast<float>(objective.z_loss) * log_sum_exp);
    }
    slopes.on_surprise[lane] = of(upstream.entropy);
    slopes.entropy[lane] = of(upstream.entropy_found);
    slopes.everywhere[lane] = up * smoothing / static_cast<float>(head.vocabulary);
    lanes.on_target[lane] = up * (1.0f - smoothing);
    lanes.none[lane] = up == 0.0f && of(upstream.log_sum_exp) == 0.0f && of(upstream.entropy) == 0.0f;
    lanes.some_none = lanes.some_none || lanes.none[lane];
  }
}

template <class T>
std::size_t chunk_tokens(const PanelKernels& panels, const LinearHead<T>& head) noexcept {
  const std::size_t depth = padded_depth(panels, head.width);
  return std::clamp<std::size_t>(kTokenBytes / panels.bytes(1, depth) / kLanes * kLanes, kLanes,
                                 std::min(kMaxChunk, rounded_up(head.tokens, kLanes)));
}

template <class T>
class BackwardPass {
 public:
  BackwardPass(const LinearHead<T>& head, const LossObjective& objective, const Upstream<T>& upstream,
               const HeadGradients<T>& gradients, bool add, unsigned threads, bool careful)
      : head_(head),
        objective_(objective),
        upstream_(upstream),
        gradients_(gradients),
        add_(add),
        panels_(panel_kernels<T>(careful)),
        slope_panels_(slope_panel_kernels<T>(careful)),
        factors_(panels_, head),
        depth_(padded_depth(panels_, head.width)),
        width_rows_(rounded_up(depth_, panels_.row_unit)),
        block_rows_(std::min(std::max(block_rows(panels_, depth_, head.vocabulary), 2 * kTileRows),
                             std::min(4 * kTileRows, rounded_up(head.vocabulary, kTileRows)))),
        chunk_(chunk_tokens(panels_, head)),
        threads_(std::min(std::max(threads, 1u), 256u)),
        tokens_(bytes(chunk_, depth_)),
        token_lanes_(gradients.weight == nullptr ? 0 : slope_bytes(depth_, chunk_)),
        rows_(bytes(block_rows_, depth_)),
        columns_(gradients.x == nullptr ? 0 : slope_bytes(width_rows_, block_rows_)),
        slope_rows_(gradients.weight == nullptr ? 0 : slope_bytes(block_rows_, chunk_)),
        slope_lanes_(gradients.x == nullptr ? 0 : threads_ * slope_bytes(kLanes, block_rows_)),
        tiles_(threads_ * kTileRows * kLanes),
        by_x_(gradients.x == nullptr ? 0 : rounded_up(head.tokens, kLanes) * width_rows_),
        by_weight_(gradients.weight == nullptr || head.tokens <= chunk_ ? 0 : block_rows_ * depth_),
        row_sums_(gradients.bias == nullptr ? 0 : chunk_ / kLanes * block_rows_),
        by_bias_(gradients.bias == nullptr ? 0 : block_rows_) {}

  /// Whether all numbers were of a size that the kernels take.
  bool run() {
    Team team(threads_, panels_.begin, panels_.end);
    for (row_ = 0; row_ < head_.vocabulary; row_ += block_rows_) {
      here_ = std::min(block_rows_, head_.vocabulary - row_);
      block_depth_ = rounded_up(here_, kDepthUnit);
      const std::size_t tiles = (here_ + kTileRows - 1) / kTileRows;
      team.run(tiles, [&](std::size_t tile, unsigned) { pack_weight(tile * kTileRows); });
      for (first_ = 0; first_ < head_.tokens; first_ += chunk_) {
        count_ = std::min(chunk_, head_.tokens - first_);
        chunk_depth_ = rounded_up(count_, kLanes);
        const std::size_t blocks = chunk_depth_ / kLanes;
        const bool again = row_ != 0 && head_.tokens <= chunk_;
        if (!again) team.run(blocks, [&](std::size_t block, unsigned) { pack_tokens(block * kLanes); });
        team.run(blocks, [&](std::size_t block, unsigned worker) { add_tokens(block * kLanes, worker); });
        if (gradients_.weight != nullptr) {
          const std::size_t across = depth_ / kLanes;
          team.run(tiles * across, [&](std::size_t task, unsigned worker) {
            add_weight(task / across * kTileRows, task % across * kLanes, worker);
          });
        }
        if (gradients_.bias != nullptr) add_bias(blocks);
      }
    }
    if (gradients_.x != nullptr) {
      team.run((head_.tokens + kLanes - 1) / kLanes,
               [&](std::size_t block, unsigned) { write_x(block * kLanes); });
    }
    return panels_.largest_magnitude == 0 || largest_.load() < panels_.largest_magnitude;
  }

 private:
  std::size_t bytes(std::size_t count, std::size_t depth) const noexcept {
    return panels_.bytes(count, depth);
  }
  std::size_t slope_bytes(std::size_t count, std::size_t depth) const noexcept {
    return slope_panels_.bytes(count, depth);
  }
  const PackKernels<T>& slope_pack() const noexcept { return pack_kernels<T>(slope_panels_); }
  const PackKernels<T>& pack() const noexcept { return pack_kernels<T>(panels_); }

  void note(std::uint32_t magnitude) noexcept {
    std::uint32_t seen = largest_.load(std::memory_order_relaxed);
    while (magnitude > seen && !largest_.compare_exchange_weak(seen, magnitude)) {
    }
  }

  void pack_weight(std::size_t at) noexcept {
    const T* weight = head_.weight + (row_ + at) * head_.width;
    const std::size_t rows = std::min(kTileRows, here_ - at);
    note(pack().rows(weight, head_.width, rows, head_.width,
                     {rows_.get() + bytes(at, depth_), depth_, 0, factors_.of_weight()}));
    if (gradients_.x != nullptr) {
      slope_pack().rows_transposed(weight, head_.width, head_.width, rows,
                                   {columns_.get(), block_depth_, at});
    }
  }

  void pack_tokens(std::size_t token) noexcept {
    const T* x = head_.x + (first_ + token) * head_.width;
    const std::size_t tokens = std::min(kLanes, count_ - token);
    note(pack().lanes_transposed(x, head_.width, tokens, head_.width,
                                 {tokens_.get() + bytes(token, depth_), depth_, 0, factors_.of_tokens()}));
    if (gradients_.weight != nullptr) {
      slope_pack().lanes(x, head_.width, head_.width, tokens, {token_lanes_.get(), chunk_depth_, token});
    }
  }

  // G of the block's rows for 32 tokens, and their share of dx.
  void add_tokens(std::size_t token, unsigned worker) noexcept {
    LaneSlopes slopes;
    const std::size_t tokens = std::min(kLanes, count_ - token);
    set_slopes(head_, objective_, upstream_, first_ + token, tokens, slopes);
    float* tile = tiles_.get() + worker * kTileRows * kLanes;
    char* lanes =
        slope_lanes_.get() + (gradients_.x == nullptr ? 0 : worker * slope_bytes(kLanes, block_rows_));
    for (std::size_t at = 0; at < here_; at += kTileRows) {
      const std::size_t rows = std::min(kTileRows, here_ - at);
      panels_.product(rows_.get() + bytes(at, depth_), tokens_.get() + bytes(token, depth_),
                      rounded_up(rows, panels_.row_unit), depth_, tile, kLanes, false);
      make_slopes(tile, at, rows, token, tokens, slopes);
      if (gradients_.weight != nullptr) {
        slope_panels_.from_float.rows(
            tile, kLanes, rows, kLanes,
            {slope_rows_.get() + slope_bytes(at, chunk_depth_), chunk_depth_, token});
      }
      if (gradients_.x != nullptr) {
        slope_panels_.from_float.lanes(tile, kLanes, kLanes, rows, {lanes, block_depth_, at});
      }
    }
    if (gradients_.x != nullptr) {
      slope_panels_.product(columns_.get(), lanes, width_rows_, block_depth_,
                            by_x_.get() + (first_ + token) * width_rows_, kLanes, row_ != 0);
    }
  }

  void make_slopes(float* tile, std::size_t at, std::size_t rows, std::size_t token, std::size_t tokens,
                   const LaneSlopes& slopes) noexcept {
    const std::size_t row = row_ + at;
    const LogitTransform how = transform_of(objective_, head_.bias == nullptr ? nullptr : head_.bias + row);
    const std::int64_t* target = head_.target + first_ + token;
    // The target's logit is needed for its slope under the cap; the gradient overwrites it.
    float wanted[kLanes];
    for (std::size_t lane = 0; lane < tokens; ++lane) {
      const std::uint64_t i = static_cast<std::uint64_t>(target[lane]) - row;
      if (i < rows) wanted[lane] = tile[i * kLanes + lane];
    }
    softmax_.gradient(tile, rows, how, slopes.all);
    for (std::size_t lane = 0; lane < tokens; ++lane) {
      const std::uint64_t i = static_cast<std::uint64_t>(target[lane]) - row;
      if (i < rows && slopes.on_target[lane] != 0.0f) {
        tile[i * kLanes + lane] -= slopes.on_target[lane] * slope_at(wanted[lane], how, i);
      }
    }
    if (slopes.some_none) {  // not zero yet where logits are not finite
      for (std::size_t i = 0; i < rows; ++i) {
        for (std::size_t lane = 0; lane < kLanes; ++lane) {
          tile[i * kLanes + lane] = slopes.none[lane] ? 0.0f : tile[i * kLanes + lane];
        }
      }
    }
    if (gradients_.bias == nullptr) return;
    float* sums = row_sums_.get() + token / kLanes * block_rows_ + at;
    for (std::size_t i = 0; i < rows; ++i) {
      float sum = 0.0f;
      for (std::size_t lane = 0; lane < kLanes; ++lane) sum += tile[i * kLanes + lane];
      sums[i] = sum;
    }
  }

  static float slope_at(float product, const LogitTransform& how, std::size_t i) noexcept {
    if (how.cap == 0.0f) return how.scale;
    const float z = how.scale * (product + (how.bias == nullptr ? 0.0f : how.bias[i]));
    const float t = std::tanh(z / how.cap);
    return how.scale * (1.0f - t * t);
  }

  void add_weight(std::size_t at, std::size_t column, unsigned worker) noexcept {
    const std::size_t rows = std::min(kTileRows, here_ - at);
    const bool one = head_.tokens <= chunk_;
    float* sum = one ? tiles_.get() + worker * kTileRows * kLanes
                     : by_weight_.get() + (column / kLanes * block_rows_ + at) * kLanes;
    slope_panels_.product(slope_rows_.get() + slope_bytes(at, chunk_depth_),
                          token_lanes_.get() + slope_bytes(column, chunk_depth_),
                          rounded_up(rows, panels_.row_unit), chunk_depth_, sum, kLanes, first_ != 0);
    if (first_ + count_ < head_.tokens) return;
    for (std::size_t i = 0; i < rows; ++i) {
      T* out = gradients_.weight + (row_ + at + i) * head_.width + column;
      const std::size_t columns = std::min(kLanes, head_.width - std::min(head_.width, column));
      if constexpr (std::is_same_v<T, float>) {
        for (std::size_t j = 0; add_ && j < columns; ++j) sum[i * kLanes + j] += out[j];
      }
      for (std::size_t j = 0; j < columns; ++j) narrow(sum[i * kLanes + j], out + j);
    }
  }

  void add_bias(std::size_t blocks) noexcept {
    const bool last = first_ + count_ == head_.tokens;
    for (std::size_t i = 0; i < here_; ++i) {
      double sum = first_ == 0 ? 0.0 : by_bias_[i];
      for (std::size_t block = 0; block < blocks; ++block) {
        sum += static_cast<double>(row_sums_[block * block_rows_ + i]);
      }
      by_bias_[i] = sum;
      gradients_.bias[row_ + i] = static_cast<float>(sum) + (add_ && last ? gradients_.bias[row_ + i] : 0.0f);
    }
  }

  void write_x(std::size_t token) noexcept {
    const float* sums = by_x_.get() + token * width_rows_;
    for (std::size_t lane = 0; lane < kLanes && token + lane < head_.tokens; ++lane) {
      T* out = gradients_.x + (token + lane) * head_.width;
      for (std::size_t i = 0; i < head_.width; ++i) narrow(sums[i * kLanes + lane], out + i);
    }
  }

  const LinearHead<T>& head_;
  const LossObjective& objective_;
  const Upstream<T>& upstream_;
  const HeadGradients<T>& gradients_;
  const bool add_;                    // to gradients by weight and bias that are there
  const PanelKernels& panels_;        // for logits
  const PanelKernels& slope_panels_;  // for products with G
  const CoordinateFactors<T> factors_;
  const SoftmaxKernels& softmax_ = softmax_kernels();
  const std::size_t depth_, width_rows_, block_rows_;
  const std::size_t chunk_;  // tokens at a time, a multiple of kLanes
  const unsigned threads_;
  Aligned<char> tokens_;       // lanes panels of x: k along the width
  Aligned<char> token_lanes_;  // lanes panels of x: k along the tokens
  Aligned<char> rows_;         // rows panel of weight
  Aligned<char> columns_;      // rows panel of weight transposed
  Aligned<char> slope_rows_;   // rows panel of G
  Aligned<char> slope_lanes_;  // lanes panel of G, for each thread
  Aligned<float> tiles_;       // for each thread
  Aligned<float> by_x_;        // dx as (block of lanes, width, lane)
  Aligned<float> by_weight_;   // dweight of the block as (block of columns, row, column), over several chunks
  Aligned<float> row_sums_;    // of G, for each block of lanes
  Aligned<double> by_bias_;
  std::atomic<std::uint32_t> largest_{0};
  // The block of weight rows and the chunk of tokens at hand.
  std::size_t row_ = 0, here_ = 0, block_depth_ = 0;
  std::size_t first_ = 0, count_ = 0, chunk_depth_ = 0;
};

template <class T>
void clear(const LinearHead<T>& head, const HeadGradients<T>& gradients) noexcept {
  if (gradients.weight != nullptr) std::fill_n(gradients.weight, head.vocabulary * head.width, T{});
  if (gradients.bias != nullptr) std::fill_n(gradients.bias, head.vocabulary, 0.0f);
}

/// Float32: one pass for each chunk of tokens. Others: one pass.
template <class T>
bool all_passes(const LinearHead<T>& head, const LossObjective& objective, const Upstream<T>& upstream,
                const HeadGradients<T>& gradients, unsigned threads, bool careful) {
  const std::size_t step =
      std::is_same_v<T, float> ? chunk_tokens(panel_kernels<T>(careful), head) : head.tokens;
  const auto from = [](auto* values, std::size_t i) { return values == nullptr ? nullptr : values + i; };
  bool right = true;
  for (std::size_t i = 0; right && i < head.tokens; i += step) {
    LinearHead<T> part = head;
    part.x += i * head.width;
    part.target += i;
    part.tokens = std::min(step, head.tokens - i);
    const Upstream<T> part_upstream = {from(upstream.log_sum_exp_found, i), from(upstream.entropy_found, i),
                                       from(upstream.loss, i), from(upstream.log_sum_exp, i),
                                       from(upstream.entropy, i)};
    const HeadGradients<T> part_gradients = {from(gradients.x, i * head.width), gradients.weight,
                                             gradients.bias};
    right = BackwardPass<T>(part, objective, part_upstream, part_gradients, i != 0, threads, careful).run();
  }
  return right;
}

}  // namespace

template <class T>
void linear_cross_entropy_backward(const LinearHead<T>& head, const LossObjective& objective,
                                   const Upstream<T>& upstream, const HeadGradients<T>& gradients,
                                   unsigned threads) {
  if (head.tokens == 0) {
    clear(head, gradients);
    return;
  }
  if (!all_passes(head, objective, upstream, gradients, threads, false)) {
    all_passes(head, objective, upstream, gradients, threads, true);
  }
}

template void linear_cross_entropy_backward(const LinearHead<float>&, const LossObjective&,
                                            const Upstream<float>&, const HeadGradients<float>&, unsigned);
template void linear_cross_entropy_backward(const LinearHead<std::uint16_t>&, const LossObjective&,
                                            const Upstream<std::uint16_t>&,
                                            const HeadGradients<std::uint16_t>&, unsigned);

}  // namespace skm
