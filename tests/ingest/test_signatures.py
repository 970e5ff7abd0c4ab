"""Signatures in the lake: each picture one row, tied to what it signs, whatever came in which order or is missing."""

import datetime as dt
import itertools
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ingest import signing
from ingest.keys import create_keys
from ingest.landing import land
from protocols import jbig
from protocols.png import png
from protocols.profile import load_profile
from tests.ingest.landingshop import NOON, Heard, Shop, message, sale

pytestmark = pytest.mark.slow  # whole landings

VECTORS = Path(__file__).parents[1] / "vectors"
SIGNED = {
    each["mti"]: each
    for each in json.loads((VECTORS / "unionpay_pos.json").read_text("utf-8"))
    if each["mti"] in {"0900", "0920"}
}
IMAGE = bytes.fromhex(SIGNED["0900"]["fields"]["62"])
PICTURE = png(jbig.decode(IMAGE))
DAY = 24 * 3600
RRN = "000001000002"
"""The reference number that ``sale(2, …, rrn="000001")`` is answered with."""


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path, create_keys(tmp_path / "key"))


def signed(stan: int, at: float, *, image: bytes = IMAGE, code: str | None = "00", **more: str) -> list[Heard]:
    """A picture in one message, and the host's answer unless ``code`` is None."""
    fields = {37: more.get("rrn", RRN), 60: more.get("sub60", "07000001800"), 62: image.hex().upper()}
    fields = {number: value for number, value in fields.items() if value}
    asked: list[Heard] = [(at, "rx", message("0820", stan, fields))]
    if code is None:
        return asked
    return [*asked, (at + 0.5, "tx", message("0830", stan, {60: fields[60], 39: code}))]


def in_parts(stan: int, at: float, *, sizes: int = 200, code: str = "00") -> list[list[Heard]]:
    """A picture in parts of so many bytes, each with its answer."""
    cut = [IMAGE[start : start + sizes] for start in range(0, len(IMAGE), sizes)]
    ends = ["8"] * (len(cut) - 1) + ["9"]
    return [
        signed(stan, at + 2 * number, image=image, sub60=f"08000001{801 + number}{end}", code=code)
        for number, (image, end) in enumerate(zip(cut, ends, strict=True))
    ]


def landed(shop: Shop, *segments: Sequence[Heard]) -> list[dict[str, Any]]:
    shop.seal(*segments)
    land(shop.settings)
    return shop.rows("signatures")


@pytest.mark.parametrize("mti", SIGNED)
def test_public_messages_land_as_pictures(shop: Shop, mti: str) -> None:
    """Both public messages give a row with the picture, its hashes and its details; nothing signed is known."""
    vector = SIGNED[mti]
    profile = load_profile("unionpay")
    frame = bytes.fromhex(vector["hex"])
    body = frame[profile.decode(frame).body_offset :]

    (row,) = landed(shop, [(1, "rx", profile.link.wrap(body, tpdu="6000030000", header="603100310010"))])

    picture = jbig.decode(bytes.fromhex(vector["fields"]["62"]))
    assert (row["width"], row["height"], row["image"]) == (picture.width, picture.height, png(picture))
    assert (len(row["sha256"]), len(row["phash"]), row["error"]) == (64, 16, None)
    assert 0.05 < row["ink_ratio"] < 0.06
    assert (row["strokes"], len(row["cells"])) == (2, 60)
    assert row["ink_ratio"] < row["box_ratio"] <= 1
    assert (row["upload_state"], row["transaction_id"], row["parts"]) == ("unanswered", None, 1)
    assert row["rrn"] == vector["fields"]["37"]
    assert row["feature_code"] == {"0900": "5138B261", "0920": None}[mti]
    assert json.loads(row["details"])


def test_signature_is_tied_to_its_sale(shop: Shop) -> None:
    """Terminal, batch and trace number name the sale; its own answer gives the same feature code."""
    (row,) = landed(shop, [*sale(1, 1), *sale(2, 10, rrn="000001"), *sale(3, 20), *signed(2, 60)])

    (sold,) = (each for each in shop.rows("transactions") if each["stan"] == 2)
    assert sold["rrn"] == RRN
    assert (row["transaction_id"], row["upload_state"], row["response_code"]) == (sold["transaction_id"], "sent", "00")
    assert row["feature_code"] == row["transaction_feature_code"] is not None
    assert (row["requested_at"], row["responded_at"]) == (at(60), at(60.5))
    assert row["signature_id"] in {each["event_id"] for each in shop.rows("events")}


def at(seconds: float) -> dt.datetime:
    return NOON + dt.timedelta(seconds=seconds)


def elsewhere(exchange: list[Heard]) -> list[Heard]:
    """The same exchange of another terminal on the line."""
    profile = load_profile("unionpay")
    found = []
    for when, direction, frame in exchange:
        said = profile.decode(frame)
        found.append((when, direction, profile.build(said.mti, {**said.fields, 41: "10000002"})))
    return found


def test_another_terminals_sale_is_not_signed(shop: Shop) -> None:
    """Batch, trace and reference number agree, and it is the nearer one: the terminal is another."""
    ours, theirs = sale(2, 10, rrn="000001"), elsewhere(sale(2, 20, rrn="000001"))
    (row,) = landed(shop, [*ours, *theirs, *signed(2, 60)])

    by_terminal = {each["terminal_id"]: each["transaction_id"] for each in shop.rows("transactions")}
    assert set(by_terminal) == {"10000001", "10000002"}
    assert row["transaction_id"] == by_terminal["10000001"]


def test_a_sale_after_its_picture_is_not_what_was_signed(shop: Shop) -> None:
    """The numbers agree; nobody signs a sale that is yet to come."""
    (row,) = landed(shop, [*signed(2, 60), *sale(2, 120, rrn="000001")])

    assert len(shop.rows("transactions")) == 1
    assert row["transaction_id"] is None


def test_parts_of_another_hour_are_another_upload(shop: Shop) -> None:
    """More than an hour after the part before it a part begins a picture of its own."""
    first, second, third = in_parts(2, 60)
    last = [(when + 3700, direction, frame) for when, direction, frame in third]
    rows = landed(shop, [*first, *second, *last])

    assert sorted(row["parts"] for row in rows) == [1, 2]
    assert {json.loads(row["error"])["code"] for row in rows} == {"parts"}


def test_another_reference_number_is_another_sale(shop: Shop) -> None:
    """The same trace number with another reference number is not what was signed; the number alone finds it."""
    elsewhere = signed(2, 60, rrn="000000777777")
    by_number = signed(9, 70)
    first, second = landed(shop, [*sale(2, 10, rrn="000001"), *elsewhere, *by_number])

    (sold,) = shop.rows("transactions")
    assert (first["transaction_id"], second["transaction_id"]) == (None, sold["transaction_id"])


def test_sale_that_comes_in_late_is_tied(shop: Shop) -> None:
    """The sale's segment landed after the signature's, of the day before: the row is worked out again."""
    before = landed(shop, signed(2, DAY))
    after = landed(shop, sale(2, 10, rrn="000001"))

    (sold,) = shop.rows("transactions")
    assert [row["transaction_id"] for row in before] == [None]
    assert [row["transaction_id"] for row in after] == [sold["transaction_id"]]


@pytest.mark.parametrize(("code", "state"), [("00", "sent"), ("96", "refused"), (None, "unanswered")])
def test_state_is_the_hosts_word(shop: Shop, code: str | None, state: str) -> None:
    """Accepted, refused, or never answered."""
    (row,) = landed(shop, signed(2, 60, code=code))

    assert (row["upload_state"], row["response_code"]) == (state, code)


def test_picture_sent_again_is_one_row(shop: Shop) -> None:
    """A picture sent twice before it was answered is one upload of two attempts."""
    (row,) = landed(shop, [*signed(2, 50, code=None), *signed(2, 60)])

    assert (row["attempts"], row["upload_state"], row["image"]) == (2, "sent", PICTURE)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_parts_are_put_together_in_any_order(shop: Shop, order: tuple[int, ...]) -> None:
    """Parts seen in any order, in segments landed in any order, are one row with one picture."""
    parts = in_parts(2, 60)
    seen = [
        [(60.0 + 2 * place + late, way, frame) for late, (_, way, frame) in zip((0, 0.5), parts[number], strict=True)]
        for place, number in enumerate(order)
    ]
    for segment in reversed(seen):
        shop.seal(segment)
        land(shop.settings)

    (row,) = shop.rows("signatures")
    assert (row["image"], row["parts"], row["upload_state"], row["error"]) == (PICTURE, 3, "sent", None)
    assert [proof["part"] for proof in json.loads(row["proofs"])] == [1, 2, 3]


def test_parts_are_put_together_across_midnight(shop: Shop) -> None:
    """Parts on two local days are one row, on the day of the first; the other day has none."""
    midnight = 12 * 3600
    parts = in_parts(2, midnight - 3)
    for segment in parts:
        shop.seal(segment)
        land(shop.settings)

    (row,) = shop.rows("signatures")
    assert (row["image"], row["seen_date"], row["parts"]) == (PICTURE, NOON.date(), 3)


@pytest.mark.parametrize("missing", range(3))
def test_missing_part_is_named(shop: Shop, missing: int) -> None:
    """Without one of its parts an upload is a row with an error, and no picture."""
    parts = in_parts(2, 60)
    del parts[missing]
    (row,) = landed(shop, list(itertools.chain(*parts)))

    error = json.loads(row["error"])
    assert (row["image"], row["parts"], error["code"], error["field"]) == (None, 2, "parts", "F62")
    left = {1, 2, 3} - {missing + 1}
    assert error["got"] == f"parts {', '.join(map(str, sorted(left)))}"


def test_refused_part_refuses_the_upload(shop: Shop) -> None:
    """One part refused, and sent again with success, is sent; else the upload is refused."""
    first, second, third = in_parts(2, 60)
    refused = signed(2, 62, image=IMAGE[200:400], sub60="080000018028", code="96")
    (row,) = landed(shop, [*first, *refused, *third])
    (again,) = landed(shop, [(when + 10, way, frame) for when, way, frame in second])

    assert (row["upload_state"], again["upload_state"]) == ("refused", "sent")
    assert row["image"] == again["image"] == PICTURE


@pytest.mark.parametrize("size", [0, 10, 100, 500])
def test_truncated_picture_is_a_row_with_its_error(shop: Shop, size: int) -> None:
    """A picture cut short keeps its row, which says from which byte of the frame on it cannot be read."""
    heard = signed(2, 60, image=IMAGE[:size])
    (row,) = landed(shop, heard)

    decoded = load_profile("unionpay").decode(heard[0][2])
    place = decoded.spans[62][0] if 62 in decoded.spans else decoded.end
    error = json.loads(row["error"])
    assert (row["image"], row["sha256"], row["upload_state"]) == (None, None, "sent")
    assert (error["code"], error["field"], error["offset"]) == ("short", "F62", place + size)


def test_answer_alone_is_a_row(shop: Shop) -> None:
    """An answer whose request nobody saw says that something was signed."""
    (row,) = landed(shop, signed(2, 60)[1:])

    assert (row["parts"], row["upload_state"], row["image"]) == (0, "sent", None)
    assert json.loads(row["error"])["got"] == "the answer alone"


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_order_of_landing_changes_nothing(shop: Shop, seed: int) -> None:
    """Sales, pictures and parts of three days in segments landed in any order: the rows of all at once."""
    rng = random.Random(seed)
    midnight = 12 * 3600
    heard = [
        *(*sale(2, 10, rrn="000001"), *signed(2, 60), *sale(3, midnight - 60, rrn="000001")),
        *itertools.chain(*in_parts(3, midnight - 3)),
        *(*signed(3, DAY, rrn="000001000003"), *signed(4, DAY + 200, image=b""), *signed(2, 2 * DAY)),
    ]
    shop.seal(heard)
    land(shop.settings)
    other = Shop(shop.folder / "other", shop.keys)
    segments: list[list[Heard]] = [[] for _ in range(6)]
    for each in heard:
        rng.choice(segments).append(each)
    for segment in segments:
        other.seal(segment)
        land(other.settings)

    assert without_places(other) == without_places(shop)
    assert len(without_places(shop)) == 5
    assert not land(other.settings).changed


def without_places(shop: Shop) -> list[dict[str, Any]]:
    places = {"segment_id", "request_seq", "response_segment_id", "response_seq", "proofs"}
    rows = [{name: value for name, value in row.items() if name not in places} for row in shop.rows("signatures")]
    return sorted(rows, key=lambda row: str(row["signature_id"]))


def test_no_card_number_in_a_row(shop: Shop) -> None:
    """F55 text that holds the card number lands masked."""
    pan = "6224240000003353"
    text = f"FF4010{pan.encode('ascii').hex()}"
    frame = message("0820", 2, {2: pan, 37: RRN, 55: text, 60: "07000001800", 62: IMAGE.hex().upper()})
    (row,) = landed(shop, [(60, "rx", frame)])

    assert pan not in str(row)
    assert json.loads(row["details"])["FF40"]["value"] == "622424******3353"


@pytest.mark.slow
def test_many_pictures_are_decoded_compiled(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """From so many pixels on the compiled decoder is taken, with the same rows."""
    heard = [*signed(2, 60), *signed(3, 70, image=IMAGE[:99])]
    (first, second) = landed(shop, heard)
    other = Shop(shop.folder / "other", shop.keys)
    monkeypatch.setattr(signing, "COMPILED_FROM", 1)

    assert [row["image"] for row in landed(other, heard)] == [first["image"], second["image"]]
