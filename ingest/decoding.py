"""Recorded rows -> decoded rows: the ``frames`` that ``ingest.exchange`` joins, and the rejects.

One bad frame costs one row of ``rejects`` and nothing else; no bytes go into it.
"""

import datetime as dt
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from ingest.exchange import FRAME_COLUMNS, frame_types
from ingest.frame_table import RECORDED, frame_table
from ingest.near_dates import latest_date, nearest_date
from ingest.rows import gathered
from protocols import bmp
from protocols.batch import OPERATIONS as UPLOADING
from protocols.batch import Uploaded
from protocols.columnar.decoder import BATCH_FRAMES
from protocols.columnar.facts import ColumnFacts
from protocols.dialect import Heard
from protocols.errors import DecodeError, ProtocolError
from protocols.facts import Facts, SettlementTotals, infer_datetime, is_approved
from protocols.journal.dates import moment
from protocols.journal.profile import available_journals, load_journal
from protocols.journal.said import Said
from protocols.meaning import request_mti
from protocols.message import Message
from protocols.profile import Profile, load_profile
from protocols.signature import Upload, upload

if TYPE_CHECKING:
    import pyarrow as pa

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_INT32 = range(-(2**31), 2**31)
_FACTS = tuple(field.name for field in fields(Facts) if field.name in FRAME_COLUMNS)
_TOTALS = tuple(field.name for field in fields(SettlementTotals))


@dataclass(frozen=True, slots=True)
class Decoded:
    """What recorded rows say.

    ``frames`` in the columns of ``FRAME_COLUMNS``, ``rejects`` as rows of that table;
    ``uploads`` is what each signature request carries, ``listed`` what each batch upload does, by segment and number.
    """

    frames: "pa.Table"
    rejects: list[dict[str, Any]]
    uploads: dict[tuple[str, int], Upload] = field(default_factory=dict)
    listed: dict[tuple[str, int], tuple[Uploaded, ...]] = field(default_factory=dict)


COMPILED_FROM = 500_000
"""Frames from which on numba pays: loading it takes 0.2 s of processor time (bench.stages), and 120 MB."""


def decode(
    recorded: "pa.Table",
    zone: ZoneInfo,
    own: Mapping[str, Profile] = MappingProxyType({}),
    *,
    compiled: bool = False,
) -> Decoded:
    """Decode rows of ``raw_frames``: column by column what can be, the rest one by one.

    Args:
        recorded: all columns of ``raw_frames``.
        zone: the zone the terminals' clocks run in.
        own: profiles that are not built in, by their names.
        compiled: whether machine code decodes what comes column by column: for ``COMPILED_FROM`` frames and more.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    profiles: dict[str, Profile | ProtocolError] = {**own}
    left = np.ones(recorded.num_rows, bool)
    tables, rejects = [], []
    for name in pc.unique(recorded["profile"]).to_pylist():
        told = column_facts(profiles, name, compiled)
        if told is None:
            continue
        mine = pc.and_(pc.equal(recorded["profile"], name), pc.equal(recorded["kind"], "frame"))
        places = np.flatnonzero(mine.to_numpy())
        if not places.size:
            continue
        rows = recorded if places.size == recorded.num_rows else recorded.filter(mine)
        table, errors = frame_table(rows, told, zone, BATCH_FRAMES)
        listed = _is_listed(table)
        left[places] = False
        if pc.any(listed).as_py():
            left[places[table["place"].filter(listed).to_numpy()]] = True
            table = table.filter(pc.invert(listed))
        tables.append(table.drop_columns("place"))
        wrong = rows.drop_columns("frame").take(errors["row"]).to_pylist()
        rejects += [_rejected(row, error) for row, error in zip(wrong, errors.to_pylist(), strict=True)]
    rest = decode_by_row(recorded.filter(pa.array(left)), zone, profiles)
    frames = gathered(pa.concat_tables([*tables, rest.frames]))
    return Decoded(frames, [*rejects, *rest.rejects], rest.uploads, rest.listed)


def column_facts(
    profiles: dict[str, Profile | ProtocolError],
    name: str,
    compiled: bool,
) -> ColumnFacts | None:
    """What tells the facts of a profile's frames column by column; None where they are read one by one."""
    try:
        profile = _profile(profiles, name)
        if profile.speech.columns is None:
            return None
        return profile.speech.columns(profile, compiled)
    except ProtocolError:
        return None


def _is_listed(frames: "pa.Table") -> "pa.ChunkedArray":
    """Which frames hold more than facts: a picture, or a list of transactions."""
    import pyarrow as pa
    import pyarrow.compute as pc

    more = pa.array(["SIGNATURE", *sorted(UPLOADING)], pa.string())
    return pc.and_(frames["is_request"], pc.is_in(frames["operation"], more))


def decode_by_row(recorded: "pa.Table", zone: ZoneInfo, profiles: "dict[str, Profile | ProtocolError]") -> Decoded:
    """As ``decode``, each frame by itself.

    Args:
        recorded: all columns of ``raw_frames``.
        zone: the zone the terminals' clocks run in.
        profiles: those known so far, by their names; others are loaded into it.
    """
    columns: dict[str, list[Any]] = {name: [] for name in FRAME_COLUMNS}
    rejects = []
    uploads = {}
    listed = {}
    journals = frozenset(available_journals())
    followed: dict[tuple[str, str], list[tuple[dict[str, Any], list[Facts]]]] = {}

    def keep(decoded: dict[str, Any]) -> None:
        for name, value in decoded.items():
            columns[name].append(value)

    def hear(row: dict[str, Any], said: Facts) -> None:
        if said.kind != "handshake":
            keep(_frame(row, said, zone))

    for row in recorded.to_pylist():
        if row["kind"] != "frame":
            if row["kind"] in {"noise", "gap"}:
                rejects.append(_rejected(row, _unframed(row)))
            continue
        try:
            if row["profile"] in journals:
                keep(_record(row, load_journal(row["profile"]).decode(row["frame"]), zone))
                continue
            profile = _profile(profiles, row["profile"])
            told = _told(profile, row["frame"])
            said = told[0]
            if said.operation == "SIGNATURE" and said.is_request:
                carried = _signed(profile, row["frame"])
                uploads[row["segment_id"], row["seq"]] = carried
                wrong_picture = _bad_bmp(carried)
                if wrong_picture is not None:  # the signature keeps its row, without the picture
                    rejects.append(_rejected(row, wrong_picture.as_dict()))
            if profile.speech.uploaded is not None and said.operation in UPLOADING and said.is_request:
                try:
                    listed[row["segment_id"], row["seq"]] = profile.speech.uploaded(profile, row["frame"])
                except DecodeError as wrong:  # the message itself is sound: it stays an exchange
                    rejects.append(_rejected(row, wrong.as_dict()))
        except ProtocolError as wrong:
            rejects.append(_rejected(row, wrong.as_dict()))
            continue
        if profile.speech.follow is None:
            for each in told:
                hear(row, each)
        else:
            followed.setdefault((row["line"], row["profile"]), []).append((row, told))
    for (_, name), messages in followed.items():
        for row, said in _followed(_profile(profiles, name), messages):
            hear(row, said)
    return Decoded(_as_table(columns), rejects, uploads, listed)


def _signed(profile: Profile, frame: bytes) -> Upload:
    """The signature that a message carries."""
    signed = profile.speech.signed
    return upload(_message(profile, frame)) if signed is None else signed(profile, frame)


def _bad_bmp(carried: Upload) -> DecodeError | None:
    """What is wrong with a picture that stands in one message as a file; its offset is from the link frame's start."""
    if carried.form != "bmp":
        return None
    try:
        bmp.decode(carried.image)
    except DecodeError as wrong:
        wrong.offset = carried.image_at + (wrong.offset or 0)
        return wrong
    return None


def _told(profile: Profile, frame: bytes) -> list[Facts]:
    """All that a frame says: one thing, or several."""
    several = profile.speech.several
    return [profile.facts(frame)] if several is None else several(profile, frame)


def _message(profile: Profile, frame: bytes) -> Message:
    """The message that a frame is, or carries."""
    carried = profile.speech.message
    return profile.decode(frame) if carried is None else carried(profile, frame)


def _followed(
    profile: Profile, messages: list[tuple[dict[str, Any], list[Facts]]]
) -> Iterator[tuple[dict[str, Any], Facts]]:
    """One line's messages with the meaning that their order tells; one that was read twice counts once."""
    once = {(row["seen_at"], row["direction"], row["digest"], row["seq"]): (row, told) for row, told in messages}
    keys = sorted(once, key=lambda key: (key[0], key[3], key[1], key[2]))
    in_order = [(once[key][0], said) for key in keys for said in once[key][1]]
    assert profile.speech.follow is not None  # noqa: S101  decode looked
    heard = [Heard(said, _microseconds(row["seen_at"]), row["digest"]) for row, said in in_order]
    return zip((row for row, _ in in_order), profile.speech.follow(heard), strict=True)


def _profile(profiles: dict[str, Profile | ProtocolError], name: str) -> Profile:
    """A profile by name; one that cannot be loaded is not tried for each of its frames."""
    if name not in profiles:
        try:
            profiles[name] = load_profile(name)
        except ProtocolError as wrong:
            profiles[name] = wrong
    found = profiles[name]
    if isinstance(found, ProtocolError):
        raise found
    return found


def _frame(row: dict[str, Any], said: Facts, zone: ZoneInfo) -> dict[str, Any]:
    clock = infer_datetime(*(said.terminal_time or said.host_time or (None, None)), row["seen_at"], zone)
    return _decoded(row, said, clock, zone) | {"outcome": _outcome(said)}


def _record(row: dict[str, Any], said: Said, zone: ZoneInfo) -> dict[str, Any]:
    """A journal's record; its year is the latest that is not after its reading."""
    return _decoded(row, said.facts, moment(said.date, said.time, row["seen_at"], zone), zone) | {
        "pair": None,
        "outcome": said.outcome,
        "tip_fen": said.tip_fen,
        "journal_state": said.state,
        "is_journal": True,
    }


def journal_day(profile: str, frame: bytes, seen: dt.datetime, zone: ZoneInfo) -> dt.date | None:
    """The day a journal's record is about, by its own clock; None when it has none."""
    try:
        said = load_journal(profile).decode(frame)
    except ProtocolError:
        return None
    at = moment(said.date, said.time, seen, zone)
    return at.astimezone(zone).date() if at else None


def _decoded(row: dict[str, Any], said: Facts, clock: dt.datetime | None, zone: ZoneInfo) -> dict[str, Any]:
    seen = row["seen_at"]
    stated = (clock or seen).astimezone(zone).date()
    decoded: dict[str, Any] = dict.fromkeys(FRAME_COLUMNS)
    decoded |= {name: row[name] for name in RECORDED}
    decoded |= {name: getattr(said, name) for name in _FACTS}
    if said.totals is not None:
        decoded |= {name: getattr(said.totals, name) for name in _TOTALS}
    decoded |= {
        "pair": said.pair or request_mti(said.mti),
        "digest": said.identity or row["digest"],
        "seen_us": _microseconds(seen),
        "clock_us": None if clock is None else _microseconds(clock),
        "clock_date": None if clock is None else stated,
        "settlement_date": nearest_date(said.settlement_mmdd, stated),
        "orig_date": latest_date(said.orig_mmdd, stated),
        "is_journal": False,
    }
    return decoded


def _outcome(said: Facts) -> str | None:
    """What an answer says; a settlement's answer without a code (a public message has none) says it by its flags."""
    if said.is_request or said.outcome is not None:
        return None if said.is_request else said.outcome
    if said.response_code is None:
        return "approved" if said.totals is not None else None
    return "approved" if is_approved(said.response_code) else "declined"


def _rejected(row: dict[str, Any], error: dict[str, Any]) -> dict[str, Any]:
    copied = ("segment_id", "seq", "line", "profile", "direction", "kind", "seen_at", "length", "digest")
    named = ("layer", "field", "offset", "code", "expected", "got", "hint")
    rejected = {name: row[name] for name in copied} | {name: error.get(name) for name in named}
    return rejected | {"business_date": row["day"], "seen_date": row["day"]}


def _unframed(row: dict[str, Any]) -> dict[str, Any]:
    """Why a row is not a frame, in the words of ``rejects``."""
    error: dict[str, Any] = json.loads(row["error"] or "{}")
    if row["kind"] == "noise":
        return error
    first, last = [*(error.get("missing") or []), None, None][:2]
    missing = "" if first is None else f"records {first} to {last if last is not None else 'an unknown one'}"
    lost = f"{error['bytes']} bytes" if error.get("bytes") else ""
    return {
        "layer": "spool",
        "offset": error.get("offset"),
        "code": "gap",
        "expected": missing or lost or "what was on the line",
        "got": str(error.get("reason") or "nothing"),
        "hint": "what is missing cannot be read again; the terminal's own log or the acquirer's statement may have it",
    }


def _as_table(columns: dict[str, list[Any]]) -> "pa.Table":
    import pyarrow as pa

    arrays = {}
    for name, kind in frame_types().items():
        values = columns[name]
        if kind == pa.int32():  # a tag's number may be of any length; one that does not fit is not one
            values = [value if value is None or value in _INT32 else None for value in values]
        arrays[name] = pa.array(values, kind)
    return pa.table(arrays)


def _microseconds(moment: dt.datetime) -> int:
    return (moment - _EPOCH) // dt.timedelta(microseconds=1)
