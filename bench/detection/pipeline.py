"""From a story to findings, by the product's own way: frames, sanitiser, spool, landing, statements, rules.

Every message becomes the binary frame of its terminal's profile. What a perturbation takes
away is taken away here, before anything is kept.
"""

import datetime as dt
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.detection.device import Heard, Mishap
from bench.detection.payoutplays import PAYER
from bench.detection.plays.limits import REFUNDS_OF_A_CODE
from bench.detection.story import Story
from bench.detection.truth import Key, key_of
from expectations.findings import Finding
from expectations.laws import Judge
from ingest.keys import Keys, create_keys
from ingest.landing import LandResult, land
from ingest.records import Kind, PendingRecord, session
from ingest.settings import Settings
from ingest.spool import Spool
from protocols.profile import Profile, load_profile
from protocols.sanitise import Sanitiser

if TYPE_CHECKING:
    import pyarrow as pa

HERE = Path(__file__).parent
BATCH = 4096
REMEMBERED = 1 << 16
"""Fields' bytes that are remembered."""
_BUILT: dict[tuple[str, int, str], bytes] = {}


@dataclass(frozen=True, slots=True)
class Perturbation:
    """What the collector or the shop does without.

    Attributes:
        dropped: share of the exchanges that were not recorded.
        late: share of the terminals' days that land after everything else, the statements too.
        skew_s: how far every terminal's clock is ahead.
        no_atc: the chip's data are not there.
        last_four: of cards only the last four digits are known: all begin alike, and there is no token.
        no_statement: no acquirer's file.
    """

    name: str = "as it is"
    dropped: float = 0.0
    late: float = 0.0
    skew_s: int = 0
    no_atc: bool = False
    last_four: bool = False
    no_statement: bool = False


FIVE_PERCENT = Perturbation("5 % of the records lost", dropped=0.05)
PERTURBATIONS = (
    Perturbation("1 % of the records lost", dropped=0.01),
    FIVE_PERCENT,
    Perturbation("10 % of the records lost", dropped=0.10),
    Perturbation("a tenth of the days landed late", late=0.1),
    Perturbation("clocks 10 min fast", skew_s=600),
    Perturbation("no chip counter", no_atc=True),
    Perturbation("last four digits only", last_four=True),
    Perturbation("no statement file", no_statement=True),
)


class Remembering(Profile):
    """A profile that remembers the bytes of fields it has built: a line says most of them many times."""

    def _field(self, number: int, value: str) -> bytes:
        built = _BUILT.get((self.name, number, value))
        if built is None:
            if len(_BUILT) >= REMEMBERED:
                _BUILT.clear()
            built = _BUILT[self.name, number, value] = super()._field(number, value)
        return built

    @classmethod
    def named(cls, name: str) -> "Remembering":
        """The profile of that name."""
        profile = load_profile(name)
        return cls(**{each.name: getattr(profile, each.name) for each in fields(profile)})


@dataclass(slots=True)
class Judged:
    """What the product made of a world."""

    findings: list[Finding]
    could_not_run: list[str]
    transactions: "pa.Table"
    frames: int
    rejects: int
    lost: frozenset[Key] = frozenset()
    """The numbers of the exchanges that were not recorded."""


@dataclass(frozen=True, slots=True)
class Brought:
    """A world that is in a lake, with the acquirers' files."""

    settings: Settings
    frames: int
    landed: LandResult
    lost: frozenset[Key]
    rejects: int


def bring(story: Story, folder: Path, how: Perturbation | None = None) -> Brought:
    """Record, land, import."""
    from ingest.statements.importing import import_statement
    from ingest.statements.layout import load_layout

    how = how or Perturbation()
    folder.mkdir(parents=True, exist_ok=True)
    settings = _settings(story, folder)
    keys = create_keys(settings.keys.pan_token)
    lost: set[Key] = set()
    frames = record(story, settings, keys, how, lost)
    landed = land(settings)
    rejects = landed.rejects - len(story.world.mishaps)  # noise and gaps that were acted are no frames
    if not how.no_statement:
        layouts = {name: load_layout(str(HERE / f"{name}.toml")) for name in ("trades", "payouts", "profits")}
        for acquirer, file, layout in story.books.write(folder):
            import_statement(settings, file, acquirer, layouts[layout])
    if how.late:
        frames += record(story, settings, keys, how, lost, late=True)
        landed = land(settings)
        rejects += landed.rejects
    return Brought(settings, frames, landed, frozenset(lost), rejects)


def run(story: Story, folder: Path, bench: Judge, how: Perturbation | None = None) -> Judged:
    """Record, land, import, judge."""
    from expectations.lifecycle.reading import read_tables
    from expectations.parameters import parameters
    from expectations.releases import running
    from expectations.run import business_days, judge, shop_of
    from ingest.tables import Lake

    brought = bring(story, folder, how)
    settings = brought.settings
    lake = Lake(settings.lake.uri)
    days = business_days(lake)
    tables = read_tables(lake, days[0])
    shop = replace(shop_of(settings), running=running(settings, lake))
    judged = judge(tables, shop, days[0], days[-1], bench=bench, given=parameters(settings))
    return Judged(
        judged.findings,
        [f"{each.name}: {each.reason}" for each in judged.could_not_run],
        lake.read("transactions"),
        brought.frames,
        brought.rejects,
        brought.lost,
    )


def record(
    story: Story, settings: Settings, keys: Keys, how: Perturbation, lost: set[Key], *, late: bool = False
) -> int:
    """Put every frame into the spool, as the collector does; how many. What is not recorded is added to ``lost``.

    Of what lands late nothing is put there, or with ``late`` nothing else.
    """
    count, batch = 0, []
    with Spool(settings.spool.directory, keys) as spool:
        for pending in _records(story, keys, how, lost, late=late):
            batch.append(pending)
            if len(batch) >= BATCH:
                spool.append_many(batch)
                count += len(batch)
                batch = []
        spool.append_many(batch)
        spool.seal()
    return count + len(batch)


def _records(story: Story, keys: Keys, how: Perturbation, lost: set[Key], *, late: bool) -> Iterator[PendingRecord]:
    profiles: dict[str, tuple[Profile, Sanitiser]] = {}
    chance = random.Random(f"lost {how.name}")
    dropped: dict[tuple[int, int], bool] = {}
    seen: set[str] = set()
    for heard in _read(story):
        device = heard.device
        if isinstance(heard, Mishap):
            if not late:
                yield _mishap(heard)
            continue
        if how.late and (random.Random(f"{device.terminal} {heard.at.date()}").random() < how.late) != late:
            continue
        exchange = (id(device), heard.exchange)
        if how.dropped and exchange not in dropped:
            dropped[exchange] = chance.random() < how.dropped
        if dropped.get(exchange):
            lost.add(key_of(device.terminal, int(heard.fields[60][2:8]), int(heard.fields[11])))
            continue
        if device.profile not in profiles:
            speaking = Remembering.named(device.profile)
            profiles[device.profile] = speaking, Sanitiser(speaking, keys)
        profile, sanitiser = profiles[device.profile]
        safe = sanitiser.sanitise(profile.build(heard.mti, _fields(heard, how)))
        at = round(heard.at.timestamp() * 1e6) * 1000
        if heard.line not in seen:
            seen.add(heard.line)
            yield session(heard.line, device.profile, wall_ns=at)
        yield PendingRecord(
            Kind.FRAME, heard.line, device.profile, at, direction="rx" if heard.is_request else "tx", frame=safe.frame,
            digest=safe.digest, card_token=None if how.last_four else safe.card_token, length=len(safe.frame),
        )  # fmt: skip


def _mishap(what: Mishap) -> PendingRecord:
    """What the collector keeps where the line, or its own disk, failed."""
    name, at = what.device.profile, round(what.at.timestamp() * 1e6) * 1000
    if what.kind == "gap":
        return PendingRecord(Kind.GAP, what.line, name, at, facts={"reason": "disk_full", "records": 2})
    error = {"protocol": name, "layer": "link", "field": "", "code": "no_frame", "message": "bytes that are no frame"}
    return PendingRecord(Kind.NOISE, what.line, name, at, direction="rx", length=17, error=error)


def _read(story: Story) -> Iterator[Heard | Mishap]:
    """What was heard, in the order of time; then the days that were read a second time."""
    heard = sorted(story.world.heard, key=lambda each: each.at)
    whole: list[Heard | Mishap] = [*heard, *story.world.mishaps]
    yield from sorted(whole, key=lambda each: each.at)
    again = story.world.read_twice
    yield from (each for each in heard if (each.device.terminal, each.at.date()) in again)


def _fields(heard: Heard, how: Perturbation) -> dict[int, str]:
    fields = dict(heard.fields)
    if how.no_atc:
        fields.pop(55, None)
    if how.skew_s and heard.is_request and 12 in fields and 13 in fields:
        told = heard.at + dt.timedelta(seconds=how.skew_s + heard.device.ahead_s)
        fields |= {12: f"{told:%H%M%S}", 13: f"{told:%m%d}"}
    return fields


def _settings(story: Story, folder: Path) -> Settings:
    shops = [shop.merchant for shop in story.world.shops]
    contracts: list[dict[str, Any]] = []
    for each in shops:
        rates: list[dict[str, Any]] = []
        if each.promotion_until is not None:
            rates.append(
                {"percent": (each.rates["credit"] - 1000) / 10_000, "cards": ["credit"], "until": each.promotion_until}
            )
        rates += [
            {"percent": each.rates["debit"] / 10_000, "cards": ["debit"], "cap_fen": each.cap_fen},
            {"percent": each.rates["credit"] / 10_000, "cards": ["credit"]},
            {"percent": each.rates["qr"] / 10_000, "cards": ["qr"]},
        ]
        contract = {"merchant": each.mid, "acquirer": each.acquirer, "since": dt.date(2020, 1, 1), "rates": rates}
        told = {"rounding": each.told_rounding, "cycle": each.cycle, "refund_returns_fee": each.returns_fee}
        contracts.append(contract | told)
    return Settings.model_validate(
        {
            "spool": {"directory": folder / "spool"},
            "lake": {"uri": str(folder / "lake")},
            "keys": {"pan_token": folder / "pan-token.key"},
            "merchants": [
                {"id": each.mid, "name": each.mid, "mcc": each.trade.mcc, "rules": each.rules} for each in shops
            ],
            "rules": {"refund_count_over_provider_cap": {"most": REFUNDS_OF_A_CODE}},
            "releases": json.loads(json.dumps(story.world.releases, default=str)),
            "licensed_payers": [PAYER],
            "contracts": json.loads(json.dumps(contracts, default=str)),
            "notices": story.world.notices,
            "deposits": story.world.deposits,
        }
    )
