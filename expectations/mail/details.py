"""What is attached: every transaction as a line of a table, and where its bytes are.

The table is CSV as Excel and WPS open it by a double click: UTF-8 with a byte order mark,
numbers of twelve digits kept whole by a tab behind them, nothing that they would run as a
formula. The manifest is JSON for machines: findings, versions, segments and their records, and SHA-256 of all of it:
saved into one folder the attachments are a pack that `tillwatch evidence verify` proves.
"""

import csv
import io
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from typing import Any, TypeAlias

from expectations.evidence.manifest import FORMAT, fonts, listed, sealed
from expectations.findings import Finding, Subject
from expectations.mail.cases import Case, happened
from expectations.mail.decide import Alert
from expectations.mail.enclosed import Enclosed
from expectations.mail.figures import Figures, number
from expectations.mail.wording import certainty, rule_texts
from expectations.money import CNY, letters, major

MOST_LINES = 20_000
"""Lines of the attached table: some 3 MB, which mailboxes still take."""

Proofs: TypeAlias = Mapping[str, Mapping[str, Any]]
"""transaction_id -> segment_id, request_seq, response_segment_id, response_seq, and ``frames`` with their SHA-256."""

COLUMNS = (
    "csv_case", "csv_certainty", "csv_finding", "csv_role", "csv_time", "csv_merchant", "csv_terminal", "csv_batch",
    "csv_stan", "csv_type", "csv_amount", "csv_currency", "csv_card", "csv_rrn", "csv_code", "csv_risk", "csv_deadline",
)  # fmt: skip


def names_in(proof: Mapping[str, Any]) -> Iterator[str]:
    """Our own identifiers and hashes in a transaction's proof, some as long as a card number."""
    yield from (str(value) for name, value in proof.items() if name.endswith("segment_id") and value)
    yield from (str(each["sha256"]) for each in proof.get("frames", ()))


def details_csv(alert: Alert, figures: Figures) -> str:
    """The table, its byte order mark included."""
    say = figures.texts.phrases
    out = io.StringIO(newline="")
    out.write("\ufeff")
    writer = csv.writer(out)
    writer.writerow([say[name] for name in COLUMNS])
    for count, line in enumerate(_lines(alert, figures)):
        if count == MOST_LINES:
            writer.writerow([say["csv_cut"]])
            break
        writer.writerow([_inert(cell) for cell in line])
    return out.getvalue()


def manifest_json(alert: Alert, proofs: Proofs, enclosed: Enclosed, files: Mapping[str, bytes]) -> bytes:
    """What the mail rests on, for machines: the manifest of a pack, whose files are the mail's other attachments."""
    told = [("case", case) for case in alert.cases] + [("review", case) for case in alert.review]
    findings = [each for _, case in told for each in case.findings]
    manifest = {
        "format": FORMAT,
        "alert_id": alert.alert_id,
        "merchant_id": alert.merchant_id,
        "decided_at": alert.decided_at.isoformat(),
        "locale": alert.locale,
        "rules_versions": sorted({each.rules_version for each in findings}),
        "decoder_versions": sorted({each.decoder_version for each in findings}),
        "made_with": f"tillwatch {version('tillwatch')}",
        "findings": [_manifest_entry(each, kind, case, proofs) for kind, case in told for each in case.findings],
        "files": listed(files),
        **({"fonts": fonts()} if enclosed.pdf else {}),
        **({"cases": [], "ranges": [], "rows": []} | dict(enclosed.proof)),
    }
    return sealed(manifest)


def _manifest_entry(finding: Finding, kind: str, case: Case, proofs: Proofs) -> dict[str, Any]:
    return {
        "finding_id": finding.finding_id,
        "told_as": kind,
        "case": case.number,
        "rule": finding.rule,
        "severity": finding.severity,
        "certainty": finding.certainty,
        "business_date": finding.business_date.isoformat(),
        "rules_version": finding.rules_version,
        "decoder_version": finding.decoder_version,
        "subjects": [
            {
                "terminal_id": each.terminal_id,
                "batch_no": each.batch_no,
                "stan": each.stan,
                "txn_type": each.txn_type,
                "transaction_id": each.transaction_id,
                **proofs.get(each.transaction_id or "", {}),
            }
            for each in finding.subjects
        ],
    }


def _lines(alert: Alert, figures: Figures) -> Iterator[list[str]]:
    for case in (*alert.cases, *alert.review):
        for finding in case.findings:
            for place, subject in enumerate(finding.subjects):
                yield _line(case, finding, subject, figures, accused=place == 0)


def _line(case: Case, finding: Finding, subject: Subject, figures: Figures, *, accused: bool) -> list[str]:
    say = figures.texts.phrases
    when, currency = happened(subject), subject.currency or CNY
    last_four = "".join(c for c in subject.pan_masked or "" if c.isdigit())[-4:]
    return [
        case.number,
        certainty(finding, figures),
        rule_texts(finding, figures).title,
        say["csv_accused" if accused else "csv_related"],
        f"{when.astimezone(figures.zone):%Y-%m-%d %H:%M:%S}" if when else "",
        _whole(finding.merchant_id),
        _whole(subject.terminal_id),
        _whole(number(subject.batch_no)),
        _whole(number(subject.stan)),
        (subject.txn_type and figures.texts.word("types", subject.txn_type)) or "",
        "" if subject.amount_fen is None else f"{major(subject.amount_fen, currency)}",
        "" if subject.amount_fen is None else "CNY" if currency == CNY else letters(currency),
        _whole(last_four),
        _whole(subject.rrn or ""),
        _whole(subject.response_code or ""),
        f"{major(finding.amount_at_risk_fen, finding.currency)}" if accused else "",
        f"{finding.act_by.astimezone(figures.zone):%Y-%m-%d %H:%M}" if finding.act_by else "",
    ]


def _whole(digits: str) -> str:
    """A tab behind the digits: Excel then keeps leading zeros and does not round."""
    return f"{digits}\t" if digits else ""


def _inert(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell[:1] in {"=", "+", "-", "@", "\t", "\r"} else cell
