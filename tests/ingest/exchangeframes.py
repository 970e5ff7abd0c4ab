"""Hand-made frames, the exchanges they are joined into, at once or landing by landing."""

import datetime as dt
from collections.abc import Iterable
from typing import Any

from hypothesis import strategies as st

from ingest.exchange import FRAME_COLUMNS, changed

MIDNIGHT = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)
"""The start of a day; frames are placed by hours from here."""
Frame = dict[str, Any]


def frame(hour: float, digest: str, *, answer: bool = False, **facts: Any) -> Frame:
    """One decoded frame, ``hour`` after midnight; a sale of terminal T1 with trace number 5 unless told otherwise."""
    seen = MIDNIGHT + dt.timedelta(hours=hour)
    made: Frame = dict.fromkeys(FRAME_COLUMNS)
    made |= {"segment_id": "s1", "seq": round(hour * 3600), "line": "lane-1", "profile": "unionpay", "digest": digest}
    made |= {"kind": "financial", "txn_type": "SALE", "terminal_id": "T1", "stan": 5, "pair": "0200"}
    made |= {
        "is_journal": False,
        "is_request": not answer,
        "seen_us": round(seen.timestamp() * 1e6),
        "day": seen.date(),
    }
    if answer:
        made |= {"response_code": "00", "outcome": "approved"}
    return made | facts


def request(hour: float, digest: str = "ask", **facts: Any) -> Frame:
    return frame(hour, digest, **facts)


def answer(hour: float, digest: str = "yes", **facts: Any) -> Frame:
    return frame(hour, digest, answer=True, **facts)


def record(hour: float, digest: str = "kept", *, read: float = 200, **facts: Any) -> Frame:
    """A journal's record of what happened ``hour`` after midnight, read later; approved unless told otherwise."""
    at = MIDNIGHT + dt.timedelta(hours=hour)
    told: dict[str, Any] = {"outcome": "approved", "clock_us": round(at.timestamp() * 1e6)} | facts
    made = frame(hour, digest, **told)
    seen = MIDNIGHT + dt.timedelta(hours=read)
    return made | {"is_journal": True, "pair": None, "seen_us": round(seen.timestamp() * 1e6), "profile": "a-journal"}


def table(frames: Iterable[Frame]) -> Any:
    import pyarrow as pa

    types = {"string": pa.string(), "int32": pa.int32(), "int64": pa.int64(), "date": pa.date32(), "bool": pa.bool_()}
    return pa.Table.from_pylist(list(frames), schema=pa.schema([(n, types[t]) for n, t in FRAME_COLUMNS.items()]))


def join(*frames: Frame) -> list[Frame]:
    """All exchanges of these frames, in the order of their times."""
    days = {each["day"] for each in frames}
    _, rows, _, _ = changed(
        lambda day: table(f for f in frames if f["day"] == day),
        days.intersection,
        days,
        {f["segment_id"] for f in frames},
    )
    found: list[Frame] = rows.to_pylist()
    return sorted(found, key=moment)


def moment(row: Frame) -> tuple[Any, ...]:
    return row["requested_at"] or row["responded_at"] or row["event_at"], row["id"]


def said(rows: list[Frame], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in names) for row in rows]


@st.composite
def traffic(draw: st.DrawFn) -> list[Frame]:
    """Frames of few keys over several days: resent, answered late, twice, never, across midnight."""
    frames = []
    for number in range(draw(st.integers(1, 9))):
        hour = draw(st.sampled_from([0.0, 1, 21.5, 23.999, 24.001, 45, 47.99, 48.01, 70, 93]))
        hour += number / 3600
        kind = draw(st.sampled_from(["financial", "financial", "event"]))
        stan = None if kind == "event" and draw(st.booleans()) else draw(st.integers(1, 2))
        facts = {"stan": stan, "kind": kind, "pair": "0200" if kind == "financial" else "0800", "seq": number}
        facts["segment_id"] = f"s{draw(st.integers(0, 3))}"
        word = draw(st.sampled_from("ab"))
        frames.append(
            draw(st.sampled_from([request(hour, f"ask {word}", **facts), answer(hour, f"yes {word}", **facts)]))
        )
        if draw(st.booleans()):
            again = {**frames[-1], "segment_id": "s9", "seq": 100 + number}
            frames.append(again)
    return frames


def step_by_step(*landings: list[Frame]) -> list[Frame]:
    """The rows after these landings, each with only what it can have changed worked out again."""
    landed: list[Frame] = []
    kept: dict[dt.date, list[Frame]] = {}

    def load(day: dt.date) -> Any:
        return table(each for each in landed if each["day"] == day)

    for new in landings:
        landed += new
        days, rows, _, _ = changed(
            load,
            {each["day"] for each in landed}.intersection,
            {each["day"] for each in new},
            {each["segment_id"] for each in new},
        )
        kept |= {day: [] for day in days}
        for row in rows.to_pylist():
            kept[row["seen_date"]].append(row)
    found = [row for rows in kept.values() for row in rows]
    return sorted(found, key=moment)
