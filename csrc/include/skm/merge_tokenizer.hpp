// Byte-pair merges by score (Sennrich, Haddow, Birch 2016; scores as SentencePiece's): text falls into
// characters, those without a token into bytes, and of all neighbours that join to a token the pair with the
// best score is joined, the leftmost of equals, until none is left.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace skm {

class MergeTokenizer {
 public:
  /// `texts` and as many `scores`, none of them NaN; a token's number is its place. Of equal texts the first
  /// counts. Tokens `first_byte` to `first_byte` + 255 stand for bytes that have no other token. Throws
  /// std::bad_alloc.
  MergeTokenizer(std::vector<std::string> texts, std::vector<float> scores, std::size_t first_byte);

  std::size_t size() const noexcept { return texts_.size(); }

  /// Appends the tokens of `text`. Time is linear in the text but for stretches in which neighbours could
  /// join everywhere: n log n in their length. Throws std::bad_alloc.
  void encode(std::span<const std::uint8_t> text, std::vector<std::int64_t>& tokens) const;

 private:
  struct Join {
    std::uint64_t pair;  // kNone where the table is empty
    std::uint32_t token;
    float score;
  };
  struct Link {
    std::uint32_t token;
    std::int32_t before, after;
    bool alive;
  };
  struct Candidate {
    float score;
    std::int32_t left;
    std::uint32_t first, second, joined;
  };
  struct Piece {
    std::vector<Link> links;
    std::vector<Candidate> heap;
  };

  static constexpr std::uint64_t kNone = ~std::uint64_t{0};

  void add_joins();
  const Join* find(std::uint32_t left, std::uint32_t right) const noexcept;
  std::uint32_t token_of(std::string_view text) const noexcept;  // kNoToken if there is none
  static bool later(const Candidate& a, const Candidate& b) noexcept;
  void offer(Piece& piece, std::int32_t left) const;
  void merge(Piece& piece, std::vector<std::int64_t>& tokens) const;

  std::vector<std::string> texts_;
  std::vector<float> scores_;
  std::size_t first_byte_;
  std::vector<std::uint32_t> same_text_;  // the first token of the same text
  std::vector<std::uint32_t> by_text_;    // tokens in order of their texts, the first of equals only
  std::vector<std::uint32_t> of_byte_;    // (256): token of a character of one byte, or kNoToken
  std::vector<Join> joins_;               // open addressing; its size is a power of two
  std::vector<char> adjacent_;            // (256, 256): whether a token has one byte behind the other
};

}  // namespace skm
