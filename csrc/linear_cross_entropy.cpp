// Forward pass of the linear cross-entropy: blocks of weight rows stay in cache while all tokens pass by, so
// that weight leaves memory once; tiles of logits are folded into sums per token where they are made.
#include "skm/linear_cross_entropy.hpp"

#include <atomic>
#include <limits>

#include "coordinate_factors.hpp"
#include "head_blocks.hpp"
#include "team.hpp"
#include "token_losses.hpp"

namespace skm {
namespace {

/// Packed tokens at a time: with more, weight is read again.
constexpr std::size_t kTokenBytes = std::size_t{9} << 19;
/// The vocabulary is shared among threads in at most this many segments, whatever their number.
constexpr std::size_t kMaxSegments = 64;
constexpr std::size_t kMinSegmentRows = 1024;

template <class T>
class ForwardPass {
 public:
  ForwardPass(const LinearHead<T>& head, const LossObjective& objective, const TokenLosses<T>& losses,
              unsigned threads, bool careful)
      : head_(head),
        objective_(objective),
        losses_(losses),
        panels_(panel_kernels<T>(careful)),
        factors_(panels_, head),
        depth_(padded_depth(panels_, head.width)),
        block_rows_(block_rows(panels_, depth_, head.vocabulary)),
        segment_rows_(rounded_up(
            std::max((head.vocabulary + kMaxSegments - 1) / kMaxSegments, kMinSegmentRows), block_rows_)),
        segments_((head.vocabulary + segment_rows_ - 1) / segment_rows_),
        chunk_(std::clamp<std::size_t>(kTokenBytes / panels_.bytes(1, depth_) / kLanes * kLanes, kLanes,
                                       rounded_up(head.tokens, kLanes))),
        threads_(static_cast<unsigned>(
            std::min<std::size_t>(std::max(threads, 1u), std::max(segments_, chunk_ / kLanes)))),
        tokens_(panels_.bytes(chunk_, depth_)),
        rows_(threads_ * panels_.bytes(block_rows_, depth_)),
        tiles_(threads_ * kTileRows * kLanes),
        sums_(segments_ * chunk_ / kLanes),
        wanted_(chunk_),
        best_(losses.argmax == nullptr ? 0 : segments_ * chunk_) {}

  /// Whether all numbers were of a size that the kernels take.
  bool run() {
    Team team(threads_, panels_.begin, panels_.end);
    for (std::size_t first = 0; first < head_.tokens; first += chunk_) {
      const std::size_t count = std::min(chunk_, head_.tokens - first);
      const std::size_t blocks = (count + kLanes - 1) / kLanes;
      team.run(blocks, [&](std::size_t block, unsigned) { pack_tokens(first, count, block); });
      team.run(segments_, [&](std::size_t segment, unsigned worker) {
        for (std::size_t row = segment * segment_rows_; row < end_of(segment); row += block_rows_) {
          fold_block(segment, row, std::min(block_rows_, end_of(segment) - row), first, count, worker);
        }
      });
      team.run(blocks, [&](std::size_t block, unsigned) { finish(first, count, block); });
    }
    return panels_.largest_magnitude == 0 || largest_.load() < panels_.largest_magnitude;
  }

 private:
  std::size_t end_of(std::size_t segment) const noexcept {
    return std::min((segment + 1) * segment_rows_, head_.vocabulary);
  }
  std::size_t panel_bytes(std::size_t count) const noexcept { return panels_.bytes(count, depth_); }
  TokenSums& sums(std::size_t segment, std::size_t block) const noexcept {
    return sums_[segment * (chunk_ / kLanes) + block];
  }

  void note(std::uint32_t magnitude) noexcept {
    std::uint32_t seen = largest_.load(std::memory_order_relaxed);
    while (magnitude > seen && !largest_.compare_exchange_weak(seen, magnitude)) {
    }
  }

  void pack_tokens(std::size_t first, std::size_t count, std::size_t block) noexcept {
    const std::size_t token = block * kLanes;
    const std::size_t here = std::min(kLanes, count - token);
    note(pack_kernels<T>(panels_).lanes_transposed(
        head_.x + (first + token) * head_.width, head_.width, here, head_.width,
        {tokens_.get() + panel_bytes(token), depth_, 0, factors_.of_tokens()}));
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      wanted_[token + lane] = std::numeric_limits<float>::quiet_NaN();
    }
    for (std::size_t segment = 0; segment < segments_; ++segment) {
      TokenSums& all = sums(segment, block);
      for (std::size_t lane = 0; lane < kLanes; ++lane) {
        all.max[lane] = -std::numeric_limits<float>::max();
        all.exponential[lane] = all.weighted[lane] = all.logit[lane] = 0.0;
        if (losses_.argmax != nullptr) {
          best_[segment * chunk_ + token + lane] = static_cast<std::int64_t>(segment * segment_rows_);
        }
      }
    }
  }

  void fold_block(std::size_t segment, std::size_t row, std::size_t rows, std::size_t first,
                  std::size_t count, unsigned worker) noexcept {
    char* panel = rows_.get() + worker * panel_bytes(block_rows_);
    note(pack_kernels<T>(panels_).rows(head_.weight + row * head_.width, head_.width, rows, head_.width,
                                       {panel, depth_, 0, factors_.of_weight()}));
    float* tile = tiles_.get() + worker * kTileRows * kLanes;
    for (std::size_t token = 0; token < count; token += kLanes) {
      if (at_once_) {
        panels_.product_and_add(panel, tokens_.get() + panel_bytes(token), rows, depth_,
                                wanted_rows(row, rows, first, token, std::min(kLanes, count - token)),
                                sums(segment, token / kLanes));
        continue;
      }
      for (std::size_t at = 0; at < rows; at += kTileRows) {
        const std::size_t here = std::min(kTileRows, rows - at);
        panels_.product(panel + panel_bytes(at), tokens_.get() + panel_bytes(token),
                        rounded_up(here, panels_.row_unit), depth_, tile, kLanes, false);
        fold_tile(tile, row + at, here, segment, first, token, std::min(kLanes, count - token));
      }
    }
  }

  WantedRows wanted_rows(std::size_t row, std::size_t rows, std::size_t first, std::size_t token,
                         std::size_t tokens) const noexcept {
    WantedRows wanted;
    wanted.product = wanted_.get() + token;
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      const std::uint64_t at =
          lane < tokens ? static_cast<std::uint64_t>(head_.target[first + token + lane]) - row : rows;
      wanted.row[lane] = at < rows ? static_cast<std::int32_t>(at) : WantedRows::kNoRow;
    }
    return wanted;
  }

  void fold_tile(float* tile, std::size_t row, std::size_t rows, std::size_t segment, std::size_t first,
                 std::size_t token, std::size_t tokens) noexcept {
    const LogitTransform how = transform_of(objective_, head_.bias == nullptr ? nullptr : head_.bias + row);
    if (!how.plain()) softmax_.transform(tile, rows, how);
    TokenSums& all = sums(segment, token / kLanes);
    if (losses_.argmax != nullptr) note_best(tile, row, rows, all, segment * chunk_ + token);
    (complete_ ? softmax_.add_all : softmax_.add)(tile, rows, all);
    const std::int64_t* target = head_.target + first + token;
    for (std::size_t lane = 0; lane < tokens; ++lane) {
      const std::uint64_t at = static_cast<std::uint64_t>(target[lane]) - row;
      if (at < rows) wanted_[token + lane] = tile[at * kLanes + lane];
    }
  }

  void note_best(const float* tile, std::size_t row, std::size_t rows, const TokenSums& before,
                 std::size_t at) noexcept {
    float top[kLanes];
    std::int32_t where[kLanes];
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      top[lane] = before.max[lane];
      where[lane] = -1;
    }
    for (std::size_t i = 0; i < rows; ++i) {
      for (std::size_t lane = 0; lane < kLanes; ++lane) {
        const float z = tile[i * kLanes + lane];
        const bool more = z > top[lane];
        top[lane] = more ? z : top[lane];
        where[lane] = more ? static_cast<std::int32_t>(i) : where[lane];
      }
    }
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      if (where[lane] >= 0) best_[at + lane] = static_cast<std::int64_t>(row) + where[lane];
    }
  }

  void finish(std::size_t first, std::size_t count, std::size_t block) noexcept {
    for (std::size_t lane = 0; lane < kLanes && block * kLanes + lane < count; ++lane) {
      const std::size_t token = block * kLanes + lane;
      LogitSums total;
      double top = -std::numeric_limits<double>::infinity();
      for (std::size_t segment = 0; segment < segments_; ++segment) {
        const TokenSums& part = sums(segment, block);
        if (losses_.argmax != nullptr && static_cast<double>(part.max[lane]) > top) {
          top = static_cast<double>(part.max[lane]);
          losses_.argmax[first + token] = best_[segment * chunk_ + token];
        }
        total.merge({static_cast<double>(part.max[lane]), part.exponential[lane], part.weighted[lane],
                     part.logit[lane]});
      }
      const bool ignored = head_.target[first + token] == objective_.ignore_index;
      write_losses<T>(total, static_cast<double>(wanted_[token]), head_.vocabulary, ignored, first + token,
                      objective_, losses_);
    }
  }

  const LinearHead<T>& head_;
  const LossObjective& objective_;
  const TokenLosses<T>& losses_;
  const PanelKernels& panels_;
  const CoordinateFactors<T> factors_;
  const SoftmaxKernels& softmax_ = softmax_kernels();
  const bool complete_ = losses_.entropy != nullptr || objective_.label_smoothing != 0.0;
  const bool at_once_ = panels_.product_and_add != nullptr && !complete_ && losses_.argmax == nullptr &&
                        transform_of(objective_, head_.bias).plain();
  const std::size_t depth_, block_rows_, segment_rows_, segments_;
  const std::size_t chunk_;  // tokens at a time, a multiple of kLanes
  const unsigned threads_;
  Aligned<char> tokens_;        // lanes panels of the chunk
  Aligned<char> rows_;          // a rows panel for each thread
  Aligned<float> tiles_;        // a tile of logits for each thread
  Aligned<TokenSums> sums_;     // (segment, block of lanes)
  Aligned<float> wanted_;       // the targets' logits
  Aligned<std::int64_t> best_;  // (segment, token), if wanted
  std::atomic<std::uint32_t> largest_{0};
};

}  // namespace

std::size_t first_wrong_target(std::span<const std::int64_t> targets, std::size_t vocabulary,
                               std::int64_t ignore_index) noexcept {
  for (std::size_t i = 0; i < targets.size(); ++i) {
    if (static_cast<std::uint64_t>(targets[i]) >= vocabulary && targets[i] != ignore_index) return i;
  }
  return targets.size();
}

template <class T>
void linear_cross_entropy(const LinearHead<T>& head, const LossObjective& objective,
                          const TokenLosses<T>& losses, unsigned threads) {
  if (head.tokens == 0) return;
  if (!ForwardPass<T>(head, objective, losses, threads, false).run()) {
    ForwardPass<T>(head, objective, losses, threads, true).run();
  }
}

template void linear_cross_entropy(const LinearHead<float>&, const LossObjective&, const TokenLosses<float>&,
                                   unsigned);
template void linear_cross_entropy(const LinearHead<std::uint16_t>&, const LossObjective&,
                                   const TokenLosses<std::uint16_t>&, unsigned);

}  // namespace skm
