"""Frames that somebody else's terminal said, as the public tests of ecrterm hold them.

Of wirelane/ecrterm, test_parsing.py and test_parsing_completion.py. The bytes, and what those tests state
of them, are facts; no code is theirs.

The package itself cannot be installed from the index (it has no release there), so its client never talks to us.
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


def test_a_completion_of_bitmaps_is_no_state():
    """Status byte, terminal and currency stand in bitmaps, and the container behind them."""
    said = apdu(REGISTERED).fields
    assert (said["19"], said["29"], said["49"]) == ("00", "52001233", "0978")
    assert "state" not in said


@pytest.mark.parametrize(
    ("tail", "state"),
    [("06", "06"), ("0600", None), ("060600", "06"), ("000600", "00"), ("00", "00")],
)
def test_a_completions_last_byte_may_be_its_state(tail: str, state: str | None):
    """06 alone is a state, 06 00 an empty container, 06 06 00 a state and an empty container."""
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
