"""Findings open cases or join them: money is in one case at a time."""

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from expectations.cases.record import CaseRecord, iso_text
from expectations.cases.rows import OURSELVES, Pen, next_serial, numbers_of, read_case, row_of
from expectations.cases.schema import CASE_ANSWERS, CASE_FINDINGS, CASE_LOG, CASE_SUBJECTS, CASES
from expectations.cases.states import OVER
from expectations.findings import Finding
from expectations.mail.cases import Case, group, meeting_points, stands
from ingest.errors import CaseError

SURER = "surer "
"""Begins the reference of a log entry that a case opened again because a finding became proven; its id follows."""


@dataclass(frozen=True, slots=True)
class Opened:
    """What findings did to the book: numbers of new cases, of those joined, and every finding's number."""

    opened: tuple[str, ...]
    joined: tuple[str, ...]
    numbers: Mapping[str, str]


def open_cases(pen: Pen, findings: Sequence[Finding]) -> Opened:
    """Put findings into the cases of their money, or into new ones.

    Of those that are in a case already, the book takes what changed (certainty, severity, money) and nothing else.
    """
    known = numbers_of(pen.connection, [each.finding_id for each in findings])
    _renew(pen, {each.finding_id: each for each in findings if each.finding_id in known})
    by_merchant: dict[str, list[Finding]] = {}
    for each in findings:
        by_merchant.setdefault(each.merchant_id, []).append(each)
    opened: list[str] = []
    joined: list[str] = []
    for merchant_id, theirs in sorted(by_merchant.items()):
        fresh = [each for each in theirs if each.finding_id not in known]
        if not fresh:
            continue
        cases = sorted(group(fresh, pen.now), key=lambda each: (each.lead.business_date, each.lead.finding_id))
        for case in cases:
            number, is_new = _place(pen, merchant_id, case)
            (opened if is_new else joined).append(number)
            known |= {each.finding_id: number for each in case.findings}
    return Opened(tuple(opened), tuple(dict.fromkeys(joined)), known)


def _renew(pen: Pen, found: Mapping[str, Finding]) -> None:
    """Store known findings that say something else now, and work out their cases again.

    What is over opens again when one of them is proven now and was not when people were done with it.
    """
    ids, here = list(found), CASE_FINDINGS.c
    cases: dict[int, list[str]] = {}
    for start in range(0, len(ids), 500):
        stored = sa.select(CASE_FINDINGS).where(here.finding_id.in_(ids[start : start + 500]))
        for row in pen.connection.execute(stored).all():
            said = found[row.finding_id].to_json()
            if row.finding == said or (before := Finding.from_json(row.finding)) == (after := Finding.from_json(said)):
                continue
            change = CASE_FINDINGS.update().where(here.finding_id == row.finding_id)
            pen.connection.execute(change.values(finding=said))
            surer = stands(after) and after.certainty == "PROVEN" != before.certainty
            cases.setdefault(row.case_id, []).extend([row.finding_id] if surer else [])
    for case_id, surer_ids in sorted(cases.items()):
        row = row_of(pen.connection, case_id)
        record = _refresh(pen, case_id, changed_at=row.changed_at if row.state in OVER else pen.now)
        if row.state in OVER and surer_ids and not record.recovered.covers(record.told(pen.now).at_risk):
            _reopen(pen, case_id, [found[each] for each in surer_ids])


def _reopen(pen: Pen, case_id: int, surer: Sequence[Finding]) -> None:
    """Open a case again, once for each finding that became proven; the answer that ended it stands no more."""
    references = {f"{SURER}{each.finding_id}": each for each in surer}
    seen = sa.select(CASE_LOG.c.reference).where(CASE_LOG.c.reference.in_(list(references)))
    for known in pen.connection.execute(seen).scalars().all():
        del references[known]
    if not references:
        return
    answers = CASE_ANSWERS.update().where(CASE_ANSWERS.c.case_id == case_id, CASE_ANSWERS.c.withdrawn_at.is_(None))
    pen.connection.execute(answers.values(withdrawn_at=pen.now, withdrawn_by=OURSELVES))
    changed = CASES.update().where(CASES.c.case_id == case_id)
    pen.connection.execute(changed.values(state="new", changed_at=pen.now))
    for reference, each in references.items():
        pen.write(case_id, "reopened", each.rule, "new", reference=reference)
        joined = CASE_FINDINGS.update().where(CASE_FINDINGS.c.finding_id == each.finding_id)
        pen.connection.execute(joined.values(joined_at=pen.now))


def _place(pen: Pen, merchant_id: str, case: Case) -> tuple[str, bool]:
    """Put a group of findings into the case of their money, or into a new one."""
    keys = sorted({_key(point) for each in case.findings for point in meeting_points(each)})
    here = sa.and_(CASE_SUBJECTS.c.merchant_id == merchant_id, CASE_SUBJECTS.c.subject.in_(keys))
    held = {row.subject: row.case_id for row in pen.connection.execute(sa.select(CASE_SUBJECTS).where(here)).all()}
    is_new = not held
    case_id = min(held.values()) if held else _create(pen, merchant_id, case)
    for other in sorted(set(held.values()) - {case_id}):
        _merge(pen, other, case_id)
    lacking = [key for key in keys if key not in held]
    if lacking:
        rows = [{"merchant_id": merchant_id, "subject": key, "case_id": case_id} for key in lacking]
        pen.connection.execute(CASE_SUBJECTS.insert(), rows)
    rows = [
        {"finding_id": each.finding_id, "case_id": case_id, "joined_at": pen.now, "finding": each.to_json()}
        for each in case.findings
    ]
    pen.connection.execute(CASE_FINDINGS.insert(), rows)
    record = _refresh(pen, case_id)
    rules = ", ".join(sorted({each.rule for each in case.findings}))
    if is_new:
        pen.write(case_id, "opened", rules, record.state, amount_fen=case.amount_fen)
        return record.number, True
    state = record.state
    if state in {"recovered", "closed"} and case.stands_alone:
        state = "new"
        pen.connection.execute(CASES.update().where(CASES.c.case_id == case_id).values(state=state))
    pen.write(case_id, "joined" if state == record.state else "reopened", rules, state)
    return record.number, False


def _create(pen: Pen, merchant_id: str, case: Case) -> int:
    day = case.lead.business_date
    values = {
        "number": f"C-{day:%m%d}-{next_serial(pen.connection, f'{day:%m%d}'):04d}",
        "merchant_id": merchant_id,
        "business_date": day,
        "state": "new",
        "stands": case.stands_alone,
        "rule": case.lead.rule,
        "amount_fen": case.amount_fen,
        "claimed_fen": 0,
        "recovered_fen": 0,
        "currency": case.currency,
        "act_by": case.act_by,
        "opened_at": pen.now,
        "changed_at": pen.now,
    }
    made = pen.connection.execute(CASES.insert().values(values)).inserted_primary_key
    if made is None:
        raise CaseError("the database gave a case no key", hint="check cases.url")
    return int(made[0])


def _merge(pen: Pen, other: int, into: int) -> None:
    """Two cases turn out to be about the same money: the older keeps everything."""
    for table in (CASE_FINDINGS, CASE_SUBJECTS, CASE_ANSWERS):
        pen.connection.execute(table.update().where(table.c.case_id == other).values(case_id=into))
    gone, kept = row_of(pen.connection, other), row_of(pen.connection, into)
    pen.connection.execute(
        CASES.update().where(CASES.c.case_id == other).values(state="closed", merged_into=into, changed_at=pen.now)
    )
    counted = [each for each in (kept, gone) if each.claimed_fen or each.recovered_fen] or [kept]
    counted = [each for each in counted if each.currency == counted[0].currency]
    pen.connection.execute(
        CASES.update()
        .where(CASES.c.case_id == into)
        .values(
            claimed_fen=sum(each.claimed_fen for each in counted),
            recovered_fen=sum(each.recovered_fen for each in counted),
            currency=counted[0].currency,
        )
    )
    pen.write(other, "merged", kept.number, "closed")
    pen.write(into, "merged", gone.number, kept.state)


def _refresh(pen: Pen, case_id: int, *, changed_at: dt.datetime | None = None) -> CaseRecord:
    """Work out again what follows from a case's findings; what is over keeps when it was over."""
    record = read_case(pen.connection, row_of(pen.connection, case_id), whole=True)
    case = record.told(pen.now)
    currency = record.currency if record.claimed or record.recovered else case.currency
    pen.connection.execute(
        CASES.update()
        .where(CASES.c.case_id == case_id)
        .values(
            stands=case.stands_alone,
            rule=case.lead.rule,
            amount_fen=case.at_risk.get(currency),
            currency=currency,
            act_by=case.act_by,
            changed_at=changed_at or pen.now,
        )
    )
    return record


def _key(point: tuple[object, ...]) -> str:
    return json.dumps(point, default=iso_text, ensure_ascii=False)[:300]
