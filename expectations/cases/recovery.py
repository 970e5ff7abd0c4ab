"""When the money of a case is back: by a void, a refund or a reversal seen since, or by a line of a statement.

A debit's money is back when it, or the other debit of the same amount that it is doubted
against, was taken back. A refund's or a void's money is back when that itself was reversed.
Totals and gaps hold no money that could come back. What a finding names already proves nothing.
"""

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from expectations.cases.book import CaseBook, case_book
from expectations.cases.record import CaseRecord
from expectations.cases.states import OVER
from expectations.findings import Finding, Subject
from expectations.mail.cases import DEBITS, at_risk, subject_key
from expectations.money import CNY, Money, total
from ingest.settings import Settings
from ingest.tables import Lake

UNDOING = frozenset({"VOID", "COMPLETION_VOID", "REFUND", "QR_REFUND"})
CREDITS = frozenset({"REFUND", "QR_REFUND", "VOID", "COMPLETION_VOID"})
CYCLE = ("transaction_id", "merchant_id", "txn_type", "amount_fen", "moment", "stan", "original_id", "is_reversed",
         "stands")  # fmt: skip
LINE = ("line_id", "merchant_id", "rrn", "orig_ref", "txn_type", "status", "amount_fen", "currency", "business_date")
UNSETTLED = frozenset({"failed", "pending"})


@dataclass(frozen=True, slots=True)
class Proof:
    """What shows the money back: ``source`` is terminal or statement, ``at`` a moment or a day, ISO 8601."""

    source: str
    txn_type: str
    stan: int | None
    at: str | None
    amount_fen: int
    id: str

    def __str__(self) -> str:
        """As the case's log tells it."""
        slip = "" if self.stan is None else f" {self.stan:06d}"
        return f"{self.txn_type}{slip} {self.at or ''} ({self.source})".strip()


@dataclass(frozen=True, slots=True)
class Recovery:
    """How much of a case is back, and what shows it."""

    amount: Money
    proofs: tuple[Proof, ...]

    @property
    def reference(self) -> str:
        """Names what it rests on; the same proofs are noted once."""
        return "recovered:" + ",".join(sorted(each.id[:24] for each in self.proofs))[:180]

    def as_json(self) -> str:
        """The proofs, for the mail that tells of them."""
        return json.dumps([asdict(each) for each in self.proofs], ensure_ascii=False)


def follow(settings: Settings, lake: Lake, findings: Iterable[Finding]) -> list[str]:
    """Open or join cases for findings, and note whose money is back; the numbers of the latter.

    Raises:
        CaseError: the database cannot be used.
        LakeError: a table cannot be read.
    """
    book = case_book(settings)
    book.open_cases(findings)
    return note_recoveries(book, lake)


def note_recoveries(book: CaseBook, lake: Lake) -> list[str]:
    """Look at every open case with money at risk, and note what came back."""
    open_cases = [
        each for each in book.cases(review=True, whole=True) if each.state not in OVER and each.amount_fen > 0
    ]
    if not open_cases:
        return []
    cycles, lines = _later_data(lake, open_cases)
    noted = []
    for record in open_cases:
        subjects = [each for finding in record.findings for each in finding.subjects]
        found = recovered(
            record.findings,
            cycles.about(each.transaction_id for each in subjects),
            lines.about(each.rrn for each in subjects),
        )
        if found is None:
            continue
        back, whole = found.amount.get(record.currency), found.amount.covers(at_risk(record.findings))
        text = "; ".join(str(each) for each in found.proofs)
        proof = found.as_json()
        if book.recover(record.number, back, text, found.reference, proof=proof, whole=whole) and whole:
            noted.append(record.number)
    return noted


def recovered(
    findings: Sequence[Finding], cycles: Sequence[Mapping[str, Any]], lines: Sequence[Mapping[str, Any]]
) -> Recovery | None:
    """How much of a case's money later data shows to be back; None when nothing.

    Args:
        findings: of one case.
        cycles: rows of ``life_cycles`` about its transactions, or that refer to them.
        lines: rows of ``statement_lines`` that name its reference numbers.
    """
    named = {each.transaction_id for finding in findings for each in finding.subjects if each.transaction_id}
    known = {each.rrn for finding in findings for each in finding.subjects if each.rrn and each.txn_type in CREDITS}
    back: dict[object, tuple[Money, list[Proof]]] = {}
    used: set[str] = set()
    for finding in sorted(findings, key=lambda each: (-each.amount_at_risk_fen, each.finding_id)):
        if not finding.subjects or finding.amount_at_risk_fen <= 0:
            continue
        key = subject_key(finding.subjects[0])
        proofs = []
        for subject in _may_be_undone(finding):
            proofs += [each for each in _by_terminal(subject, cycles, named) if each.id not in used]
            proofs += [each for each in _by_statement(subject, finding, lines, known) if each.id not in used]
        if not proofs or key in back:
            continue
        amount = min(finding.amount_at_risk_fen, max(each.amount_fen for each in proofs))
        used |= {each.id for each in proofs}
        back[key] = (Money.of(amount, finding.currency), proofs)
    if not back:
        return None
    proofs = list(dict.fromkeys(proof for _, some in back.values() for proof in some))
    return Recovery(total(amount for amount, _ in back.values()), tuple(proofs))


def _may_be_undone(finding: Finding) -> list[Subject]:
    """The accused; of a debit also its double: taking back either mends the matter."""
    accused = finding.subjects[0]
    if accused.txn_type not in DEBITS:
        return [accused] if accused.txn_type in CREDITS else []
    if accused.amount_fen is None or finding.amount_at_risk_fen < accused.amount_fen:
        return []  # a fee or a part is at stake: taking back the whole debit says nothing of it
    doubles = [each for each in finding.subjects[1:] if each.txn_type in DEBITS]
    return [accused, *(each for each in doubles if each.amount_fen == accused.amount_fen)]


def _by_terminal(subject: Subject, cycles: Sequence[Mapping[str, Any]], named: set[str]) -> list[Proof]:
    if subject.transaction_id is None:
        return []
    proofs, refunds = [], []
    for row in cycles:
        if row["transaction_id"] == subject.transaction_id and row["is_reversed"]:
            amount = row["amount_fen"] or subject.amount_fen or 0
            proofs.append(
                Proof("terminal", "REVERSAL", row["stan"], None, amount, f"{subject.transaction_id}-reversed")
            )
        is_later = row["original_id"] == subject.transaction_id and row["transaction_id"] not in named
        if is_later and row["stands"] and row["txn_type"] in UNDOING and subject.txn_type in DEBITS:
            refunds.append(row)
    amount = sum(row["amount_fen"] or 0 for row in refunds)
    if amount:
        last = max(refunds, key=lambda row: row["moment"])
        at = last["moment"].astimezone(dt.UTC).isoformat()
        proofs.append(Proof("terminal", last["txn_type"], last["stan"], at, amount, last["transaction_id"]))
    return proofs


def _by_statement(
    subject: Subject, finding: Finding, lines: Sequence[Mapping[str, Any]], known: set[str]
) -> list[Proof]:
    """A line that says the debit was reversed, or a credit that names it."""
    if subject.rrn is None:
        return []
    proofs = []
    for row in lines:
        if row["merchant_id"] != finding.merchant_id or row["status"] in UNSETTLED:
            continue
        amount, at = row["amount_fen"] or 0, row["business_date"].isoformat()
        converted = (row["currency"] or CNY) != (subject.currency or CNY)  # a file of yuan about a charge of yen
        undone = row["rrn"] == subject.rrn and (row["status"] == "reversed" or row["txn_type"] == "REVERSAL")
        credit = (
            subject.txn_type in DEBITS
            and row["orig_ref"] == subject.rrn
            and row["txn_type"] in UNDOING
            and row["rrn"] not in known
            and not converted
        )
        if undone or credit:
            kind = "REVERSAL" if undone else row["txn_type"]
            amount = subject.amount_fen or 0 if converted else amount
            proofs.append(Proof("statement", kind, None, at, amount, row["line_id"]))
    return proofs


class _Later:
    """Rows of a table by what they name, so that a case looks only at those about it."""

    def __init__(self, key: str, names: tuple[str, str], rows: Iterable[Mapping[str, Any]]) -> None:
        self._by = defaultdict[str, dict[str, Mapping[str, Any]]](dict)
        for row in rows:
            for name in names:
                self._by[row[name]][row[key]] = row

    def about(self, named: Iterable[str | None]) -> list[Mapping[str, Any]]:
        """The rows that are, or refer to, one of those named, by their keys in order."""
        found = {key: row for name in named if name and name in self._by for key, row in self._by[name].items()}
        return [found[key] for key in sorted(found)]


def _later_data(lake: Lake, records: Sequence[CaseRecord]) -> tuple[_Later, _Later]:
    """Rows of life cycles and of statements that are about these cases."""
    subjects = [each for record in records for finding in record.findings for each in finding.subjects]
    since = [("business_date", ">=", min(record.business_date for record in records) - dt.timedelta(days=7))]

    def later(table: str, columns: tuple[str, ...], names: tuple[str, str], wanted: set[str]) -> _Later:
        rows: list[Mapping[str, Any]] = []
        for name in names if wanted else ():
            filters = [*since, (name, "in", sorted(wanted))]
            rows += lake.read(table, columns=list(columns), filters=filters).to_pylist()
        return _Later(columns[0], names, rows)

    ids = {each.transaction_id for each in subjects if each.transaction_id}
    references = {each.rrn for each in subjects if each.rrn}
    return (
        later("life_cycles", CYCLE, ("transaction_id", "original_id"), ids),
        later("statement_lines", LINE, ("rrn", "orig_ref"), references),
    )
