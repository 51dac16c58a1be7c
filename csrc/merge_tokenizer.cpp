// Merges by score: a table of all pairs that join, and for each stretch of text whose neighbours could join a
// list of its tokens and a heap of the pairs in it.
#include "skm/merge_tokenizer.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace skm {
namespace {

constexpr std::uint32_t kNoToken = ~std::uint32_t{0};
constexpr std::size_t kLongestUnit = 4;

std::uint64_t pair_of(std::uint32_t left, std::uint32_t right) noexcept {
  return static_cast<std::uint64_t>(left) << 32 | right;
}
std::size_t scattered(std::uint64_t pair) noexcept {
  pair *= 0x9E3779B97F4A7C15u;
  return static_cast<std::size_t>(pair ^ pair >> 29);
}
bool continues(std::uint8_t byte) noexcept { return (byte & 0xC0) == 0x80; }

/// Bytes of the unit that begins at `at`: a character of UTF-8, or what is in the place of one.
std::size_t unit_size(std::span<const std::uint8_t> text, std::size_t at) noexcept {
  std::size_t size = 1;
  while (size < kLongestUnit && at + size < text.size() && continues(text[at + size])) ++size;
  return size;
}

}  // namespace

MergeTokenizer::MergeTokenizer(std::vector<std::string> texts, std::vector<float> scores,
                               std::size_t first_byte)
    : texts_(std::move(texts)), scores_(std::move(scores)), first_byte_(first_byte), adjacent_(256 * 256) {
  by_text_.resize(texts_.size());
  for (std::uint32_t i = 0; i < texts_.size(); ++i) by_text_[i] = i;
  std::stable_sort(by_text_.begin(), by_text_.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return texts_[a] < texts_[b]; });
  same_text_.resize(texts_.size());
  std::vector<std::uint32_t> firsts;
  for (const std::uint32_t token : by_text_) {
    if (firsts.empty() || texts_[firsts.back()] != texts_[token]) firsts.push_back(token);
    same_text_[token] = firsts.back();
  }
  by_text_ = std::move(firsts);
  for (int byte = 0; byte < 256; ++byte) {
    const char text = static_cast<char>(byte);
    of_byte_.push_back(token_of({&text, 1}));
  }
  for (const std::string& text : texts_) {
    for (std::size_t i = 1; i < text.size(); ++i) {
      adjacent_[static_cast<std::uint8_t>(text[i - 1]) * 256u + static_cast<std::uint8_t>(text[i])] = true;
    }
  }
  add_joins();
}

void MergeTokenizer::add_joins() {
  std::vector<Join> found;
  for (const std::uint32_t token : by_text_) {
    const std::string_view text = texts_[token];
    for (std::size_t cut = 1; cut < text.size(); ++cut) {
      const std::uint32_t left = token_of(text.substr(0, cut));
      const std::uint32_t right = left == kNoToken ? kNoToken : token_of(text.substr(cut));
      if (right != kNoToken) found.push_back({pair_of(left, right), token, scores_[token]});
    }
  }
  joins_.assign(std::bit_ceil(std::max<std::size_t>(4 * found.size(), 16)), {kNone, 0, 0.0f});
  for (const Join& join : found) {
    std::size_t at = scattered(join.pair) & (joins_.size() - 1);
    while (joins_[at].pair != kNone) at = (at + 1) & (joins_.size() - 1);
    joins_[at] = join;
  }
}

std::uint32_t MergeTokenizer::token_of(std::string_view text) const noexcept {
  const auto found =
      std::lower_bound(by_text_.begin(), by_text_.end(), text,
                       [&](std::uint32_t token, std::string_view wanted) { return texts_[token] < wanted; });
  return found != by_text_.end() && texts_[*found] == text ? *found : kNoToken;
}

const MergeTokenizer::Join* MergeTokenizer::find(std::uint32_t left, std::uint32_t right) const noexcept {
  const std::uint64_t pair = pair_of(same_text_[left], same_text_[right]);
  std::size_t at = scattered(pair) & (joins_.size() - 1);
  while (joins_[at].pair != pair) {
    if (joins_[at].pair == kNone) return nullptr;
    at = (at + 1) & (joins_.size() - 1);
  }
  return &joins_[at];
}

void MergeTokenizer::encode(std::span<const std::uint8_t> text, std::vector<std::int64_t>& tokens) const {
  Piece piece;
  const auto append = [&](std::uint32_t token) {
    const std::string& behind = texts_[token];
    const bool first = piece.links.empty();
    const std::string& before = first ? behind : texts_[piece.links.back().token];
    const bool apart = first || before.empty() || behind.empty() ||
                       !adjacent_[static_cast<std::uint8_t>(before.back()) * 256u +
                                  static_cast<std::uint8_t>(behind.front())];
    if (apart) merge(piece, tokens);
    const auto place = static_cast<std::int32_t>(piece.links.size());
    piece.links.push_back({token, place - 1, place + 1, true});
  };
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t size = unit_size(text, at);
    const std::uint32_t token =
        size == 1 ? of_byte_[text[at]] : token_of({reinterpret_cast<const char*>(text.data() + at), size});
    if (token != kNoToken) append(token);
    for (std::size_t i = 0; token == kNoToken && i < size; ++i) {
      append(static_cast<std::uint32_t>(first_byte_ + text[at + i]));
    }
    at += size;
  }
  merge(piece, tokens);
}

bool MergeTokenizer::later(const Candidate& a, const Candidate& b) noexcept {
  return a.score < b.score || (a.score == b.score && a.left > b.left);
}

void MergeTokenizer::offer(Piece& piece, std::int32_t left) const {
  const std::int32_t right = piece.links[static_cast<std::size_t>(left)].after;
  if (static_cast<std::size_t>(right) >= piece.links.size()) return;
  const std::uint32_t first = piece.links[static_cast<std::size_t>(left)].token;
  const std::uint32_t second = piece.links[static_cast<std::size_t>(right)].token;
  const Join* join = find(first, second);
  if (join == nullptr) return;
  piece.heap.push_back({join->score, left, first, second, join->token});
  std::push_heap(piece.heap.begin(), piece.heap.end(), later);
}

/// Joins what can be joined in a piece, appends its tokens and empties it.
void MergeTokenizer::merge(Piece& piece, std::vector<std::int64_t>& tokens) const {
  std::vector<Link>& links = piece.links;
  for (std::size_t i = 0; i + 1 < links.size(); ++i) offer(piece, static_cast<std::int32_t>(i));
  while (!piece.heap.empty()) {
    std::pop_heap(piece.heap.begin(), piece.heap.end(), later);
    const Candidate best = piece.heap.back();
    piece.heap.pop_back();
    Link& left = links[static_cast<std::size_t>(best.left)];
    if (!left.alive || left.token != best.first || static_cast<std::size_t>(left.after) >= links.size())
      continue;
    Link& right = links[static_cast<std::size_t>(left.after)];
    if (right.token != best.second) continue;
    left.token = best.joined;
    right.alive = false;
    left.after = right.after;
    if (static_cast<std::size_t>(right.after) < links.size()) {
      links[static_cast<std::size_t>(right.after)].before = best.left;
    }
    if (left.before >= 0) offer(piece, left.before);
    offer(piece, best.left);
  }
  for (const Link& link : links) {
    if (link.alive) tokens.push_back(link.token);
  }
  links.clear();
}

}  // namespace skm
