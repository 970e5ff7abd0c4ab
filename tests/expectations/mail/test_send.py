"""From the tables to the mailbox: what is due leaves once, and what could not leave is tried again."""

import datetime as dt
import json
import threading
from pathlib import Path
from typing import Any

import pytest

from expectations.mail.deliver import MAIL_SECONDS
from expectations.mail.ledger import LEASE, Ledger
from expectations.mail.outcome import SendResult
from ingest.demo.mailbox import free_port
from ingest.errors import DeliveryError, UsageError
from ingest.settings import Settings
from ingest.tables import Lake
from tests.expectations.mail.conftest import (
    DAY,
    FIRST_TRY,
    NOW,
    SHOP,
    example,
    finding,
    lost_reversal,
    retry,
    subject,
)
from tests.expectations.mail.postbox import Postbox, serving
from tests.expectations.mail.sendingshop import OTHER_SHOP, send, settings_for, states, store


def test_what_is_due_arrives_once(tmp_path: Path, postbox: Postbox, port: int):
    """One mail for the shop's day to both readers; sent again, nothing leaves."""
    settings = settings_for(tmp_path, port)
    store(settings, *example())
    first, second = send(settings), send(settings, 5)
    assert [each.state for each in first.outcomes] == ["sent"]
    assert second.outcomes == ()
    (mail,) = postbox.mails
    assert postbox.envelopes == [["a@example.com", "b@example.com"]]
    assert mail["Subject"] == first.outcomes[0].subject
    assert states(settings) == [("sent", '["a@example.com", "b@example.com"]', None)]


def test_two_languages_and_two_shops_are_mails_of_their_own(tmp_path: Path, postbox: Postbox, port: int):
    """Every route gets its language, every shop its mail."""
    routes = [
        {"merchants": ["*"], "to": ["zh@example.com"], "locale": "zh-CN"},
        {"merchants": [OTHER_SHOP], "to": ["en@example.com"], "locale": "en"},
    ]
    settings = settings_for(tmp_path, port, routes)
    store(settings, retry(), finding("dup_same_atc", subject("SALE", 1, "10:00:00", 100), merchant_id=OTHER_SHOP))
    send(settings)
    got = sorted((str(mail["To"]), str(mail["Content-Language"])) for mail in postbox.mails)
    assert got == [("en@example.com", "en"), ("zh@example.com", "zh-CN"), ("zh@example.com", "zh-CN")]


def test_a_server_that_is_down_leaves_all_unsent_and_the_next_try_sends(
    tmp_path: Path, postbox: Postbox, record_property: Any
):
    """Failed is noted with the reason for every shop; the server is asked once; later the mails go out."""
    down = settings_for(tmp_path, free_port())
    store(down, retry(), finding("dup_same_atc", subject("SALE", 1, "10:00:00", 100), merchant_id=OTHER_SHOP))
    result = send(down)
    assert [each.state for each in result.outcomes] == ["failed", "failed"]
    assert len(result.problems) == 1
    with pytest.raises(DeliveryError, match="connection refused"):
        result.require_delivery()
    assert {state for state, _, error in states(down) if error and "refused" in error} == {"failed"}
    with serving(postbox) as port:
        again = send(settings_for(tmp_path, port), 5)
    assert [each.state for each in again.outcomes] == ["sent", "sent"]
    assert {each.alert_id for each in again.outcomes} == {each.alert_id for each in result.outcomes}
    assert len(postbox.mails) == 2
    record_property("lost", "0 of 2 mails, 0 twice")


def test_a_refused_reader_is_reported_and_tried_again_alone(tmp_path: Path, postbox: Postbox, port: int):
    """The others have their mail and do not get it twice."""
    settings = settings_for(tmp_path, port)
    store(settings, retry())
    postbox.rcpt = {"b@example.com": "450 4.2.0 greylisted"}
    first = send(settings)
    assert first.outcomes[0].state == "partly"
    assert first.outcomes[0].refused == {"b@example.com": "450 4.2.0 greylisted"}
    assert "b@example.com: 450" in first.problems[0][0]
    postbox.rcpt = {}
    second = send(settings, 10)
    assert [(each.state, each.recipients) for each in second.outcomes] == [("sent", ("b@example.com",))]
    assert postbox.envelopes == [["a@example.com"], ["b@example.com"]]
    assert send(settings, 20).outcomes == ()


def test_a_shop_without_a_route_is_reported_and_the_others_are_told(tmp_path: Path, postbox: Postbox, port: int):
    """Nobody to tell is an error with what to write into the settings."""
    settings = settings_for(tmp_path, port, [{"merchants": [OTHER_SHOP], "to": ["a@example.com"]}])
    store(settings, retry(), finding("dup_same_atc", subject("SALE", 1, "10:00:00", 100), merchant_id=OTHER_SHOP))
    result = send(settings)
    assert result.unrouted == (SHOP,)
    assert len(postbox.mails) == 1
    with pytest.raises(DeliveryError, match=SHOP):
        result.require_delivery()


def test_a_follow_up_stands_in_the_thread(tmp_path: Path, postbox: Postbox, port: int):
    """A case that grew is a second mail that answers the first, when the minutes of gathering are over."""
    settings = settings_for(tmp_path, port)
    store(settings, lost_reversal())
    send(settings)
    store(settings, retry())
    assert send(settings, 5).outcomes == ()
    send(settings, 10)
    first, second = postbox.mails
    assert second["In-Reply-To"] == first["Message-ID"]
    assert second["Message-ID"] != first["Message-ID"]


def test_two_at_once_send_one_mail(tmp_path: Path, postbox: Postbox, port: int, record_property: Any):
    """Of four senders at the same moment one is let in; the mail leaves once."""
    settings = settings_for(tmp_path, port)
    store(settings, *example())
    postbox.pause = 0.3
    results: list[SendResult] = []
    start = threading.Barrier(4)

    def run() -> None:
        start.wait()
        results.append(send(settings))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    assert len(postbox.mails) == 1
    assert not any(result.problems for result in results)
    assert [each.state for result in results for each in result.outcomes].count("sent") == 1
    record_property("lost", "0 of 1 mail, 0 twice")


def test_a_sender_that_died_is_waited_for_and_then_replaced(
    tmp_path: Path, postbox: Postbox, port: int, record_property: Any
):
    """A claim that is never given back holds for LEASE; then the mail goes out after all."""
    settings = settings_for(tmp_path, port)
    store(settings, retry())
    clock = [dt.datetime(2026, 11, 21, 13, 0, tzinfo=dt.UTC)]
    ledger = Ledger(Lake(settings.lake.uri), now=lambda: clock[0])
    assert ledger.claim(SHOP) == 1
    assert [each.state for each in send(settings, ledger=ledger).outcomes] == ["elsewhere"]
    clock[0] += LEASE
    assert [each.state for each in send(settings, ledger=ledger).outcomes] == ["sent"]
    assert len(postbox.mails) == 1
    record_property("lost", "0 of 1 mail, 0 twice")


def test_a_mail_that_always_breaks_the_connection_holds_up_nobody_and_dies(tmp_path: Path, postbox: Postbox, port: int):
    """New cases of the same readers and another shop's leave meanwhile; it is tried again under its Message-ID, and
    after 48 hours in doubt it is dead and listed.
    """
    settings = settings_for(tmp_path, port)
    clock = [NOW]
    ledger = Ledger(Lake(settings.lake.uri), now=lambda: clock[0])
    store(settings, retry())
    (bad,) = send(settings, dry_run=True).outcomes
    postbox.breaks = {bad.message_id}

    def look(minutes: int) -> dict[str, str]:
        clock[0] = NOW + dt.timedelta(minutes=minutes)
        return {each.message_id: each.state for each in send(settings, minutes, ledger=ledger).outcomes}

    assert look(0) == {bad.message_id: "failed"}
    store(settings, finding("dup_same_atc", subject("SALE", 1, "10:00:00", 100)))
    store(settings, finding("dup_same_atc", subject("SALE", 2, "10:00:00", 100), merchant_id=OTHER_SHOP))
    found = look(5)
    assert found.pop(bad.message_id) == "failed"
    assert list(found.values()) == ["sent", "sent"]
    store(settings, finding("dup_same_atc", subject("SALE", 3, "10:00:00", 100)))
    assert look(5) == {}  # gathered with what follows the mails of this minute
    found = look(15)
    assert found.pop(bad.message_id) == "failed"
    assert list(found.values()) == ["sent"]
    assert look(25)[bad.message_id] == "failed"
    assert look(26) == {bad.message_id: "waiting"}
    assert look(30) == {bad.message_id: "failed"}  # 15 minutes, but for the deadline at 23:00
    assert len(postbox.mails) == 3
    assert look(48 * 60) == {bad.message_id: "failed"}
    assert look(50 * 60) == {}
    (listed,) = ledger.history().unsent()
    assert (listed["message_id"], listed["state"]) == (bad.message_id, "dead")


def test_of_two_refused_readers_the_one_that_is_put_off_is_tried_again_alone(
    tmp_path: Path, postbox: Postbox, port: int
):
    """All refused, 4xx and 5xx: the second is dead at once and stays so, the first gets the mail later."""
    settings = settings_for(tmp_path, port)
    store(settings, retry())
    postbox.rcpt = {"a@example.com": "450 4.2.0 greylisted", "b@example.com": "550 5.1.1 no such mailbox"}
    (first,) = send(settings).outcomes
    assert (first.state, first.dead) == ("failed", ("b@example.com",))
    assert sorted((state, who) for state, who, _ in states(settings)) == [
        ("dead", '["b@example.com"]'),
        ("failed", '["a@example.com"]'),
    ]
    postbox.rcpt = {}
    (second,) = send(settings, 5).outcomes
    assert (second.state, second.recipients) == ("sent", ("a@example.com",))
    assert postbox.envelopes == [["a@example.com"]]


@pytest.mark.parametrize(("down", "state"), [(False, "dead"), (True, "failed")], ids=["put off", "not reached"])
def test_a_mail_that_is_put_off_dies_after_48_hours_and_one_whose_server_is_down_never(
    tmp_path: Path, postbox: Postbox, port: int, down: bool, state: str
):
    """451 for two days is an answer; that nobody answered is none. Until 48 hours are full both are tried again."""
    postbox.data = "451 4.3.0 try again later"
    settings = settings_for(tmp_path, free_port() if down else port)
    clock = [NOW]
    ledger = Ledger(Lake(settings.lake.uri), now=lambda: clock[0])
    store(settings, retry())
    for hours in (0, 47, 48, 96):
        clock[0] = NOW + dt.timedelta(hours=hours)
        send(settings, 60 * hours, ledger=ledger)
        rows = [each[0] for each in states(settings)]
        assert set(rows) == ({"failed"} if hours < 48 or down else {"failed", "dead"})
    (listed,) = ledger.history().unsent()
    assert listed["state"] == state


def test_after_three_mails_in_doubt_the_run_takes_the_server_for_the_cause(tmp_path: Path, postbox: Postbox, port: int):
    """A third mail whose connection breaks: the fourth shop's is not even begun, and is free of doubt."""
    settings = settings_for(tmp_path, port)
    for place in range(4):
        store(
            settings, finding("dup_same_atc", subject("SALE", 1, "10:00:00", 100), merchant_id=f"89831005812000{place}")
        )
    due = send(settings, dry_run=True).outcomes
    postbox.breaks = {each.message_id for each in due}
    assert [each.state for each in send(settings).outcomes] == ["failed"] * 4
    rows = Lake(settings.lake.uri).read("alerts").to_pylist()
    begun = {row["merchant_id"] for row in rows if row["state"] == "handing"}
    assert begun == {each.merchant_id for each in due[:3]}
    last = [row for row in rows if row["merchant_id"] == due[3].merchant_id and row["state"] != "claimed"]
    assert [row["state"] for row in last] == ["failed"]


def test_a_turn_that_would_outlast_its_claim_leaves_the_rest_for_later(
    tmp_path: Path, postbox: Postbox, port: int, monkeypatch: pytest.MonkeyPatch
):
    """Nothing is begun when less time is left than two mails may take; it is said, and the next turn sends it."""
    settings = settings_for(tmp_path, port)
    store(settings, retry())
    monkeypatch.setattr("expectations.mail.send.LEASE", dt.timedelta(seconds=2 * MAIL_SECONDS - 1))
    (late,) = send(settings).outcomes
    assert (late.state, late.error) == ("failed", "the server takes too long for all mails of one turn")
    assert postbox.mails == []
    monkeypatch.undo()
    assert [each.state for each in send(settings, 5).outcomes] == ["sent"]


def test_a_dry_run_says_what_would_leave_and_notes_nothing(tmp_path: Path, postbox: Postbox, port: int):
    """Nothing is sent, nothing claimed, and the next real run sends."""
    settings = settings_for(tmp_path, port)
    store(settings, retry())
    assert [each.state for each in send(settings, dry_run=True).outcomes] == ["due"]
    assert postbox.mails == []
    assert Lake(settings.lake.uri).version("alerts") is None
    assert [each.state for each in send(settings).outcomes] == ["sent"]


def test_a_card_number_in_a_finding_stops_its_mail_and_no_other(tmp_path: Path, postbox: Postbox, port: int):
    """The mail is noted as failed without the number; the other shop's mail leaves."""
    pan = "6222020000005816"
    (folder := tmp_path / "said").mkdir()  # a finding that holds a card number is what is given here
    settings = settings_for(folder, port)
    leaky = finding("dup_same_atc", subject("SALE", 1, "10:00:00", 100, rrn=pan), merchant_id=OTHER_SHOP)
    store(settings, retry(), leaky)
    result = send(settings)
    assert {each.merchant_id: each.state for each in result.outcomes} == {SHOP: "sent", OTHER_SHOP: "failed"}
    assert len(postbox.mails) == 1
    assert pan not in json.dumps([each.as_dict() for each in result.outcomes])
    assert pan not in json.dumps(states(settings))


def test_the_manifest_names_the_records(tmp_path: Path, postbox: Postbox, port: int):
    """Segments and record numbers come from the transactions table."""
    settings = settings_for(tmp_path, port)
    store(settings, retry())
    row: dict[str, Any] = {"transaction_id": FIRST_TRY.transaction_id, "business_date": DAY, "seen_date": DAY}
    row |= {"segment_id": "feedbeef" * 4, "request_seq": 12}
    Lake(settings.lake.uri).append("transactions", [row], app_id="test")
    send(settings)
    manifest = next(p for p in postbox.mails[0].iter_attachments() if p.get_filename() == "manifest.json")
    (told,) = json.loads(manifest.get_content())["findings"]
    assert told["subjects"][0]["segment_id"] == "feedbeef" * 4
    assert told["subjects"][0]["request_seq"] == 12


def test_a_wrong_address_is_said_before_anything_happens(tmp_path: Path):
    """A server's address that is none: usage error, ledger untouched."""
    settings = Settings.model_validate({"lake": {"uri": str(tmp_path)}, "alerts": {"smtp": "mail.example.com"}})
    with pytest.raises(UsageError):
        send(settings)
    assert Lake(settings.lake.uri).version("alerts") is None


def test_nothing_found_is_nothing_due(tmp_path: Path, port: int):
    """An empty lake sends nothing and is no error."""
    result = send(settings_for(tmp_path, port))
    assert result.outcomes == ()
    result.require_delivery()
