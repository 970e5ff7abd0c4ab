"""Frames put into bytes at once: the same bytes, numbers and memory as one by one."""

import hashlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.batch import Batch, Known
from ingest.frame_block import FEW, FrameBlock
from ingest.records import PendingRecord, session
from ingest.segment import MAX_PAYLOAD, NO_CHAIN, Chain

CHAIN = Chain(bytes(range(32)))
LINES = ("lane-1", "lane-2", "三号")
TOKENS = (None, "tk1.abcdefghijklmnopqrstuvwxyz", "t")

rows = st.tuples(
    st.integers(0, 2),
    st.sampled_from((1, 2)),
    st.integers(-(2**63), 2**63 - 1),
    st.binary(min_size=1, max_size=300),
    st.sampled_from(TOKENS),
    st.integers(0, 40),
)


def block(given_rows: list[tuple[Any, ...]], profile: str = "unionpay") -> FrameBlock:
    """The rows as columns; the last number of each makes its digest, so that some come again."""
    import pyarrow as pa

    line, direction, wall_ns, frames, tokens, numbers = zip(*given_rows, strict=True)
    digests = b"".join(hashlib.blake2b(bytes([number]), digest_size=16).digest() for number in numbers)
    return FrameBlock(
        profile,
        LINES,
        np.array(line, np.int32),
        np.array(direction, np.uint8),
        np.array(wall_ns, np.int64),
        pa.array(frames, pa.binary()),
        np.frombuffer(digests, np.uint8).reshape(-1, 16),
        pa.array(tokens, pa.string()),
    )


def known(profile: str, lines: int = 3) -> Known:
    """Lines with a session, the first of which has frames that came before."""
    seen: Any = {("lane-1", "rx"): {hashlib.blake2b(bytes([3]), digest_size=16).digest(): 77}}
    opened = {name: (5 + at, session(name, profile, wall_ns=1)) for at, name in enumerate(LINES[:lines])}
    return Known(seen, opened)


def encoded(records: list[PendingRecord | FrameBlock], before: Known) -> tuple[Any, ...]:
    """All that a batch says."""
    batch = Batch(1000, bytes(range(8)), CHAIN, 9, before)
    numbers = batch.add_all(records)
    return bytes(batch.encoded), numbers, batch.seq, batch.link, batch.count, batch.data_records, batch.seen


@settings(deadline=None, max_examples=60)
@given(st.lists(rows, min_size=FEW + 1, max_size=200), st.integers(0, 30), st.integers(0, 3))
def test_a_block_is_its_records(given_rows: list[tuple[Any, ...]], cut: int, lines: int) -> None:
    """Byte for byte, number for number, also of a part of it, also where a line has no session yet."""
    whole = block(given_rows)
    for part in (whole, whole.slice(cut, len(whole)), whole.slice(0, len(whole) - cut)):
        one_by_one: list[PendingRecord | FrameBlock] = list(part.records())
        assert encoded([part], known("unionpay", lines)) == encoded(one_by_one, known("unionpay", lines))
        assert encoded([part, part], known("unionpay")) == encoded([*one_by_one, *one_by_one], known("unionpay"))


def test_another_profile_opens_a_session() -> None:
    """A line that spoke another profile gets a session before its next frame, as one by one."""
    whole = block([(at % 3, 1, at, b"frame", None, at) for at in range(100)])
    assert encoded([whole], known("lakala")) == encoded(list(whole.records()), known("lakala"))
    assert encoded([whole], known("lakala"))[4] == 103


def test_a_frame_that_no_record_takes_is_refused() -> None:
    """As one by one: nothing is cut."""
    whole = block([(0, 1, at, bytes(MAX_PAYLOAD) if at == 50 else b"f", None, at) for at in range(100)])
    for records in ([whole], list(whole.records())):
        with pytest.raises(ValueError, match=f"a payload of {MAX_PAYLOAD + 25} bytes is over {MAX_PAYLOAD}"):
            Batch(1, NO_CHAIN, CHAIN, 0, known("unionpay")).add_all(records)
