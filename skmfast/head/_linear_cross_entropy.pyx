# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
# distutils: language = c++
"""Cross-entropy of a language-model head and its gradients, on numpy arrays.

Binding of skm/linear_cross_entropy.hpp: check, allocate, one call, return.
"""

import math

import numpy as np

from skmfast.settings import resolve_threads

cimport numpy as cnp
from libc.stdint cimport int64_t

cnp.import_array()


cdef extern from "<span>" namespace "std" nogil:
    cdef cppclass Targets "std::span<const std::int64_t>":
        Targets(const int64_t*, size_t)


cdef extern from "skm/matrix_unit.hpp" namespace "skm" nogil:
    enum class MatrixUnit "skm::MatrixUnit":
        pass
    MatrixUnit active_matrix_unit()
    const char* matrix_unit_name(MatrixUnit)


cdef extern from "skm/linear_cross_entropy.hpp" namespace "skm" nogil:
    struct LossObjective:
        int64_t ignore_index
        double logit_scale
        double softcap
        double label_smoothing
        double z_loss
    size_t first_wrong_target(Targets, size_t, int64_t)


# The header's functions are templates of the element type, which numpy knows only when it runs.
cdef extern from *:
    """
    namespace {

    enum ElementKind { kFloat32, kBfloat16, kFloat64 };

    struct HeadPointers { const void *x, *weight, *bias; const std::int64_t* target;
                          std::size_t tokens, width, vocabulary; };
    struct LossPointers { void *loss, *log_sum_exp, *entropy, *argmax; };
    struct UpstreamPointers { const void *log_sum_exp_found, *entropy_found, *loss, *log_sum_exp, *entropy; };
    struct GradientPointers { void *x, *weight, *bias; };

    template <class T> skm::LinearHead<T> typed(const HeadPointers& p) {
      return {static_cast<const T*>(p.x), static_cast<const T*>(p.weight),
              static_cast<const skm::Wide<T>*>(p.bias), p.target, p.tokens, p.width, p.vocabulary};
    }
    template <class T> skm::GivenLogits<T> typed_logits(const HeadPointers& p) {
      return {static_cast<const T*>(p.x), p.target, p.tokens, p.vocabulary};
    }
    template <class T> skm::TokenLosses<T> typed(const LossPointers& p) {
      using W = skm::Wide<T>;
      return {static_cast<W*>(p.loss), static_cast<W*>(p.log_sum_exp), static_cast<W*>(p.entropy),
              static_cast<std::int64_t*>(p.argmax)};
    }
    template <class T> skm::Upstream<T> typed(const UpstreamPointers& p) {
      using W = const skm::Wide<T>;
      return {static_cast<W*>(p.log_sum_exp_found), static_cast<W*>(p.entropy_found), static_cast<W*>(p.loss),
              static_cast<W*>(p.log_sum_exp), static_cast<W*>(p.entropy)};
    }
    template <class T> skm::HeadGradients<T> typed(const GradientPointers& p) {
      return {static_cast<T*>(p.x), static_cast<T*>(p.weight), static_cast<skm::Wide<T>*>(p.bias)};
    }

    template <class Call> void with_type(int kind, Call call) {
      if (kind == kFloat32) call(float{});
      else if (kind == kBfloat16) call(std::uint16_t{});
      else call(double{});
    }

    void head_forward(int kind, const HeadPointers& head, const skm::LossObjective& objective,
                      const LossPointers& losses, unsigned threads) {
      with_type(kind, [&](auto of) {
        using T = decltype(of);
        skm::linear_cross_entropy<T>(typed<T>(head), objective, typed<T>(losses), threads);
      });
    }
    void head_backward(int kind, const HeadPointers& head, const skm::LossObjective& objective,
                       const UpstreamPointers& upstream, const GradientPointers& gradients, unsigned threads) {
      with_type(kind, [&](auto of) {
        using T = decltype(of);
        skm::linear_cross_entropy_backward<T>(typed<T>(head), objective, typed<T>(upstream), typed<T>(gradients),
                                              threads);
      });
    }
    void given_forward(int kind, const HeadPointers& given, const skm::LossObjective& objective,
                       const LossPointers& losses, unsigned threads) {
      with_type(kind, [&](auto of) {
        using T = decltype(of);
        skm::cross_entropy<T>(typed_logits<T>(given), objective, typed<T>(losses), threads);
      });
    }
    void given_backward(int kind, const HeadPointers& given, const skm::LossObjective& objective,
                        const UpstreamPointers& upstream, void* gradient, unsigned threads) {
      with_type(kind, [&](auto of) {
        using T = decltype(of);
        skm::cross_entropy_backward<T>(typed_logits<T>(given), objective, typed<T>(upstream),
                                       static_cast<T*>(gradient), threads);
      });
    }

    }  // namespace
    """
    int kFloat32
    int kBfloat16
    int kFloat64
    struct HeadPointers:
        const void* x
        const void* weight
        const void* bias
        const int64_t* target
        size_t tokens
        size_t width
        size_t vocabulary
    struct LossPointers:
        void* loss
        void* log_sum_exp
        void* entropy
        void* argmax
    struct UpstreamPointers:
        const void* log_sum_exp_found
        const void* entropy_found
        const void* loss
        const void* log_sum_exp
        const void* entropy
    struct GradientPointers:
        void* x
        void* weight
        void* bias
    void head_forward(int, const HeadPointers&, const LossObjective&, const LossPointers&, unsigned) except + nogil
    void head_backward(
        int, const HeadPointers&, const LossObjective&, const UpstreamPointers&, const GradientPointers&,
        unsigned) except + nogil
    void given_forward(int, const HeadPointers&, const LossObjective&, const LossPointers&, unsigned) except + nogil
    void given_backward(
        int, const HeadPointers&, const LossObjective&, const UpstreamPointers&, void*, unsigned) except + nogil


cdef unsigned kMaxThreads = 1024


# ---- arguments -----------------------------------------------------------------------------------


cdef LossObjective objective_of(
    int64_t ignore_index, double logit_scale, double softcap, double label_smoothing, double z_loss
) except *:
    cdef LossObjective objective
    for name, value in (("logit_scale", logit_scale), ("softcap", softcap), ("z_loss", z_loss)):
        if not math.isfinite(value):
            raise ValueError(f"{name} must be finite, got {value}")
    if softcap < 0:
        raise ValueError(f"softcap must be positive, or 0 for none, got {softcap}")
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"label_smoothing must be in [0, 1], got {label_smoothing}")
    objective.ignore_index = ignore_index
    objective.logit_scale = logit_scale
    objective.softcap = softcap
    objective.label_smoothing = label_smoothing
    objective.z_loss = z_loss
    return objective


cdef cnp.ndarray matrix_of(values, str name, bint bfloat16):
    array = np.asarray(values)
    if array.dtype.name == "bfloat16":
        array = array.view(np.uint16)
    elif array.dtype == np.uint16 and not bfloat16:
        raise TypeError(f"{name} is uint16: pass bfloat16=True if it holds bfloat16 values")
    elif array.dtype not in (np.float32, np.float64, np.uint16):
        raise TypeError(f"{name} must be float32, bfloat16 or float64, got {array.dtype}")
    if array.ndim != 2:
        raise ValueError(f"{name} must have two dimensions, got shape {array.shape}")
    return np.ascontiguousarray(array)


cdef column_of(values, str name, wide, tuple shape):
    """`values` of that type and shape, or None."""
    if values is None:
        return None
    array = np.ascontiguousarray(values, dtype=wide)
    if array.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got {array.shape}")
    return array


cdef void* data_of(array):
    return NULL if array is None else cnp.PyArray_DATA(<cnp.ndarray> array)


cdef cnp.ndarray empty_on_lines(cnp.ndarray like):
    """An array like that one, from the beginning of a line of the cache on: products go into it as they are."""
    room = np.empty(like.nbytes + 63, dtype=np.uint8)
    cdef size_t skip = -<size_t> data_of(room) % 64
    return room[skip : skip + like.nbytes].view(like.dtype).reshape((<object> like).shape)


cdef cnp.ndarray targets_of(target, size_t tokens, size_t vocabulary, int64_t ignore_index):
    given = np.asarray(target)
    if given.dtype.kind not in "iu" and given.size:
        raise TypeError(f"target must be integers, got {given.dtype}")
    if given.shape != (tokens,):
        raise ValueError(f"target must have shape ({tokens},), one for each row, got {given.shape}")
    cdef cnp.ndarray array = np.ascontiguousarray(given, dtype=np.int64)
    cdef size_t wrong = first_wrong_target(
        Targets(<const int64_t*> cnp.PyArray_DATA(array), tokens), vocabulary, ignore_index)
    if wrong < tokens:
        raise ValueError(
            f"target {array[wrong]} at {wrong} is neither in [0, {vocabulary}) nor ignored ({ignore_index})")
    return array


cdef class Arguments:
    """Checked arguments, of a head or (weight None) of given logits, and the results' type."""

    cdef cnp.ndarray x, target
    cdef object weight, bias, wide
    cdef HeadPointers pointers
    cdef int kind

    def __init__(self, x, weight, target, bias, int64_t ignore_index, bint bfloat16):
        self.x = matrix_of(x, "logits" if weight is None else "x", bfloat16)
        self.pointers.tokens, self.pointers.width = (<object> self.x).shape
        self.pointers.vocabulary = self.pointers.width
        if weight is not None:
            self.set_weight(weight, np.shape(x), bfloat16)
        if self.pointers.vocabulary == 0 or self.pointers.width == 0:
            raise ValueError(f"neither D nor V may be 0: {np.shape(x)}, {np.shape(weight)}")
        self.wide = np.float64 if self.x.dtype == np.float64 else np.float32
        self.bias = column_of(bias, "bias", self.wide, (self.pointers.vocabulary,))
        self.target = targets_of(target, self.pointers.tokens, self.pointers.vocabulary, ignore_index)
        self.pointers.x = data_of(self.x)
        self.pointers.weight = data_of(self.weight)
        self.pointers.bias = data_of(self.bias)
        self.pointers.target = <const int64_t*> data_of(self.target)
        self.kind = kFloat32 if self.x.dtype == np.float32 else kBfloat16 if self.x.dtype == np.uint16 else kFloat64

    cdef int set_weight(self, weight, shape, bint bfloat16) except -1:
        cdef cnp.ndarray rows = matrix_of(weight, "weight", bfloat16)
        if self.x.dtype != rows.dtype:
            raise TypeError(f"x is {self.x.dtype} but weight is {rows.dtype} (bfloat16 counts as uint16)")
        if rows.shape[1] != self.x.shape[1]:
            raise ValueError(f"x and weight must be (N, D) and (V, D): x {shape}, weight {np.shape(weight)}")
        self.weight = rows
        self.pointers.vocabulary = rows.shape[0]
        return 0

    cdef column(self, bint wanted, dtype):
        return np.empty(self.pointers.tokens, dtype=dtype) if wanted else None

    cdef tuple losses(self, bint entropy, bint argmax):
        return (self.column(True, self.wide), self.column(True, self.wide), self.column(entropy, self.wide),
                self.column(argmax, np.int64))

    cdef tuple upstream(self, log_sum_exp, entropy, loss, by_log_sum_exp, by_entropy):
        shape = (self.pointers.tokens,)
        if log_sum_exp is None:
            raise ValueError("log_sum_exp is what the forward pass found, and must be given")
        if by_entropy is not None and entropy is None:
            raise ValueError("the gradient by the entropies needs the entropies")
        return (column_of(log_sum_exp, "log_sum_exp", self.wide, shape),
                column_of(entropy, "entropy", self.wide, shape),
                column_of(loss, "upstream_loss", self.wide, shape),
                column_of(by_log_sum_exp, "upstream_log_sum_exp", self.wide, shape),
                column_of(by_entropy, "upstream_entropy", self.wide, shape))


cdef LossPointers loss_pointers(tuple found):
    cdef LossPointers to
    to.loss, to.log_sum_exp = data_of(found[0]), data_of(found[1])
    to.entropy, to.argmax = data_of(found[2]), data_of(found[3])
    return to


cdef UpstreamPointers upstream_pointers(tuple above):
    cdef UpstreamPointers given
    given.log_sum_exp_found, given.entropy_found = data_of(above[0]), data_of(above[1])
    given.loss, given.log_sum_exp, given.entropy = data_of(above[2]), data_of(above[3]), data_of(above[4])
    return given


# ---- a head --------------------------------------------------------------------------------------


def forward(
    x, weight, target, bias=None, *, int64_t ignore_index=-100, double logit_scale=1.0, double softcap=0.0,
    double label_smoothing=0.0, double z_loss=0.0, bint entropy=False, bint argmax=False, bint bfloat16=False,
    threads=None,
):
    """Losses per token in nats, without the logits ever lying in memory.

    Parameters
    ----------
    x : array, shape (N, D)
        Hidden states: float32, bfloat16 or float64 (slow; to check gradients). D >= 1.
    weight : array of the same type, shape (V, D)
        V >= 1.
    target : array of integers, shape (N,)
    bias : array, shape (V,), optional
        Converted to float32, or float64 with float64.
    ignore_index : int
        Targets that count for nothing; their loss is 0.
    logit_scale, softcap : float
        Logits are ``softcap * tanh(logit_scale * (x @ weight.T + bias) / softcap)``; no cap if 0.
    label_smoothing, z_loss : float
        Share of the target's weight spread over the vocabulary, in [0, 1]; weight of the squared log-sum-exp.
    entropy, argmax : bool
        Whether to return these as well.
    bfloat16 : bool
        uint16 arrays hold bfloat16 values.
    threads : int, optional
        See ``skmfast.settings.resolve_threads``. Results do not depend on it.

    Returns
    -------
    loss, log_sum_exp : array of float32 (float64 for float64), shape (N,)
    entropy : the same, or None
        Of the predicted distribution, in nats.
    argmax : array of int64, shape (N,), or None
        The most probable entry, the lowest of several.

    Raises
    ------
    TypeError, ValueError
        Types, shapes or options do not fit; a target is out of range (with its value and place).

    Notes
    -----
    A logit of -inf is an impossible entry; a NaN or +inf makes the token's results NaN.

    Examples
    --------
    >>> import numpy as np
    >>> loss, *_ = forward(np.eye(3, dtype=np.float32), np.zeros((8, 3), dtype=np.float32), [0, 1, 7])
    >>> loss.round(6)  # the logarithm of 8
    array([2.079442, 2.079442, 2.079442], dtype=float32)
    """
    cdef Arguments given = Arguments(x, weight, target, bias, ignore_index, bfloat16)
    cdef LossObjective objective = objective_of(ignore_index, logit_scale, softcap, label_smoothing, z_loss)
    cdef unsigned workers = min(resolve_threads(threads), kMaxThreads)
    found = given.losses(entropy, argmax)
    cdef LossPointers to = loss_pointers(found)
    with nogil:
        head_forward(given.kind, given.pointers, objective, to, workers)
    return found


def backward(
    x, weight, target, bias, log_sum_exp, entropy=None, upstream_loss=None, upstream_log_sum_exp=None,
    upstream_entropy=None, *, int64_t ignore_index=-100, double logit_scale=1.0, double softcap=0.0,
    double label_smoothing=0.0, double z_loss=0.0, needs=(True, True, True), bint bfloat16=False, threads=None,
):
    """Gradients from those of losses, log-sum-exps and entropies, each (N,) or None for zero.

    Parameters
    ----------
    log_sum_exp, entropy : array, shape (N,)
        What ``forward`` found; entropy only where ``upstream_entropy`` is given.
    needs : tuple of three bool
        Which of the gradients by x, weight and bias to compute.
    x, weight, target, bias, ignore_index, logit_scale, softcap, label_smoothing, z_loss, bfloat16, threads
        As for ``forward``.

    Returns
    -------
    x, weight : array of their types (uint16 for bfloat16) and shapes, or None
    bias : array of float32 (float64 for float64), shape (V,), or None
        Also where no bias was given.
    """
    cdef Arguments given = Arguments(x, weight, target, bias, ignore_index, bfloat16)
    cdef LossObjective objective = objective_of(ignore_index, logit_scale, softcap, label_smoothing, z_loss)
    cdef unsigned workers = min(resolve_threads(threads), kMaxThreads)
    above = given.upstream(log_sum_exp, entropy, upstream_loss, upstream_log_sum_exp, upstream_entropy)
    gradients = (empty_on_lines(given.x) if needs[0] else None,
                 empty_on_lines(given.weight) if needs[1] else None,
                 np.empty(given.pointers.vocabulary, dtype=given.wide) if needs[2] else None)
    cdef UpstreamPointers slopes = upstream_pointers(above)
    cdef GradientPointers to
    to.x, to.weight, to.bias = data_of(gradients[0]), data_of(gradients[1]), data_of(gradients[2])
    with nogil:
        head_backward(given.kind, given.pointers, objective, slopes, to, workers)
    return gradients


# ---- given logits --------------------------------------------------------------------------------


def logits_forward(
    logits, target, *, int64_t ignore_index=-100, double logit_scale=1.0, double softcap=0.0,
    double label_smoothing=0.0, double z_loss=0.0, bint entropy=False, bint argmax=False, bint bfloat16=False,
    threads=None,
):
    """``forward`` from logits (N, V), which are read once.

    Examples
    --------
    >>> import numpy as np
    >>> loss, *_ = logits_forward(np.zeros((1, 2)), [1])
    >>> loss.round(6)
    array([0.693147])
    """
    cdef Arguments given = Arguments(logits, None, target, None, ignore_index, bfloat16)
    cdef LossObjective objective = objective_of(ignore_index, logit_scale, softcap, label_smoothing, z_loss)
    cdef unsigned workers = min(resolve_threads(threads), kMaxThreads)
    found = given.losses(entropy, argmax)
    cdef LossPointers to = loss_pointers(found)
    with nogil:
        given_forward(given.kind, given.pointers, objective, to, workers)
    return found


def logits_backward(
    logits, target, log_sum_exp, entropy=None, upstream_loss=None, upstream_log_sum_exp=None, upstream_entropy=None,
    *, int64_t ignore_index=-100, double logit_scale=1.0, double softcap=0.0, double label_smoothing=0.0,
    double z_loss=0.0, bint bfloat16=False, threads=None,
):
    """Gradient by the logits (N, V), in their type (uint16 for bfloat16); parameters as for ``backward``."""
    cdef Arguments given = Arguments(logits, None, target, None, ignore_index, bfloat16)
    cdef LossObjective objective = objective_of(ignore_index, logit_scale, softcap, label_smoothing, z_loss)
    cdef unsigned workers = min(resolve_threads(threads), kMaxThreads)
    above = given.upstream(log_sum_exp, entropy, upstream_loss, upstream_log_sum_exp, upstream_entropy)
    gradient = np.empty_like(given.x)
    cdef UpstreamPointers slopes = upstream_pointers(above)
    cdef void* to = data_of(gradient)
    with nogil:
        given_backward(given.kind, given.pointers, objective, slopes, to, workers)
    return gradient


def matrix_unit():
    """Which matrix instructions run: "byte_tile" (AMX with bytes), "tile" (AMX), "dot" (AVX512_BF16), "none".

    Lowered by the environment variable SKMFAST_MATRIX, which is read once, and by SKMFAST_ISA.
    """
    return matrix_unit_name(active_matrix_unit()).decode()
