"""What is not told, or not yet: closed, over, found no more, or waiting for a file or the end of the night."""

import datetime as dt
from pathlib import Path

import pytest

from expectations.cases.book import CaseBook
from expectations.cases.database import database_of
from expectations.findings import Finding
from expectations.mail.ledger import Ledger
from expectations.mail.send import send_alerts
from ingest.settings import Merchant, Settings, StatementFolder
from ingest.tables import Lake
from tests.expectations.mail.conftest import (
    DAY,
    NOW,
    SHOP,
    finding,
    lost_reversal,
    refund_too_high,
    retry,
    subject,
)
from tests.expectations.mail.postbox import Postbox
from tests.expectations.mail.sendingshop import OTHER_SHOP, TWO, send, settings_for, store


def test_a_finding_that_a_person_closed_is_not_told(tmp_path: Path, postbox: Postbox, port: int):
    """The last label counts: closed is silent, taken back to confirmed is told."""
    settings = settings_for(tmp_path, port)
    store(settings, retry())
    ledger = Ledger(Lake(settings.lake.uri))
    ledger.acknowledge(retry().finding_id, "two-purchases", "li")
    assert send(settings).outcomes == ()
    ledger.acknowledge(retry().finding_id, "confirmed", "li")
    assert len(send(settings).outcomes) == 1
    assert len(postbox.mails) == 1


@pytest.mark.parametrize("state", ["recovered", "rejected", "closed"])
def test_a_case_that_was_over_before_its_mail_left_is_told_only_when_it_opens_again(
    tmp_path: Path, postbox: Postbox, port: int, state: str
):
    """The book is asked, not only what people answered; a finding that joins it later is told."""
    settings = settings_for(tmp_path, port)
    store(settings, retry())
    book = CaseBook(database_of(settings), now=lambda: NOW)
    (number,) = book.open_cases([retry()]).opened
    if state == "recovered":
        assert book.recover(number, 36800, "voided", "void")
    elif state == "rejected":
        book.contact(number, "acquirer", "no", "li", state="rejected")
    else:
        book.close(number, "done", "li")
    assert send(settings).outcomes == ()
    store(settings, lost_reversal())
    (sent,) = send(settings, 5).outcomes
    assert (sent.kind, sent.state) == ("P1", "sent")
    assert lost_reversal().finding_id in sent.finding_ids
    assert len(postbox.mails) == 1


def test_money_that_is_back_at_night_is_told_when_quiet_hours_end(tmp_path: Path, postbox: Postbox, port: int):
    """Back at 02:00: nothing at 02:00 and 07:29, the closing mail at 07:30, and once."""
    settings = settings_for(tmp_path, port)
    store(settings, retry())
    assert [each.kind for each in send(settings).outcomes] == ["P1"]
    night = NOW.replace(hour=2, minute=0) + dt.timedelta(days=1)
    book = CaseBook(database_of(settings), now=lambda: night)
    (number,) = book.numbers([retry().finding_id]).values()
    assert book.recover(number, 36800, "voided", "void")

    def at(hour: int, minute: int) -> list[str]:
        return [each.kind for each in send_alerts(settings, night.replace(hour=hour, minute=minute)).outcomes]

    assert [at(2, 0), at(7, 29), at(7, 30), at(7, 35)] == [[], [], ["closing"], []]
    assert len(postbox.mails) == 2


def forget(settings: Settings, *kept: Finding) -> None:
    """A later check finds only these on the example's day."""
    lake = Lake(settings.lake.uri)
    rows, version = [each.as_row() for each in kept], lake.version("findings") or 0
    assert lake.replace("findings", rows, partitions={"business_date": [DAY]}, app_id="forget", app_version=version)


def test_an_open_case_that_no_check_finds_any_more_is_called_to_mind_and_escalated(
    tmp_path: Path, postbox: Postbox, port: int
):
    """Told, then gone from the tables: reminders on day 3 and 7, the manager on day 16; closed, it is silent."""
    routes = [*TWO, {"to": ["manager@example.com"], "role": "manager", "locale": "zh-CN", "merchants": ["*"]}]
    settings = settings_for(tmp_path, port, TWO)
    store(settings, retry(), refund_too_high())
    assert [each.kind for each in send(settings).outcomes] == ["P1"]
    forget(settings, refund_too_high())
    (number,) = CaseBook(database_of(settings)).numbers([retry().finding_id]).values()

    def on(day: int, named: Settings = settings) -> list[tuple[str, bool]]:
        moment = dt.datetime.combine(DAY + dt.timedelta(days=day), dt.time(9, 30), NOW.tzinfo)
        return [
            (each.kind, any(number in name for name in each.finding_ids))
            for each in send_alerts(named, moment).outcomes
        ]

    assert on(3) == [("reminder", True)]
    text = postbox.mails[-1].get_body(("plain",))
    assert text is not None
    assert number in text.get_content()
    forget(settings)
    assert on(7) == [("reminder", True)]
    managed = settings_for(tmp_path, port, routes)
    assert ("escalation", True) in on(16, managed)
    CaseBook(database_of(settings)).close(number, "done", "li")
    assert on(17, managed) == []


def test_what_no_check_finds_any_more_is_told_to_nobody_for_the_first_time(tmp_path: Path, postbox: Postbox, port: int):
    """Gone before its mail left, or told to one reader and gone before another came: no first mail of it."""
    settings = settings_for(tmp_path, port)
    store(settings, retry())
    CaseBook(database_of(settings), now=lambda: NOW).open_cases([retry(), lost_reversal()])
    forget(settings)
    assert send(settings).outcomes == ()
    store(settings, retry())
    assert [each.state for each in send(settings, 5).outcomes] == ["sent"]
    forget(settings)
    late = settings_for(tmp_path, port, [*TWO, {"merchants": ["*"], "to": ["late@example.com"], "locale": "zh-CN"}])
    assert send(late, 20).outcomes == ()
    assert len(postbox.mails) == 1


def test_a_digest_waits_for_its_own_acquirers_file_and_for_no_other(tmp_path: Path, port: int):
    """Yesterday's file of one acquirer is there: its shop hears at 09:30, the other acquirer's at 11:00."""
    shops = [(SHOP, "行一"), (OTHER_SHOP, "行二")]
    settings = settings_for(tmp_path, port).model_copy(
        update={
            "merchants": [Merchant(id=shop, name=shop, acquirer=acquirer) for shop, acquirer in shops],
            "statements": [StatementFolder(acquirer=name, folder=tmp_path / name) for _, name in shops],
        }
    )
    one = subject("SALE", 1, "10:00:00", 100)
    store(settings, *(finding("dup_same_atc", one, merchant_id=shop, severity="P3") for shop in (SHOP, OTHER_SHOP)))
    file = {"statement_id": "f", "acquirer": "行一", "kind": "trades", "layout": "own", "file_name": "f", "lines": 1,
            "first_date": DAY, "last_date": DAY, "imported_at": NOW}  # fmt: skip
    Lake(settings.lake.uri).append("statements", [file], app_id="file")
    assert send(settings).outcomes == ()
    until_morning = 12 * 60 + 12
    assert [each.merchant_id for each in send(settings, until_morning).outcomes] == [SHOP]
    assert [each.merchant_id for each in send(settings, until_morning + 89).outcomes] == []
    assert [each.merchant_id for each in send(settings, until_morning + 90).outcomes] == [OTHER_SHOP]
