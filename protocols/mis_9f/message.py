"""One message of the link, read: its values by tag, where they lie, and what is wrong with it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from protocols.codecs import gbk_text
from protocols.errors import DecodeError, FrameError, ProtocolError
from protocols.mis.link import unwrap, wrap
from protocols.mis.tlv import build, elements
from protocols.mis_9f.words import ANSWER_ONLY, CODE, FORWARD, NUMBERS, TAGS, TYPE, TYPES, UNKNOWN, Type, Word
from protocols.profile import Profile

_DIGITS = re.compile(r"[0-9]*")
_AMOUNT = re.compile(r"([0-9]{1,12})|([0-9]{1,10})\.([0-9]{2})")
_BROKEN = frozenset(("tag", "length", "short"))
_UNKNOWN_TAG = Word("unknown", "未知", "unknown")
_HOST_ADDRESS = NUMBERS["host_address"]


class Item(NamedTuple):
    """One value: offsets are from the first byte of the link frame; ``value`` is None where it cannot be read."""

    tag: int
    start: int
    end: int
    raw: bytes
    value: str | None
    word: Word

    @property
    def key(self) -> str:
        """The tag as people write it."""
        return f"{self.tag:04X}"


@dataclass(frozen=True)
class Message:
    """A message as far as it can be read.

    Attributes:
        data: its TLVs.
        at: their first byte in the link frame.
        envelope: ``stx``, or ``none`` for bare data.
        number: 9F01; None where it is missing.
        error: the first thing that is wrong; the values before it, and those behind a wrong one, are there.
    """

    data: bytes = field(repr=False)
    at: int
    envelope: str
    items: tuple[Item, ...] = field(repr=False)
    number: int | None
    error: ProtocolError | None

    @property
    def values(self) -> dict[str, str]:
        """Name -> value without blanks around it; empty values and those that cannot be read are not there."""
        said = {item.word.name: (item.value or "").strip() for item in self.items if item.word is not _UNKNOWN_TAG}
        return {name: value for name, value in said.items() if value}

    @property
    def kind(self) -> Type:
        """What the type number says."""
        return TYPES.get(self.number, UNKNOWN) if self.number is not None else UNKNOWN

    @property
    def is_request(self) -> bool:
        """Whether the till says it: it says nothing that only a terminal knows.

        Of messages for the host (type 17) the terminal's name the host, or have no code yet.
        """
        tags = {item.tag for item in self.items}
        if self.number == FORWARD:
            return CODE in tags and _HOST_ADDRESS not in tags
        return not tags & ANSWER_ONLY


def read(profile: Profile, frame: bytes) -> Message:
    """Read a link frame, or bare TLVs; never raises."""
    unwrapped = unwrap(profile.link, frame, profile.name)
    told = elements(unwrapped.data, form="two-bytes")
    at = unwrapped.at
    items: list[Item] = []
    wrong: ProtocolError | None = None
    for one in told:
        raw = unwrapped.data[one.start : one.end]
        word = TAGS.get(one.tag, _UNKNOWN_TAG)
        value, bad = _value(word, raw)
        items.append(Item(one.tag, at + one.start, at + one.end, raw, value, word))
        if bad is not None:
            wrong = wrong or _placed(bad, one.name, at + one.start)
    if told.error is not None:
        told.error.offset = at + (told.error.offset or 0)
    number = next((item.raw[0] for item in items if item.tag == TYPE and len(item.raw) == 1), None)
    if number is None and told.error is None and wrong is None:
        wrong = _placed(DecodeError("the message has no type", code="missing", expected="9F01"), "9F01", at)
    error = unwrapped.error or told.error or wrong
    if error is not None:
        error.protocol = profile.name
    return Message(unwrapped.data, at, unwrapped.kind, tuple(items), number, error)


def sound(profile: Profile, frame: bytes) -> Message:
    """The same, of a message whose values can be told apart.

    Raises:
        FrameError: it is no frame of this link.
        DecodeError: its TLVs are broken.
    """
    found = read(profile, frame)
    error = found.error
    if error is not None and (isinstance(error, FrameError) or error.code in _BROKEN):
        raise error
    return found


def encode(profile: Profile, number: int, values: Mapping[str, str | bytes]) -> bytes:
    """The link frame of a message.

    Args:
        profile: its link.
        number: 9F01.
        values: name -> text, or bytes as they are; 9F00 goes before 9F01 and the rest behind, in this order.

    Raises:
        DecodeError: the frame would be too long.
    """
    said = dict(values)
    first = said.pop("application", None)
    parts = [] if first is None else [(NUMBERS["application"], _raw(first))]
    parts.append((TYPE, bytes((number,))))
    parts += [(NUMBERS[name], _raw(value)) for name, value in said.items()]
    return wrap(profile.link, build(parts, form="two-bytes"))


def fen(text: str | None) -> int | None:
    """The amount a value of kind ``amount`` says, in fen."""
    found = _AMOUNT.fullmatch(text or "")
    if found is None:
        return None
    return int(found[1]) if found[1] else int(found[2] + found[3])


def _raw(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode("gbk")


def is_readable(word: Word, raw: bytes) -> bool:
    """Whether bytes are a value of this kind."""
    return _value(word, raw)[1] is None


def _value(word: Word, raw: bytes) -> tuple[str | None, DecodeError | None]:
    if word.kind == "type":
        if len(raw) == 1:
            return str(raw[0]), None
        return None, DecodeError("the type is not one byte", code="size", expected="1 byte", got=f"{len(raw)}")
    if word.kind == "iso8583":
        return raw.hex().upper(), None
    text = gbk_text(raw)
    if word.kind == "digits" and not _DIGITS.fullmatch(text.strip()):
        return None, DecodeError("not digits", code="digits", expected="digits", got="another character")
    if word.kind == "amount" and text.strip() and fen(text.strip()) is None:
        wanted = "at most 12 digits, or yuan with two places"
        return None, DecodeError("not an amount", code="amount", expected=wanted, got="another text")
    if word is not _UNKNOWN_TAG and not is_gbk(raw):
        return text, DecodeError("not GBK", code="gbk", expected="text in GBK", got="other bytes")
    return text, None


def is_gbk(raw: bytes) -> bool:
    """Whether the bytes are GBK; a last character that was cut in half is forgiven."""
    try:
        raw.decode("gbk")
    except UnicodeDecodeError as wrong:
        return wrong.start == len(raw) - 1 and raw[-1] >= 0x81
    return True


def _placed(wrong: DecodeError, path: str, offset: int) -> DecodeError:
    wrong.layer, wrong.path, wrong.offset = "field", path, offset
    return wrong
