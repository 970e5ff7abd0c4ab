"""A spool of any size for the landing benchmark: sales and their answers, sanitised, in sealed segments.

Fifty terminals on four lines sell for fourteen hours a day: 100,000 frames a day unless told
otherwise, so that more frames are more days. Each shop has terminals and lines of its own.
Amounts, cards, numbers and clocks differ from frame to frame; the bytes of everything else are
those of one request and one answer that the product itself wrote.
"""

import datetime as dt
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingest.frame_block import FrameBlock
from ingest.keys import Keys
from ingest.records import DIGEST_SIZE
from ingest.segment import DIRECTIONS
from ingest.spool import Spool
from protocols.columnar.sanitise import ColumnSanitiser
from protocols.profile import load_profile

if TYPE_CHECKING:
    import numpy as np

PROFILE = "unionpay"
FRAMES_A_DAY = 100_000
TERMINALS, LINES = 50, 4
SEGMENT_BYTES = 64 << 20
_OPENING = dt.datetime(2026, 1, 1, 8, tzinfo=dt.timezone(dt.timedelta(hours=8)))
_OPEN_US = 14 * 3600 * 10**6
_ANSWER_US = 400_000
_PAN = "6224240000003353"
_BATCH = 5_000


def write(
    folder: Path,
    keys: Keys,
    frames: int,
    *,
    shop: int = 0,
    frames_a_day: int = FRAMES_A_DAY,
    segment_bytes: int = SEGMENT_BYTES,
) -> None:
    """Fill a spool with so many frames, in segments of so many bytes, as a shop's collector would."""
    import numpy as np

    dice = np.random.default_rng(1 + shop)
    sanitiser = ColumnSanitiser(load_profile(PROFILE), keys)
    with Spool(folder, keys, seal_bytes=segment_bytes) as spool:
        for day, start in enumerate(range(0, frames, frames_a_day)):
            count = min(frames_a_day, frames - start) // 2
            block = _block(sanitiser, _day(day, count, dice, shop, frames_a_day), shop)
            for begin in range(0, len(block), _BATCH):
                spool.append_many([block.slice(begin, min(begin + _BATCH, len(block)))])
                spool.seal_if_due()


def capture(path: Path, frames: int) -> None:
    """The same frames as a capture, as they are on the line."""
    import numpy as np

    dice = np.random.default_rng(1)
    with path.open("w", encoding="ascii") as file:
        for day, start in enumerate(range(0, frames, FRAMES_A_DAY)):
            count = min(FRAMES_A_DAY, frames - start) // 2
            asked, said, seen, terminals = _day(day, count, dice, 0, FRAMES_A_DAY)
            for at in range(count):
                for frame, direction, late in ((asked[at], "rx", 0), (said[at], "tx", _ANSWER_US)):
                    moment = dt.datetime.fromtimestamp((int(seen[at]) + late) / 1e6, _OPENING.tzinfo).isoformat()
                    line = f"lane-{int(terminals[at]) % LINES + 1}"
                    row = {"t": moment, "line": line, "dir": direction, "frame": frame.tobytes().hex()}
                    file.write(json.dumps(row) + "\n")


def _block(sanitiser: ColumnSanitiser, sold: tuple[Any, Any, Any, Any], shop: int) -> FrameBlock:
    """A day's requests, the answer behind each."""
    import numpy as np
    import pyarrow as pa

    asked, said, seen, terminals = sold
    safe = [sanitiser.sanitise(_array(frames)) for frames in (asked, said)]
    places = np.arange(2 * len(asked)).reshape(2, -1).T.ravel()
    frames, tokens, digests = (
        pa.concat_arrays([getattr(side, name) for side in safe]).take(pa.array(places))
        for name in ("frames", "card_token", "digest")
    )
    name = f"shop-{shop}-lane" if shop else "lane"
    return FrameBlock(
        PROFILE,
        [f"{name}-{number + 1}" for number in range(LINES)],
        np.repeat(terminals % LINES, 2),
        np.tile(np.array([DIRECTIONS.index("rx"), DIRECTIONS.index("tx")], np.uint8), len(asked)),
        np.stack([seen, seen + _ANSWER_US], axis=1).ravel() * 1000,
        frames,
        np.frombuffer(digests.buffers()[2], np.uint8).reshape(-1, DIGEST_SIZE),
        tokens,
    )


def _array(frames: Any) -> Any:
    """Frames of equal length as an Arrow array."""
    import numpy as np
    import pyarrow as pa

    offsets = np.arange(0, frames.size + 1, frames.shape[1], dtype=np.int32)
    return pa.Array.from_buffers(pa.binary(), len(frames), [None, pa.py_buffer(offsets), pa.py_buffer(frames)])


def _day(day: int, count: int, dice: "np.random.Generator", shop: int, frames_a_day: int) -> tuple[Any, Any, Any, Any]:
    """The requests and the answers of a day as rows of bytes, when each request was seen, and its terminal."""
    import numpy as np

    common = {3: "000000", 4: "0" * 12, 11: "000001", 25: "00", 49: "156", 41: "10000001", 42: f"8984403{shop + 1:08d}"}
    common |= {60: "22000001"}
    asked, ask = _template("0200", common | {2: _PAN, 22: "021", 35: f"{_PAN}D30122010000012345678"}, count)
    words = {12: "000000", 13: "0101", 15: "0101", 37: "0" * 12, 38: "123456", 39: "00", 63: "CUP"}
    said, say = _template("0210", common | words, count)
    number = np.arange(count)
    terminals = number % TERMINALS
    opened = _OPENING + dt.timedelta(days=day)
    seen = int(opened.timestamp()) * 10**6 + number * _OPEN_US // max(count, 1)
    cards = _packed(6224240000003353 + dice.integers(0, 5000, count) * 10000, 16)
    at = ask[2]
    asked[:, at : at + 8] = cards
    at = ask[35]
    asked[:, at : at + 8] = cards
    amounts = _packed(dice.integers(1, 10**6, count), 12)
    stans = _packed((day * (frames_a_day // 2 // TERMINALS) + number // TERMINALS) % 10**6, 6)
    names = _written(10_000_001 + shop * TERMINALS + terminals, 8)
    batches = _packed(np.full(count, 22_000_000 + day + 1), 8)
    for rows, places in ((asked, ask), (said, say)):
        for field, value in ((4, amounts), (11, stans), (41, names), (60, batches)):
            rows[:, places[field] : places[field] + value.shape[1]] = value
    clock = ((seen + _ANSWER_US) // 10**6 + 8 * 3600) % 86400
    date = _packed(np.full(count, int(f"{opened:%m%d}")), 4)
    times = _packed(clock // 3600 * 10_000 + clock // 60 % 60 * 100 + clock % 60, 6)
    for field, value in ((12, times), (13, date), (15, date), (37, _written(shop * 10**9 + day * 10**7 + number, 12))):
        said[:, say[field] : say[field] + value.shape[1]] = value
    return asked, said, seen, terminals


def _template(mti: str, fields: dict[int, str], count: int) -> tuple[Any, dict[int, int]]:
    """So many equal messages, and where the value of each field stands."""
    import numpy as np

    profile = load_profile(PROFILE)
    frame = profile.build(mti, fields)
    places = {number: first for number, (first, _) in profile.decode(frame).spans.items()}
    return np.tile(np.frombuffer(frame, np.uint8), (count, 1)), places


def _packed(values: Any, digits: int) -> Any:
    """Numbers as packed digits."""
    import numpy as np

    found = np.zeros((len(values), digits // 2), np.uint8)
    for at in range(digits // 2 - 1, -1, -1):
        pair = values % 100
        found[:, at] = pair // 10 << 4 | pair % 10
        values = values // 100
    return found


def _written(values: Any, digits: int) -> Any:
    """Numbers as ASCII digits."""
    import numpy as np

    found = np.zeros((len(values), digits), np.uint8)
    for at in range(digits - 1, -1, -1):
        found[:, at] = 48 + values % 10
        values = values // 10
    return found
