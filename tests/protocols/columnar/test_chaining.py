"""Many hashes at once, and records tied to each other: against ``hashlib``, google-crc32c and published values."""

import hashlib
import itertools
import random

import google_crc32c
import numpy as np
import pytest

from protocols.columnar.chaining import Keyed


def test_a_published_value() -> None:
    """BLAKE2b's own known answer: key 00 to 3f, message 00 (blake2b-kat.txt of the reference code, the second)."""
    data = np.zeros(1, np.int8)
    found = Keyed.of(bytes(range(64)), 64).hashes(data, np.array([0]), np.array([1]))
    assert found.tobytes().hex() == (
        "961f6dd1e4dd30f63901690c512e78e4b45e4742ed197c3c5e45c549fd25f2e4"
        "187b0bc9fe30492b16b0d0bc4ef9b0f34c7003fac09a5ef1532e69430234cebd"
    )


@pytest.mark.parametrize("size", [8, 16, 32])
def test_hashes_are_those_of_hashlib(size: int) -> None:
    """Of every length up to three blocks and one more, wherever the bytes lie."""
    dice = random.Random(7)
    key = dice.randbytes(32)
    ends = np.cumsum([3, *range(1, 386)])
    data = dice.randbytes(int(ends[-1]) + 5)
    found = Keyed.of(key, size).hashes(np.frombuffer(data, np.int8), ends[:-1], ends[1:])
    for row, (begin, end) in enumerate(itertools.pairwise(ends.tolist())):
        assert found[row].tobytes() == hashlib.blake2b(data[begin:end], digest_size=size, key=key).digest()


def test_records_are_chained_as_one_by_one() -> None:
    """Each carries the hash of all bytes of the one before, and its own CRC-32C at its end."""
    dice = random.Random(8)
    key, before = dice.randbytes(32), dice.randbytes(8)
    sizes = [dice.randrange(52, 700) for _ in range(500)]
    ends = np.cumsum([0, *sizes])
    records = np.frombuffer(dice.randbytes(int(ends[-1])), np.int8).copy()
    plain = records.tobytes()
    after = Keyed.of(key, 8).chain(records, ends, 40, before)
    link = before
    for begin, end in itertools.pairwise(ends.tolist()):
        body = plain[begin : begin + 40] + link + plain[begin + 48 : end - 4]
        expected = body + google_crc32c.value(body).to_bytes(4, "big")
        assert records[begin:end].tobytes() == expected
        link = hashlib.blake2b(expected, digest_size=8, key=key).digest()
    assert after == link
