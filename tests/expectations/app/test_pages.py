"""The pages as a browser gets them: what they show, to whom, and what no page does."""

import io
import re
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from fastapi.testclient import TestClient

from expectations.app.desk import app_words, make_desk, visitor_of
from expectations.app.login import safe_path
from expectations.app.people import ABOUT_OPERATORS, Grant, Visitor, grants_of
from expectations.app.server import create_app
from expectations.cases.book import case_book
from expectations.cases.database import database_of
from expectations.cases.record import CaseRecord
from expectations.cases.refusals import REFUSALS
from expectations.commands.evidence import evidence
from expectations.feedback.links import link_for
from expectations.feedback.record import Feedback, feedback_of
from expectations.mail.catalogue import LOCALES, Locale, texts
from expectations.mail.ledger import Ledger
from ingest.app_settings import Person
from ingest.settings import Settings
from ingest.tables import Lake
from tests.expectations.app.conftest import URL, csrf
from tests.expectations.app.scene import CASE, EARLIER, NOW, scene_at, with_app
from tests.expectations.evidence.evidenceshop import CARD, SHOP
from tests.expectations.mail.conftest import SHOP as OTHER_SHOP
from tests.expectations.mail.test_currencies import twice

pytestmark = pytest.mark.thorough

PATHS = (
    "/cases",
    f"/cases/{CASE}",
    f"/cases/{CASE}/pack.zip",
    f"/cases/{CASE}/complaint.txt",
    "/merchants",
    "/learned",
)


@pytest.mark.parametrize("path", PATHS)
def test_nothing_is_shown_without_a_log_in(stranger: TestClient, path: str):
    """Every page leads to the log-in, which leads back."""
    answer = stranger.get(path)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/login?next={path}")


@pytest.mark.parametrize("token", ["", "a" * 32, "x"])
def test_a_wrong_token_lets_nobody_in(stranger: TestClient, token: str):
    """401, and the pages stay closed."""
    answer = stranger.post("/login", data={"csrf": csrf(stranger), "token": token or " "})
    assert answer.status_code == 401
    assert stranger.get("/cases").status_code == 303


def test_a_log_in_ends_by_itself(settings: Settings):
    """After session_hours the cookie is worth nothing, however the browser keeps it."""
    clock = [NOW]
    with TestClient(create_app(settings, now=lambda: clock[0]), base_url=URL, follow_redirects=False) as client:
        client.post("/login", data={"csrf": csrf(client), "token": make_desk(settings).token})
        assert client.get("/cases").status_code == 200
        clock[0] = NOW.replace(day=22, hour=11)
        assert client.get("/cases").status_code == 303


def test_a_forged_cookie_lets_nobody_in(stranger: TestClient):
    """The session is signed: one made with another key is none."""
    import base64
    import json

    from itsdangerous import TimestampSigner

    body = base64.b64encode(json.dumps({"who": "owner", "since": NOW.timestamp()}).encode())
    stranger.cookies.set("tillwatch", TimestampSigner("guess").sign(body).decode())
    assert stranger.get("/cases").status_code == 303


def test_the_cookie_stays_with_the_browser(stranger: TestClient):
    """HttpOnly, Secure behind https, SameSite."""
    said = stranger.get("/login").headers["set-cookie"].lower()
    assert "httponly" in said
    assert "secure" in said
    assert "samesite=lax" in said


def test_every_answer_closes_what_browsers_leave_open(owner: TestClient):
    """No script, nothing from elsewhere, no frame, no cache, no address told to others, no search engine."""
    for path in ("/cases", f"/cases/{CASE}", "/nowhere", "/login"):
        headers = owner.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'none'; style-src 'self';")
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "script-src" not in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["x-content-type-options"] == "nosniff"
        assert "noindex" in headers["x-robots-tag"]


def test_only_who_is_named_may_frame_it(settings: Settings):
    """Airflow's origin, when the settings say so."""
    framed = with_app(settings, framed_by=["https://airflow.example.com"])
    with TestClient(create_app(framed, now=lambda: NOW), base_url=URL) as client:
        assert "frame-ancestors https://airflow.example.com" in client.get("/login").headers["content-security-policy"]


def test_another_host_is_refused(stranger: TestClient):
    """A page that has its name resolve to loopback gets nothing."""
    assert stranger.get("/login", headers={"host": "evil.example"}).status_code == 400


@pytest.mark.parametrize("wanted", ["https://evil.example", "//evil.example", "/\\evil.example", "evil", "", "/a\r\nb"])
def test_the_log_in_leads_nowhere_else(stranger: TestClient, settings: Settings, wanted: str):
    """Whatever the address asks for, one goes on to a page of ours."""
    assert safe_path(wanted) == "/cases"
    words = {"csrf": csrf(stranger), "token": make_desk(settings).token, "next": wanted or "//x"}
    assert stranger.post("/login", data=words).headers["location"] == "/cases"


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


def strange(client: TestClient, path: str, data: dict[str, str], **headers: str) -> int:
    """The status of a form that comes from somewhere else."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    status: int = client.post(path, data=data, headers=named).status_code
    return status


@pytest.mark.parametrize("path", [f"/cases/{CASE}/answer", f"/cases/{CASE}/close", "/learned/forget", "/logout"])
def test_another_sites_form_is_refused(owner: TestClient, settings: Settings, path: str):
    """Without the session's word, with another's, or from another origin: 403 and nothing changed."""
    before = case_book(settings).cases(review=True, whole=True)
    said = {"answer": "done", "text": "x", "merchant": SHOP, "amount_fen": "1"}
    word = csrf(owner, "/cases")
    assert strange(owner, path, said) == 403
    assert strange(owner, path, said | {"csrf": "guess"}) == 403
    assert strange(owner, path, said | {"csrf": word}, origin="https://evil.example") == 403
    assert strange(owner, path, said | {"csrf": word}, origin="null") == 403
    assert strange(owner, path, said | {"csrf": word}, sec_fetch_site="cross-site") == 403
    assert case_book(settings).cases(review=True, whole=True) == before
    assert owner.get("/cases").status_code == 200


def linked(settings: Settings, answer: str = "done", number: str = CASE) -> str:
    """The path of a mail's link."""
    address = link_for(number, answer, settings, now=NOW)
    assert address is not None
    return address.removeprefix(URL)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_following_a_link_changes_nothing(stranger: TestClient, settings: Settings, method: str):
    """A scanner that opens every link of a mail, a hundred times: the book is as it was."""
    before = case_book(settings).cases(review=True, whole=True)
    for _ in range(5):
        stranger.request(method, linked(settings), follow_redirects=True)
    assert case_book(settings).cases(review=True, whole=True) == before
    assert feedback_of(settings).answers() == []


def test_a_scanner_that_posts_changes_nothing(stranger: TestClient, settings: Settings):
    """A POST that did not come from the page itself carries no word of it."""
    assert stranger.post(linked(settings)).status_code == 403
    assert stranger.post(linked(settings), data={"csrf": "x"}).status_code == 403
    assert feedback_of(settings).answers() == []


@pytest.mark.parametrize("lang", ["zh-CN", "en"])
def test_a_link_shows_the_case_and_its_button_answers(stranger: TestClient, settings: Settings, lang: Locale):
    """No log-in: amount, deadline, what happened; then one button, and the answer is in the book."""
    path = linked(settings, "two-purchases")
    html = stranger.get(f"{path}?lang={lang}").text
    assert "¥128.00" in html
    assert "23:00" in html
    assert ("是两笔消费" if lang == "zh-CN" else "Two purchases") in html
    assert "622200" not in html
    done = stranger.post(path, data={"csrf": csrf(stranger, path)})
    assert done.status_code == 200
    assert app_words(lang)["link_done_two-purchases"] in done.text
    [given] = feedback_of(settings).answers()
    assert (given.number, given.answer, given.by) == (CASE, "two-purchases", "mail link")
    assert "csrf" not in stranger.get(path).text.partition("<main")[2]


def test_a_link_opens_one_case_and_nothing_else(stranger: TestClient, settings: Settings):
    """It logs nobody in."""
    stranger.get(linked(settings))
    for path in PATHS:
        assert stranger.get(path).status_code == 303


def test_a_forged_link_and_an_old_one(stranger: TestClient, settings: Settings):
    """404 in words for what was not signed here; 410 for what was, long ago; neither answers."""
    path = linked(settings)
    assert stranger.get(path[:-2] + ("AA" if path[-2:] != "AA" else "BB")).status_code == 404
    assert stranger.get("/a/x.y").status_code == 404
    later = NOW.replace(year=2027)
    with TestClient(create_app(settings, now=lambda: later), base_url=URL) as client:
        answer = client.get(path)
        assert answer.status_code == 410
        assert client.post(path, data={"csrf": csrf(client)}).status_code == 410
    assert feedback_of(settings).answers() == []


def test_the_pack_is_handed_out(owner: TestClient):
    """A ZIP by its name, and the letter as text."""
    answer = owner.get(f"/cases/{CASE}/pack.zip")
    assert answer.content[:2] == b"PK"
    assert answer.headers["content-disposition"] == f'attachment; filename="evidence-{CASE}.zip"'
    letter = owner.get(f"/cases/{CASE}/complaint.txt")
    assert "致：某收单" in letter.text
    assert letter.headers["content-type"].startswith("text/plain")


OPERATOR = "077"


@pytest.fixture(scope="module")
def operated(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The scene with an operator's number in both sales, read only."""
    return with_app(scene_at(tmp_path_factory.mktemp("operated"), operator=OPERATOR), url=URL)


def dossier_of(pack: bytes) -> str:
    """What a reader can copy out of a pack's PDF."""
    import pypdfium2

    document = pypdfium2.PdfDocument(zipfile.ZipFile(io.BytesIO(pack)).read("evidence.pdf"))
    return " ".join(page.get_textpage().get_text_range() for page in document)


@pytest.mark.parametrize(("role", "shown"), [("finance", False), ("operations", True)])
def test_finance_gets_no_operator_number(operated: Settings, role: Any, shown: bool):
    """Neither on the page nor in the pack's dossier: not as a field, not as bytes; operations get both."""
    app = create_app(operated, now=lambda: NOW)
    app.dependency_overrides[visitor_of] = lambda: Visitor("li", (Grant(role, (SHOP,)),))
    with TestClient(app, base_url=URL) as client:
        html = client.get(f"/cases/{CASE}?lang=en").text
        content = client.get(f"/cases/{CASE}/pack.zip?lang=en").content
    for text in (re.sub(r"<[^>]+>", " ", html), dossier_of(content)):
        said = " ".join(text.split())
        assert (f"Operator {OPERATOR} {OPERATOR}" in said) is shown
        assert (OPERATOR.encode().hex(" ") in said) is shown


def test_the_command_packs_operator_numbers(operated: Settings, tmp_path: Path):
    """Whoever runs it reads spool and lake anyway."""
    pack, config = tmp_path / "pack.zip", Path(operated.lake.uri).parent / "tillwatch.toml"
    words = ["make", CASE, "-o", str(pack), "--locale", "en", "--config", str(config)]
    assert CliRunner().invoke(evidence, words, catch_exceptions=False).exit_code == 0
    assert f"Operator {OPERATOR} {OPERATOR}" in " ".join(dossier_of(pack.read_bytes()).split())


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


def record(rule: str = "retry_after_unknown", merchant: str = SHOP, *, deadline: bool = True) -> CaseRecord:
    """A case as a role looks at it."""
    return CaseRecord(
        number=CASE, merchant_id=merchant, business_date=NOW.date(), state="new", stands=True, rule=rule, amount_fen=1,
        claimed_fen=0, recovered_fen=0, act_by=NOW if deadline else None, opened_at=NOW, changed_at=NOW,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("role", "seen"),
    [("finance", [True, True, False]), ("manager", [True, False, True]), ("operations", [True, True, True])],
)
def test_who_sees_which_cases(role: Any, seen: list[bool]):
    """A deadline today; a fee without one; an operator's habit. Another merchant's: nobody."""
    visitor = Visitor("li", (Grant(role, (SHOP,)),))
    rule = min(ABOUT_OPERATORS)
    cases = [record(), record("fee_rate_step_change", deadline=False), record(rule, deadline=False)]
    assert [visitor.sees(each) for each in cases] == seen
    assert not any(visitor.sees(replace(each, merchant_id=OTHER_SHOP)) for each in cases)
    rights = {right for right in ("claim", "close", "pack", "operators", "overview") if visitor.may(right, SHOP)}
    wanted = {"finance": {"claim", "close", "pack"}, "manager": {"operators"}}
    assert rights == wanted.get(role, {"claim", "close", "pack", "operators", "overview"})


def test_grants_add_up():
    """By address whatever its letters, or by group; nobody is granted anything by not being named."""
    people = [
        Person(who=["Li@Example.com"], role="finance", merchants=[SHOP]),
        Person(who=["shop-managers"], role="manager", merchants=[OTHER_SHOP]),
    ]
    both = grants_of("li@example.com", ["shop-managers"], people)
    assert [(each.role, each.merchants) for each in both] == [("finance", (SHOP,)), ("manager", (OTHER_SHOP,))]
    assert grants_of("wang@example.com", ["Shop-Managers"], people) == ()
    assert grants_of("", [""], people) == ()


def test_both_languages_say_the_same_things():
    """Every word of the pages is there in Chinese and in English."""
    zh, en = app_words("zh-CN"), app_words("en")
    assert zh.keys() == en.keys()
    for name in zh:
        assert set(re.findall(r"{(\w+)}", zh[name])) == set(re.findall(r"{(\w+)}", en[name]))
