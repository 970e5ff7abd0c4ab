"""What is said of a case to somebody who doubts it: twelve parts in one order, whoever draws them.

The dossier (PDF) and the page of cases draw the same value, so that they cannot say different things.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from expectations.cases.wording import entry_text, words
from expectations.evidence.agreement import agreement
from expectations.evidence.gather import Frame, Grounds
from expectations.evidence.parts import Block, Bytes, Grid, Part, Picture, Text
from expectations.evidence.raw import dump, serials
from expectations.findings import Subject
from expectations.mail.cases import Case, happened
from expectations.mail.figures import Figures, number
from expectations.mail.section import days_seen, missing_codes
from expectations.mail.wording import capital, certainty, listed, rule_texts, sentence, words_for
from expectations.rules import RULES
from ingest.settings import Merchant, Settings

COMPARED = 4
"""Transactions side by side; more do not fit a page."""
MOST_FRAMES = 12


@dataclass(frozen=True, slots=True)
class Account:
    """A case to be told, and in whose language.

    Attributes:
        grounds: the case with everything it rests on.
        figures: the reader's language, the shop's zone, the moment.
        settings: how the shop is called.
        made_at: the moment that is stamped on it.
        decoder: the version that reads the bytes now.
        operators: whether operator numbers are shown.
        most_frames: so many frames are shown byte by byte; the others are counted.
    """

    grounds: Grounds
    figures: Figures
    settings: Settings
    made_at: dt.datetime
    decoder: str
    operators: bool = True
    most_frames: int = MOST_FRAMES

    @property
    def say(self) -> dict[str, str]:
        """The account's words."""
        return dict(words(self.figures.locale)["dossier"])

    @property
    def case(self) -> Case:
        """The case as mails tell it."""
        return self.grounds.record.told(self.made_at)

    @property
    def merchant(self) -> Merchant | None:
        """The shop as the settings know it."""
        wanted = self.grounds.record.merchant_id
        return next((each for each in self.settings.merchants if each.id == wanted), None)

    @property
    def place(self) -> str:
        """The shop's name, or its number."""
        return self.merchant.name if self.merchant else self.grounds.record.merchant_id

    def parts(self, hashes: Sequence[tuple[str, str]] = ()) -> tuple[Part, ...]:
        """The twelve parts.

        Args:
            hashes: (what, SHA-256 hex) of what the manifest proves.
        """
        told: tuple[tuple[str, Iterable[Block]], ...] = (
            ("claim", [Text(_claim(self))]),
            ("who", _who(self)),
            ("timeline", _timeline(self)),
            ("fields", _side_by_side(self)),
            ("raw", _raw(self)),
            ("signatures", _signatures(self)),
            ("acquirer", _acquirer_lines(self)),
            ("ruled_out", _ruled_out(self)),
            ("complete", _completeness(self)),
            ("basis", _basis(self)),
            ("hashes", _hashes(self, hashes)),
            ("contacts", _contacts(self)),
        )
        return tuple(Part(key, self.say[f"h_{key}"], tuple(blocks)) for key, blocks in told)


def _claim(account: Account) -> str:
    case, figures = account.case, account.figures
    form = account.say["claim" if case.at_risk else "claim_free"]
    return form.format(
        place=account.place,
        certainty=certainty(case.lead, figures),
        title=rule_texts(case.lead, figures).title,
        amount=figures.sums(case.at_risk),
    )


def _who(account: Account) -> list[Block]:
    say, record, missing = account.say, account.grounds.record, account.say["not_recorded"]
    terminals = sorted({each.terminal_id for each in account.case.subjects})
    rows = (
        (say["merchant"], f"{account.place}  {record.merchant_id}"),
        (say["terminal"], " ".join(terminals) or missing),
        (say["serial"], _serial(account) or missing),
        (say["acquirer"], acquirer_of(account) or missing),
        (say["case"], record.number),
        (say["state"], words(account.figures.locale)["states"][record.state]),
        (say["risk"], account.figures.sums(account.case.at_risk)),
    )
    return [Grid(rows, (38, 140), heading=False)]


def _serial(account: Account) -> str:
    """What the frames tell of the device itself, and in which field."""
    chinese = account.figures.locale == "zh-CN"
    found = dict.fromkeys(
        account.say["serial_in"].format(serial=each.value, name=each.zh if chinese else each.en, field=each.number)
        for frame in account.grounds.frames
        for each in serials(frame.row.values["profile"], frame.row.values["frame"] or b"")
    )
    return "\u3000".join(found) if chinese else "; ".join(found)


def acquirer_of(account: Account) -> str:
    """By the settings; where they name none, by its own files."""
    named = account.merchant.acquirer if account.merchant else None
    files = dict.fromkeys(row.values["acquirer"] for row in account.grounds.of("statement_lines"))
    return named or ", ".join(each for each in files if each)


def _timeline(account: Account) -> list[Block]:
    say, figures = account.say, account.figures
    head = tuple(say[name] for name in ("f_time", "f_type", "f_amount", "f_stan", "f_code"))
    rows = (
        (
            moment_text(happened(each), figures, say["not_recorded"]),
            figures.texts.word("types", each.txn_type or "") or "",
            "" if each.amount_fen is None else figures.money(each.amount_fen, each.currency),
            number(each.stan),
            each.response_code or say[lacking(each)],
        )
        for each in account.case.subjects
    )
    found = tuple(rows)
    return [Grid((head, *found), (44, 40, 34, 30, 30))] if found else [Text(say["none"])]


def lacking(subject: Subject) -> str:
    """The word for what only an answer tells, where there is none: its request was seen alone, or nothing was."""
    asked = subject.requested_at is not None and subject.response_code is None
    return "no_answer" if asked else "not_recorded"


_ANSWERED = frozenset(("f_rrn", "f_auth", "f_code"))
_FACTS = ("f_time", "f_type", "f_amount", "f_card", "f_batch", "f_stan", "f_rrn", "f_auth", "f_code", "f_entry",
          "f_operator", "f_order", "f_atc")  # fmt: skip


def _side_by_side(account: Account) -> list[Block]:
    """The accused transaction beside the others of its finding; rows that differ are marked."""
    say = account.say
    shown = account.case.lead.subjects[:COMPARED]
    if not shown:
        return [Text(say["none"])]
    rows_of = {row.values["transaction_id"]: row.values for row in account.grounds.of("transactions")}
    columns = [_facts(each, rows_of.get(each.transaction_id or "", {}), account.figures) for each in shown]
    head = (say["field"], *(say["accused" if place == 0 else "related"] for place in range(len(shown))))
    rows, marked = [head], []
    for name, values in zip(_FACTS, zip(*columns, strict=True), strict=True):
        if not any(values) or (name == "f_operator" and not account.operators):
            continue
        if len(set(values)) > 1:
            marked.append(len(rows))
        words = (lacking(each) if name in _ANSWERED else "not_recorded" for each in shown)
        rows.append((say[name], *(each or say[word] for each, word in zip(values, words, strict=True))))
    width = 138 / max(1, len(shown))
    return [Grid(tuple(rows), (40, *([width] * len(shown))), marked=tuple(marked))]


def _facts(subject: Subject, row: Any, figures: Figures) -> tuple[str, ...]:
    return (
        moment_text(happened(subject), figures, ""),
        figures.texts.word("types", subject.txn_type or "") or "",
        "" if subject.amount_fen is None else figures.money(subject.amount_fen, subject.currency),
        subject.pan_masked or "",
        number(subject.batch_no),
        number(subject.stan),
        (subject.rrn or "").strip(),
        (row.get("auth_code") or "").strip(),
        subject.response_code or "",
        row.get("entry_mode") or "",
        row.get("operator_no") or "",
        row.get("order_ref") or "",
        "" if row.get("atc") is None else str(row["atc"]),
    )


def _raw(account: Account) -> list[Block]:
    say, frames = account.say, account.grounds.frames
    if not frames:
        return [Text(say["none"])]
    note = Text(say["raw_note"].format(decoder=account.decoder), small=True)
    left = len(frames) - account.most_frames
    more = [Text(say["raw_more"].format(n=left), small=True)] if left > 0 else []
    return [note, *(_frame(each, account) for each in frames[: account.most_frames]), *more]


def _frame(frame: Frame, account: Account) -> Bytes:
    say, values = account.say, frame.row.values
    head = say["raw_head"].format(
        side=say[frame.side],
        line=values["line"],
        at=moment_text(values["seen_at"], account.figures, ""),
        segment=values["segment_id"][:8],
        seq=values["seq"],
    )
    place = say["raw_gone"]
    if frame.place is not None:
        named = {name: getattr(frame.place, name) for name in ("file", "offset", "length", "sha256")}
        place = say["raw_place"].format_map(named)
    shown = dump(values["profile"], values["frame"] or b"")
    hidden = () if account.operators else tuple(each.number for each in shown.fields if "operator" in each.en)
    lines = tuple(
        (start, tuple(("**" if owner in hidden else pair, owner) for pair, owner in pairs))
        for start, pairs in shown.lines()
    )
    return Bytes(head, place, lines, tuple(each for each in shown.fields if each.number not in hidden))


def _signatures(account: Account) -> list[Block]:
    say = account.say
    blocks: list[Block] = []
    for row in account.grounds.of("signatures"):
        values, stan = row.values, number(row.values["stan"])
        if values["image"] is None:
            blocks.append(Text(say["signature_unread"].format(stan=stan)))
            continue
        caption = say["signature"].format(stan=stan, sha256=values["sha256"])
        blocks.append(Picture(values["image"], values["width"], values["height"], say["copy"], caption))
    return blocks or [Text(say["none"])]


def _acquirer_lines(account: Account) -> list[Block]:
    say, figures = account.say, account.figures
    posted = words(figures.locale)["posted"]
    found = [
        say["line"].format(
            acquirer=row.values["acquirer"],
            date=figures.full_date(row.values["business_date"]),
            type=figures.texts.word("types", row.values["txn_type"] or "") or row.values["txn_type"] or "",
            amount=figures.money(row.values["amount_fen"] or 0, row.values["currency"]),
            rrn=row.values["rrn"] or say["not_recorded"],
            status=posted.get(row.values["status"] or "", row.values["status"]) or say["not_recorded"],
            statement=row.values["statement_id"] or "",
        )
        for row in account.grounds.of("statement_lines")
    ]
    return [Text(text) for text in found or [say["none"]]]


def _ruled_out(account: Account) -> list[Block]:
    say, case, figures = account.say, account.case, account.figures
    blocks: list[Block] = []
    for each in case.findings:
        why = sentence(figures, rule_texts(each, figures).why, case, each)
        blocks.append(Text(f"{rule_texts(each, figures).title}  {say['why'].format(why=why)}"))
    out = words_for((code for each in case.findings for code in each.ruled_out), "ruled_out", figures, most=30)
    said = say["ruled_out"].format(what=listed(out, figures)) if out else figures.texts.phrase("nothing_ruled_out")
    return [*blocks, Text(said)]


def _completeness(account: Account) -> list[Block]:
    say, figures = account.say, account.figures
    gone = words_for(missing_codes([account.case]), "missing", figures, most=30)
    told = say["missing"].format(what=listed(gone, figures)) if gone else figures.texts.phrase("nothing_missing")
    return [Text(told), *(Text(capital(day), small=True) for day in days_seen([account.case], figures))]


def _basis(account: Account) -> list[Block]:
    """Which rules, in which version, what was agreed, and the titles of what such a matter is brought under."""
    say, titles = account.say, words(account.figures.locale)["basis"]
    rules = {each.rule: each for each in account.case.findings}.values()
    groups = dict.fromkeys("fees" if RULES[each.rule].group in {"F", "G"} else "money" for each in rules)
    return [
        *(Text(say["basis"].format(rule=each.rule, version=each.rules_version)) for each in rules),
        *agreement(account.grounds, account.figures, say),
        *(Text(titles[group]) for group in groups),
        Text(titles["note"], small=True),
    ]


def _hashes(account: Account, hashes: Sequence[tuple[str, str]]) -> list[Block]:
    say = account.say
    note = Text(say["hash_note"])
    return [note, Grid(((say["hash_what"], say["hash_value"]), *hashes), (70, 108), small=True)] if hashes else [note]


def _contacts(account: Account) -> list[Block]:
    say, locale = account.say, account.figures.locale
    kinds = words(locale)["kinds"]
    head = tuple(say[name] for name in ("contact_at", "contact_who", "contact_text", "contact_by"))
    rows, currency = [], account.grounds.record.currency
    for each in account.grounds.record.log:
        amount = "" if each.amount_fen is None else account.figures.money(each.amount_fen, currency)
        said = " ".join(part for part in (kinds[each.kind], amount, entry_text(each.kind, each.text, locale)) if part)
        rows.append((moment_text(each.at, account.figures, ""), each.contact, said, each.by))
    return [Grid((head, *rows), (38, 42, 72, 26))]


def moment_text(when: dt.datetime | None, figures: Figures, missing: str) -> str:
    """A moment to the second in the shop's zone, or what stands for none."""
    return f"{when.astimezone(figures.zone):%Y-%m-%d %H:%M:%S}" if when else missing
