"""Reading a message: the command, and what stands behind it, each value with its place.

Source: docs/protocols.md 6.1, from public applications of terminals; no captured frame is public.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from protocols.errors import DecodeError, ProtocolError
from protocols.mis.link import unwrap
from protocols.profile import Profile

SEQUENCE_BYTES = 3
CODE_BYTES = 8
_PICTURE_AT = 1 + SEQUENCE_BYTES


class Command(NamedTuple):
    """One command: how it is called, and what may stand behind it: size -> its parts."""

    name: str
    zh: str
    en: str
    forms: Mapping[int, tuple[tuple[str, int], ...]] | None = None


_NOTHING: tuple[tuple[str, int], ...] = ()
_SEQUENCE = (("sequence", SEQUENCE_BYTES),)
_STATE = (*_SEQUENCE, ("state", 1))
COMMANDS: dict[int, Command] = {
    0xA0: Command("HANDSHAKE", "握手", "handshake"),
    0xB0: Command("HANDSHAKE_ANSWER", "握手应答", "handshake, answer"),
    0xA1: Command("UPLOAD_STATE", "上送状态", "upload state", {3: _SEQUENCE, 4: _STATE}),
    0xB1: Command(
        "UPLOAD_STATE_ANSWER", "上送状态应答", "upload state, answer", {0: _NOTHING, 3: _SEQUENCE, 4: _STATE}
    ),
    0xA2: Command("SIGN_BEGIN", "签名开始", "signing begins", {CODE_BYTES: (("feature_code", CODE_BYTES),)}),
    0xB2: Command("SIGNED", "签名应答", "signed"),
    0xC2: Command("SIGNED", "签名应答", "signed"),
    0xA3: Command("SIGN_END", "签名结束", "signing ends"),
    0xB3: Command("SIGN_END_ANSWER", "签名结束应答", "signing ends, answer"),
    0xA4: Command("BATCH_BEGIN", "批量开始", "batch begins"),
    0xB4: Command("BATCH_BEGIN_ANSWER", "批量开始应答", "batch begins, answer"),
    0xA5: Command("BATCH_END", "批量结束", "batch ends"),
    0xB5: Command("BATCH_END_ANSWER", "批量结束应答", "batch ends, answer"),
    0xA8: Command("OK", "成功", "ok"),
    0xA9: Command("ERROR", "失败", "error"),
    0xD0: Command("TIMEOUT", "超时", "timeout"),
    0xD1: Command("HEARTBEAT", "心跳", "heartbeat"),
    0xE3: Command("PICTURE_ZONE", "图像区域", "picture zone"),
    0xE5: Command("BYPASS", "跳过签名", "signing bypassed"),
    0xF8: Command("RESIGN_COUNT", "重签次数", "times that one may sign again", {0: _NOTHING, 1: (("count", 1),)}),
    0xF9: Command("PEN_WIDTH", "笔宽", "pen width", {0: _NOTHING, 1: (("width", 1),)}),
}
"""First byte -> what it means; None for the forms: anything may follow, and is kept."""
PICTURES = frozenset((0xB2, 0xC2))
STATES = {
    "01": ("已删除", "deleted"),
    "02": ("已存储", "stored"),
    "03": ("内存不足", "low memory"),
    "04": ("失败", "failed"),
}

TITLES = {
    "feature_code": ("特征码", "feature code"),
    "sequence": ("序号", "sequence number"),
    "picture": ("签名图片", "picture"),
    "state": ("状态", "state"),
    "count": ("次数", "times"),
    "width": ("笔宽", "pen width"),
    "data": ("数据", "data of unknown meaning"),
}
"""Value -> Chinese, English."""


@dataclass(frozen=True, slots=True)
class Item:
    """One value and its bytes in the frame."""

    name: str
    start: int
    raw: bytes = field(repr=False)

    @property
    def value(self) -> str:
        """A feature code as text, a count or width as a number, a picture by its size, all else as hex."""
        if self.name == "feature_code":
            return self.raw.decode("latin-1")
        if self.name in {"count", "width"}:
            return str(self.raw[0])
        return f"{len(self.raw)} bytes" if self.name == "picture" else self.raw.hex().upper()


@dataclass(frozen=True, slots=True)
class Message:
    """One message, as far as it can be read; ``error`` is the first thing that is wrong."""

    command: int | None
    items: tuple[Item, ...]
    data: bytes = field(repr=False)
    at: int
    envelope: str
    error: ProtocolError | None = None

    def item(self, name: str) -> Item | None:
        """A value by its name."""
        return next((item for item in self.items if item.name == name), None)

    def value(self, name: str) -> str | None:
        """A value by its name, written out."""
        found = self.item(name)
        return None if found is None else found.value


def read(profile: Profile, frame: bytes) -> Message:
    """A message in its link frame, or bare."""
    link = unwrap(profile.link, frame, profile.name)
    data, at = link.data, link.at
    if link.error is not None or not data:
        wrong = link.error or _wrong(profile, "command", at, "a command", "nothing", "short")
        return Message(data[0] if data else None, (), data, at, link.kind, wrong)
    command, size = data[0], len(data) - 1
    known = COMMANDS.get(command)
    forms = known.forms if known else None
    if command in PICTURES:
        sizes = (*_SEQUENCE, ("picture", size - SEQUENCE_BYTES)) if size > SEQUENCE_BYTES else _SEQUENCE
        forms = {0: _NOTHING, SEQUENCE_BYTES: _SEQUENCE, max(size, SEQUENCE_BYTES): sizes}
    parts = (("data", size),) if size else _NOTHING
    error: ProtocolError | None = None
    if forms is not None:
        if size in forms:
            parts = forms[size]
        else:
            wanted = " or ".join(str(each) for each in sorted(forms))
            error = _wrong(profile, "data", at + 1 + min(size, max(forms)), f"{wanted} bytes", f"{size}", "length")
    items = []
    place = 1
    for name, width in parts:
        items.append(Item(name, at + place, data[place : place + width]))
        place += width
    return Message(command, tuple(items), data, at, link.kind, error or _bad_code(profile, items))


def sound(profile: Profile, frame: bytes) -> Message:
    """A message that could be read.

    Raises:
        FrameError: it is no frame of this link.
        DecodeError: its values cannot be told apart, or one is wrong.
    """
    message = read(profile, frame)
    if message.error is not None:
        raise message.error
    return message


def _bad_code(profile: Profile, items: list[Item]) -> ProtocolError | None:
    code = next((item for item in items if item.name == "feature_code"), None)
    if code is None:
        return None
    for index, byte in enumerate(code.raw):
        if byte not in b"0123456789ABCDEFabcdef":
            return _wrong(profile, "feature_code", code.start + index, "a hex digit", "another byte", "digits")
    return None


def _wrong(profile: Profile, path: str, at: int, expected: str, got: str, code: str) -> DecodeError:  # noqa: PLR0917  one error's words
    message = {"short": "there is no command", "length": "no such message has this length", "digits": "not hex"}[code]
    return DecodeError(
        message,
        protocol=profile.name,
        layer="field",
        path=path,
        offset=at,
        code=code,
        expected=expected,
        got=got,
        hint="check the cable and the baud rate; this make's pad may say more than is known of it",
    )
