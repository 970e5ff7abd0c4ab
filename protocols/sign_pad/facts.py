"""What the pad's messages mean: a picture by itself, and in the order of the line which code it was signed for.

The terminal gives the feature code when signing begins (A2), the pad the picture when it is
done (B2, C2): only their order ties them. OK (A8), error (A9) and the stored state of that
sequence number (A1, B1) say what became of the picture. A signing that brought no picture
(timeout D0, bypass E5) is an event of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from protocols.dialect import Heard
from protocols.facts import Facts
from protocols.profile import Profile
from protocols.sign_pad.message import PICTURES, Message, sound
from protocols.signature import Upload

BEGIN, SIGNED = "SIGN_BEGIN", "SIGNATURE"
OK, ERROR, TIMEOUT, BYPASS = 0xA8, 0xA9, 0xD0, 0xE5
_STATE = frozenset((0xA1, 0xB1))
_NEXT = frozenset((0xA0, 0xA3, 0xA4, 0xA5))
_OUTCOMES = {"A8": "approved", "A9": "declined", "02": "approved", "03": "declined", "04": "declined"}


def facts(profile: Profile, frame: bytes) -> Facts:
    """What a frame says by itself.

    Raises:
        ProtocolError: it cannot be read.
    """
    return of_message(sound(profile, frame))


def of_message(message: Message) -> Facts:
    """The facts of a message, or of the part of it that could be read."""
    command = message.command or 0
    mti = f"{command:02X}"
    if command in PICTURES and message.item("picture") is not None:
        return Facts(mti=mti, is_request=True, kind="event", operation=SIGNED, pair=SIGNED, exchange=_sequence(message))
    if command == 0xA2:
        code = message.value("feature_code")
        found = Facts(mti=mti, is_request=True, kind="event", operation=BEGIN, pair=BEGIN)
        return replace(found, feature_code=code.upper() if code else None)
    state = message.value("state") if command in _STATE else None
    return Facts(
        mti=mti,
        is_request=False,
        kind="handshake",
        operation=f"COMMAND_{mti}",
        pair=mti,
        exchange=_sequence(message),
        response_code=state or mti,
    )


def _sequence(message: Message) -> str | None:
    return message.value("sequence")


def upload(profile: Profile, frame: bytes) -> Upload:
    """The picture that a message carries; whose feature code it is tells the message before it.

    Raises:
        ProtocolError: it cannot be read.
    """
    message = sound(profile, frame)
    picture = message.item("picture")
    sequence = {"sequence": {"value": message.value("sequence") or "", "zh-CN": "序号", "en": "sequence number"}}
    return Upload(
        part=0,
        last=True,
        image=b"" if picture is None else picture.raw,
        image_at=len(frame) if picture is None else picture.start,
        details=sequence,
        feature_code=None,
        form="bmp",
        path="picture",
    )


@dataclass(slots=True)
class _Signing:
    """A signing that began."""

    digest: str
    exchange: str
    code: str | None
    sent: list[int] = field(default_factory=list)
    signed: bool = False
    over: bool = False


@dataclass(slots=True)
class _Picture:
    """A picture, and the last word of what became of it."""

    digest: str
    sequence: str | None
    facts: Facts
    word: int | None = None


def follow(heard: Sequence[Heard]) -> list[Facts]:
    """One line's messages of one day, in order: each picture with its feature code, each with one answer at most."""
    told = [each.facts for each in heard]
    signing: _Signing | None = None
    pictures: list[_Picture] = []
    listening: _Picture | None = None  # OK and error are about this picture
    for index, each in enumerate(heard):
        said, command = each.facts, int(each.facts.mti, 16)
        if said.operation == BEGIN:
            listening = None
            if signing is None or signing.signed or signing.over or signing.digest != each.digest:
                signing = _Signing(each.digest, f"begin at {each.seen_us}", said.feature_code)
            signing.sent.append(index)
            told[index] = replace(said, exchange=signing.exchange)
        elif said.operation == SIGNED:
            if listening is None or listening.digest != each.digest:
                code = signing.code if signing is not None and not signing.signed else None
                made = replace(said, exchange=f"picture at {each.seen_us}", feature_code=code)
                listening = _Picture(each.digest, said.exchange, made)
                pictures.append(listening)
                _signed(signing, told)
            told[index] = listening.facts
        elif command in {OK, ERROR} and listening is not None:
            if command == OK or listening.word is None:  # an error after it was taken is about another message
                listening.word = index
        elif command in {TIMEOUT, BYPASS} and signing is not None and not (signing.signed or signing.over):
            signing.over = True
            told[index] = _answer(said, BEGIN, signing.exchange, said.mti, "declined")
        elif command in _STATE and said.exchange is not None and said.response_code != said.mti:
            about = next((one for one in reversed(pictures) if one.sequence == said.exchange), None)
            if about is not None:
                about.word = index
        elif command in _NEXT:
            listening = None
    for picture in pictures:
        if picture.word is not None:
            said = heard[picture.word].facts
            code = said.response_code or said.mti
            exchange = picture.facts.exchange or ""
            told[picture.word] = _answer(said, SIGNED, exchange, code, _OUTCOMES.get(code))
    return told


def _signed(signing: _Signing | None, told: list[Facts]) -> None:
    """A picture came: that signing began needs no row of its own any more."""
    if signing is not None and not signing.signed:
        signing.signed = True
        for index in signing.sent:
            told[index] = replace(told[index], kind="handshake")


def _answer(said: Facts, pair: str, exchange: str, code: str, outcome: str | None) -> Facts:
    return replace(
        said, kind="event", operation=pair, pair=pair, exchange=exchange, response_code=code, outcome=outcome
    )
