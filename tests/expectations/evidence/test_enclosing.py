"""Evidence along with a mail: attached and provable, small enough for a mailbox, never a reason for a mail to wait."""

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import replace
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest

from expectations.cases.book import case_book
from expectations.cases.record import CaseRecord
from expectations.evidence.enclosing import MOST_PAGES, Enclosing
from expectations.evidence.pack import make_pack
from expectations.evidence.verify import verify_pack
from expectations.findings import Finding
from expectations.mail.decide import Alert, Known, decide
from expectations.mail.enclosed import MAIL_LIMIT, Enclosed
from expectations.mail.html import LARGEST
from expectations.mail.message import POLICY, build_message
from expectations.mail.send import send_alerts
from ingest.alerting import Route
from ingest.errors import EvidenceError
from ingest.settings import Settings
from ingest.tables import Lake
from tests.expectations.evidence.evidenceshop import (
    CARD,
    charged_twice,
    exchange,
    record,
    shop_at,
    sign_in,
    text_of,
)
from tests.expectations.mail.postbox import Postbox, serving

pytestmark = pytest.mark.thorough

NOW = dt.datetime.fromisoformat("2026-11-21T12:30:00+08:00")
NAMES = {
    "zh-CN": ["证据包.pdf", "明细.csv", "投诉文本.txt", "manifest.json"],
    "en": ["evidence.pdf", "details.csv", "complaint.txt", "manifest.json"],
}


def alert_about(settings: Settings, findings: Sequence[Finding], locale: Any = "zh-CN") -> Alert:
    """The one mail about these findings, their cases numbered by the book."""
    book = case_book(settings)
    book.open_cases(findings)
    numbers = book.numbers([each.finding_id for each in findings])
    routes = [Route(to=["finance@example.com"], locale=locale)]
    (alert,) = decide(findings, routes, NOW, Known(numbers=numbers)).alerts
    return alert


def received(message: EmailMessage) -> EmailMessage:
    """What a mailbox gets."""
    parsed = message_from_bytes(message.as_bytes(policy=POLICY), policy=default)
    assert isinstance(parsed, EmailMessage)
    return parsed


def attached(message: EmailMessage) -> dict[str, bytes]:
    """The attachments by name."""
    parts = received(message).iter_attachments()
    return {str(part.get_filename()): part.get_payload(decode=True) for part in parts}  # type: ignore[misc]


def text_part(message: EmailMessage) -> str:
    """The mail's text."""
    part = received(message).get_body(("plain",))
    assert part is not None
    return str(part.get_content())


@pytest.mark.parametrize("locale", NAMES)
def test_the_attachments_are_a_pack_that_can_be_proven(shop: Settings, twice: CaseRecord, tmp_path: Path, locale: Any):
    """Dossier, table, complaint, manifest; saved into a folder they are proven against the spool, and no byte of any
    of them changes unseen. The dossier and the complaint are those of the case's own pack.
    """
    alert = alert_about(shop, twice.findings, locale)
    message = build_message(alert, shop, enclosed=Enclosing(shop).of(alert))
    files = attached(message)
    assert list(files) == NAMES[locale]
    assert [name in text_part(message) for name in files] == [True] * 4
    folder = tmp_path / "saved"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    proven = verify_pack(folder, shop)
    assert (proven.case, proven.problems) == (twice.number, ())
    assert (proven.files, proven.ranges, proven.in_spool, proven.rows) == (4, 4, 4, 6)
    pdf, complaint = (files[NAMES[locale][place]] for place in (0, 2))
    own = make_pack(case_book(shop).case(twice.number), shop, tmp_path / "own", locale=locale, now=NOW).path
    assert text_of(pdf) == text_of((own / "evidence.pdf").read_bytes())
    assert complaint == (own / "complaint.zh-CN.txt").read_bytes()
    assert CARD not in text_of(pdf) + complaint.decode()
    for name in files:
        data = bytearray(files[name])
        data[len(data) // 2] ^= 1
        (folder / name).write_bytes(data)
        assert any(name in problem or "manifest" in problem for problem in problems_of(folder, shop))
        (folder / name).write_bytes(files[name])
    assert problems_of(folder, shop) == ()


def problems_of(folder: Path, settings: Settings) -> tuple[str, ...]:
    """What is wrong with a pack; that it is none is a problem too."""
    try:
        return verify_pack(folder, settings).problems
    except EvidenceError as refused:
        return (refused.message,)


def test_the_mail_stays_small_beside_its_evidence(shop: Settings, twice: CaseRecord):
    """The HTML is far from what mailboxes cut off, and the attachments of a case are no burden on a phone."""
    alert = alert_about(shop, twice.findings)
    message = build_message(alert, shop, enclosed=Enclosing(shop).of(alert))
    html = received(message).get_body(("html",))
    assert html is not None
    assert len(html.get_content().encode()) < LARGEST
    assert sum(map(len, attached(message).values())) < 200_000


@pytest.mark.parametrize("url", [None, "https://cases.example.com"])
def test_over_five_megabytes_there_is_a_link(shop: Settings, twice: CaseRecord, url: str | None):
    """All attachments together may take 5 MB; one byte more, and the PDF is a link to the case's page, or the command
    that makes it where there is no page. What proves it is in the manifest all the same.
    """
    settings = shop.model_copy(update={"app": shop.app.model_copy(update={"url": url})})
    alert = alert_about(settings, twice.findings)
    enclosed = Enclosing(settings).of(alert)

    def with_pdf(size: int) -> EmailMessage:
        return build_message(alert, settings, enclosed=replace(enclosed, pdf=b"%" * size))

    files = attached(with_pdf(1))
    unlisted = {name: data for name, data in files.items() if name not in {"证据包.pdf", "manifest.json"}}
    bare = json.loads(files["manifest.json"]) | {"files": []}
    del bare["manifest_sha256"]
    from expectations.evidence.manifest import sealed

    room = MAIL_LIMIT - sum(map(len, unlisted.values())) - len(sealed(bare))
    assert "证据包.pdf" in attached(with_pdf(room))
    message = with_pdf(room + 1)
    left = attached(message)
    assert list(left) == ["明细.csv", "投诉文本.txt", "manifest.json"]
    assert len(json.loads(left["manifest.json"])["ranges"]) == 4
    said = text_part(message)
    if url:
        assert f"{url}/cases/{twice.number}/pack.zip?lang=zh-CN" in said
    else:
        assert f"tillwatch evidence make {twice.number}" in said


def test_who_wants_no_evidence_by_mail_gets_a_link(shop: Settings, twice: CaseRecord):
    """alerts.evidence = "link": table and manifest alone, and the mail says where the rest is."""
    settings = shop.model_copy(update={"alerts": shop.alerts.model_copy(update={"evidence": "link"})})
    alert = alert_about(settings, twice.findings)
    message = build_message(alert, settings, enclosed=Enclosing(settings).of(alert))
    assert list(attached(message)) == ["明细.csv", "manifest.json"]
    assert "证据包（PDF）没有随信附上" in text_part(message)


def test_two_cases_are_two_dossiers_in_one_pdf(shop: Settings, twice: CaseRecord, tmp_path: Path):
    """Each begins on a page of its own under its own number; one manifest proves both."""
    root = shop.spool.directory.parent
    record(root, [*exchange("SALE", 4530, 20, 5000), *exchange("SALE", 4531, 21, 5000)])
    sales = [row for row in Lake.of(shop.lake).read("transactions").to_pylist() if row["stan"] >= 4530]
    names = charged_twice(shop).subjects[0].__slots__
    subjects = tuple(type(charged_twice(shop).subjects[0])(**{name: row[name] for name in names}) for row in sales)
    other = replace(charged_twice(shop), finding_id="e" * 32, subjects=subjects, amount_at_risk_fen=5000)
    alert = alert_about(shop, [*twice.findings, other])
    files = attached(build_message(alert, shop, enclosed=Enclosing(shop).of(alert)))
    text = text_of(files["证据包.pdf"])
    assert [text.count(f"证据包 C-1121-000{n}") for n in (1, 2)] == [1, 1]
    assert text.index("案件 C-1121-0002 · 第 ") > text.rindex("案件 C-1121-0001 · 第 ")
    assert files["投诉文本.txt"].decode().count("（案件 C-1121-000") == 2
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    proven = verify_pack(tmp_path, shop)
    assert (proven.case, proven.ranges, proven.problems) == ("C-1121-0001, C-1121-0002", 8, ())


def test_a_case_of_many_frames_takes_three_pages(tmp_path: Path):
    """Seven charges of fourteen frames: fewer are shown byte by byte, the rest is counted and still proven."""
    import pypdfium2

    settings = shop_at(tmp_path)
    lines = [line for n in range(7) for line in exchange("SALE", 4518 + n, n, 12800)]
    record(tmp_path, lines)
    rows = sorted(Lake.of(settings.lake).read("transactions").to_pylist(), key=lambda row: row["stan"])
    first = charged_twice(settings)
    kind = type(first.subjects[0])
    subjects = tuple(kind(**{name: row[name] for name in kind.__slots__}) for row in reversed(rows))
    alert = alert_about(settings, [replace(first, subjects=subjects)])
    enclosed = Enclosing(settings).of(alert)
    assert len(pypdfium2.PdfDocument(enclosed.pdf)) == MOST_PAGES
    assert "帧未列出" in text_of(enclosed.pdf)
    assert len(enclosed.proof["ranges"]) == 14


def test_a_mail_leaves_without_evidence_that_cannot_be_read(shop: Settings, twice: CaseRecord):
    """A table is damaged: the mail goes out, says so, and where to get the dossier."""
    for file in Path(shop.lake.uri).glob("raw_frames/**/*.parquet"):
        file.write_bytes(b"PAR1 no more")
    alert = alert_about(shop, twice.findings)
    enclosed = Enclosing(shop).of(alert)
    assert enclosed == Enclosed("unreadable")
    message = build_message(alert, shop, enclosed=enclosed)
    assert list(attached(message)) == ["明细.csv", "manifest.json"]
    assert "原始记录暂时读不出" in text_part(message)


def test_evidence_that_takes_too_long_is_left_out(shop: Settings, twice: CaseRecord, monkeypatch: pytest.MonkeyPatch):
    """A deadline does not wait for a slow disk: what is not read in time is left out, and the mail says so."""
    monkeypatch.setattr("expectations.evidence.enclosing.LONGEST", -1.0)
    alert = alert_about(shop, twice.findings)
    message = build_message(alert, shop, enclosed=Enclosing(shop).of(alert))
    assert list(attached(message)) == ["明细.csv", "manifest.json"]
    assert "来不及随信附上" in text_part(message)


def test_the_mail_that_is_sent_has_it(shop: Settings):
    """From the tables to the mailbox: the four attachments arrive, and the manifest has the frames' hashes."""
    postbox = Postbox()
    with serving(postbox) as port:
        alerts = shop.alerts.model_copy(update={"smtp": f"smtp://127.0.0.1:{port}"})
        settings = shop.model_copy(update={"alerts": alerts})
        assert [each.state for each in send_alerts(settings, NOW, at_once=True).outcomes] == ["sent"]
    (mail,) = postbox.mails
    files = {str(part.get_filename()): part for part in mail.iter_attachments()}
    assert list(files) == NAMES["zh-CN"]
    (told,) = json.loads(files["manifest.json"].get_content())["findings"]
    sides = [(each["side"], len(each["sha256"])) for subject in told["subjects"] for each in subject["frames"]]
    assert sides == [("request", 64), ("answer", 64)] * 2


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({59: b"13018N9NL000012345678AB".hex()}, "N9NL000012345678AB（终端序列号，域 59.13）"),
        ({55: "9F1E084142433132333435"}, "ABC12345（接口设备序列号，域 55.9F1E）"),
        ({}, "SN12345678901234（终端序列号，域 62.serial）"),
    ],
)
def test_the_dossier_names_the_device(tmp_path: Path, told: dict[int, str], said: str):
    """The serial number where a message tells it: in the charge itself, of the chip reader, or in the last sign-in
    before; the sign-in is then among the frames that are proven.
    """
    settings = shop_at(tmp_path)
    lines = [*sign_in(), *exchange("SALE", 4518, 0, refers=told), *exchange("SALE", 4519, 2, refers=told)]
    record(tmp_path, lines)
    case_book(settings).open_cases([charged_twice(settings)])
    made = make_pack(case_book(settings).case("C-1121-0001"), settings, tmp_path / "pack", locale="zh-CN", now=NOW)
    assert said in text_of((made.path / "evidence.pdf").read_bytes()).replace("\r\n", "")
    assert made.ranges == (4 if told else 5)
    assert verify_pack(made.path, settings).problems == ()
