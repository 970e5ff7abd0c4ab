"""How fast sealed segments become tables: frames a second through ``land``, and where the time goes.

Sales with their answers, built and sanitised before the clock runs, spread over one day and
several segments. Three runs are timed: the whole backlog at once, one more segment on top of
it (what happens every five minutes), and nothing new.
Run: ``python bench/land.py [--frames 20000] [--segments 20] [--json]``.
"""

import datetime as dt
import json
import random
import resource
import tempfile
import time
from pathlib import Path

import click

from ingest.keys import Keys, create_keys
from ingest.landing import land
from ingest.records import Kind, PendingRecord, session
from ingest.settings import Settings
from ingest.spool import Spool
from protocols.profile import load_profile
from protocols.sanitise import Sanitiser

PROFILE = "unionpay"
OPENING = dt.datetime(2026, 11, 21, 8, tzinfo=dt.timezone(dt.timedelta(hours=8)))


def sales(count: int, keys: Keys) -> list[PendingRecord]:
    """Records of ``count`` frames: requests and answers by turns, over fourteen hours."""
    profile = load_profile(PROFILE)
    sanitiser = Sanitiser(profile, keys)
    dice = random.Random(1)
    records = []
    for number in range(count // 2):
        at = OPENING + dt.timedelta(hours=14) * number / (count // 2)
        card = f"622424{dice.randrange(10**6):06d}3353"
        common = {3: "000000", 4: f"{dice.randrange(1, 10**6):012d}", 11: f"{number % 10**6:06d}", 25: "00", 49: "156"}
        common |= {41: f"{10000001 + number // 10**6}", 42: "898440300000001", 60: "22000001"}
        asked = {2: card, 22: "021", 35: card + "D30122010000012345678"}
        said = {12: f"{at:%H%M%S}", 13: f"{at:%m%d}", 37: f"{number:012d}", 39: "00"}
        for direction, mti, fields, delay in (("rx", "0200", asked, 0), ("tx", "0210", said, 0.4)):
            safe = sanitiser.sanitise(profile.build(mti, common | fields))
            seen = round((at + dt.timedelta(seconds=delay)).timestamp() * 1e6) * 1000
            records.append(
                PendingRecord(
                    Kind.FRAME, "lane-1", PROFILE, seen, direction=direction,  # type: ignore[arg-type]  # a literal above
                    frame=safe.frame, digest=safe.digest, card_token=safe.card_token, length=len(safe.frame),
                )
            )  # fmt: skip
    return records


def seal(folder: Path, keys: Keys, records: list[PendingRecord], segments: int) -> None:
    """Write the records into so many sealed segments."""
    size = -(-len(records) // segments)
    with Spool(folder, keys) as spool:
        for start in range(0, len(records), size):
            spool.append_many(
                [session("lane-1", PROFILE, wall_ns=records[start].wall_ns), *records[start : start + size]]
            )
            spool.seal()


@click.command()
@click.option("--frames", default=20_000, show_default=True)
@click.option("--segments", default=20, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def main(frames: int, segments: int, as_json: bool) -> None:
    """Print frames a second through land."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        keys = create_keys(folder / "key")
        records = sales(frames, keys)
        last = max(2, frames // segments // 2 * 2)
        settings = Settings.model_validate(
            {"spool": {"directory": folder / "spool"}, "lake": {"uri": str(folder / "lake")}}
        )
        seal(folder / "spool", keys, records[:-last], segments - 1)
        before = time.process_time()
        backlog = land(settings)
        cpu = time.process_time() - before
        seal(folder / "spool", keys, records[-last:], 1)
        one_more, nothing = land(settings), land(settings)
        size = sum(path.stat().st_size for path in (folder / "lake").rglob("*.parquet"))
    figures = {
        "frames": backlog.frames + one_more.frames,
        "transactions": one_more.transactions,
        "backlog_seconds": round(backlog.duration, 2),
        "backlog_frames_per_second": round(backlog.frames / backlog.duration),
        "backlog_frames_per_cpu_second": round(backlog.frames / cpu),
        "one_more_segment_seconds": round(one_more.duration, 2),
        "nothing_new_seconds": round(nothing.duration, 3),
        "lake_bytes_per_frame": round(size / frames),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    if as_json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name.replace('_', ' '):<32} {value}")


if __name__ == "__main__":
    main()
