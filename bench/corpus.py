"""What the decode benchmark decodes: sanitised frames of fifty sets of fields, and records of a journal.

The same for every peer and every run: written once from a seed, kept as an Arrow file.
"""

import random
from pathlib import Path
from typing import TYPE_CHECKING

from tests.protocols.columnar.written import messages

if TYPE_CHECKING:
    import pyarrow as pa

FRAMES = 65_536
KINDS = 50
RECORD_BYTES = 96
_SEED = 7


def write(path: Path) -> None:
    """Frames and records into one Arrow file: columns ``frame`` (sanitised), ``whole`` (as on the line), ``record``."""
    import pyarrow as pa

    stream = messages(_SEED, KINDS)
    frames = [stream.frame()[0] for _ in range(FRAMES)]
    stream.masks = False
    whole = [stream.frame()[0] for _ in range(FRAMES)]
    chance = random.Random(_SEED)
    table = pa.table(
        {
            "frame": pa.array(frames, pa.binary()),
            "whole": pa.array(whole, pa.binary()),
            "record": pa.array([_record(chance) for _ in range(FRAMES)], pa.binary()),
        }
    )
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)


def read(path: Path) -> "pa.Table":
    """The file's table, mapped."""
    import pyarrow as pa

    with pa.memory_map(str(path)) as source:
        return pa.ipc.open_file(source).read_all()


def _record(chance: random.Random) -> bytes:
    """96 bytes as ``bench.peers`` declares them, written by hand."""
    digits = chance.randrange
    return b"".join(
        (
            digits(1, 999_999).to_bytes(4, "little"),
            digits(999_999).to_bytes(4, "little"),
            bytes([digits(1, 20), digits(2)]),
            bytes.fromhex(f"{digits(10**10):012d}"),
            b"622588******0001".ljust(20, b"\x00"),
            bytes.fromhex("20261121"),
            bytes.fromhex(f"{digits(24):02d}{digits(60):02d}{digits(60):02d}"),
            f"{digits(10**12):012d}".encode() + b"\x00",
            f"A{digits(10**5):05d}".encode() + b"\x00",
            b"00\x00",
            b"10000001\x00",
            b"CUP\x00",
            bytes(RECORD_BYTES - 79),
        )
    )
