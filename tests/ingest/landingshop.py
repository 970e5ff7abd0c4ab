"""A shop whose spool tests write segments into, its traffic, and the lake it lands in."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ingest.deriving import DERIVED
from ingest.keys import Keys
from ingest.records import Kind, PendingRecord, session
from ingest.settings import Settings
from ingest.spool import Spool
from ingest.tables import Lake
from protocols.profile import load_profile
from protocols.sanitise import Sanitiser

SHANGHAI = dt.timezone(dt.timedelta(hours=8))


NOON = dt.datetime(2026, 11, 21, 12, tzinfo=SHANGHAI)


PAN = "6224240000003353"


PROOF = {"segment_id", "request_seq", "response_segment_id", "response_seq"}


Heard = tuple[float, str, bytes]
"""Seconds after noon, direction, link frame."""


def message(mti: str, stan: int | None, fields: dict[int, str] | None = None, *, profile: str = "unionpay") -> bytes:
    """A link frame of terminal 10000001, batch 1."""
    base = {41: "10000001", 42: "898440300000001", 60: "22000001"}
    if stan is not None:
        base[11] = f"{stan:06d}"
    return load_profile(profile).build(mti, base | (fields or {}))


def sale(stan: int, at: float, *, rrn: str | None = "000000000001", amount: int = 100, code: str = "00") -> list[Heard]:
    """A sale: its request and, half a second later, its answer; no answer without ``rrn``."""
    common = {3: "000000", 4: f"{amount:012d}", 25: "00", 49: "156"}
    asked = (at, "rx", message("0200", stan, {2: PAN, 22: "021", 35: PAN + "D30122010000012345678", **common}))
    if rrn is None:
        return [asked]
    clock = NOON + dt.timedelta(seconds=at)
    said = {12: f"{clock:%H%M%S}", 13: f"{clock:%m%d}", 37: f"{rrn}{stan:06d}"[-12:], 39: code}
    return [asked, (at + 0.5, "tx", message("0210", stan, common | said))]


SIGN_IN: list[Heard] = [
    (-9, "rx", message("0800", 1, {60: "00000001001"})),
    (-8, "tx", message("0810", 1, {12: "115952", 13: "1121", 37: "000000000009", 39: "00", 60: "00000001001"})),
]


TOTALS = "000000000100001000000000000000"


def settlement(at: float) -> list[Heard]:
    """A settlement of one sale, and the host's word: balanced for domestic cards, not for foreign."""
    fields = {49: "156", 60: "00000001201"}
    none = "0" * 30
    return [
        (at, "rx", message("0500", 99, fields | {48: f"{TOTALS}0{none}0"})),
        (at + 1, "tx", message("0510", 99, fields | {37: "000000000099", 39: "00", 48: f"{TOTALS}1{none}2"})),
    ]


@dataclass
class Shop:
    """A spool that tests write segments into, and the lake they land in."""

    folder: Path
    keys: Keys
    profile: str = "unionpay"
    line: str = "lane-1"
    uri: Path | None = None

    @property
    def settings(self) -> Settings:
        return Settings.model_validate(
            {
                "spool": {"directory": self.folder / "spool"},
                "lake": {"uri": str(self.uri or self.folder / "lake")},
            }
        )

    @property
    def lake(self) -> Lake:
        return Lake(self.settings.lake.uri)

    def seal(self, *segments: Sequence[Heard | PendingRecord]) -> None:
        """Write and seal one segment for each list."""
        with Spool(self.folder / "spool", self.keys) as spool:
            for heard in segments:
                opened = session(self.line, self.profile, wall_ns=round(NOON.timestamp() * 1e9))
                records = [each if isinstance(each, PendingRecord) else self.record(*each) for each in heard]
                given = bool(records) and records[0].kind is Kind.SESSION
                spool.append_many(records if given else [opened, *records])
                spool.seal()

    def record(self, at: float, direction: Any, frame: bytes) -> PendingRecord:
        safe = Sanitiser(load_profile("unionpay"), self.keys).sanitise(frame)
        seen = round((NOON + dt.timedelta(seconds=at)).timestamp() * 1e6) * 1000
        return PendingRecord(
            Kind.FRAME, self.line, self.profile, seen, direction=direction, frame=safe.frame, digest=safe.digest,
            card_token=safe.card_token, length=len(safe.frame),
        )  # fmt: skip

    def rows(self, name: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.lake.read(name).to_pylist()
        return found


def everything(shop: Shop, *, proof: bool = True) -> dict[str, list[str]]:
    """All derived rows, in an order of their own; without where the bytes are unless ``proof``."""
    left_out = set() if proof else PROOF | {"seq"}
    return {
        name: sorted(repr({k: v for k, v in row.items() if k not in left_out}) for row in shop.rows(name))
        for name in DERIVED
    }


def day_of_traffic() -> list[Heard]:
    """Sign-in, sales, a decline, a repeated request, a lost answer, a void, a reversal, settlement; across midnight."""
    reversal = {3: "000000", 4: f"{100:012d}", 25: "00", 39: "98", 49: "156"}
    void = {3: "200000", 4: f"{100:012d}", 25: "00", 60: "23000001", 61: "000001000002", 37: "000000000002"}
    midnight = 12 * 3600
    resent = sale(4, 40)
    return [
        *SIGN_IN,
        *sale(2, 10),
        *sale(3, 20, code="51"),
        *resent,
        (resent[0][0] + 0.2, "rx", resent[0][2]),
        *sale(5, 50, rrn=None),
        (60, "rx", message("0400", 5, reversal)),
        (70, "rx", message("0400", 5, reversal)),
        (70.5, "tx", message("0410", 5, reversal | {37: "000000000005", 39: "00"})),
        (80, "rx", message("0200", 6, void)),
        (80.5, "tx", message("0210", 6, void | {39: "00", 37: "000000000006", 12: "120120", 13: "1121"})),
        *sale(7, midnight - 0.2),
        *settlement(midnight + 60),
    ]


def damage(path: Path, at: int) -> None:
    path.chmod(0o640)
    data = bytearray(path.read_bytes())
    data[at] ^= 0x10
    path.write_bytes(data)
