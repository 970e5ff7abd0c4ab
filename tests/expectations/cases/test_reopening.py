"""What was over and then became certain: the case opens again, those who closed it hear of it, once."""

import dataclasses
import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest

from expectations.cases.book import CaseBook
from expectations.cases.database import Database, database_of
from expectations.feedback.answers import Answer
from expectations.feedback.record import Feedback
from expectations.findings import Finding
from expectations.mail.ledger import Ledger
from expectations.mail.send import send_alerts
from ingest.settings import Settings
from ingest.tables import Lake
from tests.expectations.mail.conftest import CUTOFF, DAY, NOW, SHOP, finding, subject
from tests.expectations.mail.postbox import Postbox, serving

PAIR = (subject("SALE", 2, "10:05:00", 500), subject("SALE", 1, "10:00:00", 500))
POSSIBLE = finding("dup_batch_upload", *PAIR, certainty="POSSIBLE", severity="P3", amount_at_risk_fen=500)
PROBABLE = dataclasses.replace(POSSIBLE, certainty="PROBABLE", severity="P1", act_by=CUTOFF)
PROVEN = dataclasses.replace(PROBABLE, certainty="PROVEN", evidence={"files": 2})


@pytest.fixture
def book(tmp_path: Path) -> CaseBook:
    """An empty book."""
    return CaseBook(Database(f"sqlite:///{tmp_path / 'cases.db'}"), now=lambda: NOW)


@pytest.mark.parametrize("before", [POSSIBLE, PROBABLE])
def test_a_closed_case_that_is_proven_opens_again(book: CaseBook, before: Finding):
    """Once: closed a second time it stays closed, even if the judgement wavers and comes back."""
    (number,) = book.open_cases([before]).opened
    book.close(number, "two orders", "li")
    book.open_cases([PROVEN])
    record = book.case(number)
    assert (record.state, record.stands, record.log[-1].kind) == ("new", True, "reopened")
    assert list(book.surer()) == [number]
    book.close(number, "paid in cash", "li")
    for each in (PROVEN, before, PROVEN):
        book.open_cases([each])
    assert book.case(number).state == "closed"
    assert book.surer() == {}


def test_what_is_back_stays_closed(book: CaseBook):
    """All of the money is back: that the charge is proven now changes nothing; half of it is not enough."""
    (number,) = book.open_cases([PROBABLE]).opened
    book.close(number, "refunded", "li", recovered_fen=500)
    book.open_cases([PROVEN])
    assert book.case(number).state == "closed"
    book.open_cases([dataclasses.replace(PROVEN, certainty="PROBABLE")])
    book.open_cases([dataclasses.replace(PROVEN, amount_at_risk_fen=1000)])
    assert (book.case(number).state, book.case(number).amount_fen) == ("new", 1000)


def test_what_only_became_probable_stays_closed(book: CaseBook):
    """A person's word weighs more than a better guess."""
    (number,) = book.open_cases([POSSIBLE]).opened
    book.close(number, "two orders", "li")
    book.open_cases([PROBABLE])
    assert book.case(number).state == "closed"


@pytest.fixture
def postbox() -> Postbox:
    """Keeps what it gets."""
    return Postbox()


@pytest.fixture
def settings(tmp_path: Path, postbox: Postbox) -> Iterator[Settings]:
    """A lake, a mail server, a reader of each language."""
    routes = [{"to": ["a@example.com"], "locale": "zh-CN"}, {"to": ["en@example.com"], "locale": "en"}]
    with serving(postbox) as port:
        yield Settings.model_validate(
            {
                "lake": {"uri": str(tmp_path / "lake")},
                "merchants": [{"id": SHOP, "name": "张记小馆"}],
                "alerts": {"smtp": f"smtp://127.0.0.1:{port}", "routes": routes, "evidence": "link"},
            }
        )


class Shop:
    """A shop whose check says this now, at a clock that is set."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self.lake, self.now, self.checks = settings, Lake(settings.lake.uri), NOW, 0
        self.book = CaseBook(database_of(settings), now=lambda: self.now)
        self.ledger = Ledger(self.lake, now=lambda: self.now)

    def check(self, found: Finding, minutes: int) -> None:
        """The findings of the day, in the place of those before, and their case."""
        self.now, self.checks = NOW + dt.timedelta(minutes=minutes), self.checks + 1
        days = {"business_date": [DAY]}
        self.lake.replace("findings", [found.as_row()], partitions=days, app_id="test", app_version=self.checks)
        self.book.open_cases([found])

    def send(self, minutes: int) -> list[tuple[str, str]]:
        """(kind, language) of what leaves."""
        self.now = NOW + dt.timedelta(minutes=minutes)
        sent = send_alerts(self.settings, self.now, ledger=self.ledger).outcomes
        return sorted((each.kind, each.locale) for each in sent if each.state == "sent")

    def answer(self, answer: Answer) -> None:
        """What a reader pressed."""
        number = self.book.cases(review=True)[0].number
        Feedback(database_of(self.settings), self.ledger, now=lambda: self.now).answer(number, answer, "li")


@pytest.mark.parametrize("answer", ["done", "two-purchases"])
def test_those_who_closed_it_hear_that_it_is_proven(settings: Settings, postbox: Postbox, answer: Answer):
    """The next day's file proves what was answered at night: one mail to each reader, in the thread of the first, with
    the next step; the answer stands no more. Answered again it is quiet, and is no more called to mind.
    """
    shop = Shop(settings)
    shop.check(PROBABLE, 0)
    assert shop.send(0) == [("P1", "en"), ("P1", "zh-CN")]
    shop.answer(answer)
    assert shop.send(20) == []
    shop.check(PROVEN, 12 * 60)
    assert shop.send(12 * 60) == [("reopened", "en"), ("reopened", "zh-CN")]
    chinese = next(mail for mail in postbox.mails[2:] if mail["Content-Language"] == "zh-CN")
    assert str(chinese["Subject"]).startswith("【需处理】案件 C-1121-0001 重新打开：已得到确认 ¥5.00")
    assert chinese["In-Reply-To"] == next(m for m in postbox.mails if m["Content-Language"] == "zh-CN")["Message-ID"]
    assert shop.send(12 * 60 + 30) == []
    (record,) = shop.book.cases(whole=True)
    assert record.state == "told"
    assert Feedback(database_of(settings), shop.ledger).standing(record.number) is None
    assert shop.send((3 * 24 + 12) * 60) == [("reminder", "en"), ("reminder", "zh-CN")]
    shop.answer("done")
    assert shop.send((7 * 24 + 12) * 60) == []


def test_who_never_heard_of_it_gets_its_first_mail(settings: Settings):
    """Told to nobody while it was POSSIBLE; closed on the page and proven next day, it is a new case to its readers."""
    shop = Shop(settings)
    shop.check(POSSIBLE, 0)
    assert shop.send(0) == []
    shop.answer("two-purchases")
    shop.check(PROVEN, 12 * 60)
    assert shop.send(12 * 60) == [("P1", "en"), ("P1", "zh-CN")]
    assert shop.send(12 * 60 + 30) == []
