"""Frames that somebody else's terminal said, as the public tests of ecrterm hold them.

Of wirelane/ecrterm, ecrterm/tests: test_parsing.py, and of test_parsing_ … completion, abort and
open_reservation_responses. The bytes, and what those tests state of them, are facts; no code is theirs.

Where the package is installed, its client talks to our terminal and our client to its: ``python -m bench.zvt_peer``.
"""

import json

import pytest

from protocols.deframe import Frame
from protocols.profile import load_profile
from protocols.zvt.apdu import Apdu, read
from protocols.zvt.facts import of_apdu
from protocols.zvt.link import deframer, wrap

INSERT_CARD = "04FF1E0A01061A24180716426974746520 4B617274652065696E737465636B656E".replace(" ", "")
VERSION = "060F0BF0F0F7322E31342E313500"
INGENICO = (
    "060f89f0f4f04745522d4150502d76322e302e393b635230322e30312e30312d30302e30392d322d323b4343323600065b1f440452500245e443"
    "1f400a6356454e4420626f782b1f41284745522d4150502d76322e302e393b635230322e30312e30312d30302e30392d322d323b43433236"
    "1f420411e930ec1f430100340d1f0e04202306221f0f03085556"
)
REGISTERED = "060F1119002952001233490978 0605270314 01FF".replace(" ", "")

PAID = (
    "040F3727000400000000400049097 80C0938480D042522F1F15966666666D200212201001700018701750B613995194029600999140E0512"
    "8A02".replace(" ", "")
)
WITH_CHIP = (
    "040FCE2700040000000010004909780C1230050D062922F0F8474843EEEEEE77438700023B38383931353000000B000733196029420030360E"
    "18018A0A8C038BF0F556495341002A3435353630303030303539392020203CF0F7F341532D544944203D2031334630303031330D41532D5072"
    "6F632D436F6465203D203230203930332030300D436170742E2D5265662E3D20303030300D41494435393A20383039323538062B4102000A49"
    "02000315024445600F4204564953414307A00000000310102F0C1F1001001F1101011F120102"
)
REGISTRATION = (
    "060063000000FE09780300065910021602120140" + "1A021000"
    "26280A02040F0A02060F0A02061E0A0204FF0A0206D80A0206DB0A0206D90A0206DA0A0206DD0A0206D3"
    "2703140" + "1FF281015024445150" + "2454E15024652150249544002C0001F0402F1001F050100"
)
ABORTED = "061e2e6c062b1f1605ff000014411f1720416262727563682064757263682065787465726e6573204b6f6d6d616e646f21"


def apdu(text: str) -> Apdu:
    """The message of these bytes, as it comes over TCP."""
    found = read(bytes.fromhex(text), "zvt")
    assert found.error is None, found.error
    return found


def test_a_display_text_after_a_timeout_is_read():
    """The byte behind the status is minutes, though bitmap 01 exists too; the text is in the TLV."""
    said = apdu(INSERT_CARD).fields
    assert (said["status"], said["wait"]) == ("0A", "01")
    assert [value for key, value in said.items() if key.endswith(".07")] == ["Bitte Karte einstecken"]


@pytest.mark.parametrize("minutes", ["01", "03", "06", "27"])
def test_any_timeout_is_minutes(minutes: str):
    """Whatever bitmap has that number."""
    assert apdu(f"04FF020A{minutes}").fields["wait"] == minutes


@pytest.mark.parametrize(("tail", "wait"), [("0600", None), ("060424020700", None), ("010600", "01"), ("060600", "06")])
def test_a_container_to_the_end_is_no_timeout(tail: str, wait: str | None):
    """With a timeout before it or without."""
    length = len(tail) // 2 + 1
    assert apdu(f"04FF{length:02X}0A{tail}").fields.get("wait") == wait


def test_a_version_and_a_state_are_told():
    """What its tests state: the software, the terminal's state, its serial number."""
    assert apdu(VERSION).fields["software_version"] == "2.14.15"
    said = apdu(INGENICO).fields
    assert said["software_version"] == "GER-APP-v2.0.9;cR02.01.01-00.09-2-2;CC26"
    assert said["state"] == "00"
    assert [value.lower() for key, value in said.items() if key.endswith(".1F42")] == ["11e930ec"]


def test_a_payments_status_is_read_field_by_field():
    """Bitmaps in the order of an old terminal."""
    said = apdu(PAID).fields
    wanted = {"27": "00", "04": "000000004000", "49": "0978", "0C": "093848", "0D": "0425", "17": "0001", "87": "0175"}
    wanted |= {"0B": "613995", "19": "40", "29": "60099914", "8A": "02", "0E": "0512", "22": "5966666666D20021220100"}
    assert said == wanted


def test_a_chip_payments_container_is_read():
    """What stands in it, and the texts around it."""
    said = apdu(WITH_CHIP).fields
    assert (said["8B"], said["2A"], said["22"]) == ("VISA", "455600000599   ", "474843EEEEEE7743")
    assert said["3C"].split("\r")[:2] == ["AS-TID = 13F00013", "AS-Proc-Code = 20 903 00"]
    inside = {"06.41": "000A", "06.15": "DE", "06.60.43": "A0000000031010", "06.2F.1F11": "01", "06.2F.1F12": "02"}
    assert {key: said[key] for key in inside} == inside
    assert of_apdu(apdu(WITH_CHIP)).merchant_id == "455600000599"


def test_a_registration_tells_what_the_till_can():
    """Its commands, character set, languages, printer and longest message."""
    said = apdu(REGISTRATION).fields
    assert (said["config"], said["currency"], said["03"]) == ("FE", "0978", "00")
    commands = [value for key, value in said.items() if key.startswith("06.26.")]
    assert commands == ["040F", "060F", "061E", "04FF", "06D8", "06DB", "06D9", "06DA", "06DD", "06D3"]
    assert [value for key, value in said.items() if key.startswith("06.28.")] == ["DE", "EN", "FR", "IT"]
    assert (said["06.12"], said["06.1A"], said["06.27.14"]) == ("40", "1000", "FF")


def test_an_abort_says_why():
    """Result 6C, the vendor's code and a text."""
    said = apdu(ABORTED).fields
    assert (said["result"], said["06.1F16"]) == ("6C", "FF00001441")
    assert said["06.1F17"] == "Abbruch durch externes Kommando!"


@pytest.mark.parametrize(("frame", "receipt"), [("061E04B887FFFF", "FFFF"), ("061E04B8870123", "0123")])
def test_an_abort_names_an_open_pre_authorisation(frame: str, receipt: str):
    """Behind the result; all F for none."""
    said = apdu(frame).fields
    assert (said["result"], said["87"]) == ("B8", receipt)


@pytest.mark.parametrize(
    ("frame", "receipt", "at"),
    [("061E0EB806112309080201230802" + "4567", None, 5), ("061E11B8870123061123090802456708027890", "0123", 8)],
)
def test_a_message_shorter_than_it_says_is_told(frame: str, receipt: str | None, at: int):
    """Two of its frames end before their own length and the container's; it reads what is there, we say where."""
    found = read(bytes.fromhex(frame), "zvt")
    assert [(each.code, each.path, each.offset) for each in found.errors] == [
        ("length", "", 2),
        ("short", "06", at + 1),
    ]
    assert (found.fields["result"], found.fields.get("87")) == ("B8", receipt)


def test_a_completion_of_bitmaps_is_no_state():
    """Status byte, terminal and currency stand in bitmaps, and the container behind them."""
    said = apdu(REGISTERED).fields
    assert (said["19"], said["29"], said["49"]) == ("00", "52001233", "0978")
    assert "state" not in said


@pytest.mark.parametrize(
    ("tail", "state"),
    [
        ("06", "06"),
        ("0600", None),
        ("060600", "06"),
        ("000600", "00"),
        ("00", "00"),
        ("010600", "01"),
        ("2206062404" + "07024142", "22"),
        ("190006062404" + "07024142", None),
        ("29520012330600", None),
        ("0D0600", None),
    ],
)
def test_a_completions_last_byte_may_be_its_state(tail: str, state: str | None):
    """06 alone is a state, 06 00 an empty container, 06 06 00 a state and an empty container.

    A byte that is a bitmap's number is a state where a container reaches to the end behind it and bitmaps do not.
    """
    found = read(bytes.fromhex(f"060F{len(tail) // 2:02X}{tail}"), "zvt")
    assert found.error is None
    assert found.fields.get("state") == state


def test_a_frame_on_a_serial_line_is_theirs_byte_for_byte():
    """DLE, STX, the version's message, DLE, ETX and the checksum, low byte first."""
    frame = bytes.fromhex("1002" + VERSION + "1003B111")
    assert wrap(bytes.fromhex(VERSION), load_profile("zvt").link.envelope) == frame
    assert deframer(load_profile("zvt")).feed(frame) == [Frame(frame, 0)]


ORGANISATIONS = ("girocard", "JCB", "Eurocard", "Amex", "VISA", "Diners", "other")
"""ZVT, bitmap 60: receipt numbers, then a count and a sum for each of these, in this order."""


def test_each_organisations_total_stands_at_its_own_place():
    """Seven counts and sums that all differ: none may stand for another's."""
    totals = "".join(f"{place + 1:02X}{(place + 1) * 111:012d}" for place in range(7))
    body = "2700" + "60F0F5F3" + "00010028" + totals
    told = of_apdu(apdu(f"040F{len(body) // 2:02X}{body}"))

    assert json.loads(told.card_totals or "") == [
        {"card_org": name, "count": place + 1, "amount_fen": (place + 1) * 111}
        for place, name in enumerate(ORGANISATIONS)
    ]
    assert (told.total_count, told.total_amount_fen) == (28, 28 * 111)


@pytest.mark.parametrize(
    ("changed", "same"),
    [
        ({}, True),
        ({"0C": "101113"}, False),
        ({"29": "52001234"}, False),
        ({"04": "000000001001"}, False),
        ({"0B": "000043"}, False),
        ({"27": "05"}, False),
        ({"87": "0099"}, True),
    ],
)
def test_a_repeated_status_is_one_payment_and_another_is_not(changed: dict[str, str], same: bool):
    """Trace numbers wrap and two terminals count alike: clock, terminal, amount and result tell payments apart."""
    values = {"27": "00", "04": "000000001000", "0B": "000042", "0C": "101112", "29": "52001233", "87": "0007"}

    def identity(said: dict[str, str]) -> str | None:
        body = "".join(key + value for key, value in said.items())
        return of_apdu(apdu(f"040F{len(body) // 2:02X}{body}")).identity

    assert (identity(values) == identity(values | changed)) is same
