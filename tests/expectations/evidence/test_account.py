"""What a dossier says of its grounds: the titles a matter is brought under, and the fields in which debits differ."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from expectations.cases.record import CaseRecord
from expectations.evidence.account import Account
from expectations.evidence.dossier import TINTS, dossiers_pdf
from expectations.evidence.gather import gather
from expectations.evidence.pack import complaint_text
from expectations.evidence.parts import Grid, Text
from expectations.mail.catalogue import Locale, texts
from expectations.mail.figures import Figures
from ingest.settings import Settings

NOW = dt.datetime.fromisoformat("2026-11-21T22:10:00+08:00")
TITLES: dict[tuple[str, Locale], tuple[str, ...]] = {
    ("money", "zh-CN"): (
        "《银行卡收单业务管理办法》（中国人民银行公告〔2013〕第9号）", "《银联卡业务运作规章》", "双方收单协议",
        "只列名称", "由法务确认",
    ),
    ("money", "en"): (
        "Measures for the Administration of Bank Card Acquiring Business 《银行卡收单业务管理办法》",
        "Announcement [2013] No. 9", "UnionPay Card Operating Regulations 《银联卡业务运作规章》",
        "the acquiring contract", "Titles only", "Have a lawyer confirm",
    ),
    ("fees", "zh-CN"): (
        "《国家发展改革委 中国人民银行关于完善银行卡刷卡手续费定价机制的通知》（发改价格〔2016〕557号）",
        "《非银行支付机构监督管理条例》（国务院令第768号）", "双方收单协议", "只列名称",
    ),
    ("fees", "en"): (
        "Notice on Improving the Pricing Mechanism of Bank Card Fees", "NDRC Price [2016] No. 557",
        "Regulations on the Supervision of Non-bank Payment Institutions 《非银行支付机构监督管理条例》",
        "State Council Decree No. 768", "the acquiring contract", "Titles only",
    ),
}  # fmt: skip
"""What each matter is usually brought under, as its issuer writes the title (gov.cn, pbc.gov.cn)."""


def told(record: CaseRecord, settings: Settings, locale: Locale = "zh-CN") -> Account:
    """The account of a case."""
    return Account(gather(record, settings), Figures(texts(locale), settings.zone, NOW), settings, NOW, "1.0")


@pytest.mark.parametrize(("group", "locale"), TITLES)
def test_the_basis_is_named_by_its_exact_titles(shop: Settings, twice: CaseRecord, group: str, locale: Locale):
    """A debit by the rules of card business, a fee by those of prices; and that a lawyer must look."""
    rule = "fee_rate_step_change" if group == "fees" else twice.rule
    about = replace(twice, rule=rule, findings=tuple(replace(each, rule=rule) for each in twice.findings))
    (basis,) = [each for each in told(about, shop, locale).parts() if each.key == "basis"]
    said = "\n".join(each.text for each in basis.blocks if isinstance(each, Text))
    assert [title for title in TITLES[group, locale] if title not in said] == []
    other = TITLES["money" if group == "fees" else "fees", locale][0]
    assert other not in said
    assert f"{rule}" in said


@pytest.mark.parametrize(
    ("locale", "differ"),
    [("zh-CN", {"时间", "凭证号", "参考号"}), ("en", {"Time", "Slip no. (STAN)", "Reference no. (RRN)"})],
)
def test_the_dossier_marks_the_fields_in_which_two_debits_differ(
    shop: Settings, twice: CaseRecord, locale: Locale, differ: set[str]
):
    """The rows of the two sales that are not alike have their ground in the PDF; the others have none."""
    account = replace(told(twice, shop, locale), most_frames=0)
    (part,) = [each for each in account.parts() if each.key == "fields"]
    (grid,) = [each for each in part.blocks if isinstance(each, Grid)]
    names = {row[0] for row in grid.rows[1:]}
    assert {grid.rows[place][0] for place in grid.marked} == differ
    assert set(_tinted(dossiers_pdf([(account, ())]), names)) == differ


@pytest.mark.parametrize(("locale", "none"), [("zh-CN", "没有收到"), ("en", "none seen")])
def test_an_answer_that_did_not_come_is_not_called_unrecorded(
    shop: Settings, twice: CaseRecord, locale: Locale, none: str
):
    """A request that was recorded and got no answer: of answer and reference number that is said, in the letter too."""
    lead = twice.findings[0]
    first, second = lead.subjects
    alone = replace(first, response_code=None, rrn=None, requested_at=first.requested_at or first.event_at)
    account = told(replace(twice, findings=(replace(lead, subjects=(alone, second)),)), shop, locale)
    (fields,) = [each for each in account.parts() if each.key == "fields"]
    (grid,) = [each for each in fields.blocks if isinstance(each, Grid)]
    rows = {row[0]: row[1:] for row in grid.rows}
    names = {"zh-CN": ("参考号", "应答码"), "en": ("Reference no. (RRN)", "Response")}[locale]
    assert [rows[name][0] for name in names] == [none, none]
    assert rows[names[1]][1] == "00"
    assert "参考号 没有收到  应答 没有收到" in complaint_text(account)

    unseen = replace(alone, requested_at=None)
    account = told(replace(twice, findings=(replace(lead, subjects=(unseen, second)),)), shop, locale)
    assert "参考号 未采集到  应答 未采集到" in complaint_text(account)


def _tinted(pdf: bytes, names: set[str]) -> Iterator[str]:
    """The names beside which the ground is that of a difference."""
    import pypdfium2

    scale, ground = 2, tuple(bytes.fromhex(TINTS[0][1:]))
    for page in pypdfium2.PdfDocument(pdf):
        picture: Any = page.render(scale=scale).to_pil().convert("RGB")
        text = page.get_textpage()
        for name in names:
            search = text.search(name, match_whole_word=False)
            while found := search.get_next():
                _, low, _, high = text.get_charbox(found[0])
                line = round((page.get_height() - (low + high) / 2) * scale)
                dots = [picture.getpixel((x, line)) for x in range(picture.width // 4, picture.width, 3)]
                if sum(dot == ground for dot in dots) > len(dots) / 4:
                    yield name
