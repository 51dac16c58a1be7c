from collections.abc import Mapping

from skmfast.coding.container import Value

FAULTS: Mapping[int, str]
MAX_EXPANSION: int

def parse(
    file: bytes | memoryview,
) -> tuple[str, int, tuple[str, dict[str, Value], list[int], list[tuple[int, int, int, int]]] | None]: ...
def write(
    code: str, parameters: dict[str, Value], documents: list[int], blocks: list[tuple[int, int, int]]
) -> bytes: ...
def stored_bytes(original_bytes: int, payload_bytes: int) -> int: ...
