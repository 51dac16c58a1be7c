"""The C++ core of a language-model head's loss, as ``skmfast.operators`` uses it on the CPU.

``_linear_cross_entropy`` takes numpy arrays, ``tensors`` torch tensors.
"""
