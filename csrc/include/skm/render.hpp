// Sentences from compiled templates: text, tokens and a label for every token, at the speed of memory.
//
// A RenderPlan is a grammar laid flat. A piece is a string with its tokens; a part of a template is a
// piece, or a slot: the piece `part_piece + contents[element, part_field]`. Sentence i about element e is
// `statements` templates in a row and the end piece. What it says is drawn from Draw(key, i):
//
//   left = 0 .. attributes-1                        the attributes not yet stated
//   for each statement:
//     order random: p = bits() * left.size >> 64; a = left[p]; left[p] = left's last, which is removed
//     order fixed:  a = the next attribute, without drawing
//     u = bits() >> 11                              a 53-bit integer
//     r = first template of (kind, a) with u < ceil(c[r] 2^53), c the running sums of its probabilities;
//         the last one if there is none
//
// with kind = contents[e, kind_field] % kinds. A statement is compiled template 2 * id + form, where
// id = choice_offsets[kind * attributes + a] + r; form 0 is for the first statement, 1 for those after it.
//
// So a sentence is a function of (plan, contents of its element, key, i): any split of the sentences over
// calls or threads gives the same bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <span>
#include <vector>

namespace skm {

/// What a Renderer is made from; the arrays are copied. Offsets start at 0, do not fall, and end at the
/// size of what they point into.
struct RenderPlan {
  std::span<const std::uint8_t> piece_bytes;
  std::span<const std::uint32_t> piece_byte_offsets;  ///< pieces + 1
  std::span<const std::uint32_t> piece_tokens;
  std::span<const std::uint32_t> piece_token_offsets;  ///< pieces + 1
  std::span<const std::uint32_t> part_piece;
  std::span<const std::int32_t> part_field;  ///< -1: a literal
  std::span<const std::uint8_t> part_label;
  std::span<const std::uint32_t> template_parts;  ///< compiled templates + 1
  std::span<const std::uint32_t> choice_offsets;  ///< kinds * A + 1; every (kind, attribute) has a template
  std::span<const double> choice_probability;     ///< sums to 1 within 1e-6 for every (kind, attribute)
  std::span<const std::uint32_t> field_sizes;     ///< contents[., f] < field_sizes[f] <= 2^16
  std::int32_t kind_field = -1;                   ///< -1: every element is of kind 0
  std::uint32_t kinds = 1;                        ///< 1 to 2^16
  std::uint32_t attributes = 1;                   ///< that can be stated: 1 to kMaxAttributes
  std::uint32_t statements = 1;                   ///< 1 to attributes
  bool fixed_order = false;                       ///< attributes 0, 1, 2 ... instead of random ones
  std::uint32_t end_piece = 0;
  std::uint64_t vocabulary_size = 0;  ///< tokens are below it; at most 2^32
};

/// Where a plan is wrong; `array` is nullptr where it is right. The strings are constants.
struct RenderFault {
  const char* array = nullptr;
  std::size_t index = 0;
  const char* problem = nullptr;
};

/// A place in contents that is outside its field; row is the number of rows where there is none.
struct ContentsFault {
  std::size_t row;
  std::size_t field;
};

/// Limit on A, the attributes that can be stated.
inline constexpr std::size_t kMaxAttributes = 64;
/// Limit on the bytes, and on the tokens, of the longest sentence that a plan can make.
inline constexpr std::uint64_t kMaxSentenceSize = std::uint64_t{1} << 30;

/// Limit on the bytes, and on the tokens, of one piece.
inline constexpr std::uint32_t kMaxPieceSize = 65535;

/// Looks at every array of the plan. A Renderer may be made from a plan without fault only.
RenderFault check_plan(const RenderPlan& plan);

class Team;

/// Sentences as the numbers of their spans: what Renderer::draw leaves to Renderer::write, about 32 bytes a
/// sentence, and the threads that have drawn them, which write them too. Good for the Renderer that made it;
/// drawing into it again needs no new memory.
class Drawn {
 public:
  Drawn();
  ~Drawn();

  /// Bytes of text, and tokens, of all sentences.
  std::uint64_t text_size() const noexcept { return text_size_; }
  std::uint64_t num_tokens() const noexcept { return num_tokens_; }

 private:
  friend class Renderer;
  /// Some sentences in a row, drawn by one thread and written by one, as a rule the same, and where they go.
  struct Block {
    std::vector<std::uint32_t> spans;  ///< the first num_spans are in use
    std::size_t num_spans = 0;
    std::size_t begin = 0, end = 0;  ///< sentences
    std::size_t known = 0;           ///< first one whose element has no contents, or end
    std::uint64_t text_begin = 0, text_size = 0;
    std::uint64_t token_begin = 0, num_tokens = 0;
    unsigned worker = 0;  ///< whose caches hold it
    bool taken = false;   ///< for writing
    std::exception_ptr failure;
  };
  std::span<Block> blocks() noexcept { return std::span(blocks_).first(num_blocks_); }
  void begin(std::size_t num_blocks, std::size_t threads);
  void place() noexcept;

  std::vector<Block> blocks_;  ///< the first num_blocks_ are in use
  std::size_t num_blocks_ = 0;
  std::unique_ptr<Team> team_;  ///< kept for the next draw(): a thread takes as long to start as some blocks
  std::uint64_t text_size_ = 0, num_tokens_ = 0;
};

class Renderer {
 public:
  /// Compiles `plan`, which check_plan has passed. Throws std::bad_alloc.
  explicit Renderer(const RenderPlan& plan);

  /// Adds the contents of the next elements: `rows` holds num_fields() values for each. Where a value is
  /// outside its field nothing is added and the fault says where. Throws std::bad_alloc.
  ContentsFault append_contents(std::span<const std::uint16_t> rows);

  std::size_t num_fields() const noexcept { return field_sizes_.size(); }
  std::size_t num_elements() const noexcept { return num_elements_; }
  std::size_t statements() const noexcept { return statements_; }
  /// Whether tokens need 32 bits.
  bool wide_tokens() const noexcept { return spans16_.spans.empty(); }

  /// Draws the sentences first, first + 1, ... of `elements`; first + elements.size() is at most 2^62. Writes
  /// the choices, (attribute, template within the kind and attribute) for each statement, and begins what
  /// write() finishes: offsets, which have elements.size() + 1 entries. Returns the index of the first
  /// element without contents, and the output is then unspecified; elements.size() where there is none.
  /// Throws std::bad_alloc.
  std::size_t draw(std::span<const std::uint32_t> elements, std::uint64_t first, std::uint64_t key,
                   std::uint16_t* choices, std::uint64_t* text_offsets, std::uint64_t* token_offsets,
                   Drawn& drawn, unsigned threads) const;

  /// Writes the sentences that draw() has drawn: drawn.text_size() bytes of text, drawn.num_tokens() tokens
  /// and labels, nothing beyond; and makes draw()'s offsets say where each sentence's text and tokens begin,
  /// counted from 0. To be called once, from draw()'s thread. Token is std::uint32_t where wide_tokens(),
  /// otherwise std::uint16_t.
  template <class Token>
  void write(Drawn& drawn, std::uint8_t* text, std::uint64_t* text_offsets, Token* tokens,
             std::uint64_t* token_offsets, std::uint8_t* labels) const;

 private:
  static constexpr std::size_t kTextStep = 32;
  static constexpr std::size_t kTokenStep = 8;

  /// A string with its tokens and the label they all have: what is copied in one go. One cache line where
  /// tokens have 16 bits; what does not fit into it is found through rests_.
  template <class Token>
  struct alignas(64) Span {
    std::uint8_t text[kTextStep];
    Token tokens[kTokenStep];
    std::uint8_t labels[kTokenStep];
    std::uint16_t text_size;
    std::uint16_t num_tokens;
    bool fits;
  };
  /// Where a span goes on behind its first step: in text_, and in the tokens of that width.
  struct Rest {
    std::uint32_t text;
    std::uint32_t tokens;
  };
  static_assert(sizeof(Span<std::uint16_t>) == 64);
  /// The span `first + row[column]`; literals read the column that is always 0.
  struct Part {
    std::uint32_t first;
    std::uint32_t column;
  };
  /// A template as it stands at one place of a sentence. Parts fill whole groups; behind their end stand
  /// empty ones.
  struct Template {
    std::uint32_t parts;  ///< index of the first one
    std::uint32_t num_parts;
  };
  struct Choice {
    std::uint32_t guide;      ///< where its guide table begins
    std::uint32_t shift;      ///< guide index = u >> shift
    std::uint32_t templates;  ///< id of its first template
  };
  class Compiler;
  class SentenceWords;
  template <class Token>
  class Writer;

  std::size_t draw_range(std::span<const std::uint32_t> elements, std::size_t begin, std::size_t end,
                         std::uint64_t first, std::uint64_t key, std::uint16_t* choices,
                         std::uint64_t* text_offsets, std::uint64_t* token_offsets,
                         std::vector<std::uint32_t>& spans) const;
  std::uint64_t draw_sentence(const std::uint16_t* row, const SentenceWords& words, std::size_t t,
                              std::uint16_t* choices, std::uint32_t*& list) const noexcept;
  template <class Token>
  void write_block(const Drawn::Block& block, std::uint8_t* text, Token* tokens,
                   std::uint8_t* labels) const noexcept;
  std::size_t known(std::span<const std::uint32_t> elements, std::size_t begin,
                    std::size_t end) const noexcept;
  void compile_choices(const RenderPlan& plan);
  const std::uint16_t* row_of(std::uint32_t element) const noexcept {
    return contents_.data() + std::size_t{element} * row_width_;
  }
  /// Which of its templates_ a template is as statement j: the first, one in between, or the last.
  std::size_t place_of(std::size_t j) const noexcept {
    return j == 0 ? 0 : j + 1 == statements_ ? places_ - 1 : 1;
  }

  /// The spans, and all tokens, in one width.
  template <class Token>
  struct Spans {
    std::vector<Span<Token>> spans;
    std::vector<Token> tokens;
  };
  template <class Token>
  const Spans<Token>& spans() const noexcept;

  std::vector<std::uint8_t>
      text_;  ///< of all spans; padded, as the tokens are, so that whole steps may be read
  Spans<std::uint16_t> spans16_;  ///< empty where tokens need 32 bits
  Spans<std::uint32_t> spans32_;
  std::vector<Rest> rests_;                ///< one for each span
  std::vector<std::uint64_t> span_sizes_;  ///< bytes of text in the low half, tokens in the high half
  std::vector<Part> parts_;
  std::vector<Template> templates_;  ///< [id * places_ + place]
  std::vector<Choice> choices_;      ///< [kind * attributes_ + attribute]
  std::vector<std::uint16_t> guides_;
  std::vector<std::uint64_t> thresholds_;
  std::vector<std::uint16_t> kind_of_value_;
  std::vector<std::uint32_t> field_sizes_;
  std::vector<std::uint16_t> contents_;  ///< rows of row_width_, zero behind the last field
  std::size_t row_width_;
  std::size_t num_elements_ = 0;
  std::size_t attributes_;
  std::size_t statements_;
  std::size_t places_;          ///< min(statements, 3)
  std::size_t most_parts_ = 0;  ///< of a sentence, groups filled
  std::uint16_t kind_column_;
  bool fixed_order_;
};

}  // namespace skm
