"""The pages as a browser gets them: what they show, and what no page does."""

import re

import pytest
from fastapi.testclient import TestClient

from expectations.app.desk import app_words
from expectations.cases.book import case_book
from expectations.cases.database import database_of
from expectations.cases.refusals import REFUSALS
from expectations.feedback.record import Feedback
from expectations.mail.catalogue import LOCALES, Locale, texts
from expectations.mail.ledger import Ledger
from ingest.settings import Settings
from ingest.tables import Lake
from tests.expectations.app.conftest import csrf
from tests.expectations.app.scene import CASE, EARLIER
from tests.expectations.evidence.evidenceshop import CARD, SHOP
from tests.expectations.mail.conftest import SHOP as OTHER_SHOP
from tests.expectations.mail.test_currencies import twice


def test_the_list_has_the_deadline_first(owner: TestClient):
    """Today's two before the others, the larger first; what is only for review when asked for."""
    numbers = re.findall(r"/cases/(C-1121-\d+)", owner.get("/cases").text)
    assert len(numbers) == 5
    assert numbers[:2] == ["C-1121-0006", CASE]
    assert len(re.findall(r"/cases/(C-1121-\d+)", owner.get("/cases?show=all").text)) == 6
    of_one = re.findall(r"/cases/(C-1121-\d+)", owner.get(f"/cases?merchant={SHOP}").text)
    assert of_one == [CASE]


def test_a_finding_leads_to_its_case(owner: TestClient, settings: Settings):
    """The Data Docs know a finding only by its number; one that is in no case leads nowhere."""
    finding = case_book(settings).case(CASE).findings[0]
    there = owner.get(f"/findings/{finding.finding_id}", follow_redirects=False)
    assert (there.status_code, there.headers["location"]) == (303, f"/cases/{CASE}")
    assert owner.get(f"/findings/{'0' * 32}").status_code == 404


@pytest.mark.parametrize("lang", ["zh-CN", "en"])
def test_a_case_shows_everything_it_rests_on(owner: TestClient, lang: Locale):
    """Times, both sides, masked card, hex with its fields, signature, the acquirer's line, what was ruled out."""
    html = owner.get(f"/cases/{CASE}?lang={lang}").text
    assert f'<html lang="{lang}">' in html
    assert re.findall(r"<h2>(\d+)\.", html) == [str(place) for place in range(1, 13)]
    text = re.sub(r"<[^>]+>", "", html)
    for said in ("004518", "004519", "622200******1239", "** ** **", "2026-11-21-p"):
        assert said in text
    assert 'src="data:image/png;base64,' in html
    assert ("状态 已入账" if lang == "zh-CN" else "status settled") in text
    assert html.count('<pre class="hex">') == 4
    assert 'class="marked"' in html
    assert texts(lang).words["ruled_out"]["different_orders"] in text.lower()


def test_no_page_holds_a_card_number(owner: TestClient):
    """Not whole, not as the bytes of a frame, and a signed link's page not even the first six."""
    for path in ("/cases", f"/cases/{CASE}", "/merchants", "/learned"):
        html = re.sub(r"<[^>]+>| ", "", owner.get(path).text)
        assert CARD not in html
        assert CARD[:10] not in html


def test_a_name_with_html_is_a_name(owner: TestClient):
    """Shown as it is written, on every page that names the shop."""
    for path in ("/cases", "/cases/C-1121-0006", "/merchants"):
        html = owner.get(path).text
        assert "李氏茶楼 &lt;b&gt;&amp;&lt;/b&gt; 分店" in html
        assert "<b>" not in html


def test_what_people_write_is_text(owner: TestClient):
    """A remark with a script in it is a remark."""
    words = {"csrf": csrf(owner, "/cases"), "text": "<script>alert(1)</script>"}
    assert owner.post(f"/cases/{CASE}/note", data=words).status_code == 303
    html = owner.get(f"/cases/{CASE}").text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "<script" not in html


def test_a_case_is_followed_on_its_page(owner: TestClient, settings: Settings):
    """Answer, undo, note, contact, claim, close: each is in the book, by whom, and the page says so."""
    word = csrf(owner, "/cases")
    steps: list[tuple[str, dict[str, str]]] = [
        ("answer", {"answer": "confirmed"}),
        ("undo", {}),
        ("note", {"text": "called"}),
        ("claim", {"text": "form 12", "amount": "128"}),
        ("contact", {"contact": "acquirer, phone", "text": "in 3 days", "outcome": "promised", "amount": "128.00"}),
        ("close", {"text": "seen on the account", "amount": "128.00"}),
    ]
    for step, said in steps:
        answer = owner.post(f"/cases/{CASE}/{step}", data={"csrf": word} | said)
        assert answer.headers["location"] == f"/cases/{CASE}?said={step}"
    record = case_book(settings).case(CASE)
    assert (record.state, record.claimed_fen, record.recovered_fen) == ("closed", 12800, 12800)
    kinds = [(each.kind, each.by) for each in record.log[1:]]
    assert kinds == [(kind, "owner") for kind in
                     ("answered", "withdrawn", "note", "claimed", "promised", "recovered", "closed")]  # fmt: skip


REFUSED = {
    "undo": ({}, "没有可撤回的答复", "no answer stands"),
    "note": ({"text": f"卡号 {CARD}"}, "含有完整的卡号", "holds a whole card number"),
    "claim": ({"text": "form 12"}, "现在是“已结案”，不能再改为“已提出”", "is “closed” and cannot become “claimed”"),
}


@pytest.mark.parametrize("step", REFUSED)
def test_a_refused_step_is_told_in_the_readers_language(owner: TestClient, settings: Settings, step: str):
    """409, why, and what to do, in Chinese on a Chinese page and English on an English one; nothing is written."""
    said, chinese, english = REFUSED[step]
    word = csrf(owner, "/cases")
    if step == "claim":
        case_book(settings).close(CASE, "paid", "li")
    before = case_book(settings).case(CASE)
    for lang, wanted in (("zh-CN", chinese), ("en", english)):
        answer = owner.post(f"/cases/{CASE}/{step}?lang={lang}", data={"csrf": word} | said)
        assert answer.status_code == 409
        alert = re.search(r'<p role="alert">(.*?)</p>', answer.text, re.DOTALL)
        assert alert is not None
        assert wanted.casefold() in alert[1].casefold()
        assert lang == "en" or not re.search("[a-z]{3}", alert[1])
    assert case_book(settings).case(CASE) == before


@pytest.mark.parametrize("lang", LOCALES)
def test_every_refusal_has_words(lang: Locale):
    """Whatever a case refuses can be said in each language, with the values it names."""
    values = {name: "1" for said in REFUSALS.values() for name in re.findall(r"{(\w+)}", "".join(said))}
    for code in REFUSALS:
        assert app_words(lang)[f"refused_{code}"].format(**values)


def test_yen_is_not_shown_as_yuan(owner: TestClient, settings: Settings):
    """A case of yen beside those of yuan: its own sign and digits on the list, the overview, the case, the form."""
    (number,) = case_book(settings).open_cases([twice(4711, 3000, "392")]).opened
    listed, overview, case = (owner.get(path).text for path in ("/cases", "/merchants", f"/cases/{number}"))
    assert "JPY 3,000" in listed
    assert re.search(r"¥[\d,.]+ \+ JPY 3,000", listed)
    assert re.search(r"¥[\d,.]+ \+ JPY 3,000", overview)
    assert "¥30.00" not in listed + overview + case
    assert "金额（JPY）" in case
    word = csrf(owner, "/cases")
    assert owner.post(f"/cases/{number}/claim", data={"csrf": word, "amount": "2,500"}).status_code == 303
    assert case_book(settings).case(number).claimed_fen == 2500
    half = owner.post(f"/cases/{number}/close?lang=zh-CN", data={"csrf": word, "text": "x", "amount": "2500.50"})
    assert (half.status_code, "没有这样的小数" in half.text) == (409, True)


@pytest.mark.parametrize(
    ("step", "words", "status"),
    [
        ("answer", {"answer": "maybe"}, 400),
        ("answer", {}, 400),
        ("undo", {}, 409),
        ("note", {"text": " "}, 400),
        ("claim", {"amount": "=1+1"}, 400),
        ("claim", {"amount": "-5"}, 400),
        ("explode", {}, 404),
        ("note", {"text": f"card {CARD}"}, 409),
        ("contact", {"contact": f"holder of {CARD}", "text": "asks"}, 409),
        ("claim", {"text": f"card {CARD}"}, 409),
        ("close", {"text": f"card {CARD}", "amount": "128"}, 409),
    ],
)
def test_a_form_that_makes_no_sense_changes_nothing(
    owner: TestClient, settings: Settings, step: str, words: dict[str, str], status: int
):
    """A page in words, and the case as it was."""
    before = case_book(settings).case(CASE)
    answer = owner.post(f"/cases/{CASE}/{step}", data={"csrf": csrf(owner, "/cases")} | words)
    assert answer.status_code == status
    assert "<h1>" in answer.text
    assert case_book(settings).case(CASE) == before


@pytest.mark.parametrize("number", ["C-0101-0001", "..%2f..%2fetc%2fpasswd", "' OR 1=1 --", "%00"])
def test_a_case_that_there_is_not(owner: TestClient, number: str):
    """One page that says so, whatever was typed."""
    answer = owner.get(f"/cases/{number}")
    assert answer.status_code == 404
    assert "Traceback" not in answer.text


def test_the_pack_is_handed_out(owner: TestClient):
    """A ZIP by its name, and the letter as text."""
    answer = owner.get(f"/cases/{CASE}/pack.zip")
    assert answer.content[:2] == b"PK"
    assert answer.headers["content-disposition"] == f'attachment; filename="evidence-{CASE}.zip"'
    letter = owner.get(f"/cases/{CASE}/complaint.txt")
    assert "致：某收单" in letter.text
    assert letter.headers["content-type"].startswith("text/plain")


def test_what_was_learned_is_shown_and_taken_back(owner: TestClient, settings: Settings):
    """A price point with the cases that taught it; a button, and it is none."""
    from tests.expectations.feedback.test_record import coffees

    book, database = case_book(settings), database_of(settings)
    answers = Feedback(database, Ledger(Lake(settings.lake.uri)), now=lambda: EARLIER)
    for stan in (11, 21, 31):
        (number,) = book.open_cases([coffees(stan)]).opened
        answers.answer(number, "two-purchases", "li")
    html = owner.get("/learned").text
    assert "¥18.00" in html
    words = {"csrf": csrf(owner, "/cases"), "merchant": OTHER_SHOP, "amount_fen": "1800", "currency": "156"}
    assert owner.post("/learned/forget", data=words).status_code == 303
    assert answers.prices() == []


def test_both_languages_say_the_same_things():
    """Every word of the pages is there in Chinese and in English."""
    zh, en = app_words("zh-CN"), app_words("en")
    assert zh.keys() == en.keys()
    for name in zh:
        assert set(re.findall(r"{(\w+)}", zh[name])) == set(re.findall(r"{(\w+)}", en[name]))
