"""The terminal that is paid at: what a till hears for each command, every value stated by hand."""

import datetime as dt

import pytest

from protocols.answering import Sold
from protocols.deframe import Frame
from protocols.profile import load_profile
from protocols.zvt.apdu import Apdu, read
from protocols.zvt.link import apdu_end, deframer, wrap
from protocols.zvt.session import command
from protocols.zvt.terminal import Customer, Terminal

PROFILES = [load_profile("zvt"), load_profile("zvt-tcp")]
TID, MERCHANT, WORD = "52523535", "898290058140001", "000000"
YESTERDAY = [Sold(41, 1000, dt.datetime.fromisoformat("2026-11-21T10:00:00+01:00"), receipt=11)]
REGISTER = command("0600", WORD, "BE", "0978")
PAY = command("0601", "04000000001234", "490978")


class Till:
    """A till that answers all it hears with 80 00 00."""

    def __init__(self, profile, journal=(), customers=()) -> None:
        self.terminal = Terminal(profile, TID, MERCHANT, journal, customers=customers)
        self._profile = profile
        self._deframer = deframer(profile)

    def say(self, apdu: bytes) -> list[Apdu]:
        """What the terminal says until it waits for the next command."""
        heard: list[Apdu] = []
        outgoing = wrap(apdu, self._profile.link.envelope)
        while outgoing:
            came = self.terminal.feed(outgoing, 0.0)
            frames = [event for event in self._deframer.feed(came) if isinstance(event, Frame)]
            heard += (read(frame.data, "zvt") for frame in frames)
            outgoing = b""
            for each in heard[len(heard) - len(frames) :]:
                outgoing += b"\x06" if self._profile.link.ack else b""
                if each.control not in {"8000", "8483"}:
                    outgoing += wrap(command("8000"), self._profile.link.envelope)
        assert all(each.error is None for each in heard)
        return heard


def controls(heard: list[Apdu]) -> list[str]:
    """Control fields."""
    return [each.control for each in heard]


@pytest.fixture(params=PROFILES, ids=lambda each: each.name)
def profile(request):
    """Serial and TCP."""
    return request.param


def test_a_payment_is_told_paid_and_printed(profile):
    """Insert the card; the status with every value; eight lines of receipt, the last marked; the end."""
    till = Till(profile, YESTERDAY, [Customer("450878****0099", "VIS", "A1B2C3")])
    assert controls(till.say(REGISTER)) == ["8000", "060F"]
    heard = till.say(PAY)
    assert controls(heard) == ["8000", "04FF", "040F", *["06D1"] * 8, "060F"]

    shown, status, *printed = heard[1:-1]
    assert shown.fields["06.24.07"] == "Bitte Karte einstecken"
    assert (shown.fields["status"], shown.fields["wait"]) == ("0A", "01")
    wanted = {"27": "00", "04": "000000001234", "0B": "000042", "0C": "100030", "0D": "1121", "22": "450878EEEE0099"}
    wanted |= {"87": "0012", "29": TID, "2A": MERCHANT, "49": "0978", "3B": "A1B2C3", "8B": "VISA"}
    assert status.fields == wanted
    lines = [line.fields["text"] for line in printed]
    assert lines[2] == "TA-Nr 000042 BNr 0012"
    assert lines[4:] == ["VISA 450878****0099", "EUR 12,34", "Zahlung erfolgt", "Danke für Ihren Einkauf"]
    assert [line.fields["attribute"] for line in printed] == ["00"] * 7 + ["81"]
    assert [sold.stan for sold in till.terminal.journal] == [41, 42]


def test_what_is_taken_back_names_its_original_once(profile):
    """BMP 37 is the sale's trace number; taken back again B4, never sold B5, another amount B7; a void is no sale."""
    till = Till(profile, YESTERDAY, [Customer()])
    till.say(REGISTER)
    till.say(PAY)
    (status,) = (each for each in till.say(command("0630", WORD, "870012")) if each.control == "040F")
    assert (status.fields["37"], status.fields["0B"], status.fields["04"]) == ("000042", "000043", "000000001234")
    for words, result in (("870012", "B4"), ("870013", "B5"), ("870099", "B5"), ("04000000000001870011", "B7")):
        heard = till.say(command("0630", WORD, words))
        assert controls(heard) == ["8000", "061E"]
        assert heard[1].fields == {"result": result}
    assert [sold.stan for sold in till.terminal.journal] == [41, 42, 43]


def test_a_refund_is_a_transaction_of_its_own(profile):
    """It names no original, and a customer shows a card for it."""
    till = Till(profile, (), [Customer(card="371234*****1002", card_org="AEX")])
    till.say(REGISTER)
    (status,) = (each for each in till.say(command("0631", WORD, "04000000000777")) if each.control == "040F")
    assert (status.fields["0B"], status.fields["87"], status.fields["04"]) == ("000001", "0001", "000000000777")
    assert status.fields["22"] == "371234EEEEE1002"
    assert "37" not in status.fields
    assert till.terminal.journal[0].txn_type == "REFUND"


def test_what_the_host_declines_is_told_and_not_sold(profile):
    """A status with its result, an abort with the same; the numbers are used up."""
    till = Till(profile, YESTERDAY, [Customer(result="05"), Customer()])
    till.say(REGISTER)
    heard = till.say(PAY)
    assert controls(heard) == ["8000", "04FF", "040F", "061E"]
    assert (heard[2].fields["27"], heard[2].fields["0B"], heard[3].fields["result"]) == ("05", "000042", "05")
    assert len(till.terminal.journal) == 1
    assert next(each for each in till.say(PAY) if each.control == "040F").fields["0B"] == "000043"
    assert till.say(PAY)[-1].fields == {"result": "6C"}


def test_a_terminal_that_is_told_of_no_customers_is_always_paid_at(profile):
    """As the simulator's is: one payment after the other, a number each."""
    till = Till(profile, YESTERDAY, None)
    till.say(REGISTER)
    for trace in ("000042", "000043", "000044"):
        (status,) = (each for each in till.say(PAY) if each.control == "040F")
        assert (status.fields["27"], status.fields["0B"]) == ("00", trace)


@pytest.mark.parametrize(
    ("said", "fields"),
    [
        ("490978", {"result": "9A"}),
        ("04000000001234490840", {"result": "6F", "currency": "0978"}),
    ],
)
def test_a_payment_that_is_not_begun_says_why(profile, said, fields):
    """No amount; another currency, and then its own is named."""
    till = Till(profile, (), [Customer()])
    till.say(REGISTER)
    assert till.say(command("0601", said))[-1].fields == fields
    assert till.terminal.journal == []


def test_nothing_is_sold_before_a_registration(profile):
    """6B, to a payment and to a reversal."""
    till = Till(profile, YESTERDAY, [Customer()])
    assert till.say(PAY)[-1].fields == {"result": "6B"}
    assert till.say(command("0630", WORD, "870011"))[-1].fields == {"result": "6B"}


@pytest.mark.parametrize(
    ("config", "container", "told"),
    [
        ("BE", "", ["04FF", "040F", *["06D1"] * 8, "060F"]),
        ("B6", "", ["040F", *["06D1"] * 8, "060F"]),
        ("3E", "", ["04FF", "040F", "060F"]),
        ("BC", "", ["04FF", "040F", "060F"]),
        ("BE", "0606" + "2604" + "0A0206D3", ["04FF", "040F", "06D3", "060F"]),
        ("BE", "0606" + "2604" + "0A0206D1", ["04FF", "040F", *["06D1"] * 8, "060F"]),
    ],
)
def test_the_registration_decides_what_is_told(profile, config, container, told):
    """Intermediate statuses (08), receipts by the till (02) and their lines (80); a block where it lists 06 D3."""
    till = Till(profile, (), [Customer()])
    till.say(command("0600", WORD, config, "0978", container))
    heard = till.say(PAY)
    assert controls(heard)[1:] == told
    for block in (each.fields for each in heard if each.control == "06D3"):
        lines = [value for key, value in block.items() if key.startswith("06.25.07")]
        assert (block["06.1F07"], len(lines), lines[5]) == ("02", 8, "EUR 12,34")


def test_a_day_ends_with_what_is_left(profile):
    """Two sales by Visa, one taken back, one other card: counts and sums by group; then nothing is left."""
    till = Till(profile, (), [Customer(card_org="VIS"), Customer(card_org="VIS"), Customer()])
    till.say(REGISTER)
    for _ in range(3):
        till.say(PAY)
    till.say(command("0630", WORD, "870002"))
    _, status, end = till.say(command("0650", WORD))
    said = status.fields
    assert end.control == "060F"
    assert (said["60.first"], said["60.last"], said["04"]) == ("0001", "0004", "000000002468")
    assert (said["60.VISA_count"], said["60.VISA_total"]) == ("1", "000000001234")
    assert (said["60.other_count"], said["60.other_total"]) == ("1", "000000001234")
    assert till.say(command("0620", WORD))[-1].fields == {"result": "6C"}


def test_the_tills_no_lets_the_terminal_go_on(profile):
    """84 66 to a status (goods not issued) is an answer: what follows is said, no command is refused for it."""
    till = Till(profile, YESTERDAY)
    till.say(REGISTER)
    envelope = profile.link.envelope
    heard = deframer(profile).feed(till.terminal.feed(wrap(command("0610", WORD), envelope), 0.0))
    if profile.link.ack:
        heard += deframer(profile).feed(till.terminal.feed(b"\x06", 0.0))
    came = till.terminal.feed((b"\x06" if profile.link.ack else b"") + wrap(command("8466"), envelope), 0.0)
    frames = [each for each in deframer(profile).feed(came) if isinstance(each, Frame)]
    assert controls([read(frame.data, "zvt") for frame in frames]) == ["060F"]


@pytest.mark.parametrize(("size", "length"), [(254, "FE"), (255, "FFFF00"), (300, "FF2C01")])
def test_a_long_command_counts_in_two_bytes(size, length):
    """From 255 bytes on: FF, then the low byte first."""
    said = command("06D1", "00" * size)
    assert said.hex().upper().startswith("06D1" + length)
    assert apdu_end(said, 0) == len(said)
