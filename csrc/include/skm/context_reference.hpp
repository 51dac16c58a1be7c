// Code lengths of documents given a reference corpus, under the context-tree codes.
//
// The bits of a document given a reference are -log2 P(reference + document) + log2 P(reference). The tree of
// the reference is kept in memory, for every branching context with the messages of its extensions; a
// document changes the contexts on its own paths only, and those are folded again, in the order of a fold of
// the whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "skm/context_tree.hpp"
#include "skm/ctw.hpp"

namespace skm {

/// The tree of a reference corpus. Immutable; documents may be measured from several threads.
class ContextReference {
 public:
  virtual ~ContextReference() = default;

  /// Code length of the reference: the same double as context_tree_bits or ctw_bits.
  virtual double bits() const noexcept = 0;

  /// Bytes that the tree takes, beside the text.
  virtual std::uint64_t memory() const noexcept = 0;

  /// Code length of the reference and the segments together, as one corpus, on one thread. Throws
  /// std::bad_alloc.
  virtual double joint_bits(const std::uint8_t* text, const Segment* segments, std::size_t segment_count,
                            const ContextTreeOptions& options) const = 0;

  /// joint[i] := code length of the reference and segment i of `text` together, as one corpus, for each of
  /// the segments alone: the same double as of the fold of both. Segments and text as for context_tree_bits.
  /// A document of n bytes takes O(n) contexts, whatever the size of the reference. Throws std::bad_alloc.
  virtual void joint_bits_each(const std::uint8_t* text, const Segment* segments, std::size_t segment_count,
                               const ContextTreeOptions& options, double* joint) const = 0;
};

/// The tree of the segments, with options.threads threads. `model` and `text` must outlive it. Throws
/// std::bad_alloc, also where the tree would take more than options.memory bytes: about 150 for each byte of
/// English. When cancelled what is returned is meaningless.
std::unique_ptr<ContextReference> make_context_reference(const TreeModel& model, const std::uint8_t* text,
                                                         const Segment* segments, std::size_t segment_count,
                                                         const ContextTreeOptions& options);
std::unique_ptr<ContextReference> make_ctw_reference(const CtwParameters& parameters,
                                                     const std::uint8_t* text, const Segment* segments,
                                                     std::size_t segment_count,
                                                     const ContextTreeOptions& options);

}  // namespace skm
