"""A pad's pictures in the lake: tied by their feature code to what they sign, and bad ones told."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from ingest.keys import create_keys
from ingest.landing import land
from ingest.records import Kind, PendingRecord
from protocols import bmp
from protocols.mis.link import wrap
from protocols.picture import content_hash, difference_hash, ink_ratio
from protocols.png import png
from protocols.profile import load_profile
from protocols.sanitise import Sanitiser
from protocols.sign_pad.ends import scribble
from protocols.signature import feature_code
from tests.ingest.landingshop import NOON, Shop, sale

pytestmark = pytest.mark.slow  # whole landings

PAD = load_profile("sign-pad")
DAY = 24 * 3600
RRN = "000001000002"
"""The reference number that ``sale(2, …, rrn="000001")`` is answered with."""
CODE = feature_code(None, RRN) or ""


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path, create_keys(tmp_path / "key"))


def pad(shop: Shop, at: float, *said: bytes, line: str = "pad-1") -> list[PendingRecord]:
    """What is said between terminal and pad, a second apart."""
    records = []
    for second, data in enumerate(said):
        safe = Sanitiser(PAD, shop.keys).sanitise(wrap(PAD.link, data))
        seen = round((NOON + dt.timedelta(seconds=at + second)).timestamp() * 1e6) * 1000
        kept: dict[str, Any] = {"frame": safe.frame, "digest": safe.digest, "length": len(safe.frame)}
        records.append(PendingRecord(Kind.FRAME, line, "sign-pad", seen, direction="rx", **kept))
    return records


def signing(shop: Shop, at: float, code: str = CODE, *, picture: bytes | None = None) -> list[PendingRecord]:
    image = bmp.encode(scribble(code)) if picture is None else picture
    return pad(shop, at, b"\xa2" + code.encode(), b"\xb2\x00\x00\x01" + image, b"\xa8")


def landed(shop: Shop, *segments: Any) -> list[dict[str, Any]]:
    shop.seal(*segments)
    land(shop.settings)
    return shop.rows("signatures")


def test_a_picture_is_tied_to_its_sale(shop: Shop) -> None:
    """Another line, no terminal and no number: the feature code finds the sale; the picture is there to be seen."""
    (row,) = landed(shop, [*sale(1, 1), *sale(2, 10, rrn="000001"), *sale(3, 20)], signing(shop, 60))

    (sold,) = (each for each in shop.rows("transactions") if each["stan"] == 2)
    assert sold["rrn"] == RRN
    picture = scribble(CODE)
    assert row["transaction_id"] == sold["transaction_id"]
    assert row["feature_code"] == row["transaction_feature_code"] == CODE
    assert (row["upload_state"], row["response_code"], row["parts"], row["error"]) == ("sent", "A8", 1, None)
    assert (row["width"], row["height"], row["image"]) == (240, 80, png(picture))
    assert (row["sha256"], row["phash"]) == (content_hash(picture), difference_hash(picture))
    assert row["ink_ratio"] == ink_ratio(picture)
    assert (row["line"], row["terminal_id"], row["rrn"]) == ("pad-1", None, None)
    assert json.loads(row["details"])["sequence"]["value"] == "000001"


def test_a_code_that_two_sales_have_ties_to_neither(shop: Shop) -> None:
    """Two reference numbers with the same code: which of them was signed nobody knows."""
    assert feature_code(None, "000301000001") == CODE
    (row,) = landed(shop, [*sale(2, 10, rrn="000001"), *sale(1, 20, rrn="000301")], signing(shop, 60))
    assert len(shop.rows("transactions")) == 2
    assert (row["transaction_id"], row["transaction_feature_code"]) == (None, None)


def test_a_sale_after_the_signature_or_days_before_it_is_not_tied(shop: Shop) -> None:
    """Though the code is its own: nobody signs before the sale, or three days later."""
    early, late = landed(shop, sale(2, 10, rrn="000001"), signing(shop, 5), signing(shop, DAY * 3))
    assert (early["transaction_id"], late["transaction_id"]) == (None, None)


def test_a_declined_sale_is_not_tied(shop: Shop) -> None:
    """Nobody signs for what was declined."""
    (row,) = landed(shop, sale(2, 10, rrn="000001", code="51"), signing(shop, 60))
    assert row["transaction_id"] is None


def test_a_sale_that_comes_in_late_is_tied(shop: Shop) -> None:
    """The sale's segment landed after the pad's, of the day before: the row is worked out again."""
    before = landed(shop, signing(shop, DAY))
    after = landed(shop, sale(2, 10, rrn="000001"))

    (sold,) = shop.rows("transactions")
    assert [row["transaction_id"] for row in before] == [None]
    assert [row["transaction_id"] for row in after] == [sold["transaction_id"]]


@pytest.mark.parametrize(
    ("picture", "code", "offset"),
    [
        (bmp.encode(scribble("x"))[:-1], "short", 7 + 62 + 32 * 80 - 1),
        (b"BM" + bytes(70), "size", None),
        (b"\xff\xd8\xff\xe0 not a BMP", "magic", 7),
    ],
)
def test_a_bad_picture_is_a_reject_and_keeps_its_row(shop: Shop, picture: bytes, code: str, offset: int | None) -> None:
    """Field and offset from the frame's first byte, in both tables; what comes after it is read."""
    shop.seal([*signing(shop, 10, picture=picture), *signing(shop, 20, "00000001")])
    land(shop.settings)
    broken, whole = sorted(shop.rows("signatures"), key=lambda row: row["requested_at"])
    (reject,) = shop.rows("rejects")
    assert (broken["image"], broken["feature_code"], broken["upload_state"]) == (None, CODE, "sent")
    error = json.loads(broken["error"])
    assert (reject["field"], reject["code"]) == ("picture", error["code"])
    assert reject["offset"] == error["offset"]
    if offset is not None:
        assert (reject["code"], reject["offset"]) == (code, offset)
    assert whole["image"] is not None
