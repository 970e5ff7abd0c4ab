"""The mail as a mail program sees it."""

import csv
import email
import email.policy
import io
import json
from email.message import EmailMessage
from typing import Any

import pytest
from pydantic import ValidationError

from expectations.mail.cardcheck import CardNumberError, luhn
from expectations.mail.catalogue import Locale
from expectations.mail.decide import Alert, decide
from expectations.mail.message import POLICY, build_message
from ingest.alerting import Route
from ingest.settings import Settings
from tests.expectations.mail.conftest import FIRST_TRY, NOW, SHOP, example, finding, retry, shop_settings, subject

SEEDED_PAN = "6222020000005816"


def alert_of(*findings: Any, locale: Locale = "zh-CN") -> Alert:
    """The one mail of these findings."""
    (alert,) = decide(findings or example(), [Route(to=["a@example.com", "b@example.com"], locale=locale)], NOW).alerts
    return alert


def received(message: EmailMessage) -> EmailMessage:
    """The mail after a journey over the wire."""
    parsed = email.message_from_bytes(message.as_bytes(policy=POLICY), policy=email.policy.default)
    assert isinstance(parsed, EmailMessage)
    return parsed


def attachment(message: EmailMessage, name: str) -> bytes:
    """An attachment's content."""
    part = next(each for each in message.iter_attachments() if each.get_filename() == name)
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    return content


def contents(message: EmailMessage) -> list[bytes]:
    """Every part's content."""
    found = [part.get_payload(decode=True) for part in message.walk() if not part.is_multipart()]
    return [each for each in found if isinstance(each, bytes)]


def test_text_and_html_are_alternatives_beside_two_attachments(settings: Settings):
    """multipart/mixed of (text, HTML), a table and a manifest."""
    message = received(build_message(alert_of(), settings))
    assert [part.get_content_type() for part in message.walk()] == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "text/html",
        "text/csv",
        "application/json",
    ]
    assert [part.get_filename() for part in message.iter_attachments()] == ["明细.csv", "manifest.json"]


def test_headers_tell_machines_what_it_is(settings: Settings):
    """Readers, filters and auto-responders know it for an automatic mail of one merchant."""
    message = received(build_message(alert_of(), settings))
    assert message["To"] == "a@example.com, b@example.com"
    assert message["From"] == "tillwatch <tillwatch@example.com>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["X-Auto-Response-Suppress"] == "All"
    assert SHOP in message["List-Id"]
    assert message["Date"].datetime == NOW.replace(microsecond=0)
    assert message["Content-Language"] == "zh-CN"
    assert message["Subject"] == "【今日23:00前处理】2笔资金异常 ¥388.00，另有1处记录需核对 | 张记小馆 | 11月21日"


def test_the_same_alert_is_the_same_bytes(settings: Settings):
    """Built twice, one mail: programs that look at Message-IDs show it once."""
    first, second = build_message(alert_of(), settings), build_message(alert_of(), settings)
    assert first.as_bytes(policy=POLICY) == second.as_bytes(policy=POLICY)
    assert first["Message-ID"].startswith("<20261121.")
    assert first["Message-ID"].endswith("@example.com>")


def test_a_follow_up_names_the_mails_before_it(settings: Settings):
    """In-Reply-To the last, References all, oldest first."""
    message = build_message(alert_of(), settings, thread=("<1@example.com>", "<2@example.com>"))
    assert message["In-Reply-To"] == "<2@example.com>"
    assert message["References"] == "<1@example.com> <2@example.com>"
    assert build_message(alert_of(), settings)["In-Reply-To"] is None


def test_it_travels_in_seven_bits(settings: Settings):
    """No server can spoil the Chinese: every byte on the wire is ASCII, no line is too long."""
    wire = build_message(alert_of(), settings).as_bytes(policy=POLICY)
    wire.decode("ascii")
    assert max(len(line) for line in wire.split(b"\r\n")) <= 998


def test_the_table_opens_in_excel_with_its_digits_whole(settings: Settings):
    """Byte order mark, one line a transaction, leading zeros and twelve digits kept, amounts in yuan."""
    table = attachment(received(build_message(alert_of(), settings)), "明细.csv")
    assert table.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(table.decode("utf-8-sig"))))
    assert len(rows) == sum(len(each.subjects) for each in example())
    refund = next(row for row in rows if row["凭证号"] == "004509\t")
    assert refund["参考号"] == "112118221095\t"
    assert (refund["金额"], refund["币种"]) == ("219.00", "CNY")
    assert refund["卡号后四位"] == "0042\t"
    assert refund["角色"] == "有疑问"


def test_the_table_holds_no_formula(settings: Settings):
    """A cell from the line that begins like a formula is made inert."""
    evil = subject("SALE", 1, "10:00:00", 100, rrn="=1+cmd|'", terminal_id="@SUM(1)")
    table = attachment(received(build_message(alert_of(finding("dup_same_atc", evil)), settings)), "明细.csv")
    assert "'=1+cmd|'" in table.decode("utf-8-sig")
    assert "'@SUM(1)" in table.decode("utf-8-sig")


def test_the_manifest_says_what_it_rests_on_and_where_the_bytes_are(settings: Settings):
    """Findings, rules, versions, and segments with record numbers where they are known."""
    place = {"segment_id": "0123456789abcdef0123456789abcdef", "request_seq": 17}
    message = build_message(alert_of(), settings, proofs={str(FIRST_TRY.transaction_id): place})
    manifest = json.loads(attachment(received(message), "manifest.json"))
    assert {each["finding_id"] for each in manifest["findings"]} == {each.finding_id for each in example()}
    assert {each["told_as"] for each in manifest["findings"]} == {"case", "review"}
    first = next(each for each in manifest["findings"] if each["rule"] == "retry_after_unknown")
    assert first["rules_version"] == "2026.11.1"
    assert first["subjects"][0] | place == first["subjects"][0]


def test_answers_go_back_with_the_findings_id():
    """Three words to press for a duplicate, each a mail with the finding's id, to whom the settings say."""
    settings = shop_settings(feedback="answers@example.com")
    part = build_message(alert_of(retry()), settings).get_body(preferencelist=("html",))
    assert part is not None
    for label in ("confirmed", "two-purchases", "done"):
        assert f"mailto:answers@example.com?subject=tillwatch%20{label}%20{retry().finding_id}" in part.get_content()


@pytest.mark.parametrize("field", ["rrn", "terminal_id", "response_code", "evidence", "name", "rules_version"])
def test_a_seeded_card_number_never_leaves(field: str, settings: Settings):
    """Wherever a whole card number got in, the mail is not built or does not hold it."""
    assert luhn(SEEDED_PAN)
    more: dict[str, Any] = {}
    if field in {"evidence", "rules_version"}:
        value: Any = {"card": SEEDED_PAN, "seconds_apart": int(SEEDED_PAN)} if field == "evidence" else SEEDED_PAN
        told = finding("dup_same_atc", subject("SALE", 1, "10:00:00", 100), **{field: value})
    else:
        more = {} if field == "name" else {field: SEEDED_PAN}
        told = finding("dup_same_atc", subject("SALE", 1, "10:00:00", 100, **more))
    if field == "name":
        settings = Settings.model_validate({"merchants": [{"id": SHOP, "name": f"店 {SEEDED_PAN}"}]})
    if field == "evidence":  # words and long numbers of the evidence are not part of any mail
        assert SEEDED_PAN.encode() not in b"".join(contents(build_message(alert_of(told), settings)))
        return
    with pytest.raises(CardNumberError) as refused:
        build_message(alert_of(told), settings)
    assert SEEDED_PAN not in str(refused.value)


@pytest.mark.parametrize(
    "wrong",
    [
        {"sender": "nobody"},
        {"sender": "a@b.c\nBcc: x@y.z"},
        {"feedback": "张三@example.com"},
        {"routes": [{"to": ["a@b.c, d@e.f"]}]},
        {"routes": [{"to": ["<a@b.c>"]}]},
        {"routes": [{"to": []}]},
    ],
)
def test_addresses_are_checked_when_the_settings_are_read(wrong: dict[str, Any]):
    """What no server would take, or what would add a header, is refused at once."""
    with pytest.raises(ValidationError):
        Settings.model_validate({"alerts": wrong})


def test_a_named_sender_and_a_place_for_replies():
    """The sender may carry a name; replies go where feedback goes."""
    settings = shop_settings(sender="对账 提醒 <till@example.com>", feedback="answers@example.com")
    message = received(build_message(alert_of(), settings))
    assert message["From"].addresses[0].display_name == "对账 提醒"
    assert message["Reply-To"] == "answers@example.com"
