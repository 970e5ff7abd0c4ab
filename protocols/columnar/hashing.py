"""SHA-256 of whole columns of short texts."""

import functools
import hashlib
import itertools
import math
from typing import TYPE_CHECKING, Any

from protocols.columnar import loading

if TYPE_CHECKING:
    import pyarrow as pa

SIZE = 32


def sha256(texts: "pa.Array", *, compiled: bool = False) -> Any:
    """The hash of each text's bytes.

    Args:
        texts: of type string or binary, none of them null.
        compiled: whether machine code makes them, where numba is: a tenth of the time of calling ``hashlib`` for each.

    Returns:
        uint8, a line of ``SIZE`` bytes for each text.
    """
    import numpy as np

    count = len(texts)
    _, places, octets = texts.buffers()
    offsets = np.frombuffer(places, np.int32)[texts.offset : texts.offset + count + 1]
    data = np.zeros(1, np.int8) if octets is None or not octets.size else np.frombuffer(octets, np.int8)
    if not compiled or not loading.available():
        ends, view = offsets.tolist(), data.data
        found = b"".join(hashlib.sha256(view[begin:end]).digest() for begin, end in itertools.pairwise(ends))
        return np.frombuffer(found, np.uint8).reshape(count, SIZE)
    first, rounds = _constants()
    words, state, out = np.zeros(128, np.uint32), np.empty(64, np.uint32), np.empty(8 * count, np.uint32)
    loading.loops().hash_texts(data, offsets, first, rounds, words, state, out)
    return out.astype(">u4").view(np.uint8).reshape(count, SIZE)


@functools.cache
def _constants() -> tuple[Any, Any]:
    """The first 32 bits behind the point of the first primes' roots, square and cube (FIPS 180-4, 5.3.3 and 4.2.2)."""
    import numpy as np

    primes = [number for number in range(2, 312) if all(number % other for other in range(2, number))]
    squares = [math.isqrt(prime << 64) & 0xFFFFFFFF for prime in primes[:8]]
    cubes = [_cube_root(prime << 96) & 0xFFFFFFFF for prime in primes]
    return np.array(squares, np.uint32), np.array(cubes, np.uint32)


def _cube_root(number: int) -> int:
    """The greatest number whose cube is not above this one."""
    low, high = 0, 1 << (number.bit_length() // 3 + 1)
    while low + 1 < high:
        middle = (low + high) // 2
        low, high = (middle, high) if middle**3 <= number else (low, middle)
    return low
