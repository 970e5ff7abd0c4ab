"""One record, read and built."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from protocols.codecs import gbk_text
from protocols.errors import DecodeError, FrameError, ProtocolError, breaking
from protocols.fixed_record.layout import EXPECTED, FORMS, Field, Form, fits

_OF_DIGITS = frozenset(("digits", "number", "date"))


class Item(NamedTuple):
    """One field as it lies in the record; ``value`` without the blanks behind it, None where it cannot be read."""

    field: Field
    start: int
    end: int
    value: str | None


@dataclass(frozen=True)
class Record:
    """A record as far as it can be read.

    Attributes:
        data: its bytes.
        form: which; None when no form is that long.
        errors: what is wrong with it, in the order of the bytes.
    """

    data: bytes = field(repr=False)
    form: Form | None
    items: tuple[Item, ...] = field(repr=False)
    errors: tuple[ProtocolError, ...]

    @property
    def error(self) -> ProtocolError | None:
        """The first thing that is wrong."""
        return next(iter(self.errors), None)

    @property
    def broken(self) -> ProtocolError | None:
        """The first error behind which nobody knows what stands where; a text that is no GBK shifts nothing."""
        return breaking(self.errors, {"gbk"})

    @property
    def values(self) -> dict[str, str]:
        """Name -> value; blank ones and those that cannot be read are not there."""
        said = {item.field.name: (item.value or "").strip() for item in self.items}
        return {name: value for name, value in said.items() if value}

    @property
    def is_request(self) -> bool:
        """Whether the till says it."""
        return self.form is not None and any(item.field.name == "type" for item in self.items)


def read(data: bytes, protocol: str) -> Record:
    """Read a record; never raises."""
    form = next((each for each in FORMS if each.size == len(data)), None)
    if form is None:
        sizes = ", ".join(str(each.size) for each in FORMS)
        error = FrameError(
            "no record has this length",
            protocol=protocol,
            layer="link",
            offset=0,
            code="length",
            expected=f"{sizes} bytes",
            got=f"{len(data)}",
            hint="check whether the record was cut, or its blanks were",
        )
        return Record(data, None, (), (error,))
    items = []
    errors: list[ProtocolError] = []
    at = 0
    for each in form.fields:
        raw = data[at : at + each.width]
        sound = fits(each, raw) and (each.kind != "gbk" or is_gbk(raw))
        if not sound:
            errors.append(_bad(each, at, protocol))
        value = gbk_text(raw).rstrip() if sound or each.kind == "gbk" else None
        items.append(Item(each, at, at + each.width, value))
        at += each.width
    return Record(data, form, tuple(items), tuple(errors))


def build(form: Form, values: Mapping[str, str]) -> bytes:
    """The bytes of a record: numbers right-aligned with zeros where they must be digits, all else with blanks behind.

    Raises:
        DecodeError: a value does not fit its field.
    """
    parts = []
    at = 0
    for each in form.fields:
        raw = values.get(each.name, "").encode("gbk")
        raw = raw.rjust(each.width, b"0") if each.kind == "digits" else raw.ljust(each.width)
        if len(raw) > each.width or not fits(each, raw):
            raise _bad(each, at, "")
        parts.append(raw)
        at += each.width
    return b"".join(parts)


def is_gbk(raw: bytes) -> bool:
    """Whether the bytes are GBK; a last character that the width cut in half is forgiven."""
    try:
        raw.decode("gbk")
    except UnicodeDecodeError as wrong:
        return wrong.start == len(raw) - 1 and raw[-1] >= 0x81
    return True


def _bad(each: Field, offset: int, protocol: str) -> DecodeError:
    code = "digits" if each.kind in _OF_DIGITS else each.kind
    return DecodeError(
        f"{each.name} holds what it cannot hold",
        protocol=protocol,
        layer="field",
        path=each.name,
        offset=offset,
        code=code,
        expected=EXPECTED[each.kind],
        got="another character",
        hint="check whether the record was cut or shifted",
    )
