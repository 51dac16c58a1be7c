// Optimal integer frequencies: nearest integers, then single units moved while that shortens the code.
#include "skm/quantise.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace skm {
namespace {

/// log(1 + 1/n) = 2 artanh(1 / (2n + 1)), by its series. At n = 1 the first term left out is 1e-18.
double log_ratio(std::uint32_t n) noexcept {
  const double z = 1.0 / (2.0 * n + 1.0);
  const double square = z * z;
  double sum = 0.0;
  for (int k = n < 512 ? 33 : 7; k > 1; k -= 2) sum = (sum + 1.0 / k) * square;
  return 2.0 * z * (sum + 1.0);
}

/// A unit that could be given to or taken from a symbol which had `freq` when this was written.
struct Move {
  double nats;
  std::uint32_t symbol, freq;
};

/// Orders by what the move is worth, and at a tie the lower index first.
struct LeastWorth {
  bool operator()(const Move& a, const Move& b) const noexcept {
    return a.nats != b.nats ? a.nats < b.nats : a.symbol > b.symbol;
  }
};
struct MostWorth {
  bool operator()(const Move& a, const Move& b) const noexcept {
    return a.nats != b.nats ? a.nats > b.nats : a.symbol > b.symbol;
  }
};

class Allocation {
 public:
  Allocation(std::span<const double> probabilities, std::span<std::uint32_t> freqs)
      : probabilities_(probabilities), freqs_(freqs) {}

  void give() {
    const Move best = best_gift();
    pop(gifts_, LeastWorth{});
    change(best.symbol, 1);
  }

  void take() {
    const Move cheapest = cheapest_loss();
    pop(losses_, MostWorth{});
    change(cheapest.symbol, -1);
  }

  /// Moves one unit if that shortens the code. The lengths are fixed numbers, one per unit, so each
  /// exchange lowers their sum and the loop over this ends.
  bool exchange() {
    if (losses().empty() || !(best_gift().nats > cheapest_loss().nats)) return false;
    take();
    give();
    return true;
  }

 private:
  using Heap = std::vector<Move>;

  Move gift(std::uint32_t symbol) const {
    return {probabilities_[symbol] * log_ratio(freqs_[symbol]), symbol, freqs_[symbol]};
  }
  Move loss(std::uint32_t symbol) const {
    return {probabilities_[symbol] * log_ratio(freqs_[symbol] - 1), symbol, freqs_[symbol]};
  }

  Heap& gifts() {
    if (!have_gifts_) {
      have_gifts_ = true;
      for (std::uint32_t symbol = 0; symbol < freqs_.size(); ++symbol)
        if (freqs_[symbol] > 0) gifts_.push_back(gift(symbol));
      std::make_heap(gifts_.begin(), gifts_.end(), LeastWorth{});
    }
    while (!gifts_.empty() && gifts_.front().freq != freqs_[gifts_.front().symbol]) pop(gifts_, LeastWorth{});
    return gifts_;
  }

  Heap& losses() {
    if (!have_losses_) {
      have_losses_ = true;
      for (std::uint32_t symbol = 0; symbol < freqs_.size(); ++symbol)
        if (freqs_[symbol] > 1) losses_.push_back(loss(symbol));
      std::make_heap(losses_.begin(), losses_.end(), MostWorth{});
    }
    while (!losses_.empty() && losses_.front().freq != freqs_[losses_.front().symbol])
      pop(losses_, MostWorth{});
    return losses_;
  }

  Move best_gift() { return gifts().front(); }
  Move cheapest_loss() { return losses().front(); }

  /// Entries of the old frequency stay in the heaps and are dropped when they come up.
  void change(std::uint32_t symbol, int by) {
    freqs_[symbol] += static_cast<std::uint32_t>(by);
    if (have_gifts_) push(gifts_, gift(symbol), LeastWorth{});
    if (have_losses_ && freqs_[symbol] > 1) push(losses_, loss(symbol), MostWorth{});
  }

  template <typename Order>
  static void push(Heap& heap, const Move& move, Order order) {
    heap.push_back(move);
    std::push_heap(heap.begin(), heap.end(), order);
  }

  template <typename Order>
  static void pop(Heap& heap, Order order) {
    std::pop_heap(heap.begin(), heap.end(), order);
    heap.pop_back();
  }

  std::span<const double> probabilities_;
  std::span<std::uint32_t> freqs_;
  Heap gifts_, losses_;
  bool have_gifts_ = false, have_losses_ = false;
};

double excess_bits(std::span<const double> probabilities, double sum, double total,
                   std::span<const std::uint32_t> freqs) {
  double excess = 0.0;
  for (std::size_t symbol = 0; symbol < freqs.size(); ++symbol) {
    const double probability = probabilities[symbol] / sum;
    if (freqs[symbol] > 0) excess += probability * std::log2(probability * total / freqs[symbol]);
  }
  return excess;
}

}  // namespace

QuantiseResult quantise(std::span<const double> probabilities, unsigned bits,
                        std::span<std::uint32_t> freqs) {
  double sum = 0.0;
  std::size_t possible = 0;
  for (std::size_t symbol = 0; symbol < probabilities.size(); ++symbol) {
    const double probability = probabilities[symbol];
    if (!(probability >= 0.0) || std::isinf(probability))
      return {QuantiseStatus::not_a_probability, symbol, probability};
    sum += probability;
    possible += probability > 0.0;
  }
  if (!(std::abs(sum - 1.0) <= kSumTolerance)) return {QuantiseStatus::not_normalised, 0, sum};
  const std::uint64_t total = std::uint64_t{1} << bits;
  if (possible > total) return {QuantiseStatus::too_many_symbols, possible, 0.0};

  const double scale = static_cast<double>(total) / sum;
  std::uint64_t given = 0;
  for (std::size_t symbol = 0; symbol < probabilities.size(); ++symbol) {
    const double nearest = std::floor(probabilities[symbol] * scale + 0.5);
    freqs[symbol] = probabilities[symbol] > 0.0 ? std::max(1U, static_cast<std::uint32_t>(nearest)) : 0U;
    given += freqs[symbol];
  }
  Allocation allocation(probabilities, freqs);
  for (; given < total; ++given) allocation.give();
  for (; given > total; --given) allocation.take();
  while (allocation.exchange()) {
  }
  return {QuantiseStatus::ok, 0, excess_bits(probabilities, sum, static_cast<double>(total), freqs)};
}

}  // namespace skm
