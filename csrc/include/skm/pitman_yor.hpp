// The Pitman-Yor process without customers: sizes of tables, stick-breaking weights, weights given counts.
//
// Sticks: V_j ~ Beta(1 - discount, concentration + j discount), j = 1, 2, ... from draw j - 1 of the key
// stream_key(key, 1). Sizes of tables in order of appearance: the first of n customers to sit down shares its
// table with Binomial(n - 1, V_1) others, those left form a restaurant of their own with the next stick, and
// so on; the binomial of table j is Draw(stream_key(key, 2), j - 1).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace skm {

/// Sizes of the tables of n <= kMaxTrials customers, in order of appearance. Time and memory proportional to
/// their number. 0 <= discount < 1, concentration > -discount. Throws std::bad_alloc; std::length_error if
/// there are more than `most` tables.
std::vector<std::uint64_t> table_sizes(std::uint64_t n, double discount, double concentration,
                                       std::uint64_t key, std::uint64_t most);

/// rests[i] = product of 1 - V_j over the sticks j <= first + i + 1, given the product `rest` over those j <=
/// first. The weight of stick j is the difference of its neighbours.
void stick_rests(double discount, double concentration, std::uint64_t key, std::uint64_t first, double rest,
                 std::span<double> weights, std::span<double> rests);

}  // namespace skm
