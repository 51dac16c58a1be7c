// Context-tree weighting as a fold. Logarithms throughout: P_w underflows after a few hundred bytes.
#include "ctw_fold.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

namespace skm {
namespace {

#include "simd/fold_stack.inl"

bool bit_of(const std::uint64_t* words, int v) noexcept { return words[v >> 6] >> (v & 63) & 1; }
void set_bit(std::uint64_t* words, int v) noexcept { words[v >> 6] |= std::uint64_t{1} << (v & 63); }

// Binary nodes above their descendants.
template <typename Visit>
void for_each_used(const std::uint64_t* used, Visit visit) noexcept {
  for (int w = 0; w < 4; ++w) {
    for (std::uint64_t word = used[w]; word != 0; word &= word - 1) visit(64 * w + __builtin_ctzll(word));
  }
}

// visit(binary node, bit) along the path of `symbol`.
template <typename Visit>
void for_each_on_path(int symbol, Visit visit) noexcept {
  for (int b = 7; b >= 0; --b) visit((256 | symbol) >> (b + 1), symbol >> b & 1);
}

bool one_sided(const CtwNode& node, int v) noexcept { return node.seen[v][0] == 0 || node.seen[v][1] == 0; }

// ln(e^x + e^y); at most one of the two is minus infinity.
double log_add(double x, double y) noexcept {
  return std::max(x, y) + std::log1p(std::exp(std::min(x, y) - std::max(x, y)));
}

// What Stirling's formula for ln Gamma(z) leaves out, z > 1000.
double stirling_rest(double z) noexcept { return 1 / (12 * z) - 1 / (360 * z * z * z); }

double log_gamma(double z) noexcept {
  constexpr double half_log_2pi = 0.91893853320467274178;
  return (z - 0.5) * std::log(z) - z + half_log_2pi + stirling_rest(z);
}

// ln Gamma(y) - ln Gamma(y + x): Stirling's formulas subtracted before they are large.
double log_gamma_fall(double y, double x) noexcept {
  return -x * (std::log(y) - 1) - (y + x - 0.5) * std::log1p(x / y) +
         (stirling_rest(y) - stirling_rest(y + x));
}

// Gives every binary node on the path of the only symbol its own slot.
void expand(CtwNode& node) noexcept {
  if (node.symbol < 0) return;
  const double product = node.product[1];
  const std::uint64_t count = node.seen[1][0];
  std::fill(node.used, node.used + 4, 0);
  for_each_on_path(node.symbol, [&](int v, int bit) {
    set_bit(node.used, v);
    node.product[v] = product;
    node.seen[v][bit] = count;
    node.seen[v][1 - bit] = 0;
  });
  node.symbol = -1;
}

// Takes in `count` times `symbol`, whose extensions' P_w is `message` at each of its binary nodes.
void absorb_symbol(CtwNode& node, int symbol, std::uint64_t count, double message) noexcept {
  if (node.empty) {
    node.empty = false;
    node.symbol = symbol;
    node.product[1] = message;
    node.seen[1][0] = count;
    node.seen[1][1] = 0;
    return;
  }
  if (node.symbol == symbol) {
    node.product[1] += message;
    node.seen[1][0] += count;
    return;
  }
  expand(node);
  for_each_on_path(symbol, [&](int v, int bit) {
    if (!bit_of(node.used, v)) {
      set_bit(node.used, v);
      node.product[v] = 0.0;
      node.seen[v][0] = node.seen[v][1] = 0;
    }
    node.product[v] += message;
    node.seen[v][bit] += count;
  });
}

// What a context tells the one above it at one binary node: ln P_w, and the zeros and ones seen.
struct BinaryMessage {
  double product;
  std::uint64_t seen[2];
};

// Takes in the messages of a context with several symbols; next_message(v) is called in ascending order.
template <typename NextMessage>
void absorb_trie(CtwNode& parent, const std::uint64_t* used, NextMessage next_message) noexcept {
  parent.empty = false;
  expand(parent);
  for_each_used(used, [&](int v) {
    const BinaryMessage message = next_message(v);
    const bool known = bit_of(parent.used, v);
    parent.product[v] = (known ? parent.product[v] : 0.0) + message.product;
    for (int bit = 0; bit < 2; ++bit) {
      parent.seen[v][bit] = (known ? parent.seen[v][bit] : 0) + message.seen[bit];
    }
  });
  for (int w = 0; w < 4; ++w) parent.used[w] |= used[w];
}

}  // namespace

BetaEstimator::BetaEstimator(double c)
    : c_(c), log_gamma_c_(std::lgamma(c)), log_gamma_ratio_(std::lgamma(2 * c) - std::lgamma(c)) {
  rising_[0] = alone_[0] = total_[0] = 0.0;
  for (std::uint64_t n = 1; n < table_size; ++n) {
    const double i = static_cast<double>(n - 1);
    rising_[n] = rising_[n - 1] + std::log(c + i);
    alone_[n] = alone_[n - 1] + std::log((c + i) / (2 * c + i));
  }
  for (std::uint64_t n = 1; n < 2 * table_size; ++n) {
    total_[n] = total_[n - 1] + std::log(2 * c + static_cast<double>(n - 1));
  }
}

double BetaEstimator::log_probability(std::uint64_t a, std::uint64_t b) const noexcept {
  const std::uint64_t few = std::min(a, b);
  const std::uint64_t many = std::max(a, b);
  if (many >= table_size) return large(few, many);
  return few == 0 ? alone_[many] : rising_[few] + rising_[many] - total_[few + many];
}

double BetaEstimator::large(std::uint64_t few, std::uint64_t many) const noexcept {
  const double x = static_cast<double>(few) + c_;
  const double y = static_cast<double>(many) + c_;
  const double rising = few < table_size ? rising_[few] : log_gamma(x) - log_gamma_c_;
  return rising + log_gamma_fall(y, x) + log_gamma_ratio_;
}

CtwFold::CtwFold(const CtwParameters& parameters)
    : estimator_(parameters.estimator), depth_(parameters.depth) {
  const double log_go = std::log1p(-parameters.stop);
  for (int n = 1; n < max_context_depth + 2; ++n) {
    log_go_[n] = n * log_go;
    log_stop_[n] = std::log(-std::expm1(log_go_[n]));
  }
  log_go_[0] = 0.0;
  log_stop_[0] = -HUGE_VAL;
}

void CtwFold::open(Node& node, int depth) const noexcept {
  node.depth = depth;
  node.symbol = -1;
  node.empty = true;
  std::fill(node.used, node.used + 4, 0);
}

double CtwFold::weighted(const Node& node, int v, int depth) const noexcept {
  const std::uint64_t a = node.seen[v][0];
  const std::uint64_t b = node.seen[v][1];
  const double estimate = estimator_.log_probability(a, b);
  if (node.depth == depth_ || a + b == 1) return estimate;
  // Every context of the chain, from `depth` to the node's own, may be where the tree stops.
  const int contexts = node.depth - depth + 1;
  return log_add(log_stop_[contexts] + estimate, log_go_[contexts] + node.product[v]);
}

void CtwFold::weighted_all(const Node& node, int depth, double* message) const noexcept {
  for_each_used(node.used, [&](int v) {
    // Below a one-sided binary node another one has the same history, and so the same message.
    const bool repeated = v > 1 && one_sided(node, v) && one_sided(node, v >> 1);
    message[v] = repeated ? message[v >> 1] : weighted(node, v, depth);
  });
}

void CtwFold::absorb(Node& parent, const Node& child) const noexcept {
  const int depth = parent.depth + 1;
  if (child.symbol >= 0) {
    return absorb_symbol(parent, child.symbol, child.seen[1][0], weighted(child, 1, depth));
  }
  double message[256];
  weighted_all(child, depth, message);
  absorb_trie(parent, child.used,
              [&](int v) { return BinaryMessage{message[v], {child.seen[v][0], child.seen[v][1]}}; });
}

int CtwFold::slot_count(const Node& node) const noexcept {
  if (node.symbol >= 0) return 1;
  int count = 0;
  for (const std::uint64_t word : node.used) count += std::popcount(word);
  return count;
}

void CtwFold::write_messages(const Node& child, int depth, std::uint8_t* out) const noexcept {
  if (child.symbol >= 0) {
    const double message = weighted(child, 1, depth + 1);
    std::memcpy(out, &message, 8);
    std::memcpy(out + 8, &child.seen[1][0], 8);
    return;
  }
  double message[256];
  weighted_all(child, depth + 1, message);
  std::memcpy(out, child.used, sizeof child.used);
  out += sizeof child.used;
  for_each_used(child.used, [&](int v) {
    const BinaryMessage binary{message[v], {child.seen[v][0], child.seen[v][1]}};
    std::memcpy(out, &binary, sizeof binary);
    out += sizeof binary;
  });
}

void CtwFold::absorb_messages(Node& parent, int slots, int symbol,
                              const std::uint8_t* messages) const noexcept {
  if (slots == 1) {
    double message;
    std::uint64_t count;
    std::memcpy(&message, messages, 8);
    std::memcpy(&count, messages + 8, 8);
    return absorb_symbol(parent, symbol, count, message);
  }
  std::uint64_t used[4];
  std::memcpy(used, messages, sizeof used);
  const std::uint8_t* next = messages + sizeof used;
  absorb_trie(parent, used, [&](int) {
    BinaryMessage binary;
    std::memcpy(&binary, next, sizeof binary);
    next += sizeof binary;
    return binary;
  });
}

void CtwFold::absorb_leaf(Node& parent, int symbol, std::uint64_t count) const noexcept {
  constexpr double log_half = -0.69314718055994530942;
  absorb_symbol(parent, symbol, count, static_cast<double>(count) * log_half);
}

void CtwFold::feed(FoldStack<Node>& stack, const std::uint8_t* text, const std::uint64_t* items,
                   const std::int8_t* shared, std::uint32_t count) const noexcept {
  feed_sorted(stack, *this, text, items, shared, count);
}

double CtwFold::root_bits(const Node& node) const noexcept {
  constexpr double bits_per_nat = 1.44269504088896340736;
  if (node.symbol >= 0) return -8 * bits_per_nat * weighted(node, 1, 0);
  double message[256];
  weighted_all(node, 0, message);
  double sum = 0.0;
  for_each_used(node.used, [&](int v) { sum += message[v]; });
  return -bits_per_nat * sum;
}

}  // namespace skm
