"""Render plans of any shape, to try what no source would make: empty pieces, long ones, nothing but slots."""

import numpy as np

from skmfast.sources.plan import RenderPlan


def random_plan(seed, *, statements=1, fixed=False, vocabulary_size=300, longest=80):
    """A plan that is valid and makes no sense, and contents for it."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 6, rng.integers(1, 12))
    kinds = int(rng.integers(1, 4))
    attributes = statements if fixed else int(rng.integers(statements, statements + 4))
    lengths = rng.integers(0, longest, 30) * (rng.random(30) < 0.8)
    texts = [rng.integers(32, 127, length, dtype=np.uint8) for length in lengths]
    ids = [rng.integers(0, vocabulary_size, rng.integers(0, 1 + longest // 4)) for _ in texts]
    per_choice = rng.integers(1, 8, kinds * attributes)
    templates = int(per_choice.sum())
    num_parts = rng.integers(0, 20, 2 * templates)
    fields = rng.integers(-1, len(sizes), num_parts.sum()).astype(np.int32)
    values = np.where(fields < 0, 1, sizes[fields])
    probability = [rng.dirichlet(np.full(number, 0.5)) for number in per_choice]
    plan = RenderPlan(
        piece_bytes=np.concatenate(texts),
        piece_byte_offsets=_offsets(lengths),
        piece_tokens=np.concatenate(ids).astype(np.uint32),
        piece_token_offsets=_offsets([len(each) for each in ids]),
        part_piece=rng.integers(0, 30 - values + 1).astype(np.uint32),
        part_field=fields,
        part_label=rng.integers(0, attributes + 1, len(fields)).astype(np.uint8),
        template_parts=_offsets(num_parts),
        choice_offsets=_offsets(per_choice),
        choice_probability=np.concatenate(probability),
        field_sizes=sizes.astype(np.uint32),
        kind_field=int(rng.integers(len(sizes))) if kinds > 1 else -1,
        kinds=kinds,
        attributes=attributes,
        statements=statements,
        order=int(fixed),
        end_piece=int(rng.integers(30)),
        vocabulary_size=vocabulary_size,
    )
    return plan, rng.integers(0, sizes, (7, len(sizes))).astype(np.uint16)


def _offsets(sizes):
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.uint32)
