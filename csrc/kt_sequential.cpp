// Order-k Krichevsky-Trofimov in sequence: one loop over the bytes feeds a length, an encoder or a decoder.
// See skm/krichevsky_trofimov.hpp.
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "skm/krichevsky_trofimov.hpp"
#include "skm/range_coder.hpp"

namespace skm::kt {
namespace {

struct Entry {
  uint32_t count;
  uint8_t symbol;
};

/// What followed one context: its entries lie at arena[first, first + size), sorted by symbol.
struct Node {
  Context context = 0;
  uint32_t total = 0;  ///< 0 marks an empty slot of the hash table
  uint32_t first = 0;
  uint16_t size = 0;
  uint8_t capacity_log2 = 0;
};

/// Arrays of entries, of 1, 2, 4 ... 256, cut from one vector; outgrown ones are used again.
class Arena {
 public:
  Entry* at(uint32_t first) { return entries_.data() + first; }
  const Entry* at(uint32_t first) const { return entries_.data() + first; }

  uint32_t take(unsigned capacity_log2) {
    auto& free = free_[capacity_log2];
    if (!free.empty()) {
      const uint32_t first = free.back();
      free.pop_back();
      return first;
    }
    const size_t first = entries_.size();
    entries_.resize(first + (size_t{1} << capacity_log2));
    return static_cast<uint32_t>(first);
  }
  void give_back(uint32_t first, unsigned capacity_log2) { free_[capacity_log2].push_back(first); }

 private:
  std::vector<Entry> entries_;
  std::array<std::vector<uint32_t>, 9> free_;
};

struct Interval {
  uint32_t cum;
  uint32_t freq;
};

/// Integer frequencies of the 256 symbols in one context.
///
/// The exact ones are q c + p of total q n + 256 p. A total past the coder's 2^31 is shifted down, each
/// frequency on its own and to no less than 1, which costs less than 2^-20 bits a symbol on average.
class Frequencies {
 public:
  Frequencies(const Node& node, const Arena& arena, const Parameters& parameters)
      : entries_(arena.at(node.first), node.size), p_(parameters.numerator), q_(parameters.denominator) {
    const uint64_t exact = q_ * node.total + 256 * p_;
    shift_ = exact <= uint64_t{1} << kRangeMaxTotalBits ? 0 : std::bit_width(exact) - 30;
    unseen_ = scaled(p_);
    total_ = static_cast<uint32_t>(exact);
    if (shift_ == 0) return;
    total_ = static_cast<uint32_t>(256 - entries_.size()) * unseen_;
    for (const Entry& entry : entries_) total_ += frequency(entry);
  }

  uint32_t total() const { return total_; }

  Interval of(uint8_t symbol) const {
    uint32_t cum = 0;
    uint32_t seen_before = 0;
    for (const Entry& entry : entries_) {
      if (entry.symbol >= symbol) {
        cum += (symbol - seen_before) * unseen_;
        return {cum, entry.symbol == symbol ? frequency(entry) : unseen_};
      }
      cum += frequency(entry);
      ++seen_before;
    }
    return {cum + (symbol - seen_before) * unseen_, unseen_};
  }

  /// The symbol whose interval holds `target` < total, and the interval.
  uint8_t find(uint32_t target, Interval* interval) const {
    uint32_t cum = 0;
    uint32_t symbol = 0;  // the first whose interval starts at cum
    for (const Entry& entry : entries_) {
      const uint32_t gap = (entry.symbol - symbol) * unseen_;
      if (target < cum + gap) break;
      cum += gap;
      const uint32_t freq = frequency(entry);
      if (target < cum + freq) {
        *interval = {cum, freq};
        return entry.symbol;
      }
      cum += freq;
      symbol = entry.symbol + 1u;
    }
    const uint32_t steps = (target - cum) / unseen_;
    *interval = {cum + steps * unseen_, unseen_};
    return static_cast<uint8_t>(symbol + steps);
  }

 private:
  uint32_t scaled(uint64_t frequency) const {
    return static_cast<uint32_t>(std::max<uint64_t>(frequency >> shift_, 1));
  }
  uint32_t frequency(const Entry& entry) const { return scaled(q_ * entry.count + p_); }

  std::span<const Entry> entries_;
  uint64_t p_;
  uint64_t q_;
  int shift_;
  uint32_t unseen_;
  uint32_t total_;
};

/// Counts per context, updated a symbol at a time. Memory grows with the distinct (context, symbol) pairs.
class Model {
 public:
  explicit Model(const Parameters& parameters) : parameters_(parameters), table_(64) {}

  /// Where `context` is or will be; good until the next call.
  Node& node(Context context) {
    if (used_ * 2 > table_.size()) grow();
    return table_[slot_of(context)];
  }

  Frequencies frequencies(const Node& node) const { return {node, arena_, parameters_}; }

  void update(Node& node, Context context, uint8_t symbol) {
    if (node.total == 0) {
      node.context = context;
      node.first = arena_.take(0);
      ++used_;
    }
    add(node, symbol);
    ++node.total;
  }

 private:
  size_t slot_of(Context context) const {
    const size_t mask = table_.size() - 1;
    size_t slot = (context * 0x9E3779B97F4A7C15u) >> (64 - std::countr_zero(table_.size()));
    while (table_[slot].total != 0 && table_[slot].context != context) slot = (slot + 1) & mask;
    return slot;
  }

  void grow() {
    std::vector<Node> old(2 * table_.size());
    old.swap(table_);
    for (const Node& node : old) {
      if (node.total != 0) table_[slot_of(node.context)] = node;
    }
  }

  void add(Node& node, uint8_t symbol) {
    Entry* entries = arena_.at(node.first);
    Entry* end = entries + node.size;
    Entry* place =
        std::lower_bound(entries, end, symbol, [](const Entry& e, uint8_t s) { return e.symbol < s; });
    if (place != end && place->symbol == symbol) {
      ++place->count;
      return;
    }
    const auto index = place - entries;
    if (node.size == 1u << node.capacity_log2) {
      const uint32_t wider = arena_.take(node.capacity_log2 + 1u);
      std::copy_n(arena_.at(node.first), node.size, arena_.at(wider));
      arena_.give_back(node.first, node.capacity_log2++);
      node.first = wider;
      entries = arena_.at(node.first);
    }
    std::copy_backward(entries + index, entries + node.size, entries + node.size + 1);
    entries[index] = {1, symbol};
    ++node.size;
  }

  Parameters parameters_;
  std::vector<Node> table_;  // open addressing; a power of two, at most half full
  Arena arena_;
  size_t used_ = 0;
};

/// Sinks: each is asked for the next symbol given its frequencies, and may stop the loop.
class LengthSink {
 public:
  LengthSink(const uint8_t* symbols, double* bits) : symbols_(symbols), bits_(bits) {}
  uint8_t next(const Frequencies& frequencies) {
    *bits_++ = std::log2(frequencies.total()) - std::log2(frequencies.of(*symbols_).freq);
    return *symbols_++;
  }
  bool stopped() const { return false; }

 private:
  const uint8_t* symbols_;
  double* bits_;
};

class EncodeSink {
 public:
  EncodeSink(const uint8_t* symbols, RangeEncoder& encoder) : symbols_(symbols), encoder_(encoder) {}
  uint8_t next(const Frequencies& frequencies) {
    const Interval interval = frequencies.of(*symbols_);
    encoder_.encode(interval.cum, interval.freq, frequencies.total());
    return *symbols_++;
  }
  bool stopped() const { return false; }

 private:
  const uint8_t* symbols_;
  RangeEncoder& encoder_;
};

class DecodeSink {
 public:
  DecodeSink(uint8_t* symbols, RangeDecoder& decoder) : symbols_(symbols), decoder_(decoder) {}
  uint8_t next(const Frequencies& frequencies) {
    Interval interval;
    const uint8_t symbol = frequencies.find(decoder_.decode_target(frequencies.total()), &interval);
    decoder_.consume(interval.cum, interval.freq);
    return *symbols_++ = symbol;
  }
  bool stopped() const { return decoder_.failed(); }

 private:
  uint8_t* symbols_;
  RangeDecoder& decoder_;
};

template <class Sink>
void run(Model& model, int order, Context context, size_t num_bytes, Sink sink) {
  for (size_t i = 0; i < num_bytes; ++i) {
    Node& node = model.node(context);
    const uint8_t symbol = sink.next(model.frequencies(node));
    if (sink.stopped()) return;
    model.update(node, context, symbol);
    context = next_context(context, symbol, order);
  }
}

}  // namespace

void sequential_bits(std::span<const Document> documents, const Parameters& parameters, double* out) {
  Model model(parameters);
  for (const Document& document : documents) {
    const size_t size = document.bytes.size();
    run(model, parameters.order, document.context, size, LengthSink(document.bytes.data(), out));
    out += size;
  }
}

std::vector<uint8_t> encode(std::span<const uint8_t> document, const Parameters& parameters) {
  Model model(parameters);
  RangeEncoder encoder;
  run(model, parameters.order, 0, document.size(), EncodeSink(document.data(), encoder));
  const auto message = encoder.finish();
  return {message.begin(), message.end()};
}

bool decode(std::span<const uint8_t> payload, const Parameters& parameters, std::span<uint8_t> out,
            uint64_t* place) {
  Model model(parameters);
  RangeDecoder decoder(payload);
  run(model, parameters.order, 0, out.size(), DecodeSink(out.data(), decoder));
  *place = decoder.position();
  return decoder.at_end();
}

}  // namespace skm::kt
