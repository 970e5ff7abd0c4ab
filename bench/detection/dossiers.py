"""Whether every finding has its evidence: what the contract asks for is there, and the hashes verify.

All findings are held against the lake and the spool; of some cases, drawn by chance, whole packs are made and verified
by the product's own way, their twelve parts looked at.
"""

import datetime as dt
import itertools
import random
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.detection.match import OF_A_LINE, Share, nothing
from expectations.findings import CERTAINTIES, SEVERITIES, Finding, Subject
from ingest.inspection import segment_files
from ingest.records import Kind, decode_payload
from ingest.segment import Header, Raw, walk
from ingest.settings import Settings
from ingest.tables import Lake

if TYPE_CHECKING:
    from expectations.mail.cases import Case

PACKS = 2
"""Cases of a world of which a whole pack is made; one takes half a second of processor time."""
MOST = 20
FIELDS = frozenset((
    "finding_id", "rule", "severity", "certainty", "merchant_id", "terminal_id", "business_date", "amount_at_risk_fen",
    "subjects", "evidence", "ruled_out", "completeness", "act_by", "rules_version", "decoder_version",
))  # fmt: skip
"""A finding, as the contract has it."""
SUBJECT = ("terminal_id", "batch_no", "stan", "txn_type", "requested_at", "amount_fen", "rrn", "pan_masked")
"""A subject, as the contract has it."""
MAY_BE_EMPTY = frozenset(("act_by", "terminal_id", "subjects", "ruled_out"))
"""No deadline; what is about a merchant's payouts or deposit; nothing that was ruled out."""
PARTS = 12
SIDES = (
    ("segment_id", "request_seq", "request_digest"),
    ("response_segment_id", "response_seq", "response_digest"),
    ("journal_segment_id", "journal_seq", "journal_digest"),
)
ADJUSTED = "adjusted_fen"
ATTEMPTS = {"transactions": "transaction_id", "settlements": "settlement_id"}

Place = tuple[str, int]
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Dossiers:
    """Of a world's findings, those with all fields and those whose records' hashes verify; of its packs, those proven.

    Attributes:
        told: findings with all fields of the contract, as the lake has them.
        proven: findings all of whose records are in lake and spool, alike and under the digest that the row names.
        packs: cases whose pack has twelve parts, a record for each subject, and verifies.
        problems: what was found, the first of it.
    """

    told: Share = field(default_factory=nothing)
    proven: Share = field(default_factory=nothing)
    packs: Share = field(default_factory=nothing)
    problems: tuple[str, ...] = ()

    def __add__(self, other: "Dossiers") -> "Dossiers":
        return Dossiers(
            self.told + other.told,
            self.proven + other.proven,
            self.packs + other.packs,
            (*self.problems, *other.problems)[:MOST],
        )


def audit(settings: Settings, findings: Sequence[Finding], *, packs: int = PACKS) -> Dossiers:
    """Look at the evidence of a world's findings.

    Args:
        settings: where the world's lake and spool are.
        findings: what was said of it.
        packs: of how many cases a pack is made.
    """
    lake = Lake.of(settings.lake)
    rows = _rows(lake, {each.transaction_id for finding in findings for each in finding.subjects})
    wanted = {
        (row[segment], row[seq])
        for known in rows.values()
        for row in known
        for segment, seq, _ in SIDES
        if row[seq] is not None
    }
    landed, spooled = _landed(lake, wanted), dict(_spooled(settings.spool.directory, wanted))
    told = [list(_untold(each, rows)) for each in findings]
    unproven = [list(_unproven(each, rows, landed, spooled)) for each in findings]
    unsound = [list(_unsound(settings, *each)) for each in _some(findings, packs)]
    problems = (what for list_ in (*told, *unproven, *unsound) for what in list_)
    return Dossiers(_good(told), _good(unproven), _good(unsound), tuple(problems)[:MOST])


def _good(problems: Sequence[Collection[str]]) -> Share:
    return Share(sum(not each for each in problems), len(problems))


def _untold(finding: Finding, rows: Mapping[str, Sequence[Row]]) -> Iterator[str]:
    """What a finding does not say that the contract asks for."""
    plain = finding.as_dict()
    for name in sorted(FIELDS):
        if name not in plain or (name not in MAY_BE_EMPTY and plain[name] in (None, "", {}, [])):
            yield f"{finding.rule}: no {name}"
    if finding.severity not in SEVERITIES or finding.certainty not in CERTAINTIES:
        yield f"{finding.rule}: {finding.severity} {finding.certainty}"
    for subject, said in zip(finding.subjects, plain["subjects"], strict=True):
        if lacking := [name for name in SUBJECT if name not in said]:
            yield f"{finding.rule}: a subject without {', '.join(lacking)}"
        if subject.transaction_id is None:
            if not (subject.rrn or subject.stan is not None or (finding.rule in OF_A_LINE and subject.terminal_id)):
                yield f"{finding.rule}: a subject that nothing names"
            continue
        known = rows.get(subject.transaction_id, ())
        if not any(_same(subject, row) for row in known):
            yield f"{finding.rule}: a subject that the lake {'tells otherwise' if known else 'does not know'}"


def _same(subject: Subject, row: Row) -> bool:
    """Whether a subject says what its row says, a sale with a tip what it was adjusted to.

    A settlement has no card and no amount.
    """
    told = {name: getattr(subject, name) for name in SUBJECT if name in row}
    said = {name: row[name] for name in told}
    return told == said or told == said | {"amount_fen": row.get(ADJUSTED)}


def _unproven(
    finding: Finding,
    rows: Mapping[str, Sequence[Row]],
    landed: Mapping[Place, tuple[str, bytes]],
    spooled: Mapping[Place, tuple[str, bytes]],
) -> Iterator[str]:
    """Records of a finding's subjects that are not where and what their rows say."""
    for subject in finding.subjects:
        places = [
            ((row[segment], row[seq]), row[digest])
            for row in rows.get(subject.transaction_id or "", ())
            for segment, seq, digest in SIDES
            if row[seq] is not None
        ]
        if subject.transaction_id is not None and not places:
            yield f"{finding.rule}: a subject without a record"
        for place, digest in places:
            if landed.get(place, ("", b""))[0] != digest:
                yield f"{finding.rule}: record {place[1]} is not in raw_frames under its digest"
            elif spooled.get(place) != landed[place]:
                yield f"{finding.rule}: record {place[1]} is not in the spool as it landed"


def _some(findings: Sequence[Finding], count: int) -> "list[tuple[Case, dt.datetime]]":
    """Cases by chance, as the product joins findings to cases, and the noon of the last day."""
    from expectations.mail.cases import group

    if not findings or not count:
        return []
    now = dt.datetime.combine(max(each.business_date for each in findings), dt.time(12), dt.UTC)
    by_merchant: dict[str, list[Finding]] = {}
    for each in findings:
        by_merchant.setdefault(each.merchant_id, []).append(each)
    cases = [case for merchant in sorted(by_merchant) for case in group(by_merchant[merchant], now)]
    cases.sort(key=lambda case: (case.lead.rule, case.lead.merchant_id, case.lead.business_date, case.lead.terminal_id))
    return [(case, now) for case in random.Random(len(cases)).sample(cases, min(count, len(cases)))]


def _unsound(settings: Settings, case: "Case", now: dt.datetime) -> Iterator[str]:
    """What a case's pack lacks, or does not prove."""
    from importlib.metadata import version

    from expectations.cases.record import CaseRecord
    from expectations.evidence.account import Account
    from expectations.evidence.gather import gather
    from expectations.evidence.pack import hashes_of, pack_files, proof_of, zipped
    from expectations.evidence.verify import verify_pack
    from expectations.mail.figures import Figures

    lead = case.lead
    record = CaseRecord(
        number="C-1", merchant_id=lead.merchant_id, business_date=lead.business_date, state="new", stands=True,
        rule=lead.rule, amount_fen=lead.amount_at_risk_fen, claimed_fen=0, recovered_fen=0, currency=lead.currency,
        act_by=lead.act_by, opened_at=now, changed_at=now, findings=case.findings,
    )  # fmt: skip
    grounds = gather(record, settings)
    account = Account(grounds, Figures.of("zh-CN", settings, now), settings, now, version("tillwatch"))
    parts = account.parts(hashes_of(proof_of(grounds)))
    if len(parts) != PARTS or not all(part.title and part.blocks for part in parts):
        yield f"{lead.rule}: a dossier without all its parts"
    shown = {frame.transaction_id for frame in grounds.frames}
    gone = any(frame.place is None for frame in grounds.frames)
    if gone or any(each.transaction_id not in shown for each in case.subjects if each.transaction_id):
        yield f"{lead.rule}: a dossier without a subject's bytes"
    with tempfile.TemporaryDirectory(prefix="pack-") as folder:
        path = Path(folder) / "pack.zip"
        path.write_bytes(zipped(pack_files(grounds, settings, locale="zh-CN", now=now)))
        yield from (f"{lead.rule}: {problem}" for problem in verify_pack(path, settings).problems)


def _rows(lake: Lake, wanted: Collection[str | None]) -> dict[str, list[dict[str, Any]]]:
    """The lake's rows of these attempts, by their names."""
    import pyarrow as pa
    import pyarrow.compute as pc

    named = pa.array(sorted(each for each in wanted if each), pa.string())
    found: dict[str, list[dict[str, Any]]] = {}
    adjusted = _adjusted(lake)
    for table, key in ATTEMPTS.items():
        columns = [key, *(name for name in SUBJECT if _has(table, name)), *(name for side in SIDES for name in side)]
        read = lake.read(table, columns=columns)
        for row in read.filter(pc.is_in(read[key], value_set=named)).to_pylist():
            found.setdefault(row[key], []).append(row)
    for row in itertools.chain.from_iterable(found.values()):
        if row.get("txn_type") in {"SALE", "COMPLETION"}:
            row[ADJUSTED] = adjusted.get((row["terminal_id"], row["batch_no"], row["stan"]))
    return found


def _adjusted(lake: Lake) -> dict[tuple[Any, ...], int]:
    """What a tip made of a sale's amount, by the sale's numbers: the adjustment that was approved last."""
    names = ("terminal_id", "batch_no", "orig_stan", "amount_fen", "requested_at")
    approved = [("txn_type", "==", "ADJUST"), ("outcome", "==", "approved")]
    rows = lake.read("transactions", columns=list(names), filters=approved).sort_by("requested_at")
    return {(row["terminal_id"], row["batch_no"], row["orig_stan"]): row["amount_fen"] for row in rows.to_pylist()}


def _has(table: str, name: str) -> bool:
    return table == "transactions" or name in {"terminal_id", "batch_no", "stan", "requested_at"}


def _landed(lake: Lake, wanted: Collection[Place]) -> dict[Place, tuple[str, bytes]]:
    """Each of these records in the lake: its digest and its bytes."""
    import pyarrow as pa
    import pyarrow.compute as pc

    names = ("segment_id", "seq", "digest", "frame")
    read = lake.read("raw_frames", columns=list(names))
    read = read.filter(pc.is_in(read["seq"], value_set=pa.array(sorted({seq for _, seq in wanted}), pa.int64())))
    segments, seqs, digests, frames = (read[name].to_pylist() for name in names)
    return {
        (segment, seq): (digest or "", frame or b"")
        for segment, seq, digest, frame in zip(segments, seqs, digests, frames, strict=True)
    }


def _spooled(directory: Path, wanted: Collection[Place]) -> Iterator[tuple[Place, tuple[str, bytes]]]:
    """Each of these records, if it is sound, in the spool: its digest and its bytes."""
    for path in segment_files(directory):
        segment = ""
        for entry in walk(path.read_bytes()):
            if isinstance(entry, Header):
                segment = entry.segment_id
            elif isinstance(entry, Raw) and (segment, entry.seq) in wanted and entry.kind is Kind.FRAME:
                payload = decode_payload(Kind.FRAME, entry.payload)
                yield (segment, entry.seq), (payload["digest"].hex(), payload["frame"])
