"""Card numbers in what a test run leaves behind: those that tests put in, looked for in every form.

Looked for are the card numbers of ``tests/card_numbers.toml`` and those that the simulator makes
up, in ASCII, packed digits at both alignments, hex of either, UTF-16 and base64. Runs of digits
are found first, whatever their form, and compared then. A file is opened where it packs others:
tables, archives, mails. Not opened: what is encrypted, and the text of PDFs, which is glyphs of
an embedded font. What a test gave in, as a terminal or an acquirer does, is no artefact:
captures, journals, and what lies in a folder ``said``.
"""

import base64
import os
import re
import tomllib
import zipfile
import zlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from protocols.sweep import is_card
from tests.artefacts import blobs
from tests.test_repository import ALLOWED

ARTEFACTS = frozenset(
    {
        ".seg",
        ".open",
        ".poisoned",
        ".copy",
        ".parquet",
        ".json",
        ".log",
        ".eml",
        ".html",
        ".txt",
        ".zip",
        ".gz",
        ".prom",
    }
)
"""What tillwatch writes, says and mails."""
PACKERS = frozenset({".parquet", ".eml", ".zip", ".gz"})
DATABASES = frozenset({"cases.db", "airflow.db"})
"""Those of tillwatch; others are journals of terminals."""
GIVEN = frozenset({"said", "pos.log", "v.log"})
"""Folders, and terminals' own journals, that tests give in."""
_ASCII = re.compile(rb"[0-9]{13,}")
_WIDE = re.compile(rb"(?:[0-9]\x00){13,}|(?:\x00[0-9]){13,}")
_PACKED = re.compile(rb"[%s]{6,}" % b"".join(rb"\x%d0-\x%d9" % (tens, tens) for tens in range(10)))
_BASE64 = re.compile(rb"(?:[MNO][DTjz][AEIMQUYcgk][w-z0-5]){4,}")
"""Four or more groups of three ASCII digits."""
_SIMULATED = re.compile(
    r"(?=(622200000[0-9]{10}))(?=(622200000[0-9]{7}))|(?=(622200000[0-9]{7}))|(?=(41111100[0-9]{8}))"
)
"""Of 19 and 16 digits, see ``ingest.simulator.cards``."""
_TOLD_APART, _BESIDE = 4, 8
"""A number of fewer different digits, or of fewer beside its longest run of one digit, is looked for as a text of its
own alone: chance makes it of others, once in some fifty runs of a checksum's five digits and a header's zeros."""


_RUN = re.compile("".join(f"{digit}+|" for digit in range(10))[:-1])
_COUNTING = "1234567890"
"""As merchants' and terminals' numbers of tests have it too."""


@cache
def numbers() -> tuple[str, ...]:
    """The numbers looked for by name."""
    groups = tomllib.loads(ALLOWED.read_text("utf-8"))
    return tuple(number for name, group in groups.items() if name != "none" for number in group)


def found_in(data: bytes) -> set[str]:
    """The card numbers that stand in these bytes, in whatever form."""
    runs = {run[0].decode() for run in _ASCII.finditer(data)}
    runs |= {run[0].replace(b"\x00", b"").decode() for run in _WIDE.finditer(data)}
    runs |= {bytes.fromhex(run[at : len(run) - (len(run) - at) % 2]).decode("latin-1") for run in runs for at in (0, 1)}
    packed = "|".join({run[0].hex() for run in _PACKED.finditer(data) if any(run[0])})
    coded = "|".join({base64.b64decode(run[0]).decode() for run in _BASE64.finditer(data)})
    found = {number for number in numbers() if number in runs}
    for number in numbers():
        middle = number[1:-1]  # half a byte's offset: the first and the last digit share theirs with others
        if len({*middle}) >= _TOLD_APART and len(middle) - len(max(_RUN.findall(middle), key=len)) >= _BESIDE:
            packed_or_coded = number[2:14] in coded or middle in packed or any(middle in run for run in runs)
            if any(number in run for run in runs) or (packed_or_coded and _COUNTING not in number):
                found.add(number)
    return found | {number for text in (*runs, packed) for number in _simulated(text)}


def _simulated(text: str) -> Iterator[str]:
    for match in _SIMULATED.finditer(text):
        yield from (number for number in match.groups() if number and number[10:-2].strip("0") and is_card(number))


def left_in(folder: Path) -> dict[str, list[str]]:
    """Of each artefact below a folder the numbers that are in it, masked."""
    found = {}
    for path in _files(folder):
        hits = {hit for data in _whole(path) for hit in found_in(data)}
        if hits:
            found[str(path.relative_to(folder))] = sorted(f"{hit[:6]}…{hit[-4:]}" for hit in hits)
    return found


def _files(folder: Path) -> Iterator[Path]:
    for where, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in GIVEN]
        for path in map(Path(where).joinpath, names):
            if path.name not in GIVEN and (path.suffix in ARTEFACTS or path.name in DATABASES) and path.is_file():
                yield path


def _whole(path: Path) -> list[bytes]:
    """A file opened; of one that is torn its bytes as they are."""
    try:
        return list(_opened(path))
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile):
        return [path.read_bytes()] if path.is_file() else []


def _opened(path: Path) -> Iterator[bytes]:
    """A file's bytes, and those that are packed in it."""
    if path.suffix == ".parquet":
        yield from _columns(path)
    elif path.suffix == ".zip" and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as packed:
            yield from (packed.read(name) for name in packed.namelist() if Path(name).suffix in ARTEFACTS)
    elif path.suffix in PACKERS:
        yield from (data for _, data in blobs(path))
    else:
        yield path.read_bytes()


def _columns(path: Path) -> Iterator[bytes]:
    """The texts and bytes of a table, column by column; nothing of one that is damaged or encrypted."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(path).read()
    except (OSError, pa.ArrowException):
        return
    for column in table.columns:
        if pa.types.is_string(column.type) or pa.types.is_binary(column.type):
            for chunk in column.chunks:
                buffer = chunk.buffers()[2]
                yield b"" if buffer is None else buffer.to_pybytes()
