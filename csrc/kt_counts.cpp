// Order-k Krichevsky-Trofimov code lengths from counts: sort the (context, symbol) pairs, count runs, add up
// log-gamma terms. See skm/krichevsky_trofimov.hpp.
#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <exception>
#include <functional>
#include <memory>
#include <numbers>
#include <thread>
#include <utility>

#include "skm/krichevsky_trofimov.hpp"

namespace skm::kt {
namespace {

/// log2 of base (base + 1) ... (base + n - 1): exact sums while n is small, Stirling's series beyond.
class LogRising {
 public:
  explicit LogRising(double base) : base_(base), table_(kTable) {
    for (size_t n = 1; n < kTable; ++n) {
      table_[n] = table_[n - 1] + std::log2(base + static_cast<double>(n - 1));
    }
    anchor_ = table_.back() - log2_gamma(base + static_cast<double>(kTable - 1));
  }
  double operator()(uint64_t n) const {
    return n < kTable ? table_[n] : anchor_ + log2_gamma(base_ + static_cast<double>(n));
  }

 private:
  static constexpr size_t kTable = 4096;

  // For x >= 4095 the first term left out, 1/(1680 x^7), is below 1e-28.
  static double log2_gamma(double x) {
    const double r = 1 / x;
    const double series = r * (1.0 / 12 - r * r * (1.0 / 360 - r * r / 1260));
    const double constant = 0.5 * std::log(2 * std::numbers::pi);
    return ((x - 0.5) * std::log(x) - x + constant + series) / std::numbers::ln2;
  }

  double base_;
  double anchor_;
  std::vector<double> table_;
};

struct Estimator {
  explicit Estimator(const Parameters& p) : symbol(p.alpha()), context(256 * p.alpha()) {}
  LogRising symbol;
  LogRising context;
};

/// Adds up the bits of rows that come sorted by context.
class BitSum {
 public:
  explicit BitSum(const Estimator& estimator) : estimator_(estimator) {}
  void row(Context context, uint8_t /*symbol*/, uint64_t count) {
    if (context != context_) close(context);
    total_ += count;
    bits_ -= estimator_.symbol(count);
  }
  double finish() {
    close(0);
    return bits_;
  }

 private:
  void close(Context next) {
    bits_ += estimator_.context(total_);
    total_ = 0;
    context_ = next;
  }
  const Estimator& estimator_;
  Context context_ = 0;
  uint64_t total_ = 0;
  double bits_ = 0;
};

/// Collects rows into a Counts.
class Collector {
 public:
  void row(Context context, uint8_t symbol, uint64_t count) {
    counts.contexts.push_back(context);
    counts.symbols.push_back(symbol);
    counts.counts.push_back(count);
  }
  Counts counts;
};

/// Runs task(0) ... task(tasks - 1) on up to `threads` threads; rethrows the first exception.
void parallel(size_t tasks, int threads, const std::function<void(size_t)>& task) {
  const size_t workers = std::min(tasks, static_cast<size_t>(std::max(threads, 1)));
  if (workers <= 1) {
    for (size_t i = 0; i < tasks; ++i) task(i);
    return;
  }
  std::atomic<size_t> next = 0;
  std::vector<std::exception_ptr> failures(workers);
  const auto work = [&](size_t worker) {
    try {
      for (size_t i = next++; i < tasks; i = next++) task(i);
    } catch (...) {
      failures[worker] = std::current_exception();
      next = tasks;
    }
  };
  {
    std::vector<std::jthread> pool;
    for (size_t worker = 0; worker < workers; ++worker) pool.emplace_back(work, worker);
  }
  for (const std::exception_ptr& failure : failures) {
    if (failure) std::rethrow_exception(failure);
  }
}

/// The documents behind one another, addressed by position.
class Corpus {
 public:
  Corpus(std::span<const Document> documents, int order) : documents_(documents), order_(order), starts_{0} {
    for (const Document& document : documents) starts_.push_back(starts_.back() + document.bytes.size());
  }
  uint64_t size() const { return starts_.back(); }
  int order() const { return order_; }

  /// visit(context, symbol) for each position in [begin, end).
  template <class Visit>
  void scan(uint64_t begin, uint64_t end, Visit&& visit) const {
    if (begin >= end) return;
    size_t d =
        static_cast<size_t>(std::upper_bound(starts_.begin(), starts_.end(), begin) - starts_.begin()) - 1;
    for (; begin < end; ++d) {
      const Document& document = documents_[d];
      const uint64_t first = begin - starts_[d];
      const uint64_t last = std::min(end, starts_[d + 1]) - starts_[d];
      // kMaxOrder bytes replace whatever the context was.
      uint64_t i = first > kMaxOrder ? first - kMaxOrder : 0;
      Context context = document.context;
      for (; i < first; ++i) context = next_context(context, document.bytes[i], order_);
      for (; i < last; ++i) {
        visit(context, document.bytes[i]);
        context = next_context(context, document.bytes[i], order_);
      }
      begin = starts_[d + 1];
    }
  }

 private:
  std::span<const Document> documents_;
  int order_;
  std::vector<uint64_t> starts_;
};

// A pair (context, symbol) has 72 bits. The most recent byte picks one of 256 buckets, the other 64 bits are
// a key: seven bytes of context, then the symbol. Buckets in order, keys in order, are pairs in order.
constexpr size_t kBuckets = 256;
size_t bucket_of(Context context) { return context >> 56; }
uint64_t key_of(Context context, uint8_t symbol) { return (context << 8) | symbol; }
Context context_of(size_t bucket, uint64_t key) { return (key >> 8) | (static_cast<Context>(bucket) << 56); }

/// Sorts `keys` by their symbol and the order - 1 bytes of context they hold; `spare` is as long.
void sort_keys(std::span<uint64_t> keys, std::span<uint64_t> spare, int order) {
  if (keys.size() < 512) {
    std::sort(keys.begin(), keys.end());
    return;
  }
  uint64_t* from = keys.data();
  uint64_t* to = spare.data();
  for (int digit = 0; digit < 8; digit = digit == 0 ? 9 - order : digit + 1) {
    std::array<size_t, 256> at{};
    const int shift = 8 * digit;
    for (size_t i = 0; i < keys.size(); ++i) ++at[(from[i] >> shift) & 0xFF];
    if (at[(from[0] >> shift) & 0xFF] == keys.size()) continue;
    size_t sum = 0;
    for (size_t& slot : at) sum += std::exchange(slot, sum);
    for (size_t i = 0; i < keys.size(); ++i) to[at[(from[i] >> shift) & 0xFF]++] = from[i];
    std::swap(from, to);
  }
  if (from != keys.data()) std::copy_n(from, keys.size(), keys.data());
}

struct KeyCount {
  uint64_t key;
  uint64_t count;
};

template <class Visit>
void visit_runs(std::span<const uint64_t> sorted, Visit&& visit) {
  for (size_t i = 0; i < sorted.size();) {
    size_t j = i + 1;
    while (j < sorted.size() && sorted[j] == sorted[i]) ++j;
    visit(sorted[i], j - i);
    i = j;
  }
}

/// A bucket too large to hold: its keys come in portions, each is sorted and merged into what there is.
std::vector<KeyCount> count_large_bucket(const Corpus& corpus, size_t bucket, size_t portion) {
  std::vector<KeyCount> all, merged;
  std::vector<uint64_t> keys, spare(portion);
  keys.reserve(portion);
  const auto flush = [&] {
    sort_keys(keys, std::span(spare).first(keys.size()), corpus.order());
    merged.clear();
    size_t a = 0;
    visit_runs(keys, [&](uint64_t key, uint64_t count) {
      while (a < all.size() && all[a].key < key) merged.push_back(all[a++]);
      if (a < all.size() && all[a].key == key) count += all[a++].count;
      merged.push_back({key, count});
    });
    merged.insert(merged.end(), all.begin() + static_cast<std::ptrdiff_t>(a), all.end());
    all.swap(merged);
    keys.clear();
  };
  corpus.scan(0, corpus.size(), [&](Context context, uint8_t symbol) {
    if (bucket_of(context) != bucket) return;
    keys.push_back(key_of(context, symbol));
    if (keys.size() == portion) flush();
  });
  flush();
  return all;
}

/// Contexts of at most one byte: a table, no sort.
template <class Sink>
void count_in_table(const Corpus& corpus, std::span<Sink> sinks) {
  std::vector<uint64_t> table(kBuckets * 256);
  corpus.scan(0, corpus.size(), [&](Context context, uint8_t s) { ++table[bucket_of(context) * 256 + s]; });
  for (size_t i = 0; i < table.size(); ++i) {
    const Context context = static_cast<Context>(i / 256) << 56;
    if (table[i] != 0) sinks[i / 256].row(context, static_cast<uint8_t>(i % 256), table[i]);
  }
}

/// Gives sinks[b] the rows of bucket b, in order.
template <class Sink>
class Counter {
 public:
  Counter(const Corpus& corpus, int threads, uint64_t memory_bytes, std::span<Sink> sinks)
      : corpus_(corpus),
        threads_(corpus.size() < kSmall ? 1 : threads),
        capacity_(std::max<uint64_t>(memory_bytes, uint64_t{1} << 20) / (2 * sizeof(uint64_t))),
        sinks_(sinks) {}

  void run() {
    if (corpus_.order() <= 1) return count_in_table(corpus_, sinks_);
    measure();
    for (size_t b = 0; b < kBuckets;) {
      uint64_t held = sizes_[b];
      size_t end = b + 1;
      while (end < kBuckets && held + sizes_[end] <= capacity_) held += sizes_[end++];
      if (held > capacity_)
        run_large(b);
      else if (held > 0)
        run_range(b, end, held);
      b = end;
    }
  }

 private:
  static constexpr uint64_t kSmall = 1 << 16;

  uint64_t part(size_t thread) const { return corpus_.size() / parts() * thread; }
  uint64_t part_end(size_t thread) const { return thread + 1 == parts() ? corpus_.size() : part(thread + 1); }
  size_t parts() const { return static_cast<size_t>(threads_); }

  void measure() {
    histograms_.assign(parts(), {});
    parallel(parts(), threads_, [&](size_t t) {
      std::array<uint64_t, kBuckets> histogram{};
      corpus_.scan(part(t), part_end(t), [&](Context c, uint8_t) { ++histogram[bucket_of(c)]; });
      histograms_[t] = histogram;
    });
    for (const auto& histogram : histograms_) {
      for (size_t b = 0; b < kBuckets; ++b) sizes_[b] += histogram[b];
    }
  }

  void run_large(size_t b) {
    for (const KeyCount& row : count_large_bucket(corpus_, b, static_cast<size_t>(capacity_ / 2))) {
      sinks_[b].row(context_of(b, row.key), static_cast<uint8_t>(row.key), row.count);
    }
  }

  void run_range(size_t first, size_t end, uint64_t held) {
    const auto keys = std::make_unique_for_overwrite<uint64_t[]>(held);
    const auto spare = std::make_unique_for_overwrite<uint64_t[]>(held);
    std::vector<std::array<uint64_t, kBuckets>> at(parts());
    std::array<uint64_t, kBuckets + 1> starts{};
    for (size_t b = first; b < end; ++b) {
      uint64_t offset = starts[b];
      for (size_t t = 0; t < parts(); ++t) {
        at[t][b] = offset;
        offset += histograms_[t][b];
      }
      starts[b + 1] = offset;
    }
    parallel(parts(), threads_, [&](size_t t) {
      corpus_.scan(part(t), part_end(t), [&, &here = at[t]](Context context, uint8_t symbol) {
        const size_t b = bucket_of(context);
        if (b >= first && b < end) keys[here[b]++] = key_of(context, symbol);
      });
    });
    parallel(end - first, threads_, [&](size_t i) {
      const size_t b = first + i;
      const std::span mine(keys.get() + starts[b], starts[b + 1] - starts[b]);
      sort_keys(mine, {spare.get() + starts[b], mine.size()}, corpus_.order());
      visit_runs(mine, [&](uint64_t key, uint64_t count) {
        sinks_[b].row(context_of(b, key), static_cast<uint8_t>(key), count);
      });
    });
  }

  const Corpus& corpus_;
  int threads_;
  uint64_t capacity_;
  std::span<Sink> sinks_;
  std::array<uint64_t, kBuckets> sizes_{};
  std::vector<std::array<uint64_t, kBuckets>> histograms_;
};

double bits_with(const Estimator& estimator, std::span<const Document> documents, int order, int threads,
                 uint64_t memory_bytes) {
  const Corpus corpus(documents, order);
  std::vector<BitSum> sums(kBuckets, BitSum(estimator));
  Counter<BitSum>(corpus, threads, memory_bytes, sums).run();
  double total = 0;
  for (BitSum& sum : sums) total += sum.finish();
  return total;
}

}  // namespace

Counts count(std::span<const Document> documents, int order, int threads, uint64_t memory_bytes) {
  const Corpus corpus(documents, order);
  std::vector<Collector> collectors(kBuckets);
  Counter<Collector>(corpus, threads, memory_bytes, collectors).run();
  Counts all;
  for (Collector& collector : collectors) {
    Counts& part = collector.counts;
    all.contexts.insert(all.contexts.end(), part.contexts.begin(), part.contexts.end());
    all.symbols.insert(all.symbols.end(), part.symbols.begin(), part.symbols.end());
    all.counts.insert(all.counts.end(), part.counts.begin(), part.counts.end());
    part = {};
  }
  return all;
}

Counts add(const CountsView& left, const CountsView& right) {
  Collector sum;
  size_t a = 0;
  size_t b = 0;
  const auto before = [](const CountsView& x, size_t i, const CountsView& y, size_t j) {
    if (j == y.counts.size()) return i < x.counts.size();
    if (i == x.counts.size()) return false;
    return x.contexts[i] != y.contexts[j] ? x.contexts[i] < y.contexts[j] : x.symbols[i] < y.symbols[j];
  };
  while (a < left.counts.size() || b < right.counts.size()) {
    if (before(left, a, right, b)) {
      sum.row(left.contexts[a], left.symbols[a], left.counts[a]);
      ++a;
    } else if (before(right, b, left, a)) {
      sum.row(right.contexts[b], right.symbols[b], right.counts[b]);
      ++b;
    } else {
      sum.row(left.contexts[a], left.symbols[a], left.counts[a] + right.counts[b]);
      ++a;
      ++b;
    }
  }
  return std::move(sum.counts);
}

double bits(const CountsView& counts, const Parameters& parameters) {
  const Estimator estimator(parameters);
  BitSum sum(estimator);
  for (size_t i = 0; i < counts.counts.size(); ++i)
    sum.row(counts.contexts[i], counts.symbols[i], counts.counts[i]);
  return sum.finish();
}

double bits(std::span<const Document> documents, const Parameters& parameters, int threads,
            uint64_t memory_bytes) {
  return bits_with(Estimator(parameters), documents, parameters.order, threads, memory_bytes);
}

void bits_each(std::span<const Document> documents, const Parameters& parameters, int threads,
               uint64_t memory_bytes, double* out) {
  const Estimator estimator(parameters);
  const auto share = memory_bytes / static_cast<uint64_t>(std::max(threads, 1));
  parallel(documents.size(), threads, [&](size_t i) {
    out[i] = bits_with(estimator, documents.subspan(i, 1), parameters.order, 1, share);
  });
}

}  // namespace skm::kt
