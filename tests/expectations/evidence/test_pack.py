"""Evidence packs: what they hold, and what a reader can do with it."""

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

from expectations.cases.book import case_book
from expectations.cases.record import CaseRecord
from expectations.evidence.pack import make_pack
from expectations.evidence.verify import verify_pack
from ingest.cli import main
from ingest.settings import Settings, load_settings
from tests.expectations.evidence.evidenceshop import CARD, NOW, config_of, run, signed, text_of

pytestmark = pytest.mark.thorough


def test_the_licence_of_every_embedded_font_is_stated(shop: Settings, twice: CaseRecord, tmp_path: Path):
    """What the PDF embeds are subsets (six letters and a plus before the name); dossier and manifest state licences."""
    folder = make_pack(twice, shop, tmp_path / "folder", locale="zh-CN", now=NOW).path
    pdf = (folder / "evidence.pdf").read_bytes()
    embedded = set(re.findall(rb"/FontName /([^\s/]+)", pdf))
    assert {each.partition(b"+")[2].partition(b"-")[0] for each in embedded} == {
        b"BitstreamVeraSans",
        b"DroidSansFallback",
    }
    assert all(re.match(rb"[A-Z]{6}\+", each) for each in embedded)
    text = " ".join(text_of(pdf).split())
    assert (
        "内嵌字体（子集）：Droid Sans Fallback, Apache License 2.0, © 2006 Google Corporation; Bitstream Vera" in text
    )
    assert "Bitstream Vera License, © 2003 Bitstream" in text
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    assert [(each["name"], each["licence"]) for each in manifest["fonts"]] == [
        ("Droid Sans Fallback", "Apache License 2.0"),
        ("Bitstream Vera Sans", "Bitstream Vera License"),
    ]


@pytest.mark.parametrize("locale", ["zh-CN", "en"])
def test_chinese_can_be_copied_out_of_the_pdf(shop: Settings, twice: CaseRecord, tmp_path: Path, locale: Any):
    """Another program reads the claim, the shop, the parts in their order and the amount."""
    folder = make_pack(twice, shop, tmp_path / "folder", locale=locale, now=NOW).path
    text = text_of((folder / "evidence.pdf").read_bytes())
    titles = {
        "zh-CN": ["结论", "当事人与设备", "经过", "逐项对照", "原始字节", "签名图像", "收单机构对账记录", "已做的检验",
                  "数据完整性", "规则与依据", "校验值", "联系记录"],
        "en": ["Claim", "Who and where", "What happened", "Side by side", "Raw bytes", "Signature images",
               "The acquirer's lines", "Tests made", "Completeness", "Rules and basis", "Hashes", "Contact log"],
    }[locale]  # fmt: skip
    places = [text.index(f"{place}. {title}") for place, title in enumerate(titles, 1)]
    assert places == sorted(places)
    assert "张记小馆" in text
    assert "¥128.00" in text
    assert "622200******1239" in text


def test_no_card_number_and_no_filler_is_in_a_pack(shop: Settings, twice: CaseRecord, tmp_path: Path):
    """The card's hidden digits are nowhere; in the hex dump stars stand where they were."""
    folder = make_pack(twice, shop, tmp_path / "folder", locale="en", now=NOW).path
    text = text_of((folder / "evidence.pdf").read_bytes())
    for content in (text, *((folder / name).read_text("utf-8") for name in ("details.csv", "manifest.json"))):
        assert CARD not in content
    assert "62 22 00 ** ** ** 12 39" in text
    assert "62 22 00 ff" not in text


def test_the_table_opens_in_a_spreadsheet_and_runs_nothing(shop: Settings, twice: CaseRecord, tmp_path: Path):
    """UTF-8 with a byte order mark; no cell begins as a formula does."""
    folder = make_pack(twice, shop, tmp_path / "folder", locale="zh-CN", now=NOW).path
    data = (folder / "details.csv").read_bytes()
    assert data.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"))))
    assert len(rows) == 3
    assert rows[1][0] == "C-1121-0001"
    assert not any(cell[:1] in set("=+-@\t\r") for row in rows for cell in row if cell)


def test_the_complaint_names_shop_slips_and_money(shop: Settings, twice: CaseRecord, tmp_path: Path):
    """What the acquirer needs to look the transactions up."""
    folder = make_pack(twice, shop, tmp_path / "folder", locale="en", now=NOW).path
    text = (folder / "complaint.zh-CN.txt").read_text("utf-8")
    for said in ("某收单", "张记小馆", "C-1121-0001", "004518", "004519", "¥128.00", TERMINAL_SAID):
        assert said in text


TERMINAL_SAID = "终端号 10010001"


def test_a_pack_is_never_overwritten(
    shop: Settings, pack: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    """A taken name: one line, a hint, status 3, and the old pack as it was."""
    before = pack.read_bytes()
    words = ["evidence", "make", "C-1121-0001", "-o", str(pack), "--config", str(config_of(shop))]
    monkeypatch.setattr("sys.argv", ["tillwatch", *words])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 3
    assert "is there already" in capsys.readouterr().err
    assert pack.read_bytes() == before


def test_what_people_wrote_is_text_in_every_file(shop: Settings, twice: CaseRecord, tmp_path: Path):
    """A shop's name with markup and a remark that begins like a formula: shown as they are, run by nothing."""
    odd = "<b>&</b> =1+1 <para>"
    config = config_of(shop)
    config.write_text(config.read_text("utf-8").replace("张记小馆", odd), "utf-8")
    settings = load_settings(config)
    record = case_book(settings).note(twice.number, "=HYPERLINK(1) <font size=99>", "li")
    folder = make_pack(record, settings, tmp_path / "folder", locale="en", now=NOW).path
    text = " ".join(text_of((folder / "evidence.pdf").read_bytes()).split())
    assert odd in text
    assert "=HYPERLINK(1) <font size=99>" in text
    rows = list(csv.reader(io.StringIO((folder / "details.csv").read_text("utf-8-sig"))))
    assert not [cell for row in rows for cell in row if cell[:1] in {"=", "+", "@", "\t", "\r"}]
    assert odd in (folder / "complaint.zh-CN.txt").read_text("utf-8")


def test_a_large_pack_is_handed_over_by_a_link(
    shop: Settings, twice: CaseRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Over the limit the command names the page that hands it out; without a page it says to use some link."""
    monkeypatch.setattr("expectations.evidence.pack.MAIL_LIMIT", 1000)
    config = str(config_of(shop))
    plain = run("make", twice.number, "-o", str(tmp_path / "one.zip"), "--config", config)
    assert "hand it over by a link" in plain.stderr
    config_of(shop).write_text(config_of(shop).read_text("utf-8") + '[app]\nurl = "https://cases.example.com"\n')
    linked = run("make", twice.number, "-o", str(tmp_path / "two.zip"), "--config", config)
    assert f"https://cases.example.com/cases/{twice.number}/pack.zip" in linked.stderr


@pytest.mark.parametrize("locale", ["zh-CN", "en"])
def test_the_dossier_is_in_the_agreed_order_on_three_pages(
    shop: Settings, twice: CaseRecord, tmp_path: Path, locale: Any
):
    """Twelve numbered parts, each once, in order; at most three pages a case; the Chinese font is a subset."""
    import pypdfium2

    signed(shop)
    folder = make_pack(twice, shop, tmp_path / "folder", locale=locale, now=NOW).path
    pdf = (folder / "evidence.pdf").read_bytes()
    assert [int(each) for each in re.findall(r"^(\d+)\. ", text_of(pdf), re.MULTILINE)] == list(range(1, 13))
    document = pypdfium2.PdfDocument(pdf)
    assert len(document) <= 3
    assert re.search(rb"/BaseFont /[A-Z]{6}\+\w*Droid", pdf)
    assert len(pdf) < 400_000
    for page in document:
        picture = page.render(scale=0.5).to_pil().convert("L")
        ink = sum(picture.histogram()[:160]) / (picture.width * picture.height)
        assert 0.002 < ink < 0.5


@pytest.mark.parametrize(("locale", "mark"), [("zh-CN", "复制件"), ("en", "COPY")])
def test_a_signature_is_a_copy_and_says_so(shop: Settings, twice: CaseRecord, tmp_path: Path, locale: Any, mark: str):
    """The picture is in the PDF under the watermark, with its hash; ink and watermark can be seen on the page."""
    import pypdfium2

    signed(shop)
    folder = make_pack(twice, shop, tmp_path / "folder", locale=locale, now=NOW).path
    pdf = (folder / "evidence.pdf").read_bytes()
    text = text_of(pdf)
    assert text.count(mark) == 3
    assert "ab" * 32 in text
    document = pypdfium2.PdfDocument(pdf)
    images = [item for page in document for item in page.get_objects() if type(item).__name__ == "PdfImage"]
    assert len(images) == 1
    assert verify_pack(folder, shop).problems == ()
