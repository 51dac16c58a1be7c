// Llama decoders: weights are packed once; tokens go through all layers a few panels of 32 at a time,
// whichever windows they belong to, and leave their keys and values in a cache, where those behind them find
// them.
#include "skm/llama.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <memory>

#include "simd/llama.hpp"
#include "skm/exp2.hpp"
#include "skm/isa.hpp"
#include "skm/log2.hpp"
#include "skm/matrix_unit.hpp"
#include "skm/parallel.hpp"
#include "skm/portable_trigonometry.hpp"

namespace skm {
namespace {

/// Panels that go through the layers together: each layer's weights are read once for them.
constexpr std::size_t kBlocks = 4;
constexpr std::size_t kChunk = kBlocks * kTokenLanes;
/// Of packed weights, what should stay in the second cache while the panels of a chunk pass by.
constexpr std::size_t kGroupBytes = std::size_t{512} << 10;
/// Windows are computed together until they have so many tokens.
constexpr std::size_t kTogether = 512;
constexpr double kLog2E = 1.4426950408889634;

const LlamaKernels& kernels() noexcept {
#if defined(SKM_X86)
  if (active_isa() == Isa::avx512) return llama_kernels_avx512();
  if (active_isa() == Isa::avx2 && has_fused_multiply_add()) return llama_kernels_avx2();
#endif
  return llama_kernels_baseline();
}

std::size_t in_panels(std::size_t rows) noexcept { return (rows + kPanelRows - 1) / kPanelRows * kPanelRows; }

/// Appends rows[i][k] * factor[k] * scale to packed rows, from row `at` on.
void pack(BigBuffer<float>& packed, std::size_t at, const float* rows, std::size_t count, std::size_t depth,
          const float* factor, double scale) noexcept {
  for (std::size_t i = 0; i < count; ++i) {
    float* panel = packed.get() + (at + i) / kPanelRows * kPanelRows * depth + (at + i) % kPanelRows;
    for (std::size_t k = 0; k < depth; ++k) {
      const double by = factor == nullptr ? scale : static_cast<double>(factor[k]) * scale;
      panel[k * kPanelRows] = static_cast<float>(static_cast<double>(rows[i * depth + k]) * by);
    }
  }
}

/// Up to kPanelRows floats; mostly all of them, which is one move.
void copy_keys(const float* from, std::size_t count, float* to) noexcept {
  if (count == kPanelRows) {
    std::copy_n(from, kPanelRows, to);
  } else {
    for (std::size_t i = 0; i < count; ++i) to[i] = from[i];
  }
}

BigBuffer<float> zeros(std::size_t count) {
  BigBuffer<float> made(count);
  std::fill_n(made.get(), count, 0.0f);
  return made;
}

}  // namespace

namespace detail {

/// Neighbouring lanes with tokens that follow each other in a window.
struct LlamaRun {
  std::size_t lane, count;
  std::size_t slot;      // where the window's keys begin in the cache, a multiple of 8
  std::size_t position;  // of the first token in its window
};

/// Keys and values of several windows, each at its slot, per layer and key head, packed for products.
class LlamaCache {
 public:
  LlamaCache(const LlamaSizes& sizes, std::size_t slots)
      : sizes_(sizes), slots_(slots), rows_(in_panels(sizes.head_width)) {
    data_ = BigBuffer<float>(sizes.num_layers * sizes.num_kv_heads * (sizes.head_width + rows_) * slots);
  }

  float* keys(std::size_t layer, std::size_t head, std::size_t slot) const noexcept {
    return part(layer, head) + slot * sizes_.head_width;
  }
  float* values(std::size_t layer, std::size_t head, std::size_t slot) const noexcept {
    return part(layer, head) + slots_ * sizes_.head_width + slot * kPanelRows;
  }
  std::size_t values_stride() const noexcept { return slots_ * kPanelRows; }

  /// Keeps the keys and values, (head_width, 32) each, of a run's lanes from `first` to `end` in a panel.
  void keep(std::size_t layer, std::size_t head, const LlamaRun& run, std::size_t first, std::size_t end,
            const float* key, const float* value) const noexcept {
    float* keys = this->keys(layer, head, run.slot);
    float* values = this->values(layer, head, run.slot);
    const std::size_t width = sizes_.head_width;
    const std::size_t count = end - first;
    const std::size_t position = run.position + (first - run.lane);
    key += first % kTokenLanes;
    value += first % kTokenLanes;
    for (std::size_t i = 0, here = 0; i < count; i += here) {  // as far as a panel of keys goes
      const std::size_t at = position + i;
      here = std::min(kPanelRows - at % kPanelRows, count - i);
      float* to = keys + at / kPanelRows * kPanelRows * width + at % kPanelRows;
      for (std::size_t d = 0; d < width; ++d) copy_keys(key + d * kTokenLanes + i, here, to + d * kPanelRows);
    }
    for (std::size_t panel = 0; panel < rows_; panel += kPanelRows) {
      float* to = values + panel / kPanelRows * values_stride() + position * kPanelRows;
      const std::size_t entries = std::min(kPanelRows, width - panel);
      const float* from = value + panel * kTokenLanes;
      for (std::size_t i = 0; i < count; ++i, to += kPanelRows) {
        if (entries == kPanelRows) {
          for (std::size_t d = 0; d < kPanelRows; ++d) to[d] = from[d * kTokenLanes + i];
        } else {
          for (std::size_t d = 0; d < kPanelRows; ++d) to[d] = d < entries ? from[d * kTokenLanes + i] : 0.0f;
        }
      }
    }
  }

 private:
  float* part(std::size_t layer, std::size_t head) const noexcept {
    return data_.get() + (layer * sizes_.num_kv_heads + head) * (sizes_.head_width + rows_) * slots_;
  }

  const LlamaSizes& sizes_;
  std::size_t slots_, rows_;
  BigBuffer<float> data_;
};

/// What one thread computes in: for each panel of a chunk (features, 32), one behind the other.
struct LlamaWorkspace {
  /// For windows of at most `length` tokens.
  LlamaWorkspace(const LlamaSizes& sizes, std::span<const double> frequencies, std::size_t length)
      : x_rows(in_panels(sizes.width)),
        projected_rows(in_panels((sizes.num_heads + 2 * sizes.num_kv_heads) * sizes.head_width)),
        mixed_rows(sizes.num_heads * sizes.head_width),
        gated_rows(in_panels(2 * sizes.hidden_width)),
        half(sizes.head_width / 2),
        x(zeros(x_rows * kChunk)),
        normed(zeros(sizes.width * kChunk)),
        projected(zeros(projected_rows * kChunk)),
        mixed(zeros(mixed_rows * kChunk)),
        gated(zeros(gated_rows * kChunk)),
        cosines(zeros(half * kChunk)),
        sines(zeros(half * kChunk)),
        scratch(zeros((kKeyBlock + in_panels(sizes.head_width)) * kTokenLanes)),
        turns(2 * half * length) {
    float* to = turns.get();
    for (std::size_t position = 0; position < length; ++position) {
      for (const double frequency : frequencies) {
        const SineCosine turned = portable_sine_cosine(static_cast<double>(position) * frequency);
        *to++ = static_cast<float>(turned.cosine);
        *to++ = static_cast<float>(turned.sine);
      }
    }
  }

  std::size_t x_rows, projected_rows, mixed_rows, gated_rows, half;
  BigBuffer<float> x, normed, projected, mixed, gated, cosines, sines, scratch;
  BigBuffer<float> turns;  // (length, half, 2): cosine and sine of each position's angles
};

}  // namespace detail

using detail::LlamaCache;
using detail::LlamaRun;
using detail::LlamaWorkspace;

namespace {

/// c (+)= packed x for each panel; strides are of rows.
void multiply(const BigBuffer<float>& packed, std::size_t rows, std::size_t depth, const float* x,
              std::size_t x_rows, float* c, std::size_t c_rows, std::size_t blocks, bool add) noexcept {
  const std::size_t group =
      std::max<std::size_t>(kGroupBytes / (depth * sizeof(float)) / kPanelRows, 1) * kPanelRows;
  for (std::size_t first = 0; first < rows; first += group) {
    const std::size_t here = std::min(group, rows - first);
    for (std::size_t block = 0; block < blocks; ++block) {
      kernels().product(packed.get() + first * depth, x + block * x_rows * kTokenLanes, here, depth,
                        c + (block * c_rows + first) * kTokenLanes, add);
    }
  }
}

/// Rows (width) of lanes' tokens into panels, or zeros where there are no more.
void look_up(const float* embedding, std::size_t width, std::span<const std::int64_t> tokens, float* x,
             std::size_t x_rows, std::size_t blocks) noexcept {
  for (std::size_t lane = 0; lane < blocks * kTokenLanes; ++lane) {
    float* to = x + lane / kTokenLanes * x_rows * kTokenLanes + lane % kTokenLanes;
    const float* from =
        lane < tokens.size() ? embedding + static_cast<std::size_t>(tokens[lane]) * width : nullptr;
    for (std::size_t i = 0; i < width; ++i) to[i * kTokenLanes] = from == nullptr ? 0.0f : from[i];
  }
}

/// Cosines and sines of each lane's position into panels.
void look_up_turns(std::span<const LlamaRun> runs, LlamaWorkspace& work) noexcept {
  for (const LlamaRun& run : runs) {
    for (std::size_t lane = run.lane; lane < run.lane + run.count; ++lane) {
      const float* from = work.turns.get() + 2 * work.half * (run.position + (lane - run.lane));
      const std::size_t at = lane / kTokenLanes * work.half * kTokenLanes + lane % kTokenLanes;
      for (std::size_t i = 0; i < work.half; ++i) {
        work.cosines[at + i * kTokenLanes] = from[2 * i];
        work.sines[at + i * kTokenLanes] = from[2 * i + 1];
      }
    }
  }
}

}  // namespace

Llama::Llama(const LlamaSizes& sizes, const LlamaWeights& weights) : sizes_(sizes) {
  const std::size_t width = sizes.width;
  const std::size_t hidden = sizes.hidden_width;
  const std::size_t queries = sizes.num_heads * sizes.head_width;
  const std::size_t keys = sizes.num_kv_heads * sizes.head_width;
  const double by_query = kLog2E / std::sqrt(static_cast<double>(sizes.head_width));
  const double log_base = portable_log2(sizes.rotation_base);
  const std::size_t half = sizes.head_width / 2;
  for (std::size_t i = 0; i < half; ++i) {
    const double share = static_cast<double>(i) / static_cast<double>(half);
    frequencies_.push_back(portable_exp2(-log_base * share));
  }
  embedding_ = BigBuffer<float>(sizes.vocabulary * width);
  std::copy_n(weights.embedding, sizes.vocabulary * width, embedding_.get());
  final_norm_.assign(weights.final_norm, weights.final_norm + width);
  head_ = zeros(in_panels(sizes.vocabulary) * width);
  pack(head_, 0, weights.head, sizes.vocabulary, width, nullptr, 1.0);
  for (std::size_t layer = 0; layer < sizes.num_layers; ++layer) {
    // Weights of norms, and the scale of scores, are part of the matrices behind them.
    const float* attention_norm = weights.attention_norm + layer * width;
    const float* feed_norm = weights.feed_norm + layer * width;
    Layer made{zeros(in_panels(queries + 2 * keys) * width), zeros(in_panels(width) * queries),
               zeros(in_panels(2 * hidden) * width), zeros(in_panels(width) * hidden)};
    pack(made.projections, 0, weights.query + layer * queries * width, queries, width, attention_norm,
         by_query);
    pack(made.projections, queries, weights.key + layer * keys * width, keys, width, attention_norm, 1.0);
    pack(made.projections, queries + keys, weights.value + layer * keys * width, keys, width, attention_norm,
         1.0);
    pack(made.output, 0, weights.output + layer * width * queries, width, queries, nullptr, 1.0);
    pack(made.gate_up, 0, weights.gate + layer * hidden * width, hidden, width, feed_norm, 1.0);
    pack(made.gate_up, hidden, weights.up + layer * hidden * width, hidden, width, feed_norm, 1.0);
    pack(made.down, 0, weights.down + layer * width * hidden, width, hidden, nullptr, 1.0);
    layers_.push_back(std::move(made));
  }
}

Llama::~Llama() = default;

void Llama::attend(std::span<const LlamaRun> runs, std::size_t layer, std::size_t block,
                   const LlamaCache& cache, LlamaWorkspace& work) const noexcept {
  const std::size_t first = block * kTokenLanes;
  const std::size_t head_floats = sizes_.head_width * kTokenLanes;
  const float* heads = work.projected.get() + block * work.projected_rows * kTokenLanes;
  const std::size_t shared = sizes_.num_heads / sizes_.num_kv_heads;
  for (const LlamaRun& run : runs) {
    const std::size_t begin = std::max(run.lane, first);
    const std::size_t end = std::min(run.lane + run.count, first + kTokenLanes);
    if (begin >= end) continue;
    alignas(64) std::int32_t visible[kTokenLanes] = {};
    for (std::size_t lane = begin; lane < end; ++lane) {
      visible[lane - first] = static_cast<std::int32_t>(run.position + (lane - run.lane) + 1);
    }
    for (std::size_t head = 0; head < sizes_.num_heads; ++head) {
      kernels().attend({heads + head * head_floats, cache.keys(layer, head / shared, run.slot),
                        cache.values(layer, head / shared, run.slot), cache.values_stride(),
                        sizes_.head_width, visible, run.position + (end - run.lane),
                        work.mixed.get() + block * work.mixed_rows * kTokenLanes + head * head_floats,
                        work.scratch.get()});
    }
  }
}

/// States of up to kChunk tokens, left in work.normed, without the final norm's weights.
void Llama::extend(std::span<const std::int64_t> tokens, std::span<const LlamaRun> runs,
                   const LlamaCache& cache, LlamaWorkspace& work) const noexcept {
  const std::size_t blocks = (tokens.size() + kTokenLanes - 1) / kTokenLanes;
  const std::size_t width = sizes_.width;
  const std::size_t head_floats = sizes_.head_width * kTokenLanes;
  const auto normalise = [&] {
    for (std::size_t block = 0; block < blocks; ++block) {
      kernels().normalise(work.x.get() + block * work.x_rows * kTokenLanes, width,
                          static_cast<float>(sizes_.epsilon),
                          work.normed.get() + block * width * kTokenLanes);
    }
  };
  look_up(embedding_.get(), width, tokens, work.x.get(), work.x_rows, blocks);
  look_up_turns(runs, work);
  for (std::size_t layer = 0; layer < sizes_.num_layers; ++layer) {
    const Layer& weights = layers_[layer];
    normalise();
    multiply(weights.projections, work.projected_rows, width, work.normed.get(), width, work.projected.get(),
             work.projected_rows, blocks, false);
    for (std::size_t block = 0; block < blocks; ++block) {
      kernels().rotate(work.projected.get() + block * work.projected_rows * kTokenLanes,
                       sizes_.num_heads + sizes_.num_kv_heads, work.half,
                       work.cosines.get() + block * work.half * kTokenLanes,
                       work.sines.get() + block * work.half * kTokenLanes);
    }
    for (const LlamaRun& run : runs) {
      for (std::size_t begin = run.lane; begin < run.lane + run.count;) {
        const std::size_t block = begin / kTokenLanes;
        const std::size_t end = std::min(run.lane + run.count, (block + 1) * kTokenLanes);
        const float* keys =
            work.projected.get() + block * work.projected_rows * kTokenLanes + sizes_.num_heads * head_floats;
        for (std::size_t head = 0; head < sizes_.num_kv_heads; ++head) {
          const float* key = keys + head * head_floats;
          cache.keep(layer, head, run, begin, end, key, key + sizes_.num_kv_heads * head_floats);
        }
        begin = end;
      }
    }
    for (std::size_t block = 0; block < blocks; ++block) attend(runs, layer, block, cache, work);
    multiply(weights.output, work.x_rows, work.mixed_rows, work.mixed.get(), work.mixed_rows, work.x.get(),
             work.x_rows, blocks, true);
    normalise();
    multiply(weights.gate_up, work.gated_rows, width, work.normed.get(), width, work.gated.get(),
             work.gated_rows, blocks, false);
    for (std::size_t block = 0; block < blocks; ++block) {
      kernels().activate(work.gated.get() + block * work.gated_rows * kTokenLanes, sizes_.hidden_width);
    }
    multiply(weights.down, work.x_rows, sizes_.hidden_width, work.gated.get(), work.gated_rows, work.x.get(),
             work.x_rows, blocks, true);
  }
  normalise();
  for (std::size_t block = 0; block < blocks; ++block) {
    float* panel = work.normed.get() + block * width * kTokenLanes;
    for (std::size_t i = 0; i < width; ++i) {
      for (std::size_t lane = 0; lane < kTokenLanes; ++lane) panel[i * kTokenLanes + lane] *= final_norm_[i];
    }
  }
}

namespace {

/// Windows that are computed together: those from `first` to `end`, of so many slots.
struct Batch {
  std::size_t first, end, slots;
};

std::vector<Batch> batches(std::span<const std::size_t> offsets) {
  std::vector<Batch> made;
  for (std::size_t i = 0; i + 1 < offsets.size(); ++i) {
    const std::size_t slots = in_panels(offsets[i + 1] - offsets[i]);
    if (made.empty() || made.back().slots + slots > kTogether) made.push_back({i, i, 0});
    made.back().end = i + 1;
    made.back().slots += slots;
  }
  return made;
}

/// The runs of a batch's tokens first to end, all numbered from the batch's first token on.
void find_runs(const Batch& batch, std::span<const std::size_t> offsets, std::size_t first, std::size_t end,
               std::vector<LlamaRun>& runs) {
  runs.clear();
  std::size_t slot = 0;
  const std::size_t origin = offsets[batch.first];
  for (std::size_t i = batch.first; i < batch.end; ++i) {
    const std::size_t begins = offsets[i] - origin;
    const std::size_t ends = offsets[i + 1] - origin;
    const std::size_t from = std::max(first, begins);
    const std::size_t to = std::min(end, ends);
    if (from < to) runs.push_back({from - first, to - from, slot, from - begins});
    slot += in_panels(ends - begins);
  }
}

}  // namespace

/// Calls visit(first, count, work) for all tokens, some at a time, when their states are in work.normed.
template <class Visit>
void Llama::walk(std::span<const std::int64_t> tokens, std::span<const std::size_t> offsets, unsigned threads,
                 const Visit& visit) const {
  const std::vector<Batch> all = batches(offsets);
  std::size_t slots = 0;
  std::size_t longest = 0;
  for (const Batch& batch : all) slots = std::max(slots, batch.slots);
  for (std::size_t i = 0; i + 1 < offsets.size(); ++i)
    longest = std::max(longest, offsets[i + 1] - offsets[i]);
  std::atomic<std::size_t> next{0};
  const auto work_on = [&] {
    LlamaWorkspace work(sizes_, frequencies_, longest);
    const LlamaCache cache(sizes_, slots);
    std::vector<LlamaRun> runs;
    for (std::size_t taken = next++; taken < all.size(); taken = next++) {
      const Batch& batch = all[taken];
      const std::size_t origin = offsets[batch.first];
      const std::size_t count = offsets[batch.end] - origin;
      for (std::size_t first = 0; first < count; first += kChunk) {
        const std::size_t here = std::min(kChunk, count - first);
        find_runs(batch, offsets, first, first + here, runs);
        extend(tokens.subspan(origin + first, here), runs, cache, work);
        visit(origin + first, here, work);
      }
    }
  };
  run_threads(static_cast<int>(std::clamp<std::size_t>(all.size(), 1, std::max(threads, 1u))), work_on);
}

void Llama::hidden(std::span<const std::int64_t> tokens, std::span<const std::size_t> offsets, float* out,
                   unsigned threads) const {
  const std::size_t width = sizes_.width;
  walk(tokens, offsets, threads, [&](std::size_t first, std::size_t count, const LlamaWorkspace& work) {
    for (std::size_t lane = 0; lane < count; ++lane) {
      const float* from = work.normed.get() + lane / kTokenLanes * width * kTokenLanes + lane % kTokenLanes;
      for (std::size_t i = 0; i < width; ++i) out[(first + lane) * width + i] = from[i * kTokenLanes];
    }
  });
}

void Llama::bits(std::span<const std::int64_t> tokens, std::span<const std::size_t> offsets,
                 std::span<const std::int64_t> targets, double* out, unsigned threads) const {
  walk(tokens, offsets, threads, [&](std::size_t first, std::size_t count, LlamaWorkspace& work) {
    measure(targets.subspan(first, count), work, out + first);
  });
}

/// Bits of targets behind the states in work.normed: logits are made a tile at a time and folded into sums.
void Llama::measure(std::span<const std::int64_t> targets, LlamaWorkspace& work, double* out) const noexcept {
  alignas(64) float max[kChunk];
  alignas(64) double sum[kChunk];
  float wanted[kChunk] = {};
  std::fill_n(max, kChunk, -std::numeric_limits<float>::max());
  std::fill_n(sum, kChunk, 0.0);
  float* tile = work.scratch.get();
  for (std::size_t row = 0; row < sizes_.vocabulary; row += kKeyBlock) {
    const std::size_t rows = std::min(kKeyBlock, sizes_.vocabulary - row);
    for (std::size_t first = 0; first < targets.size(); first += kTokenLanes) {
      kernels().product(head_.get() + row * sizes_.width, work.normed.get() + first * sizes_.width,
                        in_panels(rows), sizes_.width, tile, false);
      for (std::size_t lane = 0; lane < std::min(kTokenLanes, targets.size() - first); ++lane) {
        const std::uint64_t at = static_cast<std::uint64_t>(targets[first + lane]) - row;
        if (at < rows) wanted[first + lane] = tile[at * kTokenLanes + lane];
      }
      kernels().fold(tile, rows, max + first, sum + first);
    }
  }
  for (std::size_t i = 0; i < targets.size(); ++i) {
    const double below = (static_cast<double>(max[i]) - static_cast<double>(wanted[i])) * kLog2E;
    // The maximum's own term makes a sum at least 1; one that is not is no number.
    const double log_sum = sum[i] >= 1.0 ? portable_log2(sum[i]) : std::numeric_limits<double>::quiet_NaN();
    out[i] = targets[i] < 0 ? 0.0 : log_sum + below;
  }
}

LlamaSteps::LlamaSteps(const Llama& model, std::size_t windows, std::size_t length)
    : model_(model), windows_(windows), length_(length) {
  const LlamaSizes& sizes = model.sizes();
  cache_ = std::make_unique<LlamaCache>(sizes, windows * in_panels(length));
  work_ = std::make_unique<LlamaWorkspace>(sizes, model.frequencies_, length);
}

LlamaSteps::~LlamaSteps() = default;

void LlamaSteps::logits(std::span<const std::int64_t> tokens, float* out) {
  const LlamaSizes& sizes = model_.sizes();
  constexpr std::size_t kRows = 64;  // logits of a panel that are made before they are turned into rows
  alignas(64) float tile[kRows * kTokenLanes];
  std::vector<LlamaRun> runs;
  for (std::size_t first = 0; first < tokens.size(); first += kChunk) {
    const std::size_t here = std::min(kChunk, tokens.size() - first);
    runs.clear();
    for (std::size_t lane = 0; lane < here; ++lane) {
      runs.push_back({lane, 1, (first + lane) * in_panels(length_), position_});
    }
    model_.extend(tokens.subspan(first, here), runs, *cache_, *work_);
    for (std::size_t lane = 0; lane < here; lane += kTokenLanes) {
      const float* x = work_->normed.get() + lane * sizes.width;
      for (std::size_t row = 0; row < sizes.vocabulary; row += kRows) {
        const std::size_t rows = std::min(kRows, sizes.vocabulary - row);
        kernels().product(model_.head_.get() + row * sizes.width, x, in_panels(rows), sizes.width, tile,
                          false);
        for (std::size_t j = 0; j < std::min(kTokenLanes, here - lane); ++j) {
          float* to = out + (first + lane + j) * sizes.vocabulary + row;
          for (std::size_t i = 0; i < rows; ++i) to[i] = tile[i * kTokenLanes + j];
        }
      }
    }
  }
  ++position_;
}

}  // namespace skm
