// What the processor has for matrix products beyond its instruction set: dot products of pairs of bfloat16
// (AVX512_BF16), tiles of bfloat16 (AMX), and those of bytes too. Chosen once per process; the environment
// variable SKMFAST_MATRIX (none, dot, tile, byte_tile) lowers it, and SKMFAST_ISA below avx512 rules all out.
#pragma once

namespace skm {

/// Each has those before it.
enum class MatrixUnit { none = 0, dot = 1, tile = 2, byte_tile = 3 };

/// The one in use. Where tiles are had, the first call asks the system for leave to use them.
MatrixUnit active_matrix_unit() noexcept;

/// Whether fused multiply-add runs beside AVX2.
bool has_fused_multiply_add() noexcept;

/// "none", "dot", "tile" or "byte_tile".
const char* matrix_unit_name(MatrixUnit unit) noexcept;

}  // namespace skm
