// Context-tree weighting against its definition: a recursion over every context to the full depth, in long
// double.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "check.hpp"
#include "skm/context_sort.hpp"
#include "skm/ctw.hpp"

namespace {

using skm::CtwParameters;
using skm::Segment;

struct Corpus {
  std::vector<std::uint8_t> text;
  std::vector<Segment> segments;

  void add(const std::string& document) {
    text.resize(text.size() + skm::context_padding);
    const std::uint64_t begin = text.size();
    text.insert(text.end(), document.begin(), document.end());
    segments.push_back({begin, text.size()});
  }
};

double bits(const Corpus& corpus, const CtwParameters& parameters, int threads = 1,
            std::uint64_t memory = ~0ull) {
  skm::ContextTreeOptions options;
  options.threads = threads;
  options.memory = memory;
  return skm::ctw_bits(parameters, corpus.text.data(), corpus.segments.data(), corpus.segments.size(),
                       options);
}

// The estimator's probability in sequence: any order gives the same product.
long double log_estimate(std::uint64_t a, std::uint64_t b, long double c) {
  long double sum = 0;
  for (std::uint64_t i = 0; i < a; ++i) sum += std::log((i + c) / (i + 2 * c));
  for (std::uint64_t i = 0; i < b; ++i) sum += std::log((i + c) / (a + i + 2 * c));
  return sum;
}

// ln P_w of binary node v in the context that `positions` (those that reach v) have in common.
long double log_weighted(const std::vector<std::uint8_t>& text, const std::vector<std::uint64_t>& positions,
                         int v, int level, int depth, const CtwParameters& parameters) {
  std::uint64_t seen[2] = {};
  std::map<int, std::vector<std::uint64_t>> extensions;
  for (const std::uint64_t i : positions) {
    ++seen[text[i] >> (7 - level) & 1];
    if (depth < parameters.depth) extensions[text[i - 1 - depth]].push_back(i);
  }
  const long double estimate = log_estimate(seen[0], seen[1], parameters.estimator);
  if (depth == parameters.depth) return estimate;
  long double product = 0;
  for (const auto& [byte, inside] : extensions) {
    product += log_weighted(text, inside, v, level, depth + 1, parameters);
  }
  if (parameters.stop == 0) return product;
  const long double stop = std::log(static_cast<long double>(parameters.stop)) + estimate;
  if (parameters.stop == 1) return stop;
  const long double go = std::log1p(-static_cast<long double>(parameters.stop)) + product;
  return std::max(stop, go) + std::log1p(std::exp(std::min(stop, go) - std::max(stop, go)));
}

double naive_bits(const Corpus& corpus, const CtwParameters& parameters) {
  long double sum = 0;
  for (int level = 0; level < 8; ++level) {
    for (int v = 1 << level; v < 2 << level; ++v) {
      std::vector<std::uint64_t> positions;
      for (const Segment& segment : corpus.segments) {
        for (std::uint64_t i = segment.begin; i < segment.end; ++i) {
          if ((256 | corpus.text[i]) >> (8 - level) == v) positions.push_back(i);
        }
      }
      if (!positions.empty()) sum += log_weighted(corpus.text, positions, v, level, 0, parameters);
    }
  }
  return static_cast<double>(-sum / std::log(2.0L));
}

bool close(double x, double y) { return std::abs(x - y) <= 1e-12 * std::max(std::abs(y), 1.0); }

std::string random_string(std::mt19937& random, std::size_t size, const std::string& alphabet) {
  std::string text(size, 0);
  for (char& byte : text) byte = alphabet[random() % alphabet.size()];
  return text;
}

constexpr std::array<double, 5> estimators = {1e-6, 0.1, 0.5, 1.0, 1000.0};
constexpr std::array<double, 5> stops = {0.0, 0.1, 0.5, 0.99, 1.0};

// Alphabets that differ in the first bit, in the last, in many; one letter; zero bytes like those before
// documents.
const std::vector<std::string> alphabets = {"a", "ab", std::string("\x01\x81", 2),
                                            std::string("\0\x01\xff", 3), "abcdefgh\xf0"};

void test_random_strings() {
  std::mt19937 random(1);
  for (int k = 0; k < 400; ++k) {
    Corpus corpus;
    const std::string& alphabet = alphabets[k % alphabets.size()];
    for (unsigned d = 0; d <= random() % 3; ++d) corpus.add(random_string(random, random() % 60, alphabet));
    const CtwParameters parameters{static_cast<int>(random() % 9), estimators[random() % 5],
                                   stops[random() % 5]};
    CHECK(close(bits(corpus, parameters), naive_bits(corpus, parameters)));
  }
}

void test_deep_contexts() {
  std::mt19937 random(2);
  const std::string phrase = random_string(random, 50, "abc");
  for (const int depth : {9, 31, 49, 50, 51, 63, 64}) {
    Corpus corpus;
    corpus.add(phrase + "x" + phrase + "y" + phrase + phrase);
    corpus.add(phrase);
    const CtwParameters parameters{depth, 0.5, 0.25};
    CHECK(close(bits(corpus, parameters), naive_bits(corpus, parameters)));
  }
}

// Counts on both sides of where the estimator's tables end, at both binary values.
void test_large_counts() {
  for (const int zeros : {0, 1, 1023, 1024, 1500, 40000}) {
    for (const int ones : {0, 2, 1023, 1025, 2048}) {
      for (const double c : estimators) {
        Corpus corpus;
        corpus.add(std::string(zeros, '\x40') + std::string(ones, '\xc0'));
        const CtwParameters parameters{0, c, 0.5};
        CHECK(close(bits(corpus, parameters), naive_bits(corpus, parameters)));
      }
    }
  }
}

void test_documents_alone() {
  std::mt19937 random(3);
  Corpus corpus;
  for (const std::size_t size : {0u, 1u, 5u, 300u, 70u}) corpus.add(random_string(random, size, "ab"));
  corpus.add(random_string(random, (1 << 20) + 1, "ab"));  // beyond what one thread takes alone
  const CtwParameters parameters{5, 0.5, 0.5};
  for (const int threads : {1, 2}) {
    skm::ContextTreeOptions options;
    options.threads = threads;
    std::vector<double> each(corpus.segments.size());
    skm::ctw_bits_each(parameters, corpus.text.data(), corpus.segments.data(), each.size(), options,
                       each.data());
    for (std::size_t d = 0; d < each.size(); ++d) {
      const Corpus one{corpus.text, {corpus.segments[d]}};
      CHECK(each[d] == bits(one, parameters));
      if (d < 5) CHECK(close(each[d], naive_bits(one, parameters)));
    }
  }
  CHECK(bits(Corpus{corpus.text, {corpus.segments[0]}}, parameters) == 0.0);
  CHECK(bits(Corpus{corpus.text, {corpus.segments[1]}}, parameters) == 8.0);
}

// The same bits for any number of threads, memory limit and order of documents. The one-letter text is too
// large for a pass at every depth, so that its counts are taken at the full depth without sorting.
void test_passes() {
  std::mt19937 random(4);
  for (const std::string& alphabet : {std::string("a"), std::string("ab"), std::string("abcdefghijklmnop")}) {
    Corpus corpus;
    const std::string first = random_string(random, 400000, alphabet);
    corpus.add(first);
    corpus.add("zyxw");
    corpus.add(first.substr(1000, 50000));
    for (const int depth : {1, 2, 8}) {
      const CtwParameters parameters{depth, 0.3, 0.4};
      const double expected = bits(corpus, parameters);
      CHECK(bits(corpus, parameters, 2) == expected);
      CHECK(bits(corpus, parameters, 1, 0) == expected);
      CHECK(bits(corpus, parameters, 2, 0) == expected);
      CHECK(bits(Corpus{corpus.text, {corpus.segments.rbegin(), corpus.segments.rend()}}, parameters) ==
            expected);
    }
  }
}

}  // namespace

int main() {
  test_random_strings();
  test_deep_contexts();
  test_large_counts();
  test_documents_alone();
  test_passes();
}
