// Drawing and writing sentences; skm/render.hpp says what they are.
#include "skm/render.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstring>
#include <exception>
#include <map>
#include <numeric>
#include <string>
#include <tuple>
#include <utility>

#include "simd/philox.hpp"
#include "skm/parallel.hpp"
#include "team.hpp"

namespace skm {
namespace {

// A span is copied in steps of fixed size; what is written too much is overwritten by what follows, and near
// the end of a range no more than is due is written.
constexpr std::size_t kPadding = 64;
// Parts come in full groups, so that the loop over them has few different lengths.
constexpr std::size_t kGroup = 8;
// Contents lie at random places in memory: they are fetched this many sentences ahead.
constexpr std::size_t kAhead = 24;
// Sentences for which a thread is worth starting, and that a thread takes at a time: what is drawn of them,
// and what is written, stays in the second-level cache.
constexpr std::size_t kGrain = 4096;
constexpr std::size_t kBlock = 480;

constexpr double kTwo53 = 0x1p53;

__extension__ typedef unsigned __int128 uint128;

std::size_t high_product(std::uint64_t bits, std::size_t count) noexcept {
  return static_cast<std::size_t>((static_cast<uint128>(bits) * count) >> 64);
}

std::uint64_t packed(std::uint64_t text, std::uint64_t tokens) { return text | tokens << 32; }

/// Where offsets are wrong as offsets of something of `size`.
RenderFault check_offsets(const char* name, std::span<const std::uint32_t> offsets, std::size_t size) {
  if (offsets.empty()) return {name, 0, "is missing: offsets need at least one entry"};
  if (offsets.front() != 0) return {name, 0, "is not 0"};
  for (std::size_t i = 1; i < offsets.size(); ++i)
    if (offsets[i] < offsets[i - 1]) return {name, i, "is less than the one before it"};
  if (offsets.back() != size) return {name, offsets.size() - 1, "is not the size of what it points into"};
  return {};
}

RenderFault check_pieces(const RenderPlan& plan) {
  if (RenderFault fault =
          check_offsets("piece_byte_offsets", plan.piece_byte_offsets, plan.piece_bytes.size());
      fault.array)
    return fault;
  if (RenderFault fault =
          check_offsets("piece_token_offsets", plan.piece_token_offsets, plan.piece_tokens.size());
      fault.array)
    return fault;
  if (plan.piece_token_offsets.size() != plan.piece_byte_offsets.size())
    return {"piece_token_offsets", plan.piece_token_offsets.size(),
            "is where it ends: not one entry a piece"};
  if (plan.vocabulary_size > std::uint64_t{1} << 32) return {"vocabulary_size", 0, "is more than 2^32"};
  for (std::size_t p = 0; p + 1 < plan.piece_byte_offsets.size(); ++p) {
    if (plan.piece_byte_offsets[p + 1] - plan.piece_byte_offsets[p] > kMaxPieceSize)
      return {"piece_byte_offsets", p, "begins a piece of more than 65,535 bytes"};
    if (plan.piece_token_offsets[p + 1] - plan.piece_token_offsets[p] > kMaxPieceSize)
      return {"piece_token_offsets", p, "begins a piece of more than 65,535 tokens"};
  }
  for (std::size_t i = 0; i < plan.piece_tokens.size(); ++i)
    if (plan.piece_tokens[i] >= plan.vocabulary_size) return {"piece_tokens", i, "is not in the vocabulary"};
  if (plan.end_piece >= plan.piece_byte_offsets.size() - 1) return {"end_piece", 0, "is no piece"};
  return {};
}

RenderFault check_fields(const RenderPlan& plan) {
  if (plan.field_sizes.empty()) return {"field_sizes", 0, "is missing: contents need at least one field"};
  if (plan.field_sizes.size() >= std::numeric_limits<std::uint16_t>::max())
    return {"field_sizes", plan.field_sizes.size(), "is too many fields"};
  for (std::size_t f = 0; f < plan.field_sizes.size(); ++f)
    if (plan.field_sizes[f] == 0 || plan.field_sizes[f] > 1u << 16)
      return {"field_sizes", f, "is not from 1 to 2^16"};
  if (plan.kind_field < -1 ||
      (plan.kind_field >= 0 && static_cast<std::size_t>(plan.kind_field) >= plan.field_sizes.size()))
    return {"kind_field", 0, "is no field"};
  return {};
}

RenderFault check_parts(const RenderPlan& plan) {
  const std::size_t pieces = plan.piece_byte_offsets.size() - 1;
  if (plan.part_field.size() != plan.part_piece.size())
    return {"part_field", plan.part_field.size(), "is where it ends: not one entry a part"};
  if (plan.part_label.size() != plan.part_piece.size())
    return {"part_label", plan.part_label.size(), "is where it ends: not one entry a part"};
  for (std::size_t q = 0; q < plan.part_piece.size(); ++q) {
    const std::int32_t field = plan.part_field[q];
    if (field < -1 || (field >= 0 && static_cast<std::size_t>(field) >= plan.field_sizes.size()))
      return {"part_field", q, "is no field"};
    const std::size_t values = field < 0 ? 1 : plan.field_sizes[static_cast<std::size_t>(field)];
    if (plan.part_piece[q] >= pieces || pieces - plan.part_piece[q] < values)
      return {"part_piece", q, "leads to pieces that do not exist"};
  }
  return check_offsets("template_parts", plan.template_parts, plan.part_piece.size());
}

RenderFault check_probabilities(const RenderPlan& plan, std::size_t group) {
  double sum = 0;
  for (std::size_t c = plan.choice_offsets[group]; c < plan.choice_offsets[group + 1]; ++c) {
    const double probability = plan.choice_probability[c];
    if (!(probability >= 0 && probability <= 1)) return {"choice_probability", c, "is not from 0 to 1"};
    sum += probability;
  }
  if (std::fabs(sum - 1) > 1e-6)
    return {"choice_probability", plan.choice_offsets[group], "begins probabilities that do not sum to 1"};
  return {};
}

RenderFault check_choices(const RenderPlan& plan) {
  if (plan.kinds == 0 || plan.kinds > 1u << 16) return {"kinds", 0, "is not from 1 to 2^16"};
  if (RenderFault fault =
          check_offsets("choice_offsets", plan.choice_offsets, plan.choice_probability.size());
      fault.array)
    return fault;
  const std::size_t groups = plan.choice_offsets.size() - 1;
  if (plan.attributes == 0 || plan.attributes > kMaxAttributes)
    return {"attributes", 0, "is not from 1 to 64"};
  if (groups != std::size_t{plan.kinds} * plan.attributes)
    return {"choice_offsets", groups, "is where it ends: not one entry for each kind and attribute"};
  if (plan.statements == 0 || plan.statements > plan.attributes)
    return {"statements", 0, "is not from 1 to the number of attributes"};
  if (plan.choice_probability.size() > (plan.template_parts.size() - 1) / 2)
    return {"template_parts", plan.template_parts.size(), "is where it ends: not two forms for every choice"};
  for (std::size_t group = 0; group < groups; ++group) {
    const std::size_t templates = plan.choice_offsets[group + 1] - plan.choice_offsets[group];
    if (templates == 0) return {"choice_offsets", group, "begins an attribute without templates"};
    if (templates > 1u << 15) return {"choice_offsets", group, "begins more than 2^15 templates"};
    if (RenderFault fault = check_probabilities(plan, group); fault.array) return fault;
  }
  return {};
}

struct Longest {
  std::uint64_t text = 0, tokens = 0;
};

/// The most that a part can add: of a slot, over all values of its field.
Longest longest_part(const RenderPlan& plan, std::uint32_t piece, std::int32_t field) {
  const std::size_t values = field < 0 ? 1 : plan.field_sizes[static_cast<std::size_t>(field)];
  Longest most;
  for (std::size_t p = piece; p < piece + values; ++p) {
    const std::uint64_t text = plan.piece_byte_offsets[p + 1] - plan.piece_byte_offsets[p];
    const std::uint64_t tokens = plan.piece_token_offsets[p + 1] - plan.piece_token_offsets[p];
    most = {std::max(most.text, text), std::max(most.tokens, tokens)};
  }
  return most;
}

/// Bounds the longest sentence, so that sizes fit the halves of one 64-bit number.
RenderFault check_sizes(const RenderPlan& plan) {
  std::map<std::pair<std::uint32_t, std::int32_t>, Longest> known;
  std::uint64_t longest = 0;
  for (std::size_t t = 0; t + 1 < plan.template_parts.size(); ++t) {
    Longest sum;
    for (std::size_t q = plan.template_parts[t]; q < plan.template_parts[t + 1]; ++q) {
      const auto [found, added] = known.try_emplace({plan.part_piece[q], plan.part_field[q]});
      if (added) found->second = longest_part(plan, plan.part_piece[q], plan.part_field[q]);
      sum = {sum.text + found->second.text, sum.tokens + found->second.tokens};
      if (std::max(sum.text, sum.tokens) > kMaxSentenceSize)
        return {"template_parts", t, "begins a template that is too long"};
    }
    longest = std::max({longest, sum.text, sum.tokens});
  }
  const Longest end = longest_part(plan, plan.end_piece, -1);
  if (longest * plan.statements + std::max(end.text, end.tokens) > kMaxSentenceSize)
    return {"statements", 0, "makes sentences that are too long"};
  return {};
}

}  // namespace

RenderFault check_plan(const RenderPlan& plan) {
  for (auto* check : {check_pieces, check_fields, check_parts, check_choices, check_sizes})
    if (RenderFault fault = check(plan); fault.array) return fault;
  return {};
}

// ---- compiling ---------------------------------------------------------------------------------------

/// Lays the templates out as spans: literals that stand side by side become one, and are cut into steps.
class Renderer::Compiler {
 public:
  Compiler(const RenderPlan& plan, Renderer& out) : plan_(plan), out_(out) {}

  void run() {
    text_of(plan_);
    empty_ = {span(0, 0, 0, 0, 0), zero_column()};
    const std::size_t templates = plan_.choice_probability.size();
    for (std::size_t id = 0; id < templates; ++id)
      for (std::size_t place = 0; place < out_.places_; ++place)
        compile(2 * id + (place > 0), place + 1 == out_.places_);
    for (const Template& each : out_.templates_)
      out_.most_parts_ = std::max<std::size_t>(out_.most_parts_, each.num_parts + kGroup);
    out_.most_parts_ *= out_.statements_;
    out_.text_.resize(out_.text_.size() + kPadding);
    tokens_.resize(tokens_.size() + kPadding);
    if (plan_.vocabulary_size <= 1u << 16)
      lay_out(out_.spans16_);
    else
      lay_out(out_.spans32_);
  }

 private:
  /// Where a span is in text_ and tokens_.
  struct Range {
    std::size_t text, tokens, size, count;
    std::uint8_t label;
  };

  std::uint32_t zero_column() const { return static_cast<std::uint32_t>(plan_.field_sizes.size()); }
  std::uint32_t text_size(std::size_t piece) const {
    return plan_.piece_byte_offsets[piece + 1] - plan_.piece_byte_offsets[piece];
  }
  std::uint32_t num_tokens(std::size_t piece) const {
    return plan_.piece_token_offsets[piece + 1] - plan_.piece_token_offsets[piece];
  }

  void text_of(const RenderPlan& plan) {
    out_.text_.assign(plan.piece_bytes.begin(), plan.piece_bytes.end());
    tokens_.assign(plan.piece_tokens.begin(), plan.piece_tokens.end());
  }

  std::uint32_t span(std::size_t text, std::size_t tokens, std::size_t size, std::size_t count,
                     std::uint8_t label) {
    ranges_.push_back({text, tokens, size, count, label});
    out_.rests_.push_back(
        {static_cast<std::uint32_t>(text + kTextStep), static_cast<std::uint32_t>(tokens + kTokenStep)});
    out_.span_sizes_.push_back(packed(size, count));
    return static_cast<std::uint32_t>(ranges_.size() - 1);
  }

  /// Every span with its first step of text and tokens in it.
  template <class Token>
  void lay_out(Spans<Token>& out) const {
    out.tokens.assign(tokens_.begin(), tokens_.end());
    for (const Range& range : ranges_) {
      Span<Token> span{};
      std::copy_n(out_.text_.begin() + static_cast<std::ptrdiff_t>(range.text), kTextStep, span.text);
      std::copy_n(out.tokens.begin() + static_cast<std::ptrdiff_t>(range.tokens), kTokenStep, span.tokens);
      span.text_size = static_cast<std::uint16_t>(range.size);
      span.num_tokens = static_cast<std::uint16_t>(range.count);
      std::fill_n(span.labels, kTokenStep, range.label);
      span.fits = range.size <= kTextStep && range.count <= kTokenStep;
      out.spans.push_back(span);
    }
  }

  /// Spans of all values of a field, one run for each place they are used with.
  Part slot(std::size_t piece, std::size_t field, std::uint8_t label) {
    const auto [found, added] = slots_.try_emplace({piece, field, label}, 0);
    if (added) {
      found->second = static_cast<std::uint32_t>(ranges_.size());
      for (std::size_t p = piece; p < piece + plan_.field_sizes[field]; ++p)
        span(plan_.piece_byte_offsets[p], plan_.piece_token_offsets[p], text_size(p), num_tokens(p), label);
    }
    return {found->second, static_cast<std::uint32_t>(field)};
  }

  void compile(std::size_t compiled, bool last) {
    parts_.clear();
    for (std::size_t q = plan_.template_parts[compiled]; q < plan_.template_parts[compiled + 1]; ++q) {
      const std::int32_t field = plan_.part_field[q];
      if (field < 0) {
        add_literal(plan_.part_piece[q], plan_.part_label[q]);
      } else {
        finish_literal();
        parts_.push_back(slot(plan_.part_piece[q], static_cast<std::size_t>(field), plan_.part_label[q]));
      }
    }
    if (last) add_literal(plan_.end_piece, 0);
    finish_literal();
    out_.templates_.push_back(
        {static_cast<std::uint32_t>(out_.parts_.size()), static_cast<std::uint32_t>(parts_.size())});
    out_.parts_.insert(out_.parts_.end(), parts_.begin(), parts_.end());
    while (out_.parts_.size() % kGroup != 0) out_.parts_.push_back(empty_);
  }

  void add_literal(std::size_t piece, std::uint8_t label) {
    if (label != label_) finish_literal();
    label_ = label;
    literal_.append(reinterpret_cast<const char*>(plan_.piece_bytes.data()) + plan_.piece_byte_offsets[piece],
                    text_size(piece));
    literal_tokens_.insert(literal_tokens_.end(),
                           plan_.piece_tokens.begin() + plan_.piece_token_offsets[piece],
                           plan_.piece_tokens.begin() + plan_.piece_token_offsets[piece + 1]);
  }

  void finish_literal() {
    if (literal_.empty() && literal_tokens_.empty()) return;
    const auto [found, added] = literals_.try_emplace({literal_, literal_tokens_, label_});
    if (added) {
      found->second.first = static_cast<std::uint32_t>(ranges_.size());
      found->second.second = cut_literal();
    }
    for (std::uint32_t i = 0; i < found->second.second; ++i)
      parts_.push_back({found->second.first + i, zero_column()});
    literal_.clear();
    literal_tokens_.clear();
  }

  /// Spans of no more than one step each; returns how many.
  std::uint32_t cut_literal() {
    const std::size_t text = out_.text_.size(), tokens = tokens_.size();
    out_.text_.insert(out_.text_.end(), literal_.begin(), literal_.end());
    tokens_.insert(tokens_.end(), literal_tokens_.begin(), literal_tokens_.end());
    const std::size_t size = literal_.size(), count = literal_tokens_.size();
    std::uint32_t spans = 0;
    for (std::size_t step = 0; step * kTextStep < size || step * kTokenStep < count; ++step, ++spans) {
      const std::size_t byte = std::min(step * kTextStep, size), token = std::min(step * kTokenStep, count);
      span(text + byte, tokens + token, std::min(kTextStep, size - byte), std::min(kTokenStep, count - token),
           label_);
    }
    return spans;
  }

  const RenderPlan& plan_;
  Renderer& out_;
  Part empty_{};
  std::vector<Range> ranges_;
  std::vector<std::uint32_t> tokens_;
  std::map<std::tuple<std::size_t, std::size_t, std::uint8_t>, std::uint32_t> slots_;
  std::map<std::tuple<std::string, std::vector<std::uint32_t>, std::uint8_t>,
           std::pair<std::uint32_t, std::uint32_t>>
      literals_;
  std::vector<Part> parts_;
  std::string literal_;
  std::vector<std::uint32_t> literal_tokens_;
  std::uint8_t label_ = 0;
};

Renderer::Renderer(const RenderPlan& plan)
    : field_sizes_(plan.field_sizes.begin(), plan.field_sizes.end()),
      // One column that is always 0, and rows that lie in as few cache lines as they can.
      row_width_((field_sizes_.size() + 1 + 7) / 8 * 8),
      attributes_(plan.attributes),
      statements_(plan.statements),
      places_(std::min<std::size_t>(plan.statements, 3)),
      fixed_order_(plan.fixed_order) {
  Compiler(plan, *this).run();
  compile_choices(plan);
}

void Renderer::compile_choices(const RenderPlan& plan) {
  kind_column_ = static_cast<std::uint16_t>(plan.kind_field < 0 ? field_sizes_.size() : plan.kind_field);
  const std::size_t values = plan.kind_field < 0 ? 1 : field_sizes_[kind_column_];
  for (std::size_t value = 0; value < values; ++value)
    kind_of_value_.push_back(static_cast<std::uint16_t>(value % plan.kinds));
  for (std::size_t group = 0; group + 1 < plan.choice_offsets.size(); ++group) {
    const std::uint32_t begin = plan.choice_offsets[group];
    const std::uint32_t templates = plan.choice_offsets[group + 1] - begin;
    // Four guide entries a template leave few steps to walk.
    const std::uint32_t bits = static_cast<std::uint32_t>(std::bit_width(4u * templates));
    choices_.push_back({static_cast<std::uint32_t>(guides_.size()), 53 - bits, begin});
    double sum = 0;
    for (std::uint32_t r = 0; r < templates; ++r) {
      sum += plan.choice_probability[begin + r];
      const double threshold = std::ceil(sum * kTwo53);
      thresholds_.push_back(r + 1 == templates ? ~std::uint64_t{0} : static_cast<std::uint64_t>(threshold));
    }
    std::uint32_t r = 0;
    for (std::uint64_t g = 0; g < std::uint64_t{1} << bits; ++g) {
      while (g << (53 - bits) >= thresholds_[begin + r]) ++r;
      guides_.push_back(static_cast<std::uint16_t>(r));
    }
  }
}

ContentsFault Renderer::append_contents(std::span<const std::uint16_t> rows) {
  const std::size_t fields = num_fields();
  const std::size_t count = rows.size() / fields;
  for (std::size_t row = 0; row < count; ++row)
    for (std::size_t f = 0; f < fields; ++f)
      if (rows[row * fields + f] >= field_sizes_[f]) return {row, f};
  const std::size_t needed = (num_elements_ + count) * row_width_;
  if (needed > contents_.capacity()) contents_.reserve(std::max(needed, contents_.capacity() * 2));
  contents_.resize(needed);
  for (std::size_t row = 0; row < count; ++row)
    std::copy_n(rows.data() + row * fields, fields, contents_.data() + (num_elements_ + row) * row_width_);
  num_elements_ += count;
  return {count, 0};
}

// ---- drawing -----------------------------------------------------------------------------------------

/// The random words of some sentences in a row, made for all of them at once.
class Renderer::SentenceWords {
 public:
  static constexpr std::size_t kMaxDraws = 2 * kMaxAttributes;
  static constexpr std::size_t kTile = 80;  // whole groups of vectors of words

  SentenceWords(std::uint64_t key, std::size_t draws) noexcept : key_(key), blocks_((draws + 1) / 2) {}

  /// Makes those of `count` <= kTile sentences.
  void fill(std::uint64_t first, std::size_t count) noexcept {
    kernels_.words(key_, 2 * first, 2 * count, words_[0]);
    if (blocks_ == 1) return;
    for (std::size_t w = 0; w < 2 * count; ++w) index_[w] = 2 * first + w;
    for (std::size_t attempt = 1; attempt < blocks_; ++attempt)
      kernels_.words_at(key_, index_, 2 * count, attempt, words_[attempt]);
  }
  /// Word `draw` of Draw(key, first + t).
  std::uint64_t word(std::size_t t, std::size_t draw) const noexcept {
    return words_[draw / 2][2 * t + draw % 2];
  }

 private:
  static_assert(2 * kTile % kIndexPadding == 0);
  const PhiloxKernels& kernels_ = philox_kernels();
  std::uint64_t key_;
  std::size_t blocks_;
  std::uint64_t index_[2 * kTile];
  std::uint64_t words_[kMaxDraws / 2][2 * kTile];
};

/// Returns how many spans have been listed.
std::size_t Renderer::draw_range(std::span<const std::uint32_t> elements, std::size_t begin, std::size_t end,
                                 std::uint64_t first, std::uint64_t key, std::uint16_t* choices,
                                 std::uint64_t* text_offsets, std::uint64_t* token_offsets,
                                 std::vector<std::uint32_t>& spans) const {
  SentenceWords words(key, statements_ * (fixed_order_ ? 1 : 2));
  const std::size_t expected = (end - begin) * statements_ * kGroup + SentenceWords::kTile * most_parts_;
  if (spans.size() < expected) spans.resize(expected);
  std::uint32_t* list = spans.data();
  std::uint64_t text = 0, tokens = 0;
  for (std::size_t tile = begin; tile < end; tile += SentenceWords::kTile) {
    const std::size_t count = std::min(SentenceWords::kTile, end - tile);
    words.fill(first + tile, count);
    const std::size_t used = static_cast<std::size_t>(list - spans.data());
    if (spans.size() - used < SentenceWords::kTile * most_parts_) {
      spans.resize(spans.size() * 2);
      list = spans.data() + used;
    }
    for (std::size_t t = 0; t < count; ++t) {
      const std::size_t i = tile + t;
      if (i + kAhead < end) __builtin_prefetch(row_of(elements[i + kAhead]));
      const std::uint64_t size = draw_sentence(row_of(elements[i]), words, t, choices, list);
      choices += 2 * statements_;
      text += static_cast<std::uint32_t>(size);
      tokens += size >> 32;
      text_offsets[i + 1] = text;
      token_offsets[i + 1] = tokens;
    }
  }
  return static_cast<std::size_t>(list - spans.data());
}

/// Draws sentence t of `words` and adds its spans to the list; returns its size, text in the low half and
/// tokens in the high half.
inline std::uint64_t Renderer::draw_sentence(const std::uint16_t* row, const SentenceWords& words,
                                             std::size_t t, std::uint16_t* choices,
                                             std::uint32_t*& list) const noexcept {
  const std::size_t kind = kind_of_value_[row[kind_column_]];
  std::uint8_t left[kMaxAttributes];
  if (statements_ > 1) std::iota(left, left + kMaxAttributes, std::uint8_t{0});
  std::uint64_t size = 0;
  for (std::size_t j = 0, used = 0; j < statements_; ++j) {
    std::size_t attribute = j;
    if (!fixed_order_) {
      const std::size_t last = attributes_ - 1 - j;
      attribute = high_product(words.word(t, used++), last + 1);
      if (statements_ > 1) attribute = std::exchange(left[attribute], left[last]);
    }
    const Choice& choice = choices_[kind * attributes_ + attribute];
    const std::uint64_t u = words.word(t, used++) >> 11;
    const std::uint64_t* thresholds = thresholds_.data() + choice.templates;
    std::size_t r = guides_[choice.guide + (u >> choice.shift)];
    // Seldom more than one step, and the first without a branch.
    r += u >= thresholds[r];
    while (u >= thresholds[r]) ++r;
    const Template chosen = templates_[(choice.templates + r) * places_ + place_of(j)];
    const Part* part = parts_.data() + chosen.parts;
    for (std::size_t done = 0; done < chosen.num_parts; done += kGroup)
      for (std::size_t g = done; g < done + kGroup; ++g) {
        const std::uint32_t span = part[g].first + row[part[g].column];
        list[g] = span;
        size += span_sizes_[span];
      }
    list += chosen.num_parts;
    choices[2 * j] = static_cast<std::uint16_t>(attribute);
    choices[2 * j + 1] = static_cast<std::uint16_t>(r);
  }
  return size;
}

std::size_t Renderer::draw(std::span<const std::uint32_t> elements, std::uint64_t first, std::uint64_t key,
                           std::uint16_t* choices, std::uint64_t* text_offsets, std::uint64_t* token_offsets,
                           Drawn& drawn, unsigned threads) const {
  const std::size_t count = elements.size();
  text_offsets[0] = 0;
  token_offsets[0] = 0;
  drawn.begin((count + kBlock - 1) / kBlock, part_count(count, kGrain, threads));
  drawn.team_->run(drawn.num_blocks_, [&](std::size_t number, unsigned worker) {
    const std::size_t begin = number * kBlock, end = std::min(count, begin + kBlock);
    Drawn::Block& block = drawn.blocks_[number];
    block.begin = begin;
    block.end = end;
    block.worker = worker;
    block.taken = false;
    block.known = known(elements, begin, end);
    block.failure = nullptr;
    if (block.known < end) return;
    try {
      block.num_spans = draw_range(elements, begin, end, first, key, choices + begin * 2 * statements_,
                                   text_offsets, token_offsets, block.spans);
      block.text_size = text_offsets[end];
      block.num_tokens = token_offsets[end];
    } catch (...) {
      block.failure = std::current_exception();
    }
  });
  for (const Drawn::Block& block : drawn.blocks()) {
    if (!block.failure && block.known == block.end) continue;
    if (block.failure) std::rethrow_exception(block.failure);
    return block.known;
  }
  drawn.place();
  return count;
}

/// The first sentence from `begin` on whose element has no contents; `end` if there is none.
std::size_t Renderer::known(std::span<const std::uint32_t> elements, std::size_t begin,
                            std::size_t end) const noexcept {
  const auto unknown = [this](std::uint32_t element) { return element >= num_elements_; };
  const auto* const last = elements.data() + end;
  return static_cast<std::size_t>(std::find_if(elements.data() + begin, last, unknown) - elements.data());
}

Drawn::Drawn() = default;
Drawn::~Drawn() = default;

void Drawn::begin(std::size_t num_blocks, std::size_t threads) {
  if (blocks_.size() < num_blocks) blocks_.resize(num_blocks);
  num_blocks_ = num_blocks;
  constexpr auto nothing = [] {};
  if (!team_ || team_->size() != threads || !team_->here())
    team_ = std::make_unique<Team>(static_cast<unsigned>(threads), nothing, nothing);
}

/// Each block has counted from 0: it goes behind those before it.
void Drawn::place() noexcept {
  text_size_ = num_tokens_ = 0;
  for (Block& block : std::span(blocks_).first(num_blocks_)) {
    block.text_begin = text_size_;
    block.token_begin = num_tokens_;
    text_size_ += block.text_size;
    num_tokens_ += block.num_tokens;
  }
}

// ---- writing -----------------------------------------------------------------------------------------

template <>
const Renderer::Spans<std::uint16_t>& Renderer::spans() const noexcept {
  return spans16_;
}
template <>
const Renderer::Spans<std::uint32_t>& Renderer::spans() const noexcept {
  return spans32_;
}

/// Copies spans one behind the other. Not exact: up to a step too much is written behind the last one.
template <class Token>
class Renderer::Writer {
 public:
  Writer(const Renderer& renderer, std::uint8_t* text, Token* tokens, std::uint8_t* labels) noexcept
      : renderer_(renderer), text_(text), tokens_(tokens), labels_(labels) {}

  template <bool kExact>
  void copy(const std::uint32_t* list, const std::uint32_t* end) noexcept {
    const Span<Token>* const spans = renderer_.spans<Token>().spans.data();
    Token* const tokens = tokens_;
    std::uint8_t* const labels = labels_;
    std::uint8_t* text = text_;
    std::size_t at = 0;  // of tokens and labels
    for (; list != end; ++list) {
      const Span<Token>& span = spans[*list];
      const std::size_t size = span.text_size, count = span.num_tokens;
      std::memcpy(text, span.text, kExact ? std::min(size, kTextStep) : kTextStep);
      std::memcpy(tokens + at, span.tokens,
                  (kExact ? std::min(count, kTokenStep) : kTokenStep) * sizeof(Token));
      std::memcpy(labels + at, span.labels, kExact ? std::min(count, kTokenStep) : kTokenStep);
      if (!span.fits) [[unlikely]]
        copy_rest(span, renderer_.rests_[*list], text, tokens + at, labels + at);
      text += size;
      at += count;
    }
    text_ = text;
    tokens_ += at;
    labels_ += at;
  }

 private:
  /// What is behind the first step of a long span.
  void copy_rest(const Span<Token>& span, Rest rest, std::uint8_t* text, Token* tokens,
                 std::uint8_t* labels) const noexcept {
    if (span.text_size > kTextStep)
      std::memcpy(text + kTextStep, renderer_.text_.data() + rest.text, span.text_size - kTextStep);
    if (span.num_tokens > kTokenStep) {
      const std::size_t count = span.num_tokens - kTokenStep;
      std::memcpy(tokens + kTokenStep, renderer_.spans<Token>().tokens.data() + rest.tokens,
                  count * sizeof(Token));
      std::memset(labels + kTokenStep, span.labels[0], count);
    }
  }

  const Renderer& renderer_;
  std::uint8_t* text_;
  Token* tokens_;
  std::uint8_t* labels_;
};

template <class Token>
void Renderer::write_block(const Drawn::Block& block, std::uint8_t* text, Token* tokens,
                           std::uint8_t* labels) const noexcept {
  const std::uint32_t* const list = block.spans.data();
  const std::uint32_t* const end = list + block.num_spans;
  // Behind `exact` a step too much could reach what belongs to another thread, or to nobody.
  const std::uint32_t* exact = end;
  for (std::uint64_t behind = 0; exact != list;) {
    if (static_cast<std::uint32_t>(behind) >= kTextStep && behind >> 32 >= kTokenStep) break;
    behind += span_sizes_[*--exact];
  }
  Writer<Token> out(*this, text + block.text_begin, tokens + block.token_begin, labels + block.token_begin);
  out.template copy<false>(list, exact);
  out.template copy<true>(exact, end);
}

template <class Token>
void Renderer::write(Drawn& drawn, std::uint8_t* text, std::uint64_t* text_offsets, Token* tokens,
                     std::uint64_t* token_offsets, std::uint8_t* labels) const {
  const std::span<Drawn::Block> blocks = drawn.blocks();
  const auto write_one = [&](Drawn::Block& block) {
    if (std::atomic_ref(block.taken).exchange(true, std::memory_order_relaxed)) return;
    for (std::size_t i = block.begin; block.begin > 0 && i < block.end; ++i) {
      text_offsets[i + 1] += block.text_begin;
      token_offsets[i + 1] += block.token_begin;
    }
    write_block(block, text, tokens, labels);
  };
  // Each thread first what it has drawn, then what others have left, of which they come last to the last.
  drawn.team_->run(drawn.team_->size(), [&](std::size_t, unsigned worker) {
    for (Drawn::Block& block : blocks)
      if (block.worker == worker) write_one(block);
    for (auto block = blocks.rbegin(); block != blocks.rend(); ++block) write_one(*block);
  });
}

template void Renderer::write(Drawn&, std::uint8_t*, std::uint64_t*, std::uint16_t*, std::uint64_t*,
                              std::uint8_t*) const;
template void Renderer::write(Drawn&, std::uint8_t*, std::uint64_t*, std::uint32_t*, std::uint64_t*,
                              std::uint8_t*) const;

}  // namespace skm
