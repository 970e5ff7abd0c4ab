"""SHA-256 of columns of texts: by machine code and without it the same as OpenSSL's."""

import hashlib
import random

import pytest

from protocols.columnar.hashing import sha256


@pytest.mark.parametrize("compiled", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_each_text_has_the_hash_that_others_state(*, compiled: bool) -> None:
    """Every length around a block's end, in a slice of a column too; FIPS 180-4's example of one block."""
    import pyarrow as pa

    if compiled:
        pytest.importorskip("numba")
    dice = random.Random(5)
    texts = [dice.randbytes(size) for size in range(260)] + [b"abc"]
    column = pa.array(texts, pa.binary())
    found = [line.tobytes() for line in sha256(column, compiled=compiled)]
    assert found == [hashlib.sha256(text).digest() for text in texts]
    assert found[-1].hex() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert [line.tobytes() for line in sha256(column.slice(70, 9), compiled=compiled)] == found[70:79]


@pytest.mark.parametrize("compiled", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_no_text_and_empty_texts_have_theirs(*, compiled: bool) -> None:
    """A column without bytes is no reason to fail."""
    import pyarrow as pa

    if compiled:
        pytest.importorskip("numba")
    assert sha256(pa.array([], pa.string()), compiled=compiled).shape == (0, 32)
    assert sha256(pa.array(["", ""]), compiled=compiled)[1].tobytes() == hashlib.sha256(b"").digest()
