"""The parts of a construct Struct, one after the other, as columns can be made of them: what is in each, and its size.

A size is a number, or an expression over numbers in front of it (``Bytes(this.n)``): construct's expressions are
trees of operators, so that one call works a size out for all rows of a batch.
"""

import operator
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import construct as c
from construct.expr import BinExpr, Path

from protocols.columnar.plan import underivable
from protocols.journal.layout import Hex, Little, PackedDigits, PackedFen, Terminated

ENCODINGS = ("ascii", "utf8", "utf_8", "utf-8", "u8", "gbk")
"""Of padded text: those in which a byte below 0x80 is a character by itself."""
_INTEGERS = {"B": "u1", "H": "u2", "L": "u4", "Q": "u8", "b": "i1", "h": "i2", "l": "i4", "q": "i8"}
_MOST_FEN_BYTES = 9  # eighteen digits fit into 64 bits
_MOST_SIZE = 1 << 62  # what an expression may come to, so that no step of it leaves 64 bits


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a Struct.

    Attributes:
        name: its column; empty where it has none.
        label: what the declaration calls it; its number where it has no name.
        codec: its construct, without the name.
        size: bytes, or an expression over numbers in front of it.
    """

    name: str
    label: str
    codec: Any
    size: Any


def parts(declaration: Any, path: str) -> Iterator[Part]:
    """The parts of a Struct in their order.

    Raises:
        ProfileError: a part no column can be derived from; ``path`` names it.
    """
    if not isinstance(declaration, c.Struct):
        raise underivable(path, declaration)
    ranges: dict[str, int] = {}
    seen: set[str] = set()
    for index, each in enumerate(declaration.subcons):
        codec = each.subcon if isinstance(each, c.Renamed) else each
        label = each.name or str(index)
        where = f"{path} -> {label}"
        size = _size(codec, ranges)
        if size is None or (each.name and each.name in seen):
            raise underivable(where, each)
        if codec is c.Terminated and index != len(declaration.subcons) - 1:
            raise underivable(where, each)
        seen.add(each.name or "")
        if each.name and (most := _most(codec)):
            ranges[each.name] = most
        has_values = each.name and not isinstance(codec, c.Const | c.Padded) and codec is not c.Terminated
        yield Part(each.name if has_values else "", label, codec, size)


def integer(codec: Any) -> str:
    """The numpy type of an integer of fixed size; empty for anything else."""
    if isinstance(codec, Little) and codec.size in {1, 2, 4, 8}:
        return f"<u{codec.size}"
    if isinstance(codec, c.FormatField) and codec.fmtstr[1] in _INTEGERS:
        return str(codec.fmtstr[0] + _INTEGERS[codec.fmtstr[1]])
    return ""


def encoding(codec: Any) -> str:
    """How the characters of a text padded with zero bytes lie; empty for anything else."""
    if not (isinstance(codec, c.StringEncoded) and isinstance(codec.subcon, c.FixedSized)):
        return ""
    inner = codec.subcon.subcon
    padded = isinstance(inner, c.NullStripped) and inner.pad == b"\x00" and inner.subcon is c.GreedyBytes
    return str(codec.encoding) if padded and codec.encoding in ENCODINGS else ""


def _size(codec: Any, ranges: Mapping[str, int]) -> Any:
    """The bytes of a part; None where no column can be made of it."""
    if codec is c.Terminated:
        return 0
    if isinstance(codec, c.Bytes):
        return _length(codec.length, ranges)
    if encoding(codec):
        return _length(codec.subcon.length, ranges)
    if isinstance(codec, c.Padded) and codec.subcon is c.Pass:
        return _length(codec.length, ranges)
    if isinstance(codec, c.Const):
        plain = isinstance(codec.value, bytes) and isinstance(codec.subcon, c.Bytes)
        return codec.subcon.sizeof() if plain or integer(codec.subcon) else None
    if isinstance(codec, c.Enum):
        digits = any(str(name).removeprefix("-").isdigit() for name in codec.encmapping)
        return codec.subcon.sizeof() if integer(codec.subcon) and not digits else None
    if isinstance(codec, PackedFen):
        return codec.size if codec.size <= _MOST_FEN_BYTES else None
    return codec.sizeof() if isinstance(codec, PackedDigits | Terminated | Hex) or integer(codec) else None


def _most(codec: Any) -> int:
    """How far from 0 the numbers of a part may be; 0 where it is none a size can be told by."""
    if isinstance(codec, PackedFen):
        return int(100**codec.size)
    kind = integer(codec)
    return int(1 << 8 * int(kind[-1])) if kind else 0


def _length(length: Any, ranges: Mapping[str, int]) -> Any:
    if isinstance(length, int):
        return length if length >= 0 else None
    return length if 0 < _reach(length, ranges) < _MOST_SIZE else None


def _reach(expression: Any, ranges: Mapping[str, int]) -> int:
    """How far from 0 an expression may come, in any of its steps; ``_MOST_SIZE`` where columns cannot tell."""
    if isinstance(expression, int):
        return abs(expression)
    if isinstance(expression, Path):
        name = expression.__getfield__()
        return ranges.get(name, _MOST_SIZE) if repr(expression) == f"this[{name!r}]" else _MOST_SIZE
    if not isinstance(expression, BinExpr):
        return _MOST_SIZE
    left, right = _reach(expression.lhs, ranges), _reach(expression.rhs, ranges)
    if max(left, right) >= _MOST_SIZE:
        return _MOST_SIZE
    constant = expression.rhs if isinstance(expression.rhs, int) else None
    if expression.op in {operator.add, operator.sub}:
        return min(left + right, _MOST_SIZE)
    if expression.op is operator.mul:
        return min(left * right, _MOST_SIZE)
    if expression.op in {operator.floordiv, operator.mod} and constant is not None and constant > 0:
        return max(left, right)
    if expression.op is operator.rshift and constant is not None and 0 <= constant < 64:
        return left
    if expression.op is operator.and_ and constant is not None and constant >= 0:
        return max(left, right)
    return _MOST_SIZE
