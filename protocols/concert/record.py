"""Reading the two forms: E+ with fixed widths, Caisse-AP with ASCII tags; each value with its place.

E+ (pyTeliumManager): STX, body, ETX, LRC = XOR of body and ETX; the body's length says what
it is: 34 an ask, 25 a small answer, 80 a full one with the report, card number first.
Caisse-AP (caisse-ap-ip): tag of two letters, three digits of length, value; CZ comes first.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from protocols.envelope import ETX, STX, lrc
from protocols.errors import DecodeError, FrameError, ProtocolError, breaking
from protocols.sweep import SHORTEST

ASK, SMALL, FULL = 34, 25, 80
TAG_HEAD = 5
"""Two letters and three digits of length."""
_DIGITS = frozenset(b"0123456789")
_DIGITS_OR_MASKED = _DIGITS | {ord("*")}
_HEAD = (("pos", 2, "digits"), ("result", 1, "digits"), ("amount", 8, "digits"), ("mode", 1, "text"))
_TAIL = (("currency", 3, "digits"), ("private", 10, "text"))
LAYOUTS: dict[int, tuple[tuple[str, int, str], ...]] = {
    ASK: (
        ("pos", 2, "digits"),
        ("amount", 8, "digits"),
        ("answer_flag", 1, "text"),
        ("mode", 1, "text"),
        ("type", 1, "text"),
        *_TAIL,
        ("delay", 4, "text"),
        ("authorisation", 4, "text"),
    ),
    SMALL: (*_HEAD, *_TAIL),
    FULL: (*_HEAD, ("report", 55, "report"), *_TAIL),
}
"""Bytes of the body -> name, width and kind of its values."""
TAGS: dict[str, tuple[str, str]] = {
    "CZ": ("version", "digits"),
    "CJ": ("protocol_id", "text"),
    "CA": ("register_no", "digits"),
    "CE": ("currency", "digits"),
    "CB": ("amount", "digits"),
    "CD": ("action", "digits"),
    "BA": ("wait", "digits"),
    "CC": ("application", "text"),
    "AE": ("result", "digits"),
    "AF": ("reason", "text"),
    "AA": ("card_number", "card"),
    "AB": ("expiry", "secret"),
    "AC": ("auth_code", "text"),
    "AI": ("application_id", "text"),
    "CI": ("entry_mode", "text"),
    "CF": ("private", "text"),
    "CG": ("contract", "text"),
}
"""Caisse-AP tag -> name and kind; a tag that is not here keeps its bytes."""

TITLES: dict[str, tuple[str, str]] = {
    "pos": ("收银台号", "till number"),
    "result": ("交易结果", "result"),
    "amount": ("金额", "amount in minor units"),
    "mode": ("支付方式", "how it is paid"),
    "report": ("交易报告", "report, card number first"),
    "currency": ("货币代码", "currency"),
    "private": ("私有数据", "private data"),
    "answer_flag": ("应答格式", "which answer is asked for"),
    "type": ("交易类型", "type of transaction"),
    "delay": ("等待方式", "whether to wait for the end"),
    "authorisation": ("授权方式", "whether to ask for authorisation"),
    "version": ("协议版本", "protocol's version"),
    "protocol_id": ("协议标识", "protocol's identifier"),
    "register_no": ("收银机号", "register number"),
    "action": ("操作", "what to do"),
    "wait": ("等待应答", "whether to wait for the end"),
    "application": ("应用", "application"),
    "reason": ("原因", "reason"),
    "card_number": ("卡号", "card number"),
    "expiry": ("卡有效期", "card's expiry"),
    "auth_code": ("授权码", "authorisation code"),
    "application_id": ("应用标识符", "application identifier"),
    "entry_mode": ("读卡方式", "how the card was read"),
    "contract": ("商户合同号", "merchant's contract"),
}
"""Name of a value -> Chinese, English."""
UNKNOWN = ("未知标签", "unknown tag")


@dataclass(frozen=True, slots=True)
class Item:
    """One value and its bytes in the frame; no value: it is wrong."""

    key: str
    name: str
    kind: str
    start: int
    end: int
    value: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Record:
    """One message. ``form``: ask, answer, caisse-ask, caisse-answer, or empty when it is none."""

    form: str
    items: tuple[Item, ...]
    errors: tuple[ProtocolError, ...] = ()

    @property
    def error(self) -> ProtocolError | None:
        """The first thing that is wrong."""
        return next(iter(self.errors), None)

    @property
    def broken(self) -> ProtocolError | None:
        """The first error behind which values cannot be told apart; a wrong digit hides no other value."""
        return breaking(self.errors, {"digits"})

    @property
    def fields(self) -> Mapping[str, str]:
        """Name -> value."""
        return {item.name: item.value for item in self.items if item.value is not None}

    @property
    def spans(self) -> dict[str, tuple[int, int]]:
        """Key -> (offset, length) in the link frame."""
        return {item.key: (item.start, item.end - item.start) for item in self.items}


def read(frame: bytes, protocol: str, envelope: str) -> Record:
    """A message, as far as it can be read."""
    return _read_caisse(frame, protocol) if envelope == "tags" else _read_e_plus(frame, protocol)


def write_e_plus(form: int, values: Mapping[str, str]) -> bytes:
    """The frame of a message in fixed widths: ``form`` is ``ASK``, ``SMALL`` or ``FULL``; texts are filled with spaces.

    Raises:
        KeyError: a value is missing.
        ValueError: a value is too long, or a number is not as long as it must be.
    """
    body = b""
    for name, width, kind in LAYOUTS[form]:
        value = values[name]
        if len(value) > width or (kind == "digits" and not (len(value) == width and value.isdigit())):
            msg = f"{name}: not {width} {'digits' if kind == 'digits' else 'characters at most'}"
            raise ValueError(msg)
        body += value.ljust(width).encode("ascii")
    covered = body + bytes((ETX,))
    return bytes((STX,)) + covered + bytes((lrc(covered),))


def write_caisse(values: Mapping[str, str]) -> bytes:
    """The message of these tags, in their order."""
    return "".join(f"{tag}{len(value):03d}{value}" for tag, value in values.items()).encode("ascii")


def _read_e_plus(frame: bytes, protocol: str) -> Record:
    whole = frame[:1] == bytes((STX,))
    start = 1 if whole else 0
    body = frame[1:-2] if whole else frame
    error: ProtocolError | None = None
    if whole and (len(frame) < 4 or frame[-2] != ETX):
        error = _frame_error(protocol, "etx", max(len(frame) - 2, 0), "ETX before the LRC", "another byte")
    elif whole and frame[-1] != lrc(frame[1:-1]):
        error = _frame_error(protocol, "lrc", len(frame) - 1, "XOR of body and ETX", "another value")
    elif len(body) not in LAYOUTS:
        error = _frame_error(protocol, "length", start, "a body of 34, 25 or 80 bytes", f"{len(body)}")
    if error is not None:
        return Record("", (), (error,))
    items, errors = [], []
    at = start
    for name, width, kind in LAYOUTS[len(body)]:
        item, wrong = _item(name, name, kind, frame, at, at + width, protocol)
        errors += [wrong] if wrong is not None else []
        items.append(item)
        at += width
    return Record("ask" if len(body) == ASK else "answer", tuple(items), tuple(errors))


def tag_end(data: bytes | bytearray, at: int) -> int | None:
    """Where the tag that starts there ends; -1 when none starts there, None when more bytes are needed."""
    head = bytes(data[at : at + TAG_HEAD])
    if not all(0x41 <= byte <= 0x5A for byte in head[:2]) or not _DIGITS.issuperset(head[2:]):
        return -1
    if len(head) < TAG_HEAD:
        return None
    end = at + TAG_HEAD + int(head[2:])
    return end if end <= len(data) else None


def _read_caisse(frame: bytes, protocol: str) -> Record:
    if frame[:2] != b"CZ":
        wrong = _frame_error(protocol, "envelope", 0, "the tag CZ first", "something else")
        return Record("", (), (wrong,))
    items: list[Item] = []
    errors: list[ProtocolError] = []
    at = 0
    while at < len(frame):
        end = tag_end(frame, at)
        if end is None or end < 0:
            left = f"{len(frame) - at} bytes"
            errors.append(_wrong(protocol, "", at, "a tag, its length and its value", left, "short"))
            break
        key = frame[at : at + 2].decode("ascii")
        name, kind = TAGS.get(key, (key, "text"))
        item, wrong_value = _item(key, name, kind, frame, at + 5, end, protocol)
        errors += [wrong_value] if wrong_value is not None else []
        items.append(item)
        at = end
    answer = any(item.key in {"AE", "AF"} for item in items)
    return Record("caisse-answer" if answer else "caisse-ask", tuple(items), tuple(errors))


def _item(  # noqa: PLR0917  one value's facts
    key: str, name: str, kind: str, frame: bytes, start: int, end: int, protocol: str
) -> tuple[Item, ProtocolError | None]:
    raw = frame[start:end]
    legal = _DIGITS_OR_MASKED if len(raw) >= SHORTEST else _DIGITS  # a card number in it is masked
    bad = next((index for index, byte in enumerate(raw) if byte not in legal), None) if kind == "digits" else None
    if bad is not None:
        return (
            Item(key, name, kind, start, end, None),
            _wrong(protocol, key, start + bad, "a digit", "another byte", "digits"),
        )
    return Item(key, name, kind, start, end, raw.decode("latin-1")), None


def _wrong(protocol: str, path: str, at: int, expected: str, got: str, code: str) -> DecodeError:  # noqa: PLR0917  one error's words
    message = {"short": "the message ends inside a tag", "digits": "not a number"}[code]
    return DecodeError(
        message,
        protocol=protocol,
        layer="field",
        path=path,
        offset=at,
        code=code,
        expected=expected,
        got=got,
        hint="check the cable and the baud rate",
    )


def _frame_error(protocol: str, code: str, at: int, expected: str, got: str) -> FrameError:
    message = {
        "etx": "no ETX at the end",
        "lrc": "the LRC does not agree",
        "length": "no message has this length",
        "envelope": "no message starts here",
    }[code]
    return FrameError(
        message,
        protocol=protocol,
        layer="link",
        offset=at,
        code=code,
        expected=expected,
        got=got,
        hint="check the cable, the baud rate and the profile",
    )
