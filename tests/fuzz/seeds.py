"""What the fuzzer starts from: the public vectors, and a little of each shape they do not have."""

import struct
from collections.abc import Iterator

from protocols import bmp
from protocols.jbig import Bitmap
from protocols.journal import t_water, trans_record
from protocols.journal.profile import available_journals, load_journal
from tests import journalfiles
from tests.fuzz.links import opened
from tests.fuzz.targets import profiles_of
from tests.protocols.conftest import VECTORS, load_vectors
from tests.protocols.jbig_encoder import encode
from tests.protocols.link_samples import samples

_MOST = 2048
_LARGEST = {
    "deframe": 700,
    "frame": 1200,
    "message": 1200,
    "build": 700,
    "tlv": 300,
    "private": 300,
    "text": 100,
    "jbig": 600,
    "bmp": 200,
}
_NOISE = b"\x06\x15\x02\x60\x10\x02\xff\x00\x43\x5a"


def largest(target: str) -> int:
    """Bytes of the largest input: enough for two frames of most links, for a picture, for two records."""
    return _LARGEST.get(target.partition("-")[0], _MOST)


def seeds(target: str) -> Iterator[bytes]:
    """The first inputs of a target."""
    kind, _, dialect = target.partition("-")
    if kind in {"deframe", "frame"}:
        yield from _of_links(kind, dialect)
    elif target == "message":
        yield from _of_links("frame", "unionpay")
    elif target == "build":
        yield from map(_built, load_vectors())
    elif target == "tlv":
        yield from (bytes.fromhex(each["fields"]["55"]) for each in load_vectors() if "55" in each["fields"])
    elif target == "private-tlv":
        yield from (bytes.fromhex(each["fields"]["59"]) for each in load_vectors() if "59" in each["fields"])
    elif target == "text":
        yield from (each.encode("gbk") for each in ("银联直联", "A\\B", "\u3000x", "测试商户 TEST"))
    elif target == "jbig":
        yield from _pictures()
    elif target == "bmp":
        yield from (bmp.encode(Bitmap(width, 3, bytes(3 * ((width + 7) // 8)))) for width in (8, 31, 32, 40))
    elif target == "journal":
        yield from _journals()


def _of_links(kind: str, dialect: str) -> Iterator[bytes]:
    for index, profile in enumerate(profiles_of(dialect)):
        frames = samples(profile.name)
        for number, frame in enumerate(frames):
            if kind == "frame":
                yield bytes((index, 1)) + frame
                yield bytes((index, 0)) + opened(profile, frame)
            else:
                yield bytes((index, number)) + _NOISE[: number % 11] + frame + frames[number - 1]


def _built(vector: dict[str, dict[str, str]]) -> bytes:
    parts = [bytes((0, int(str(vector["mti"])) % 256))]
    for number, value in vector["fields"].items():
        raw = value.encode("gb18030")[:255]
        parts.append(bytes((int(number), len(raw))) + raw)
    return b"".join(parts)


def _pictures() -> Iterator[bytes]:
    yield from (path.read_bytes() for path in sorted((VECTORS / "jbig").glob("noise-*.jbg")))
    cross = [[int(x in {y, 15 - y}) for x in range(16)] for y in range(16)]
    for two_lines in (False, True):
        for typical in (False, True):
            moves = [(4, 9, 0), (9, -3, 2)]
            yield encode(
                cross, stripe_lines=5, two_lines=two_lines, typical=typical, resets=(1,), moves=moves, comment=b"x"
            )


def _journals() -> Iterator[bytes]:
    layouts: list[struct.Struct] = [journalfiles.ALIGNED, journalfiles.PACKED]
    for index, name in enumerate(available_journals()):
        head = bytes((index,))
        form = load_journal(name).format
        if form == "pos_log":
            yield from (head + journalfiles.log_record(layout) for layout in layouts)
            yield head + journalfiles.totals_record()
        elif form == "t_water":
            yield head + t_water.dump(journalfiles.water_row())
            yield head + t_water.dump(journalfiles.water_row(FIELD55="", NOTE="备注", DATE="20261121"))
        else:
            yield from (
                head + journalfiles.trans_record(size) for size in (trans_record.ALIGNED.size, trans_record.PACKED.size)
            )
