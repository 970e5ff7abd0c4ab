"""Batch uploads in the lake: each uploaded row a second proof, never a second transaction."""

import itertools
import random
from pathlib import Path

import pytest

from ingest.keys import create_keys
from ingest.landing import land
from protocols.profile import load_profile
from tests.ingest.landingshop import PAN, Heard, Shop, everything, message, sale

pytestmark = pytest.mark.slow  # whole landings

DAY = 24 * 3600
OTHER = "4111111111111111"


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path, create_keys(tmp_path / "key"))


def row(stan: int, amount: int = 100, pan: str = PAN, kind: str = "00") -> str:
    """One row of a list, by the specification's own widths."""
    return f"{kind}{stan:06d}{pan:0>20}{amount:012d}"


def listed(at: float, *rows: str, count: int | None = None, stan: int = 90, code: str | None = "00") -> list[Heard]:
    """A list of magnetic transactions and its answer."""
    digits = f"{len(rows) if count is None else count:02d}{''.join(rows)}"
    asked: list[Heard] = [(at, "rx", message("0320", stan, {48: digits, 60: "00000001201"}))]
    return asked if code is None else [*asked, (at + 0.5, "tx", message("0330", stan, {39: code, 60: "00000001201"}))]


def record(at: float, stan: int, amount: int, network: str = "205", **more: str) -> list[Heard]:
    """A full record of a chip transaction and its answer."""
    fields = {2: PAN, 4: f"{amount:012d}", 22: "051", 49: "156", 60: f"00000001{network}"}
    fields[62] = f"61{more.get('org', '00')}00{amount:012d}156".encode().hex()
    return [
        (at, "rx", message("0320", stan, fields)),
        (at + 0.5, "tx", message("0330", stan, {39: "00", 60: f"00000001{network}"})),
    ]


def test_each_row_is_tied_to_its_transaction(shop: Shop) -> None:
    """Two sales seen on the line, one not: three rows with their own amounts, still two transactions."""
    shop.seal([*sale(1, 0), *sale(2, 60, amount=250), *listed(600, row(1), row(2, 250), row(3, 777, OTHER, "01"))])
    land(shop.settings)

    transactions = {each["stan"]: each for each in shop.rows("transactions")}
    uploads = sorted(shop.rows("batch_uploads"), key=lambda each: each["place"])
    assert sorted(transactions) == [1, 2]
    assert [(each["place"], each["stan"], each["amount_fen"], each["card_type"]) for each in uploads] == [
        (1, 1, 100, "00"),
        (2, 2, 250, "00"),
        (3, 3, 777, "01"),
    ]
    assert [each["transaction_id"] for each in uploads] == [
        transactions[1]["transaction_id"],
        transactions[2]["transaction_id"],
        None,
    ]
    assert [each["transaction_amount_fen"] for each in uploads] == [100, 250, None]
    assert [each["pan_masked"] for each in uploads] == [f"{PAN[:6]}{'*' * (len(PAN) - 10)}{PAN[-4:]}"] * 2 + [
        "411111******1111"
    ]
    assert (uploads[0]["reason"], uploads[0]["outcome"], uploads[0]["terminal_id"]) == ("list", "approved", "10000001")
    (event,) = shop.rows("events")
    assert {each["event_id"] for each in uploads} == {event["event_id"]}
    assert shop.rows("rejects") == []


def test_a_message_keeps_one_cards_token(shop: Shop) -> None:
    """The first card's token is the transaction's own; the others have their masked number alone."""
    shop.seal([*sale(1, 0), *listed(600, row(1), row(2, 250, OTHER))])
    land(shop.settings)

    first, second = sorted(shop.rows("batch_uploads"), key=lambda each: each["place"])
    assert first["card_token"] == shop.rows("transactions")[0]["card_token"]
    assert second["card_token"] is None


def test_full_records_are_rows_too(shop: Shop) -> None:
    """A chip record of a sale seen, one of an offline sale not seen, a failed one: place 0, by their 60.3."""
    shop.seal([*sale(1, 0), *record(600, 1, 100), *record(610, 7, 300, "203", org="01"), *record(620, 8, 5, "206")])
    land(shop.settings)

    uploads = sorted(shop.rows("batch_uploads"), key=lambda each: each["stan"])
    assert [(each["place"], each["stan"], each["amount_fen"], each["reason"]) for each in uploads] == [
        (0, 1, 100, "chip, unbalanced"),
        (0, 7, 300, "chip, balanced"),
        (0, 8, 5, "chip failed, unbalanced"),
    ]
    assert [each["card_type"] for each in uploads] == ["00", "01", "00"]
    assert [each["transaction_id"] is None for each in uploads] == [False, True, True]
    assert len(shop.rows("transactions")) == 1
    assert len({each["card_token"] for each in uploads}) == 1


@pytest.mark.parametrize(
    ("rows", "count", "code", "offset"),
    [((row(1),), 2, "count", 0), ((row(1)[:-1],), 1, "length", 0), ((row(1)[:-1] + "F",), 1, "bcd", 20)],
)
def test_a_list_that_does_not_add_up_is_said(
    shop: Shop, rows: tuple[str, ...], count: int, code: str, offset: int
) -> None:
    """Another count, a cut row, a digit that is none: a reject with F48 and the byte; the message stays an event."""
    heard = listed(600, *rows, count=count)
    shop.seal([*sale(1, 0), *heard])
    land(shop.settings)

    (reject,) = shop.rows("rejects")
    start = load_profile("unionpay").read(heard[0][2])[0].spans[48][0]
    assert (reject["field"], reject["code"], reject["offset"]) == ("F48", code, start + offset)
    assert [each["operation"] for each in shop.rows("events")] == ["BATCH_UPLOAD"]
    assert shop.rows("batch_uploads") == []
    assert len(shop.rows("transactions")) == 1


def test_totals_that_do_not_add_up_are_said(shop: Shop) -> None:
    """A settlement whose F48 is cut: a reject that names it, and the settlement is there without totals."""
    shop.seal([(600, "rx", message("0500", 5, {48: "0" * 61, 49: "156", 60: "00000001201"}))])
    land(shop.settings)

    (reject,) = shop.rows("rejects")
    assert (reject["field"], reject["code"], reject["expected"]) == ("F48", "length", "62 digits of totals")
    (settlement,) = shop.rows("settlements")
    assert settlement["rmb_debit_amount_fen"] is None


def test_an_upload_sent_again_is_one(shop: Shop) -> None:
    """Sent twice because the answer was lost: its rows once, the attempts counted."""
    shop.seal([*sale(1, 0), *listed(600, row(1), code=None), *listed(660, row(1))])
    land(shop.settings)

    (upload,) = shop.rows("batch_uploads")
    assert (upload["attempts"], upload["outcome"]) == (2, "approved")


@pytest.mark.parametrize(("days", "tied"), [(0, True), (1, True), (3, True), (4, False)])
def test_a_batch_may_stay_open_over_a_weekend(shop: Shop, days: int, tied: bool) -> None:
    """What was seen up to three days before is found; beyond that the row stands alone, and nothing is doubled."""
    shop.seal(sale(1, 0), listed(days * DAY + 600, row(1)))
    land(shop.settings)

    (upload,) = shop.rows("batch_uploads")
    assert (upload["transaction_id"] is not None) == tied
    assert len(shop.rows("transactions")) == 1


def test_another_trace_batch_or_terminal_is_another_transaction(shop: Shop) -> None:
    """Nothing is tied that differs in one of the three; and nothing that came after the upload."""
    other = [
        (at, way, message("0200", 1, {60: "22000002", 4: "000000000100", 3: "000000", 25: "00"}))
        for at, way, _ in sale(1, 0)[:1]
    ]
    shop.seal([*other, *sale(2, 10), *listed(600, row(1)), *sale(1, 700)])
    land(shop.settings)

    (upload,) = shop.rows("batch_uploads")
    assert upload["transaction_id"] is None


@pytest.mark.parametrize("seed", range(6))
def test_the_order_of_landing_makes_no_difference(tmp_path: Path, seed: int) -> None:
    """Sales and uploads of several days, cut into segments that land in any order: the same rows as in one go."""
    parts = [
        sale(1, 0),
        sale(2, DAY),
        [*sale(3, 2 * DAY), *listed(2 * DAY + 900, row(1), row(2), row(3), row(4))],
        [*sale(4, 3 * DAY, rrn=None)],
        listed(3 * DAY + 900, row(4), stan=91),
        listed(4 * DAY, row(1), row(4), stan=92),
    ]
    keys = create_keys(tmp_path / "key")
    (tmp_path / "whole").mkdir()
    whole = Shop(tmp_path / "whole", keys)
    whole.seal(list(itertools.chain.from_iterable(parts)))
    land(whole.settings)
    assert len(whole.rows("batch_uploads")) == 7

    random.Random(seed).shuffle(parts)
    (tmp_path / "cut").mkdir()
    cut = Shop(tmp_path / "cut", keys)
    for part in parts:
        cut.seal(part)
        land(cut.settings)
    assert everything(cut, proof=False) == everything(whole, proof=False)
