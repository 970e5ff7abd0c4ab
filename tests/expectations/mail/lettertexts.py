"""An alert's letter of some findings, what a reader sees of it, and the goldens it is held to."""

import datetime as dt
import html
import os
import re
from collections import Counter
from pathlib import Path

from expectations.findings import Finding, Subject
from expectations.mail.catalogue import Locale
from expectations.mail.compose import compose
from expectations.mail.decide import Alert, Known, decide
from expectations.mail.enclosed import Enclosed
from expectations.mail.text import render_text
from expectations.rules import RULES
from ingest.alerting import Route
from ingest.settings import Settings
from tests.expectations.mail.conftest import CUTOFF, NOW, at, finding, numbered, subject

GOLDENS = Path(__file__).parent / "goldens"
WHOLE = Enclosed("whole", b"%PDF", "complaint")
"""Dossier and complaint go along."""
MOMENTS = {"before-cutoff": NOW, "after-cutoff": at("23:40")}


def alert_of(findings: list[Finding], locale: Locale = "zh-CN", now: dt.datetime = NOW) -> Alert:
    """The one mail of these findings."""
    routes = [Route(to=["finance@example.com"], locale=locale)]
    (alert,) = decide(findings, routes, now, Known(numbers=numbered(findings))).alerts
    return alert


def text_of(findings: list[Finding], settings: Settings, locale: Locale = "zh-CN", now: dt.datetime = NOW) -> str:
    """Subject and text."""
    letter = compose(alert_of(findings, locale, now), settings)
    return f"{letter.subject}\n\n{render_text(letter)}"


def golden(name: str, content: str) -> None:
    """Hold content to its file; write the file when told to."""
    path = GOLDENS / name
    if os.environ.get("GOLDENS") == "write":
        path.write_text(content, "utf-8")
    assert path.read_text("utf-8") == content


def one_of_each() -> list[Finding]:
    """A finding of each rule about money of its own."""
    made = []
    for place, rule in enumerate(RULES):
        stan, clock = 100 + 10 * place, f"{place // 6:02d}:{place % 6}0:00"
        sale = subject("SALE", stan, clock, 1900 + place, rrn=f"1121{stan:08d}")
        later = f"{clock[:4]}5:30"
        subjects: tuple[Subject, ...]
        act_by = CUTOFF if rule.startswith(("dup_s", "dup_card", "retry", "reversal")) else None
        if rule.startswith("batch"):
            subjects = (subject("SETTLEMENT", stan, clock, None, pan_masked=None),)
        elif rule == "stan_gap":
            subjects = (subject(None, stan, None, None, pan_masked=None, response_code=None, transaction_id=None),)
        elif rule.startswith(("void", "double")):
            voids = [subject("VOID", stan + n, later, 1800 + place, rrn=f"1122{stan + n:08d}") for n in (2, 1)]
            subjects = (*voids[: 2 if rule == "double_void" else 1], sale)
        elif "refund" in rule:
            refunds = [subject("REFUND", stan + n, later, 2900, rrn=f"1123{stan + n:08d}") for n in (2, 1)]
            subjects = (*refunds[: 2 if rule == "dup_refund" else 1], sale)
        elif rule in {"retry_after_unknown", "reversal_exhausted"}:
            unanswered = subject("SALE", stan + 1, clock, 1900 + place, response_code=None)
            subjects = (unanswered, subject("SALE", stan + 2, later, 1900 + place, rrn=f"1124{stan:08d}"))
        else:
            subjects = (subject("SALE", stan + 1, later, 1900 + place, rrn=f"1125{stan:08d}"), sale)
        numbers = {"card_counter": 57, "duplicate_score": 80, "reversal_sendings": 3, "original_stan": 90}
        gaps = {"first_stan": stan, "last_stan": stan + 1, "numbers_missing": 2, "credited_fen": 5800}
        totals = {"reported_counts": {"rmb_debit": 9}, "counted_counts": {"rmb_debit": 8}}
        totals |= {"reported_fen": {"rmb_debit": 90000}, "counted_fen": {"rmb_debit": 88100}}
        evidence = numbers | gaps | (totals if rule.startswith("batch") else {})
        severity, certainty = RULES[rule].grades.get("clear") or next(iter(RULES[rule].grades.values()))
        amounts = [each.amount_fen or 0 for each in subjects]
        risk = {"batch_total_amount_mismatch": 1900}.get(rule, amounts[0])
        if rule in {"refund_over_original", "refund_cumulative_over", "void_amount_mismatch"}:
            risk = abs(amounts[0] - amounts[-1])
        made.append(
            finding(
                rule,
                *subjects,
                act_by=act_by,
                evidence=evidence,
                severity=severity,
                certainty=certainty,
                amount_at_risk_fen=risk,
            )
        )
    return made


def words(text: str) -> Counter[str]:
    """The words of a text, without addresses, punctuation and layout."""
    return Counter(re.findall(r"\w+", re.sub(r"mailto:\S+|https?://\S+", "", text).lower()))


def seen(page: str) -> str:
    """What a reader sees of an HTML page."""
    body = page[page.index("<body") :]
    return html.unescape(re.sub(r"<[^>]+>", " ", re.sub(r"<!--.*?-->", "", body, flags=re.DOTALL)))
