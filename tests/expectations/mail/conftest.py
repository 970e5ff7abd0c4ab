"""Hand-made findings: the case of the alert example, settings to send it with, and a server that takes it."""

import datetime as dt
import hashlib
from collections.abc import Callable, Iterator
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from expectations.findings import Finding, Subject
from expectations.mail.cases import group
from ingest.settings import Settings
from tests.expectations.mail.postbox import Postbox, serving

SHANGHAI = ZoneInfo("Asia/Shanghai")
DAY = dt.date(2026, 11, 21)
SHOP = "898310058120001"
CARD = "622202******5817"
OTHER_CARD = "622848******0042"
CUTOFF = dt.datetime(2026, 11, 21, 23, 0, tzinfo=SHANGHAI)
NOW = dt.datetime(2026, 11, 21, 21, 18, tzinfo=SHANGHAI)


def at(clock: str, day: dt.date = DAY) -> dt.datetime:
    """A moment of the shop's day."""
    return dt.datetime.combine(day, dt.time.fromisoformat(clock), SHANGHAI)


def subject(txn_type: str | None, stan: int | None, clock: str | None, amount_fen: int | None, **more: Any) -> Subject:
    """A transaction of terminal 12345678, batch 231."""
    when = at(clock, more.pop("day", DAY)) if clock else None
    values: dict[str, Any] = {
        "terminal_id": "12345678",
        "batch_no": 231,
        "stan": stan,
        "txn_type": txn_type,
        "requested_at": when,
        "event_at": when,
        "amount_fen": amount_fen,
        "rrn": None,
        "pan_masked": CARD,
        "response_code": "00",
        "currency": "156",
    }
    values |= more
    named = "|".join(str(values[k]) for k in ("terminal_id", "batch_no", "stan", "txn_type", "event_at", "rrn"))
    return Subject(**{"transaction_id": hashlib.sha256(named.encode()).hexdigest()[:32]} | values)


def finding(rule: str, *subjects: Subject, **more: Any) -> Finding:
    """A finding of the shop's day; P1 and PROVEN unless said otherwise."""
    values: dict[str, Any] = {
        "severity": "P1",
        "certainty": "PROVEN",
        "merchant_id": SHOP,
        "terminal_id": "12345678",
        "business_date": DAY,
        "amount_at_risk_fen": (subjects[0].amount_fen or 0) if subjects else 0,
        "evidence": {},
        "ruled_out": (),
        "completeness": {"missing": []},
        "act_by": None,
        "rules_version": "2026.11.1",
        "decoder_version": "0.1.0",
    }
    values |= more
    keys = [rule, values["merchant_id"], *(str(s.transaction_id) + str(s.stan) for s in subjects)]
    named = hashlib.sha256("|".join(keys).encode()).hexdigest()[:32]
    return Finding(**{"finding_id": named} | values, rule=rule, subjects=subjects)


FIRST_TRY = subject("SALE", 4518, "20:41:07", 36800, response_code=None)
REVERSALS = tuple(
    subject("REVERSAL", 4518, clock, 36800, response_code=None) for clock in ("20:41:37", "20:42:12", "20:42:47")
)
SECOND_TRY = subject("SALE", 4519, "20:43:52", 36800, rrn="112120435207")
SALE_BEFORE = subject(
    "SALE", 4377, "12:06:31", 19900, day=dt.date(2026, 11, 19), batch_no=229, rrn="111912063188", pan_masked=OTHER_CARD
)
REFUND = subject("REFUND", 4509, "18:22:10", 21900, rrn="112118221095", pan_masked=OTHER_CARD)


SEEN = {"records": 71, "trace_numbers_seen": 69, "trace_numbers_missing": 2, "missing_runs": [], "clock_ahead_s": -3}
"""The terminal's day, as `completeness.TerminalDay` tells it."""


def retry() -> Finding:
    """One purchase perhaps charged twice (the example day, case 1)."""
    return finding(
        "retry_after_unknown",
        FIRST_TRY,
        SECOND_TRY,
        certainty="PROBABLE",
        evidence={"first_outcome": "open", "seconds_apart": 165, "first_sendings": 1},
        ruled_out=("declined_first", "same_record_read_twice", "reversed", "voided", "refunded"),
        completeness={"missing": ["acquirer_file"], "terminal_day": SEEN},
        act_by=CUTOFF,
    )


def lost_reversal() -> Finding:
    """The first try's reversal, given up."""
    return finding(
        "reversal_exhausted",
        FIRST_TRY,
        *REVERSALS,
        evidence={"first_outcome": "open", "reversal_sendings": 3},
        ruled_out=("reversed", "voided"),
        completeness={"missing": ["acquirer_file"]},
        act_by=CUTOFF,
    )


def refund_too_high() -> Finding:
    """A refund 20 yuan above its sale (the example day, case 2)."""
    return finding(
        "refund_over_original",
        REFUND,
        SALE_BEFORE,
        amount_at_risk_fen=2000,
        evidence={"refund_fen": 21900, "sale_fen": 19900},
        ruled_out=("tip_adjusted", "partial_refunds", "declined_refund_retried"),
    )


def gap() -> Finding:
    """Two trace numbers that were never seen."""
    return finding(
        "stan_gap",
        subject(None, 4511, None, None, response_code=None, pan_masked=None, transaction_id=None),
        subject("SALE", 4510, "18:30:02", 4500, rrn="112118300211"),
        subject("SALE", 4513, "19:02:44", 8800, rrn="112119024477"),
        severity="P3",
        amount_at_risk_fen=0,
        evidence={"first_stan": 4511, "last_stan": 4512, "numbers_missing": 2},
        ruled_out=("management_messages", "number_wrap"),
        completeness={"missing": ["stan_gap"], "terminal_day": SEEN},
    )


def two_coffees() -> Finding:
    """A pair that is perhaps two purchases: to review only."""
    return finding(
        "dup_card_amount_window",
        subject("SALE", 4402, "09:15:40", 2800, rrn="112109154011"),
        subject("SALE", 4401, "09:12:05", 2800, rrn="112109120598"),
        severity="P2",
        certainty="POSSIBLE",
        evidence={"duplicate_score": 55},
    )


def numbered(findings: list[Finding]) -> dict[str, str]:
    """A case number for each finding, as the book gives them: one for each group about the same money."""
    cases = group(findings, NOW)
    return {each.finding_id: f"C-1121-{7 + i:04d}" for i, case in enumerate(cases) for each in case.findings}


def example() -> list[Finding]:
    """Everything of the example's day."""
    return [retry(), lost_reversal(), refund_too_high(), gap(), two_coffees()]


def shop_settings(**alerts: Any) -> Settings:
    """Zhang's kitchen, its acquirer in the register, two readers of two languages."""
    return Settings.model_validate(
        {
            "merchants": [{"id": SHOP, "name": "张记小馆", "acquirer": "某收单"}],
            "acquirers": [{"name": "某收单", "hotline": "400-000-0000", "verified_on": "2026-10-08"}],
            "issuers": [{"name": "工商银行", "name_en": "ICBC", "prefixes": ["622202"]}],
            "hotlines": [
                {"of": "regulator", "number": "12363", "verified_on": "2026-10-09"},
                {"of": "scheme", "number": "95516", "verified_on": "2026-10-08"},
            ],
            "alerts": {
                "sender": "tillwatch@example.com",
                "routes": [
                    {"merchants": ["*"], "to": ["finance@example.com"], "locale": "zh-CN"},
                    {"merchants": [SHOP], "to": ["owner@example.com"], "locale": "en"},
                ],
            }
            | alerts,
        }
    )


@pytest.fixture
def settings() -> Settings:
    """Settings with two readers."""
    return shop_settings()


@pytest.fixture
def make_finding() -> Callable[..., Finding]:
    """A maker of findings."""
    return finding


@pytest.fixture
def postbox() -> Postbox:
    """Keeps what it gets."""
    return Postbox()


@pytest.fixture
def port(postbox: Postbox) -> Iterator[int]:
    """Where the postbox answers."""
    with serving(postbox) as port:
        yield port
