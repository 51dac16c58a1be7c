// Logit kernels, compiled once per instruction set. Entries past the end of a row are read as -inf, of weight
// zero. The file that includes this gives Words (a vector of kLanes 32-bit words), load(p) and
// load_part(p, count, fill) of floats (of T, which the lanes from `count` on have as `fill`), store(p,
// words), parted(words, count) (the first lanes and the others, each with zeros for the rest), Exponential
// (weights under a maximum), LaneSum (lanes added up in 64 bits) and Extremes (of a row, lane by lane).

inline float fill_of(const float*) { return -__builtin_inff(); }
inline std::uint16_t fill_of(const std::uint16_t*) { return 0xFF80; }

// One vector of a row, whole or the last: what is missing to a whole one is -inf, of weight zero.
template <class T>
inline auto load_at(const T* row, std::size_t n, std::size_t j) {
  return j + kLanes <= n ? load(row + j) : load_part(row + j, n - j, fill_of(row));
}

// Asks for what will be summarised some kilobytes later: memory answers later than a vector takes. The
// address may lie past the end, which a prefetch may ask for.
inline void fetch(const void* here) {
  constexpr std::uintptr_t kDistance = 4096;
  _mm_prefetch(reinterpret_cast<const char*>(reinterpret_cast<std::uintptr_t>(here) + kDistance),
               _MM_HINT_T1);
}

// Summarises a row one vector at a time. A chain of maxima takes less than the weights beside it.
template <class T>
struct Summariser {
  void add(std::size_t j) {
    fetch(row + j);
    extremes.add(load(row + j));
  }

  // The -inf that fills a last vector is no entry of the row: its first entry stands there instead.
  void add_last(std::size_t n, std::size_t j) { extremes.add(load_part(row + j, n - j, row[0])); }

  const T* row;
  Extremes extremes = {};
};

template <class T>
RowSummary summarise(const T* row, std::size_t n) {
  Summariser<T> summary = {row};
  std::size_t j = 0;
  for (; j + kLanes <= n; j += kLanes) summary.add(j);
  if (j < n) summary.add_last(n, j);
  return summary.extremes.reduce();
}

// Weights of the whole vectors in [begin, end), both multiples of the lanes.
template <class T>
inline LaneSum range_sum(const T* row, std::size_t begin, std::size_t end, const Exponential& weight,
                         Summariser<T>& ahead) {
  LaneSum sum;
  for (std::size_t j = begin; j < end; j += kLanes) {
    ahead.add(j);
    sum.add(weight(load(row + j)));
  }
  return sum;
}

template <class T>
std::uint64_t weight_sum(const T* row, std::size_t n, float max, const T* next, RowSummary* ahead) {
  const Exponential weight(max);
  Summariser<T> summary = {next};
  const std::size_t whole = n / kLanes * kLanes;
  LaneSum sum = range_sum(row, 0, whole, weight, summary);
  if (whole < n) {
    summary.add_last(n, whole);
    sum.add(weight(load_at(row, n, whole)));
  }
  *ahead = summary.extremes.reduce();
  return sum.total();
}

// The vector that holds the symbol is split by lanes.
template <class T>
SymbolSums symbol_sums(const T* row, std::size_t n, std::size_t symbol, float max, const T* next,
                       RowSummary* ahead) {
  const Exponential weight(max);
  Summariser<T> summary = {next};
  const std::size_t whole = n / kLanes * kLanes;
  const std::size_t home = symbol / kLanes * kLanes;
  LaneSum before = range_sum(row, 0, home, weight, summary);
  LaneSum beyond = range_sum(row, home + kLanes, whole, weight, summary);
  if (home < whole) summary.add(home);
  if (whole < n) summary.add_last(n, whole);
  if (whole < n && home < whole) beyond.add(weight(load_at(row, n, whole)));
  const Parted w = parted(weight(load_at(row, n, home)), symbol - home);
  before.add(w.first);
  beyond.add(w.others);
  *ahead = summary.extremes.reduce();
  const std::uint64_t sum = before.total();
  return {sum, sum + beyond.total()};
}

template <class T>
std::uint64_t weights(const T* row, std::size_t n, float max, std::uint32_t* out, std::uint64_t* running,
                      const T* next, RowSummary* ahead) {
  const Exponential weight(max);
  Summariser<T> summary = {next};
  std::uint64_t sum = 0;
  for (std::size_t j = 0; j < n;) {
    const std::size_t end = j + kWeightBlock < n ? j + kWeightBlock : n;
    LaneSum lanes;
    for (; j < end; j += kLanes) {
      if (j + kLanes <= n) {
        summary.add(j);
      } else {
        summary.add_last(n, j);
      }
      const Words w = weight(load_at(row, n, j));
      store(out + j, w);
      lanes.add(w);
    }
    sum += lanes.total();
    *running++ = sum;
  }
  *ahead = summary.extremes.reduce();
  return sum;
}

constexpr CategoricalKernels kKernels = {
    {summarise<float>, weight_sum<float>, symbol_sums<float>, weights<float>},
    {summarise<std::uint16_t>, weight_sum<std::uint16_t>, symbol_sums<std::uint16_t>, weights<std::uint16_t>},
};
