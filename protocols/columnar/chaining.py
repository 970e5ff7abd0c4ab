"""Keyed BLAKE2b of many stretches of bytes, and records chained by it: what ``hashlib`` and a CRC do one by one.

Only where numba is (``loading.available``); whoever calls has a way of its own where it is not.
"""

import math
from dataclasses import dataclass
from typing import Any, Self

from protocols.columnar import loading

_KEY_BLOCK, _WORD = 128, 8
_POLYNOMIAL = 0x82F63B78  # CRC-32C, its bits turned round
_SIGMA = (
    "0123456789abcdef ea489fd61c02b753 b8c052fdae367194 7931dcbe265a40f8 905724afe1bc683d "
    "2c6a0b834d75fe19 c51fed4a0763928b db7ec13950f4862a 6fe9b308c2d714a5 a2847615fb9e3cd0 "
    "0123456789abcdef ea489fd61c02b753"
)  # RFC 7693, 2.7; rounds 10 and 11 are 0 and 1 again


@dataclass(frozen=True, slots=True)
class Keyed:
    """BLAKE2b with a key and a size, ready for many messages; for one thread.

    Attributes:
        words: of eight bytes, in a hash.
    """

    words: int
    _known: tuple[Any, ...]
    _rest: Any
    _state: Any
    _table: Any

    @classmethod
    def of(cls, key: bytes, size: int) -> Self:
        """Hashes of ``size`` bytes, a multiple of eight, with a key of 1 to 64."""
        import numpy as np

        first = _first()
        keyed = first.copy()
        keyed[0] ^= 0x01010000 ^ len(key) << 8 ^ size
        order = np.array([int(each, 16) * _WORD for each in _SIGMA.replace(" ", "")], np.int64)
        block = np.frombuffer(key.ljust(_KEY_BLOCK, b"\0"), np.int8)
        loading.loops().compress(keyed, first, order, block, 0, _KEY_BLOCK, 0)
        scratch = np.zeros(_KEY_BLOCK, np.int8), np.empty(_WORD, np.int64)
        return cls(size // _WORD, (keyed, first, order), *scratch, _crc_table())

    def hashes(self, data: Any, starts: Any, ends: Any) -> Any:
        """The hash of each stretch of ``data`` (int8): uint8, a line for each. None of them is empty."""
        import numpy as np

        out = np.empty(starts.size * self.words, np.int64)
        places = starts.astype(np.int64), ends.astype(np.int64)
        loading.loops().hash_stretches(data, *places, *self._known, self._rest, self._state, self.words, out)
        return out.view(np.uint8).reshape(starts.size, self.words * _WORD)

    def chain(self, records: Any, ends: Any, chain_at: int, link: bytes) -> bytes:
        """Tie records to each other: see ``kernel_chain.chain_records``; the link that the next record carries.

        Args:
            records: int8, the records end to end, written to.
            ends: int64, where the first one begins and where each ends.
            chain_at: where in a record the link of the one before stands.
            link: what the first one carries.
        """
        before = int.from_bytes(link, "little", signed=True)
        after = loading.loops().chain_records(
            records, ends, chain_at, before, *self._known, self._table, self._rest, self._state
        )
        return int(after).to_bytes(_WORD, "little", signed=True)


def _first() -> Any:
    """The first 64 bits behind the point of the square roots of the first eight primes (RFC 7693, 2.6), signed."""
    import numpy as np

    roots = [math.isqrt(prime << 128) & (1 << 64) - 1 for prime in (2, 3, 5, 7, 11, 13, 17, 19)]
    return np.array(roots, np.uint64).view(np.int64)


def _crc_table() -> Any:
    """The CRC of each byte, then the same with one to seven zeros behind it."""
    import numpy as np

    table = np.arange(256, dtype=np.int64)
    for _ in range(8):
        table = np.where(table & 1, table >> 1 ^ _POLYNOMIAL, table >> 1)
    lines = [table]
    for _ in range(7):
        lines.append(table[lines[-1] & 255] ^ lines[-1] >> 8)
    return np.concatenate(lines)
