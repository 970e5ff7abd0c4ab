"""What a dossier says of a deposit: what was signed, what is shown now, when it was met, takings by month."""

import datetime as dt
import json
from pathlib import Path

import pypdfium2
import pytest

from expectations.cases.book import case_book
from expectations.evidence.account import Account
from expectations.evidence.gather import gather
from expectations.evidence.pack import pack_files
from expectations.evidence.parts import Grid
from expectations.findings import Finding
from expectations.lifecycle import link
from expectations.lifecycle.table import store
from expectations.mail.catalogue import Locale, texts
from expectations.mail.figures import Figures
from ingest.settings import Settings
from ingest.tables import Lake
from tests.expectations.conftest import SHOP as CALENDAR
from tests.expectations.mail.conftest import finding
from tests.expectations.shopdays import MERCHANT, ZONE, Till, tables

NOW = dt.datetime(2026, 11, 20, 9, 0, tzinfo=ZONE)
SIGNED = "5e" * 32
SHOWN = "e1cb4d8019ab339e779fcede0253d9d685f7069b1432ab2ed9456d40ccc7c258"
"""``printf '满百万退还' | sha256sum``."""


def reminder() -> Finding:
    """The deposit's terms were met on the 19th."""
    evidence = {"signed_on": "2026-10-05", "met_on": "2026-11-19", "signed_sha256": SIGNED, "shown_sha256": SHOWN}
    return finding(
        "deposit_condition_met", merchant_id=MERCHANT, business_date=dt.date(2026, 11, 19), severity="P4",
        amount_at_risk_fen=29_900, evidence=evidence, ruled_out=(), completeness={"missing": []},
    )  # fmt: skip


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A shop that took 300 yuan before the deposit was signed, 300 in October since and 700 in November."""
    deposit = {
        "merchant": MERCHANT, "amount_fen": 29_900, "signed_on": "2026-10-05", "volume_fen": 100_000,
        "signed_sha256": SIGNED, "terms": "满百万退还",
    }  # fmt: skip
    told = Settings.model_validate(
        {
            "lake": {"uri": str(tmp_path / "lake")},
            "merchants": [{"id": MERCHANT, "name": "张记小馆"}],
            "deposits": [deposit],
        }
    )
    till = Till(signed_in=False)
    for day, fen in (("10-02", 30_000), ("10-21", 30_000), ("11-18", 40_000), ("11-19", 30_000)):
        till.at(f"2026-{day} 10:00:00").sale(fen)
    rows, lake = tables(till), Lake(told.lake.uri)
    lake.append("transactions", rows["transactions"].to_pylist(), app_id="test")
    linked = link(rows, CALENDAR, dt.date(2026, 10, 1), dt.date(2026, 11, 30))
    try:
        store(lake, linked, dt.date(2026, 10, 1), dt.date(2026, 11, 30))
    finally:
        linked.close()
    return told


@pytest.mark.parametrize(
    ("locale", "condition", "met", "used"),
    [
        (
            *("zh-CN", "交易额满 ¥1,000.00", "2026年11月19日"),
            "系统记录：2026-10 至 2026-11 有 2 个月有交易，消费共 3 笔",
        ),
        (
            *("en", "takings of ¥1,000.00", "19 Nov 2026"),
            "recorded: sales in 2 months, 2026-10 to 2026-11; 3 in all",
        ),
    ],
)
def test_the_basis_is_the_agreement_with_its_hashes_and_takings(
    settings: Settings, locale: Locale, condition: str, met: str, used: str
):
    """Both hashes whole, the condition, the day, the use, and each month's takings with what they came to."""
    book = case_book(settings)
    book.open_cases([reminder()])
    figures = Figures(texts(locale), settings.zone, NOW)
    account = Account(gather(book.case("C-1119-0001"), settings), figures, settings, NOW, "1.0")
    (basis,) = [each for each in account.parts() if each.key == "basis"]
    terms, takings = [each for each in basis.blocks if isinstance(each, Grid)]
    said = [value for _, value in terms.rows]
    assert [each for each in ("¥299.00", condition, met, used, SIGNED, SHOWN) if each not in said] == []
    assert [row[1:] for row in takings.rows[1:]] == [("1", "¥300.00", "¥300.00"), ("2", "¥700.00", "¥1,000.00")]
    assert [row[0] for row in takings.rows[1:]] == ["2026-10", "2026-11"]


@pytest.mark.parametrize(
    ("locale", "days", "term"),
    [
        ("zh-CN", 7, "7 个工作日，最后一日为2026年12月1日"),
        ("en", 7, "7 working days, the last of them 1 Dec 2026"),
        ("zh-CN", 30, "30 个工作日；节假日日历只到2026年12月31日，最后一日尚无法推算"),
        (
            *("en", 30),
            "30 working days; which day is the last is not known: the calendar of public holidays ends on 31 Dec 2026",
        ),
    ],
)
def test_a_term_says_its_last_day_or_that_the_calendar_ends_before_it(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, locale: Locale, days: int, term: str
):
    """Applied for on Friday, 20 November: the seventh working day is Tuesday; until New Year there are 29."""
    for place in ("calendar", "evidence.agreement"):
        monkeypatch.setattr(f"expectations.{place}.known_until", lambda: dt.date(2026, 12, 31))
    applied = settings.deposits[0].model_copy(update={"applied_on": dt.date(2026, 11, 20), "working_days": days})
    settings = settings.model_copy(update={"deposits": [applied]})
    book = case_book(settings)
    book.open_cases([reminder()])
    figures = Figures(texts(locale), settings.zone, NOW)
    account = Account(gather(book.case("C-1119-0001"), settings), figures, settings, NOW, "1.0")
    (basis,) = [each for each in account.parts() if each.key == "basis"]

    assert term in [value for block in basis.blocks if isinstance(block, Grid) for _, value, *_ in block.rows]


def test_the_pack_proves_the_agreement(settings: Settings):
    """The hashes stand in the PDF's text and, sealed, in the manifest's findings."""
    book = case_book(settings)
    book.open_cases([reminder()])
    files = pack_files(gather(book.case("C-1119-0001"), settings), settings, locale="zh-CN", now=NOW)
    text = "".join(page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(files["evidence.pdf"]))
    whole = "".join(text.split())
    assert [each for each in (SIGNED, SHOWN, "2026-10", "¥1,000.00") if each not in whole] == []
    (told,) = json.loads(files["manifest.json"])["findings"]
    assert (told["evidence"]["signed_sha256"], told["evidence"]["shown_sha256"]) == (SIGNED, SHOWN)
