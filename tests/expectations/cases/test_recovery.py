"""Money that is back: what proves it, what does not, and the one mail that says so."""

import datetime as dt
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from expectations.cases.book import CaseBook, case_book
from expectations.cases.recovery import follow
from expectations.findings import Finding, Subject
from expectations.lifecycle import link
from expectations.lifecycle.table import store
from expectations.mail.ledger import Ledger
from expectations.mail.send import send_alerts
from ingest.settings import Settings
from ingest.tables import Lake
from tests.expectations.conftest import SHOP as CALENDAR
from tests.expectations.mail.postbox import Postbox, serving
from tests.expectations.shopdays import MERCHANT, ZONE, Row, Till, tables

pytestmark = pytest.mark.slow  # each links a lake of its own

FIRST, LAST = dt.date(2026, 11, 1), dt.date(2026, 12, 31)
EVENING = dt.datetime(2026, 11, 21, 21, 0, tzinfo=ZONE)
TWO = [
    {"merchants": ["*"], "to": ["a@example.com", "b@example.com"], "locale": "zh-CN"},
    {"merchants": ["*"], "to": ["en@example.com"], "locale": "en"},
]


@pytest.fixture
def postbox() -> Postbox:
    """Keeps what it gets."""
    return Postbox()


@pytest.fixture
def settings(tmp_path: Path, postbox: Postbox) -> Iterator[Settings]:
    """A lake of its own and a mail server."""
    with serving(postbox) as port:
        yield Settings.model_validate(
            {
                "lake": {"uri": str(tmp_path / "lake")},
                "merchants": [{"id": MERCHANT, "name": "张记小馆"}],
                "alerts": {"smtp": f"smtp://127.0.0.1:{port}", "routes": TWO},
            }
        )


def subject_of(row: Row) -> Subject:
    return Subject(**{name: row[name] for name in Subject.__slots__})


def accuse(rule: str, *rows: Row, risk: int | None = None) -> Finding:
    """A finding about these rows, the accused one first."""
    return Finding(
        finding_id=f"{rule}-{rows[0]['stan']}", rule=rule, severity="P1", certainty="PROVEN", merchant_id=MERCHANT,
        terminal_id="12345678", business_date=rows[0]["business_date"],
        amount_at_risk_fen=rows[0]["amount_fen"] if risk is None else risk, subjects=tuple(map(subject_of, rows)),
        evidence={}, ruled_out=(), completeness={"missing": []}, act_by=None, rules_version="2026.11.1",
        decoder_version="0.1.0",
    )  # fmt: skip


def learn(settings: Settings, till: Till, *findings: Finding) -> list[str]:
    """What a check does after the rules: keep the life cycles, open cases, look for money that is back."""
    lake = Lake(settings.lake.uri)
    linked = link(tables(till), CALENDAR, FIRST, LAST)
    try:
        store(lake, linked, FIRST, LAST)
    finally:
        linked.close()
    return follow(settings, lake, findings)


def book_of(settings: Settings) -> CaseBook:
    return case_book(settings)


def twice() -> tuple[Till, Row, Row]:
    """One card, one amount, twice in two minutes."""
    till = Till()
    return till, till.sale(36800), till.sale(36800)


@pytest.mark.parametrize("how", ["void", "refund", "reverse"])
@pytest.mark.parametrize("which", [0, 1])
def test_a_debit_taken_back_recovers_a_pair(settings: Settings, how: str, which: int):
    """Void, full refund or confirmed reversal of either of the two: all of it is back, and what shows it is named."""
    till, *pair = twice()
    assert learn(settings, till, accuse("dup_card_amount_window", pair[1], pair[0])) == []
    getattr(till, how)(pair[which])
    (number,) = learn(settings, till)
    record = book_of(settings).case(number)
    assert (record.state, record.recovered_fen) == ("recovered", 36800)
    assert record.log[-1].text.startswith({"void": "VOID", "refund": "REFUND", "reverse": "REVERSAL"}[how])


def test_what_was_tried_and_declined_recovers_nothing(settings: Settings):
    """A void that the host declined, a reversal that nobody answered: the case stays open."""
    till, first, second = twice()
    learn(settings, till, accuse("dup_card_amount_window", second, first))
    till.void(first, code="12")
    till.reverse(second, code=None)
    assert learn(settings, till) == []
    assert [each.state for each in book_of(settings).cases()] == ["new"]


def test_a_part_refund_is_noted_and_the_case_stays_open(settings: Settings):
    """A hundred of 368 yuan is back: counted, not closed; the rest closes it."""
    till, first, second = twice()
    learn(settings, till, accuse("dup_card_amount_window", second, first))
    till.refund(second, 10000)
    assert learn(settings, till) == []
    (record,) = book_of(settings).cases(whole=True)
    assert (record.state, record.recovered_fen) == ("new", 10000)
    till.refund(second, 26800)
    assert learn(settings, till) == [record.number]
    assert book_of(settings).case(record.number).recovered_fen == 36800


def test_looking_twice_notes_once(settings: Settings):
    """The same data again writes no further line."""
    till, first, second = twice()
    learn(settings, till, accuse("dup_card_amount_window", second, first))
    till.void(second)
    (number,) = learn(settings, till)
    before = book_of(settings).case(number)
    assert learn(settings, till) == []
    assert book_of(settings).case(number) == before


def test_what_a_finding_names_itself_proves_nothing(settings: Settings):
    """A refund too high is no recovery of its own sale; its own reversal is."""
    till = Till()
    sale = till.sale(19900)
    refund = till.refund(sale, 21900)
    assert learn(settings, till, accuse("refund_over_original", refund, sale, risk=2000)) == []
    assert learn(settings, till) == []
    till.reverse(refund)
    assert len(learn(settings, till)) == 1


def test_a_fee_at_stake_is_not_back_because_the_sale_was_refunded(settings: Settings):
    """Ten fen of a sale of 368 yuan are in doubt: a refund of the sale says nothing of them."""
    till = Till()
    sale = till.sale(36800)
    learn(settings, till, accuse("dup_same_atc", sale, risk=10))
    till.refund(sale)
    assert learn(settings, till) == []


def line(sale: Row, **said: Any) -> dict[str, Any]:
    """A statement's line about a sale."""
    values = {"line_id": "line-1", "statement_id": "file-1", "line_no": 1, "acquirer": "某收单",
              "merchant_id": MERCHANT, "rrn": sale["rrn"], "txn_type": "SALE",
              "status": "settled", "amount_fen": sale["amount_fen"],
              "currency": "156", "business_date": dt.date(2026, 11, 22)}  # fmt: skip
    return values | said


@pytest.mark.parametrize(
    ("said", "is_back"),
    [
        ({"status": "reversed"}, True),
        ({"txn_type": "REVERSAL"}, True),
        ({"txn_type": "REFUND", "rrn": "112299999999", "orig": True}, True),
        ({}, False),
        ({"txn_type": "REVERSAL", "status": "failed"}, False),
        ({"txn_type": "REFUND", "rrn": "112299999999", "orig": True, "status": "pending"}, False),
        ({"txn_type": "REVERSAL", "merchant_id": "898320548160002"}, False),
        ({"txn_type": "REVERSAL", "rrn": "112299999999"}, False),
    ],
)
def test_a_statement_line_that_takes_the_money_back(settings: Settings, said: dict[str, Any], is_back: bool):
    """Reversed, or refunded under another number that names it; not settled, failed, pending, or somebody else's."""
    till, first, second = twice()
    learn(settings, till, accuse("dup_card_amount_window", second, first))
    told = {name: value for name, value in said.items() if name != "orig"}
    told |= {"orig_ref": second["rrn"]} if said.get("orig") else {}
    Lake(settings.lake.uri).append("statement_lines", [line(second, **told)], app_id="file-1")
    assert bool(learn(settings, till)) == is_back


def told_and_back(settings: Settings, postbox: Postbox) -> str:
    """A case of which both languages' readers were told, and whose money then came back; its number."""
    till, first, second = twice()
    found = accuse("dup_card_amount_window", second, first)
    Lake(settings.lake.uri).append("findings", [found.as_row()], app_id="found")
    learn(settings, till, found)
    assert len(send_alerts(settings, EVENING).sent) == 2
    postbox.mails.clear()
    till.void(second)
    (number,) = learn(settings, till)
    return number


def test_the_closing_mail_is_sent_once_to_everybody_who_was_told(settings: Settings, postbox: Postbox):
    """One mail a language: the number, the money, what shows it; then the case is closed and nothing leaves again."""
    number = told_and_back(settings, postbox)
    later = EVENING + dt.timedelta(hours=1)
    assert [each.state for each in send_alerts(settings, later).outcomes] == ["sent", "sent"]
    subjects = sorted(str(mail["Subject"]) for mail in postbox.mails)
    assert subjects[0].startswith(f"[Resolved] {number} ¥368.00 is back | 张记小馆 | terminal ")
    assert subjects[1].startswith(f"【已解决】{number} ¥368.00 已退回 | 张记小馆 | 终端记录 ")
    assert all("In-Reply-To" in mail for mail in postbox.mails)
    body = next(m for m in postbox.mails if m["Content-Language"] == "zh-CN").get_body(("plain",))
    assert body is not None
    text = body.get_content()
    assert "不用再处理" in text
    assert re.search(r"\d+月合计已追回 ¥368.00（1 起）", text)  # the month in which the test runs
    assert book_of(settings).case(number).state == "closed"
    assert send_alerts(settings, later + dt.timedelta(days=1)).outcomes == ()
    assert len(postbox.mails) == 2


def test_a_closing_mail_lost_before_it_was_noted_keeps_its_message_id(
    settings: Settings, postbox: Postbox, monkeypatch: pytest.MonkeyPatch
):
    """The sender dies between the server's yes and the note: the mail comes again under the same id, the case waits."""
    number = told_and_back(settings, postbox)

    note = Ledger.note

    def dies(ledger: Ledger, mail: Any, subject: str, message_id: str, outcome: Any) -> None:
        if outcome[0][1] != "handing":
            raise KeyboardInterrupt
        note(ledger, mail, subject, message_id, outcome)

    with monkeypatch.context() as broken:
        broken.setattr(Ledger, "note", dies)
        with pytest.raises(KeyboardInterrupt):
            send_alerts(settings, EVENING)
    assert book_of(settings).case(number).state == "recovered"
    send_alerts(settings, EVENING)
    ids = [str(mail["Message-ID"]) for mail in postbox.mails]
    assert ids.count(ids[0]) == 2
    assert len(set(ids)) == 2
    assert book_of(settings).case(number).state == "closed"


def test_who_was_never_told_gets_no_closing_mail(settings: Settings, postbox: Postbox):
    """Back before anybody heard of it: closed without a word."""
    till, first, second = twice()
    learn(settings, till, accuse("dup_card_amount_window", second, first))
    till.void(second)
    (number,) = learn(settings, till)
    assert send_alerts(settings, EVENING).outcomes == ()
    assert postbox.mails == []
    assert book_of(settings).case(number).state == "closed"
