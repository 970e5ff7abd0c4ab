"""The column sanitiser: the row sanitiser's bytes, tokens and digests, and no card number left."""

import random

import pytest

from protocols.columnar import loading
from protocols.columnar.sanitise import ColumnSanitiser, SafeColumns
from protocols.errors import ProtocolError
from protocols.profile import Profile, load_profile
from protocols.sanitise import Sanitiser
from tests.protocols.columnar.agreement import arrow
from tests.protocols.columnar.written import messages, mutated
from tests.protocols.conftest import KEYS, link_frame, load_vectors

pytestmark = pytest.mark.slow
ENVELOPES = {"unionpay": "length", "leshua": "stx"}
CARDS = ("6225880000000001", "4111111111111111", "6210810000000000018", "370000000000002")


def differences(profile: Profile, frames: list[bytes]) -> list[str]:
    """Where a batch made safe differs from its frames made safe one by one; names and places, no bytes."""
    return against(profile, frames, ColumnSanitiser(profile, KEYS).sanitise(arrow(frames)))


def against(profile: Profile, frames: list[bytes], found: SafeColumns) -> list[str]:
    row_sanitiser = Sanitiser(profile, KEYS)
    errors = {error.pop("row"): error for error in found.errors.to_pylist()}
    wrong = []
    columns = (found.frames.to_pylist(), found.card_token.to_pylist(), found.digest.to_pylist())
    for at, (frame, safe, token, digest) in enumerate(zip(frames, *columns, strict=True)):
        try:
            wanted = row_sanitiser.sanitise(frame)
        except ProtocolError as error:
            said = error.as_dict()
            del said["protocol"]
            if (safe, token, digest, errors.get(at)) != (None, None, row_sanitiser.digest(frame), said):
                wrong.append(f"{at}: error")
            continue
        if safe != wanted.frame:
            assert safe is not None
            wrong.append(
                f"{at}: bytes {[i for i, (a, b) in enumerate(zip(safe, wanted.frame, strict=True)) if a != b]}"
            )
        if (token, digest, at in errors) != (wanted.card_token, wanted.digest, False):
            wrong.append(f"{at}: token or digest")
    return wrong


@pytest.mark.parametrize("name", ENVELOPES)
def test_the_public_messages_are_made_safe_alike(name):
    """All 46, in a link frame and as they were published."""
    profile = load_profile(name)
    frames = [link_frame(profile, vector) for vector in load_vectors()]
    assert differences(profile, frames + [bytes.fromhex(vector["hex"]) for vector in load_vectors()]) == []


@pytest.mark.parametrize("name", ENVELOPES)
def test_messages_whole_and_broken_are_made_safe_alike(name):
    """Whole card numbers, masked ones, broken frames: byte for byte, token for token, digest for digest."""
    profile, stream = load_profile(name), messages(21)
    frames = [stream.frame(ENVELOPES[name])[0] for _ in range(4000)]
    assert differences(profile, frames) == []
    assert differences(profile, [mutated(stream.chance, frame) for frame in frames]) == []


def test_no_card_number_is_left():
    """The number is neither in packed digits, at either alignment, nor in text."""
    stream = messages(22)
    frames = [stream.frame()[0] for _ in range(2000)]
    assert any(card in frame.hex() for frame in frames for card in CARDS)
    for safe in ColumnSanitiser(load_profile("unionpay"), KEYS).sanitise(arrow(frames)).frames.to_pylist():
        assert not any(card in safe.hex() or card.encode() in safe for card in CARDS)


def test_a_number_hidden_anywhere_is_found(unionpay):
    """The card's own number, and other cards', in texts, packed digits, chip data, tracks and references."""
    card, other = CARDS[0], "5555555555554444"
    hidden = [
        {63: card},
        {63: f"no. {other}"},
        {44: "5555 5555 5555 4444"},
        {59: (b"A4020" + b"58210526789879570802").hex()},
        {59: (b"A3016" + other.encode()).hex()},
        {59: (b"A2011" + b"03006" + card[-6:].encode()).hex()},
        {59: (b"A3003A2x" + b"A2021" + b"02005A2A03" + b"03006" + card[-6:].encode()).hex()},
        {59: (b"A210" + b"0306" + card[-6:].encode()).hex()},
        {59: (b"A2008" + b"02003A03").hex()},
        {62: card},
        {51: "0" + card + "0"},
        {55: "9F1E10" + other.encode().hex()},
        {55: "5A08" + card},
        {55: "7009" + "5F2403261231" + "9F36" + "00"},
        {55: "3F08" + card},
        {60: card + "0"},
        {61: "0000000000001399" + "0000000000000"},
        {61: "0000000000001121"},
        {48: "01" + "00" + "000042" + "0000" + card + "000000012345"},
        {53: "2600000000000001"},
        {53: "ABCDEF0123456789"},
        {57: card},
    ]
    bases: list[dict[int, str]] = [{2: card}, {2: card, 35: card + "D3012101000000"}, {35: other + "D3012101"}, {}]
    frames = [unionpay.build("0200", {41: "10000001", **base, **extra}) for extra in hidden for base in bases]
    assert differences(unionpay, frames) == []


@pytest.mark.parametrize(
    "track", ["D" * 20, "4111111111111111", "41111111D", "411111FFFFFF1111D26", "4" * 30 + "D1", ""]
)
def test_a_track_of_any_kind_is_made_safe_alike(track, unionpay):
    """Clear, masked, encrypted, without a separator, of any length."""
    frames = [
        unionpay.build("0200", {2: CARDS[0], 35: track, 53: control})
        for control in ("2600000000000000", "2610000000000000", "0600000000000000")
    ]
    assert differences(unionpay, frames) == []


def test_without_numba_the_rows_go_one_by_one(unionpay, monkeypatch):
    """Slower, and the same."""
    monkeypatch.setattr(loading, "available", lambda: False)
    stream = messages(23)
    frames = [mutated(random.Random(1), stream.frame()[0]) if at % 3 else stream.frame()[0] for at in range(100)]
    assert differences(unionpay, frames) == []


def test_each_card_has_its_own_token(unionpay):
    """Tokens are made together for the cards of a batch: those of all lengths, with zeros in front and behind."""
    chance = random.Random(24)
    numbers = [f"{chance.randrange(10**size):0{size}d}" for size in range(13, 20) for _ in range(40)]
    numbers += ["0" * 13, "0" * 14, "62" + "0" * 14, "62" + "0" * 13]
    frames = [unionpay.build("0200", {2: number, 11: "000001"}) for number in numbers]
    found = ColumnSanitiser(unionpay, KEYS).sanitise(arrow(frames))
    assert against(unionpay, frames, found) == []
    assert len(set(found.card_token.to_pylist())) == len(set(numbers))


def test_no_frames_are_no_rows(unionpay):
    """An empty batch, and an empty frame."""
    assert len(ColumnSanitiser(unionpay, KEYS).sanitise(arrow([])).frames) == 0
    assert differences(unionpay, [b"", b"\x02"]) == []
