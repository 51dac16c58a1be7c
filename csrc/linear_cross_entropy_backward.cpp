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
//
// Memory, for N tokens in chunks of C, width D, blocks of R rows; e and s are the bytes of an element packed
// for logits and for gradients (2 and 2 for bfloat16; 3 and 4 for float32 with tiles), W workers:
//
//   tokens, for logits                 C D e     bfloat16: none where dx's own memory holds them
//   tokens, for dweight                C D s
//   rows of weight, and transposed     R D (e + s)
//   G                                  R C s
//   sums of dx                         4 N D     float32: none where dx's own memory holds them
//   a group of G and a tile            W (128 R s + 12 KiB)
//   sums of dweight                    4 R D     bfloat16 with N > C
//
// N x D x V                float32, of its logits    bfloat16, of float32 logits
// 1024 x 768 x 50257       7.4 MB, 3.6 %             6.8 MB, 3.3 %
// 4096 x 256 x 8192        3.6 MB, 2.7 %             5.7 MB, 4.3 %
#include <atomic>
#include <cmath>

#include "coordinate_factors.hpp"
#include "head_blocks.hpp"
#include "skm/linear_cross_entropy.hpp"
#include "team.hpp"

namespace skm {
namespace {

/// What is kept of a chunk of tokens, and no more than kMaxChunk of them; where chunks are packed again and
/// again, as many as make so many bytes of a row of G.
constexpr std::size_t kChunkBytes = std::size_t{6500} << 10;
constexpr std::size_t kMaxChunk = 1024;
constexpr std::size_t kAgainBytes = 1024;
/// Weight rows at a time.
constexpr std::size_t kLeastRows = 2 * kTileRows;
constexpr std::size_t kMaxRows = 4 * kTileRows;
/// G of a block of rows and a chunk, which passes by for each block of columns of dweight: less than half of
/// a second cache of 2 MiB, which may have to be shared with another thread of the processor.
constexpr std::size_t kSlopeBytes = std::size_t{800} << 10;
/// Blocks of lanes that one task takes, at most: packed weight rows stay in the second cache while G is made
/// for all of them, then packed columns while dx is.
constexpr std::size_t kGroup = 4;

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

/// What is worked on at a time.
struct Blocks {
  std::size_t depth;       // the width, padded
  std::size_t width_rows;  // the width as rows of a panel
  std::size_t rows;        // of weight
  std::size_t tokens;      // a multiple of kLanes
};

template <class T>
Blocks blocks_of(const LinearHead<T>& head, bool careful) noexcept {
  const PanelKernels& panels = panel_kernels<T>(careful);
  const PanelKernels& slope_panels = slope_panel_kernels<T>(careful);
  Blocks blocks;
  blocks.depth = padded_depth(panels, head.width);
  blocks.width_rows = rounded_up(blocks.depth, slope_panels.row_unit);
  const std::size_t most_rows = std::min(kMaxRows, rounded_up(head.vocabulary, kTileRows));
  blocks.rows = std::min(std::max(block_rows(panels, blocks.depth, head.vocabulary), kLeastRows), most_rows);
  const std::size_t token_bytes =
      panels.bytes(1, blocks.depth) + (blocks.depth + kLeastRows) * slope_panels.element_bytes;
  const bool again =
      !std::is_same_v<T, float> && (head.tokens > kMaxChunk || head.tokens * token_bytes > kChunkBytes);
  const std::size_t most = std::clamp(kChunkBytes / token_bytes / kLanes * kLanes, kLanes,
                                      again ? kAgainBytes / slope_panels.element_bytes : kMaxChunk);
  const std::size_t chunks = std::max<std::size_t>((head.tokens + most - 1) / most, 1);
  blocks.tokens = std::max(rounded_up((head.tokens + chunks - 1) / chunks, kLanes), kLanes);
  const std::size_t fit = kSlopeBytes / (blocks.tokens * slope_panels.element_bytes) / kTileRows * kTileRows;
  blocks.rows = std::min(std::max(fit, kLeastRows), blocks.rows);
  return blocks;
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
        blocks_(blocks_of(head, careful)),
        threads_(std::min(std::max(threads, 1u), 256u)),
        group_(std::clamp<std::size_t>(blocks_.tokens / kLanes / threads_ / 2, 1, kGroup)),
        all_tokens_(rounded_up(head.tokens, kLanes)),
        sums_in_x_(fits_in_x(all_tokens_ * blocks_.width_rows * sizeof(float))),
        tokens_in_x_(!sums_in_x_ && fits_in_x(bytes(all_tokens_, blocks_.depth))),
        own_tokens_(tokens_in_x_ ? 0 : bytes(blocks_.tokens, blocks_.depth)),
        token_lanes_(gradients.weight == nullptr ? 0 : slope_bytes(blocks_.depth, blocks_.tokens)),
        rows_(bytes(blocks_.rows, blocks_.depth)),
        columns_(gradients.x == nullptr ? 0 : slope_bytes(blocks_.width_rows, blocks_.rows)),
        slope_rows_(gradients.weight == nullptr ? 0 : slope_bytes(blocks_.rows, blocks_.tokens)),
        room_bytes_(gradients.x == nullptr ? 0
                                           : std::max(slope_bytes(group_ * kLanes, blocks_.rows),
                                                      blocks_.width_rows * kLanes * sizeof(float))),
        rooms_(threads_ * room_bytes_),
        tiles_(threads_ * kTileRows * kLanes),
        own_sums_(gradients.x == nullptr || sums_in_x_ ? 0 : all_tokens_ * blocks_.width_rows),
        by_weight_(
            gradients.weight == nullptr || head.tokens <= blocks_.tokens ? 0 : blocks_.rows * blocks_.depth),
        row_sums_(gradients.bias == nullptr ? 0 : blocks_.tokens / kLanes * blocks_.rows),
        by_bias_(gradients.bias == nullptr ? 0 : blocks_.rows) {}

  /// Whether all numbers were of a size that the kernels take.
  bool run() {
    Team team(threads_, panels_.begin, panels_.end);
    for (row_ = 0; row_ < head_.vocabulary; row_ += blocks_.rows) {
      here_ = std::min(blocks_.rows, head_.vocabulary - row_);
      block_depth_ = rounded_up(here_, kDepthUnit);
      const std::size_t tiles = (here_ + kTileRows - 1) / kTileRows;
      team.run(tiles, [&](std::size_t tile, unsigned) { pack_weight(tile * kTileRows); });
      for (first_ = 0; first_ < head_.tokens; first_ += blocks_.tokens) {
        count_ = std::min(blocks_.tokens, head_.tokens - first_);
        chunk_depth_ = rounded_up(count_, kLanes);
        const std::size_t blocks = chunk_depth_ / kLanes;
        if (row_ == 0 || head_.tokens > blocks_.tokens) {
          team.run(blocks, [&](std::size_t block, unsigned) { pack_tokens(block * kLanes); });
        }
        team.run((blocks + group_ - 1) / group_,
                 [&](std::size_t group, unsigned worker) { add_tokens(group * group_ * kLanes, worker); });
        if (gradients_.weight != nullptr) {
          // Columns apart, so that of what is packed of tokens each part comes from afar once.
          team.run(tiles * (blocks_.depth / kLanes), [&](std::size_t task, unsigned worker) {
            add_weight(task % tiles * kTileRows, task / tiles * kLanes, worker);
          });
        }
        if (gradients_.bias != nullptr) add_bias(blocks);
      }
    }
    if (gradients_.x != nullptr) {
      team.run(all_tokens_ / kLanes,
               [&](std::size_t block, unsigned worker) { write_x(block * kLanes, worker); });
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

  // dx is written last: until then its memory serves.
  bool fits_in_x(std::size_t size) const noexcept {
    return gradients_.x != nullptr && reinterpret_cast<std::uintptr_t>(gradients_.x) % 64 == 0 &&
           size <= head_.tokens * head_.width * sizeof(T);
  }
  /// Packed lanes of tokens from `token` of the chunk on.
  char* tokens_of(std::size_t token) const noexcept {
    return tokens_in_x_ ? reinterpret_cast<char*>(gradients_.x) + bytes(first_ + token, blocks_.depth)
                        : own_tokens_.get() + bytes(token, blocks_.depth);
  }
  float* sums_by_x(std::size_t token) const noexcept {
    float* all = own_sums_.get();
    if constexpr (std::is_same_v<T, float>) all = sums_in_x_ ? gradients_.x : all;
    return all + token * blocks_.width_rows;
  }
  char* room_of(unsigned worker) const noexcept { return rooms_.get() + worker * room_bytes_; }

  void note(std::uint32_t magnitude) noexcept {
    std::uint32_t seen = largest_.load(std::memory_order_relaxed);
    while (magnitude > seen && !largest_.compare_exchange_weak(seen, magnitude)) {
    }
  }

  void pack_weight(std::size_t at) noexcept {
    const T* weight = head_.weight + (row_ + at) * head_.width;
    const std::size_t rows = std::min(kTileRows, here_ - at);
    note(pack().rows(weight, head_.width, rows, head_.width,
                     {rows_.get() + bytes(at, blocks_.depth), blocks_.depth, 0, factors_.of_weight()}));
    if (gradients_.x != nullptr) {
      slope_pack().rows_transposed(weight, head_.width, head_.width, rows,
                                   {columns_.get(), block_depth_, at});
    }
  }

  void pack_tokens(std::size_t token) noexcept {
    const T* x = head_.x + (first_ + token) * head_.width;
    const std::size_t tokens = std::min(kLanes, count_ - token);
    if (row_ == 0 || !tokens_in_x_) {
      note(pack().lanes_transposed(x, head_.width, tokens, head_.width,
                                   {tokens_of(token), blocks_.depth, 0, factors_.of_tokens()}));
    }
    if (gradients_.weight != nullptr) {
      slope_pack().lanes(x, head_.width, head_.width, tokens, {token_lanes_.get(), chunk_depth_, token});
    }
  }

  // G of the block's rows for a group of tokens, and their share of dx.
  void add_tokens(std::size_t first, unsigned worker) noexcept {
    const std::size_t last = std::min(first + group_ * kLanes, chunk_depth_);
    for (std::size_t token = first; token < last; token += kLanes) {
      make_block(token, room_of(worker) + slope_bytes(token - first, block_depth_), worker);
    }
    for (std::size_t token = first; gradients_.x != nullptr && token < last; token += kLanes) {
      slope_panels_.product(columns_.get(), room_of(worker) + slope_bytes(token - first, block_depth_),
                            blocks_.width_rows, block_depth_, sums_by_x(first_ + token), kLanes, row_ != 0);
    }
  }

  // G of the block's rows for 32 tokens; as lanes it goes to `lanes`.
  void make_block(std::size_t token, char* lanes, unsigned worker) noexcept {
    LaneSlopes slopes;
    const std::size_t tokens = std::min(kLanes, count_ - token);
    set_slopes(head_, objective_, upstream_, first_ + token, tokens, slopes);
    float* tile = tiles_.get() + worker * kTileRows * kLanes;
    for (std::size_t at = 0; at < here_; at += kTileRows) {
      const std::size_t rows = std::min(kTileRows, here_ - at);
      panels_.product(rows_.get() + bytes(at, blocks_.depth), tokens_of(token),
                      rounded_up(rows, panels_.row_unit), blocks_.depth, tile, kLanes, false);
      make_slopes(tile, at, rows, token, tokens, slopes);
      pack_slopes(tile, rows, {slope_rows_.get() + slope_bytes(at, chunk_depth_), chunk_depth_, token},
                  {lanes, block_depth_, at});
    }
  }

  void pack_slopes(float* tile, std::size_t rows, PanelPlace as_rows, PanelPlace as_lanes) noexcept {
    if (gradients_.weight == nullptr) as_rows.panel = nullptr;
    if (gradients_.x == nullptr) as_lanes.panel = nullptr;
    if (slope_panels_.pack_both_ways != nullptr) {
      const std::size_t padded = rounded_up(rows, kDepthUnit);
      std::fill(tile + rows * kLanes, tile + padded * kLanes, 0.0f);
      slope_panels_.pack_both_ways(tile, padded, as_rows, as_lanes);
      return;
    }
    if (as_rows.panel != nullptr) slope_panels_.from_float.rows(tile, kLanes, rows, kLanes, as_rows);
    if (as_lanes.panel != nullptr) slope_panels_.from_float.lanes(tile, kLanes, kLanes, rows, as_lanes);
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
    tile_kernels_.sum_rows(tile, rows, row_sums_.get() + token / kLanes * blocks_.rows + at);
  }

  static float slope_at(float product, const LogitTransform& how, std::size_t i) noexcept {
    if (how.cap == 0.0f) return how.scale;
    const float z = how.scale * (product + (how.bias == nullptr ? 0.0f : how.bias[i]));
    const float t = std::tanh(z / how.cap);
    return how.scale * (1.0f - t * t);
  }

  void add_weight(std::size_t at, std::size_t column, unsigned worker) noexcept {
    const std::size_t rows = std::min(kTileRows, here_ - at);
    const bool one = head_.tokens <= blocks_.tokens;
    float* sum = one ? tiles_.get() + worker * kTileRows * kLanes
                     : by_weight_.get() + (column / kLanes * blocks_.rows + at) * kLanes;
    T* out = gradients_.weight + (row_ + at) * head_.width + column;
    if (add_) {
      for (std::size_t i = 0; i < rows; ++i) {
        __builtin_prefetch(out + i * head_.width);
        __builtin_prefetch(out + i * head_.width + kLanes / 2);
      }
    }
    slope_panels_.product(slope_rows_.get() + slope_bytes(at, chunk_depth_),
                          token_lanes_.get() + slope_bytes(column, chunk_depth_),
                          rounded_up(rows, slope_panels_.row_unit), chunk_depth_, sum, kLanes, first_ != 0);
    if (first_ + count_ < head_.tokens) return;
    const std::size_t columns = std::min(kLanes, head_.width - std::min(head_.width, column));
    if constexpr (std::is_same_v<T, float>) {
      (add_ ? tile_kernels_.add_to_float : tile_kernels_.to_float)(sum, rows, columns, out, head_.width);
    } else {
      tile_kernels_.to_bfloat16(sum, rows, columns, out, head_.width);
    }
  }

  void add_bias(std::size_t blocks) noexcept {
    const bool last = first_ + count_ == head_.tokens;
    for (std::size_t i = 0; i < here_; ++i) {
      double sum = first_ == 0 ? 0.0 : by_bias_[i];
      for (std::size_t block = 0; block < blocks; ++block) {
        sum += static_cast<double>(row_sums_[block * blocks_.rows + i]);
      }
      by_bias_[i] = sum;
      gradients_.bias[row_ + i] = static_cast<float>(sum) + (add_ && last ? gradients_.bias[row_ + i] : 0.0f);
    }
  }

  void write_x(std::size_t token, unsigned worker) noexcept {
    const float* sums = sums_by_x(token);
    if (sums_in_x_) {
      float* copy = reinterpret_cast<float*>(room_of(worker));
      std::copy_n(sums, blocks_.width_rows * kLanes, copy);
      sums = copy;
    }
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
  const GradientTileKernels& tile_kernels_ = gradient_tile_kernels();
  const Blocks blocks_;
  const unsigned threads_;
  const std::size_t group_;       // blocks of lanes of one task
  const std::size_t all_tokens_;  // a multiple of kLanes
  const bool sums_in_x_, tokens_in_x_;
  Aligned<char> own_tokens_;   // lanes panels of x: k along the width
  Aligned<char> token_lanes_;  // lanes panels of x: k along the tokens
  Aligned<char> rows_;         // rows panel of weight
  Aligned<char> columns_;      // rows panel of weight transposed
  Aligned<char> slope_rows_;   // rows panel of G
  const std::size_t room_bytes_;
  Aligned<char> rooms_;       // for each thread: lanes panels of G of a group; at the end a block of dx
  Aligned<float> tiles_;      // for each thread
  Aligned<float> own_sums_;   // dx as (block of lanes, width, lane)
  Aligned<float> by_weight_;  // dweight of the block as (block of columns, row, column), over several chunks
  Aligned<float> row_sums_;   // of G, for each block of lanes
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
  const std::size_t step = std::is_same_v<T, float> ? blocks_of(head, careful).tokens : head.tokens;
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
