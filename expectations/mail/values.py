"""The values that a rule's words may name: of the accused transaction, of the one it goes with, of the gap.

Everything here is text, already written for the reader. A value that is not known is
absent or empty, and `Texts.fill` then takes another wording.
"""

import datetime as dt
import re
from collections.abc import Iterable, Mapping

from expectations.findings import Finding, Subject
from expectations.mail.cases import DEBITS, Case, approved, happened, unknown_attempt
from expectations.mail.figures import Figures, number

LONGEST = 60
"""No value from a finding takes more characters than this in a mail."""

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
CALL_AHEAD = dt.timedelta(minutes=30)
"""Somebody at the acquirer needs this long before the cut-off."""


def case_values(case: Case, finding: Finding, figures: Figures) -> dict[str, str]:
    """What the texts of a finding may say, within its case.

    The roles: no prefix = the accused; ``orig_`` = the debit it refers to; ``other_`` =
    the other transaction of the same type; ``unknown_`` = the debit without a result;
    ``paid_`` = the approved one that followed; ``e_`` = numbers of the rule's own evidence.
    """
    values = {
        "case": case.number,
        "risk": figures.sums(finding.at_risk) if finding.amount_at_risk_fen else "",
        "quote_all": quote(sorted(finding.subjects, key=_when), figures),
    }
    for prefix, subject in _roles(finding).items():
        if subject is not None:
            values |= {f"{prefix}{name}": value for name, value in _subject_values(subject, figures).items()}
    values |= _between(finding, figures)
    values |= _deadline_values(case, figures)
    values["unknown_story"] = _story(finding, figures)
    values["totals"] = _totals(finding, figures)
    values |= {f"e_{name}": value for name, value in evidence_values(finding, figures).items()}
    return values


def quote(subjects: Iterable[Subject], figures: Figures) -> str:
    """What to read out to the acquirer: 终端 12345678 批次 000231 凭证号 004518、004519."""
    slips: dict[tuple[str, str], list[str]] = {}
    for subject in subjects:
        if subject.txn_type in {"SETTLEMENT", None} or subject.stan is None:
            continue
        found = slips.setdefault((subject.terminal_id, number(subject.batch_no)), [])
        if number(subject.stan) not in found:
            found.append(number(subject.stan))
    words, joint = figures.texts.phrases, figures.texts.phrase("list_comma")
    return figures.texts.phrase("list_semicolon").join(
        words["quote"].format(terminal=_short(terminal), batch=batch or words["not_recorded"], stans=joint.join(stans))
        for (terminal, batch), stans in slips.items()
    )


def evidence_values(finding: Finding, figures: Figures) -> dict[str, str]:
    """A rule's numbers as text: ``*_fen`` is money of its currency, ``*_ppm`` a rate, ``*_stan`` has six digits.

    ``*_on`` is a day, where it is one: a number is spent on another operation. Words of a rule's evidence stay out of
    mails: they are codes, identifiers or masked cards.
    """
    said = {}
    for name, value in finding.evidence.items():
        if isinstance(value, int) and not isinstance(value, bool):
            said[name] = _evidence_number(name, value, finding.currency, figures)
            if name.endswith("_ppm"):
                said[f"{name}_yuan"] = figures.money(value)  # of ¥10,000 a millionth is a fen
            if name.endswith("_fen"):
                said[f"{name}_about"] = figures.about(value, finding.currency)
        elif name.endswith("_on") and _DAY.fullmatch(str(value)):
            said[name] = figures.date(dt.date.fromisoformat(value))
    return said


def _evidence_number(name: str, value: int, currency: str, figures: Figures) -> str:
    if "_fen" in name:
        return figures.money(value, currency)
    if name.endswith("_ppm"):
        return figures.rate(value)
    return number(value) if name.endswith(("_stan", "batch_no")) else str(value)


def _when(subject: Subject) -> dt.datetime:
    return happened(subject) or dt.datetime.max.replace(tzinfo=dt.UTC)


def _story(finding: Finding, figures: Figures) -> str:
    """What happened to an attempt of unknown outcome: no answer, or an answer that the terminal took back."""
    answered = finding.evidence.get("first_outcome") == "approved"
    return figures.texts.phrase("story_taken_back" if answered else "story_unanswered")


def _totals(finding: Finding, figures: Figures) -> str:
    """What a settlement reported beside what was counted, for each part that differs."""
    words, said, evidence = figures.texts, [], finding.evidence
    for name in ("counts", "fen"):
        reported, counted = evidence.get(f"reported_{name}"), evidence.get(f"counted_{name}")
        if not isinstance(reported, Mapping) or not isinstance(counted, Mapping):
            continue
        for part, there in reported.items():
            here = counted.get(part)
            if there == here or there is None or here is None:
                continue
            form = words.phrase(f"total_{name}")
            told = [figures.money(each, finding.currency) if name == "fen" else str(each) for each in (there, here)]
            said.append(form.format(part=words.word("totals", part) or part, reported=told[0], counted=told[1]))
    return words.phrase("list_semicolon").join(said)


def _roles(finding: Finding) -> dict[str, Subject | None]:
    accused = finding.subjects[0] if finding.subjects else None
    rest = finding.subjects[1:]
    same = [each for each in rest if accused is not None and each.txn_type == accused.txn_type]
    return {
        "": accused,
        "orig_": next((each for each in rest if each.txn_type in DEBITS), None),
        "other_": same[0] if same else None,
        "unknown_": unknown_attempt(finding),
        "paid_": next((each for each in rest if each.txn_type in DEBITS and approved(each)), None),
    }


def _subject_values(subject: Subject, figures: Figures) -> dict[str, str]:
    when = happened(subject)
    return {
        "terminal": _short(subject.terminal_id),
        "batch": number(subject.batch_no),
        "stan": number(subject.stan),
        "type": (subject.txn_type and figures.texts.word("types", subject.txn_type)) or "",
        "amount": "" if subject.amount_fen is None else figures.money(subject.amount_fen, subject.currency),
        "rrn": _short(subject.rrn or ""),
        "time": figures.moment(when) if when else "",
        "card": figures.card(subject.pan_masked) if subject.pan_masked else "",
        "quote": quote((subject,), figures),
    }


def _between(finding: Finding, figures: Figures) -> dict[str, str]:
    """How far apart two transactions are, in time and in money."""
    roles = _roles(finding)
    accused, original = roles[""], roles["orig_"]
    values = {}
    first, second = roles["unknown_"] or roles["other_"] or original, roles["paid_"] if roles["unknown_"] else accused
    if first is not None and second is not None:
        earlier, later = happened(first), happened(second)
        if earlier and later and (earlier, first.stan) != (later, second.stan):  # not one seen from both sides
            values["interval"] = figures.span(later - earlier)
    if accused and original and accused.amount_fen is not None and original.amount_fen is not None:
        apart = abs(accused.amount_fen - original.amount_fen)
        values["difference"] = figures.money(apart, accused.currency) if apart else ""
    return values


def _deadline_values(case: Case, figures: Figures) -> dict[str, str]:
    if case.act_by is None or not case.is_open:
        return {}
    call_by = case.act_by - CALL_AHEAD
    words = figures.texts.phrases
    return {
        "deadline": figures.deadline(case.act_by),
        "call_by": words["before"].format(when=figures.deadline(call_by))
        if call_by > figures.now
        else words["at_once"],
    }


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
