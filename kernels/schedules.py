"""How the (tokens, vocabulary) plane is cut into tiles, and how many programs walk over them."""

from __future__ import annotations

import dataclasses
import functools

import torch
import triton
from torch import Tensor


@dataclasses.dataclass(frozen=True)
class TileSchedule:
    """Shape of a tile of logits and of the launch that computes all tiles.

    Parameters
    ----------
    block_rows, block_vocabulary, block_depth : int
        A tile has ``block_rows`` tokens and ``block_vocabulary`` entries, summed over the hidden size in
        steps of ``block_depth``. Powers of two, at least 16.
    group_rows : int
        Row blocks that are walked side by side, so that each tile of the weight is read from device memory
        once for all of them and they stay in the L2 cache meanwhile.
    warps, stages : int
        Warps of a program, and steps of the sum that are in flight.
    programs_per_multiprocessor : int
        Programs that walk over tiles, per multiprocessor. Two of them share one: while the first takes
        exponentials the second keeps the tensor cores busy.
    descriptors : bool
        Read through tensor descriptors (the bulk copy engine) where layout and device allow.
    flatten : bool
        One loop over tiles and steps, so that loads of the next tile start under the exponentials of this
        one: for a program that has a multiprocessor to itself.
    """

    block_rows: int = 128
    block_vocabulary: int = 128
    block_depth: int = 64
    group_rows: int = 16
    warps: int = 4
    stages: int = 3
    programs_per_multiprocessor: int = 2
    descriptors: bool = False
    flatten: bool = False


# Chosen by arithmetic, to be replaced by what bench/gpu/tune.py measures. Exponentials of a 128 x 256 tile
# take a Hopper multiprocessor about 2,500 cycles (16 a cycle, and what goes with them), the products 16
# cycles for each unit of the hidden size. Up to 1,024 units the exponentials are worth hiding, by two
# programs that share the multiprocessor; beyond, the larger tile's lower traffic (48 instead of 64 bytes a
# cycle) is.
HOPPER_SHALLOW = TileSchedule(descriptors=True)
HOPPER_DEEP = TileSchedule(
    block_vocabulary=256, warps=8, programs_per_multiprocessor=1, descriptors=True, flatten=True
)
# What more options need of registers comes from tiles of half the size per thread.
HOPPER_DEMANDING = TileSchedule(warps=8, descriptors=True)
# The accumulator has its own memory on Blackwell, but comes to registers for the exponentials.
BLACKWELL = TileSchedule(descriptors=True)
BLACKWELL_DEMANDING = TileSchedule(block_rows=64, block_vocabulary=64, descriptors=True)
# Without descriptors, addresses of all elements live in registers.
POINTERS = TileSchedule(block_depth=32, warps=8)
POINTERS_DEMANDING = TileSchedule(block_rows=64, block_depth=32, warps=8)
AMD = TileSchedule(block_depth=32, stages=2, group_rows=8)
AMD_DEMANDING = TileSchedule(block_rows=64, block_depth=32, stages=2, group_rows=8)
# Exact float32 products run on the ordinary units, whose operands are registers: small tiles do not spill.
EXACT_FLOAT32 = TileSchedule(block_rows=64, block_vocabulary=64, block_depth=16, stages=3)
INTERPRETED = TileSchedule(16, 32, 32, 2, 1, 1, 1)


def choose_schedule(x: Tensor, weight: Tensor, demanding: bool) -> TileSchedule:
    """Schedule for hidden states (N, D) and weight (V, D) on their device.

    ``demanding`` says that more than maximum, sum and plain gradient is made of each logit.
    """
    if interpreting():
        return INTERPRETED
    if torch.version.hip is not None:
        architecture = "amd"
    else:
        major, minor = torch.cuda.get_device_capability(x.device)
        architecture = f"sm_{major}{minor}"
    aligned = fits_descriptor(x) and fits_descriptor(weight)
    return schedule_for(architecture, x.dtype, x.shape[1], aligned, demanding)


def schedule_for(
    architecture: str, dtype: torch.dtype, depth: int, aligned: bool, demanding: bool
) -> TileSchedule:
    """Schedule for an architecture ("sm_90", or "amd" for all of theirs), type and hidden size.

    ``aligned`` says that hidden states and weight lie in memory as tensor descriptors ask.
    """
    if dtype == torch.float32:
        return EXACT_FLOAT32
    if architecture == "amd":
        return AMD_DEMANDING if demanding else AMD
    if int(architecture.removeprefix("sm_")) < 90 or not aligned:
        return POINTERS_DEMANDING if demanding else POINTERS
    if architecture != "sm_90":
        return BLACKWELL_DEMANDING if demanding else BLACKWELL
    if demanding:
        return HOPPER_DEMANDING
    return HOPPER_SHALLOW if depth <= 1024 else HOPPER_DEEP


def fits_descriptor(matrix: Tensor) -> bool:
    """Whether the copy engine can read it: rows 16 bytes apart or a multiple, at a multiple of 16 bytes."""
    return (
        matrix.numel() > 0
        and matrix.stride(1) == 1
        and matrix.stride(0) * matrix.element_size() % 16 == 0
        and matrix.stride(0) > 0
        and matrix.data_ptr() % 16 == 0
    )


def operand(matrix: Tensor, schedule: TileSchedule, block_rows: int) -> object:
    """What a kernel reads ``matrix`` through: a tensor descriptor or the tensor itself."""
    if not schedule.descriptors:
        return matrix
    from triton.tools.tensor_descriptor import TensorDescriptor

    return TensorDescriptor.from_tensor(matrix, [block_rows, schedule.block_depth])


def program_count(tiles: int, schedule: TileSchedule, device: torch.device) -> int:
    """Programs to launch for ``tiles`` tiles."""
    if interpreting():
        return min(tiles, 3)
    return min(tiles, schedule.programs_per_multiprocessor * _multiprocessors(device))


@functools.cache
def _multiprocessors(device: torch.device) -> int:
    if device.type != "cuda":
        return 1  # tensors without storage, from which launches are recorded
    return torch.cuda.get_device_properties(device).multi_processor_count


def interpreting() -> bool:
    """Whether kernels run in Triton's interpreter, on the CPU (TRITON_INTERPRET=1).

    There, products of bfloat16 are wrong and conversion to it truncates: kernels take other ways then.
    """
    return bool(triton.knobs.runtime.interpret)


def tile_constants(schedule: TileSchedule, x: Tensor) -> dict[str, object]:
    """Constants that every kernel over tiles takes."""
    return {
        "BLOCK_ROWS": schedule.block_rows,
        "BLOCK_VOCABULARY": schedule.block_vocabulary,
        "BLOCK_DEPTH": schedule.block_depth,
        "GROUP_ROWS": schedule.group_rows,
        "DESCRIPTORS": schedule.descriptors,
        "EVEN_DEPTH": x.shape[1] % schedule.block_depth == 0,
        "FLATTEN": schedule.flatten,
        "INTERPRETED": interpreting(),
    }


def launch_options(warps: int, stages: int | None = None) -> dict[str, int | bool]:
    """Warps and stages as a launch takes them; products and sums fused, whatever the default."""
    options: dict[str, int | bool] = {"num_warps": warps, "enable_fp_fusion": True}
    return options if stages is None else {**options, "num_stages": stages}
