"""Writing a pack: the dossier, the table, the letter of complaint, and the manifest that proves all of it.

A pack is a folder, or the same files in a ZIP whose every byte follows from them: stored, in
the order of their names, with one fixed date. So a single changed byte anywhere shows.
"""

import contextlib
import datetime as dt
import io
import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from expectations.cases.record import CaseRecord
from expectations.cases.wording import words
from expectations.evidence.account import Account, acquirer_of, lacking
from expectations.evidence.dossier import dossiers_pdf
from expectations.evidence.gather import Grounds, gather
from expectations.evidence.manifest import FORMAT, MANIFEST, fonts, listed, sealed
from expectations.mail.cardcheck import refuse_card_numbers
from expectations.mail.cases import happened
from expectations.mail.catalogue import Locale
from expectations.mail.decide import Alert
from expectations.mail.details import details_csv
from expectations.mail.enclosed import MAIL_LIMIT
from expectations.mail.figures import Figures, number
from expectations.mail.wording import certainty, rule_texts, sentence
from ingest.errors import EvidenceError
from ingest.permissions import PRIVATE_FILE
from ingest.settings import Settings

NAMES = {"pdf": "evidence.pdf", "details": "details.csv", "complaint": "complaint.zh-CN.txt"}
EPOCH = (1980, 1, 1, 0, 0, 0)
"""The date of every file in a ZIP: the earliest that the format can say."""


@dataclass(frozen=True, slots=True)
class Made:
    """A pack that was written."""

    path: Path
    size: int
    files: tuple[str, ...]
    ranges: int
    rows: int
    sha256: str

    @property
    def too_large_to_mail(self) -> bool:
        """Whether it should be handed over by a link."""
        return self.size > MAIL_LIMIT


def make_pack(
    record: CaseRecord, settings: Settings, target: Path, *, locale: Locale, now: dt.datetime, operators: bool = False
) -> Made:
    """Make a case's evidence pack.

    Args:
        record: the case with findings and log.
        settings: where spool and lake are, and how the shop is called.
        target: a folder that is empty or not there, or a file ``*.zip`` that is not there.
        locale: language of the dossier's labels; the complaint is Chinese whatever it is.
        now: the moment that is stamped on it, aware.
        operators: whether operator numbers are shown.

    Raises:
        EvidenceError: the target is taken or cannot be written.
        CardNumberError: something in it looks like a whole card number.
        LakeError, SpoolError: what it rests on cannot be read.
    """
    _refuse_taken(target)
    files = pack_files(gather(record, settings), settings, locale=locale, now=now, operators=operators)
    manifest = json.loads(files[MANIFEST])
    content = zipped(files) if target.suffix == ".zip" else b""
    try:
        if target.suffix == ".zip":
            _write(target, content)
        else:
            target.mkdir(parents=True, exist_ok=True)
            for name, data in files.items():
                _write(target / name, data)
    except OSError as wrong:
        raise EvidenceError(
            f"{target}: cannot be written: {wrong.strerror}", hint="name another folder or file with -o"
        ) from None
    size = len(content) or sum(len(data) for data in files.values())
    return Made(target, size, tuple(files), len(manifest["ranges"]), len(manifest["rows"]), manifest["manifest_sha256"])


def pack_files(
    grounds: Grounds, settings: Settings, *, locale: Locale, now: dt.datetime, operators: bool = False
) -> dict[str, bytes]:
    """The files of a pack by name; the manifest last."""
    decoder = version("tillwatch")
    figures = Figures.of(locale, settings, now)
    account = Account(grounds, figures, settings, now, decoder, operators)
    case = account.case
    proof = proof_of(grounds)
    table = details_csv(Alert(case_merchant(grounds), locale, (), now, (case,), ()), figures)
    complaint = complaint_text(account)
    refuse_card_numbers([("details", table), ("complaint", complaint)], known=grounds.identifiers)
    files = {
        NAMES["complaint"]: complaint.encode(),
        NAMES["details"]: table.encode(),
        NAMES["pdf"]: dossiers_pdf([(account, hashes_of(proof))]),
    }
    manifest: dict[str, Any] = {
        "format": FORMAT,
        "case": grounds.record.number,
        "merchant_id": case_merchant(grounds),
        "made_at": now.isoformat(),
        "locale": locale,
        "rules_versions": sorted({each.rules_version for each in grounds.record.findings}),
        "decoder_versions": sorted({each.decoder_version for each in grounds.record.findings}),
        "made_with": f"tillwatch {decoder}",
        "findings": [each.as_dict() for each in grounds.record.findings],
        "files": listed(files),
        "fonts": fonts(),
        **proof,
    }
    return files | {MANIFEST: sealed(manifest)}


def hashes_of(proof: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(what, SHA-256) of everything that a manifest proves, as the dossier lists it."""
    ranges = [(f"{each['file']} {each['offset']}+{each['length']}", each["sha256"]) for each in proof["ranges"]]
    rows = [
        (f"{each['table']} {' '.join(str(value)[:16] for value in each['key'].values())}", each["sha256"])
        for each in proof["rows"]
    ]
    return ranges + rows


def proof_of(grounds: Grounds) -> dict[str, Any]:
    """The ``ranges`` and ``rows`` of a manifest."""
    places = {(each.place.file, each.place.offset): asdict(each.place) for each in grounds.frames if each.place}
    return {
        "ranges": [places[key] for key in sorted(places)],
        "rows": [
            {
                "table": row.table,
                "key": {name: str(value) if isinstance(value, dt.date) else value for name, value in row.key.items()},
                "columns": list(row.columns),
                "sha256": row.sha256,
            }
            for row in grounds.rows
        ],
    }


def zipped(files: Mapping[str, bytes]) -> bytes:
    """The files as a ZIP: stored, sorted, undated."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, files[name])
    return out.getvalue()


def complaint_text(account: Account) -> str:
    """The letter to the acquirer, in Chinese."""
    say = words("zh-CN")["complaint"]
    figures = Figures.of("zh-CN", account.settings, account.made_at)
    case, dossier = account.case, words("zh-CN")["dossier"]
    unknown = dossier["not_recorded"]
    rows = [
        say["row"].format(
            time=f"{when.astimezone(figures.zone):%Y-%m-%d %H:%M:%S}" if (when := happened(each)) else unknown,
            type=figures.texts.word("types", each.txn_type or "") or unknown,
            amount=unknown if each.amount_fen is None else figures.money(each.amount_fen, each.currency),
            batch=number(each.batch_no) or unknown,
            stan=number(each.stan) or unknown,
            rrn=(each.rrn or "").strip() or dossier[lacking(each)],
            code=each.response_code or dossier[lacking(each)],
        )
        for each in case.subjects
    ]
    first = min((when for each in case.subjects if (when := happened(each))), default=None)
    return (
        say["text"]
        .format(
            acquirer=acquirer_of(account) or "（收单机构）",
            number=case.number,
            place=account.place,
            merchant=account.grounds.record.merchant_id,
            terminals="、".join(sorted({each.terminal_id for each in case.subjects})) or unknown,
            when=figures.moment(first) if first else figures.full_date(account.grounds.record.business_date),
            title=rule_texts(case.lead, figures).title,
            amount=figures.sums(case.at_risk),
            certainty=certainty(case.lead, figures),
            why=sentence(figures, rule_texts(case.lead, figures).why, case, case.lead),
            rows="\n".join(rows) or f"  {unknown}",
        )
        .lstrip("\n")
    )


def case_merchant(grounds: Grounds) -> str:
    """Whose case it is."""
    return grounds.record.merchant_id


def _refuse_taken(target: Path) -> None:
    taken = target.exists() and (target.suffix == ".zip" or not target.is_dir() or any(target.iterdir()))
    if taken:
        raise EvidenceError(f"{target}: is there already; a pack is never overwritten", hint="name another with -o")


def _write(path: Path, data: bytes) -> None:
    """Write a file for its owner alone, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.writing")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE_FILE), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
