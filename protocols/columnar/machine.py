"""What the loops are made with: numba, and memory without the checks numba adds to an index.

A loop calls no other but those of this file; whoever changes one of these removes what numba kept on
disk (``__pycache__``), for numba looks only at the file of the loop that calls it.

Import it only where numba is wanted: that takes some tenths of a second. An index here never counts from the
end, and a word may lie anywhere.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import numba  # noqa: TID253 (only ``compiled`` imports this module, and only when asked for machine code)
from llvmlite import ir
from numba import types  # noqa: TID253
from numba.extending import intrinsic  # noqa: TID253

_DIGITS = 16
Loop = TypeVar("Loop", bound=Callable[..., Any])


def loop(function: Loop) -> Loop:
    """Compile at the first call; kept on disk where there is a place for it. Other threads run meanwhile."""
    try:
        made: Loop = numba.njit(cache=True, nogil=True)(function)
    except RuntimeError:  # no place where numba may keep its machine code
        made = numba.njit(nogil=True)(function)
    return made


def _place(context: Any, builder: Any, signature: Any, values: Any, bits: int = 0) -> Any:
    """The address of an element; with ``bits`` as that of an integer so wide."""
    data = context.make_array(signature.args[0])(context, builder, values[0]).data
    found = builder.gep(data, [values[1]])
    return builder.bitcast(found, ir.IntType(bits).as_pointer()) if bits else found


@intrinsic  # type: ignore[untyped-decorator]
def get(typing: Any, array: Any, index: Any) -> Any:
    """An element."""
    del typing, index

    def made(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.load(_place(context, builder, signature, values))

    return array.dtype(array, types.intp), made


@intrinsic  # type: ignore[untyped-decorator]
def put(typing: Any, array: Any, index: Any, value: Any) -> Any:
    """Write an element."""
    del typing, index, value

    def made(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        builder.store(values[2], _place(context, builder, signature, values))
        return context.get_dummy_value()

    return types.void(array, types.intp, array.dtype), made


@intrinsic  # type: ignore[untyped-decorator]
def byte(typing: Any, array: Any, index: Any) -> Any:
    """A byte of an int8 array, 0 to 255."""
    del typing, index

    def made(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.zext(builder.load(_place(context, builder, signature, values)), ir.IntType(64))

    return types.int64(array, types.intp), made


@intrinsic  # type: ignore[untyped-decorator]
def eight(typing: Any, array: Any, index: Any) -> Any:
    """Eight bytes of an int8 array as a number, the first one lowest."""
    del typing, index

    def made(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.load(_place(context, builder, signature, values, 64), align=1)

    return types.int64(array, types.intp), made


@intrinsic  # type: ignore[untyped-decorator]
def put_eight(typing: Any, array: Any, index: Any, value: Any) -> Any:
    """Write a number into eight bytes of an int8 array."""
    del typing, index, value

    def made(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        builder.store(values[2], _place(context, builder, signature, values, 64), align=1)
        return context.get_dummy_value()

    return types.void(array, types.intp, types.int64), made


@intrinsic  # type: ignore[untyped-decorator]
def put_digits(typing: Any, array: Any, index: Any, word: Any) -> Any:
    """Write the sixteen nibbles of a number, lowest byte and higher nibble first, as characters into an int8 array.

    Gives a bit for each nibble above 9, the first one lowest, and behind these sixteen a bit for each F.
    """
    del typing, index, word

    def made(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        wide, byte_kind = ir.IntType(64), ir.IntType(8)
        half, whole = ir.VectorType(byte_kind, 8), ir.VectorType(byte_kind, _DIGITS)
        octets = builder.bitcast(values[2], half)
        high = builder.lshr(octets, ir.Constant(half, [4] * 8))
        low = builder.and_(octets, ir.Constant(half, [15] * 8))
        lanes = [lane // 2 + 8 * (lane % 2) for lane in range(_DIGITS)]
        nibble = builder.shuffle_vector(high, low, ir.Constant(ir.VectorType(ir.IntType(32), _DIGITS), lanes))
        letters = builder.icmp_unsigned(">", nibble, ir.Constant(whole, [9] * _DIGITS))
        masks = builder.icmp_unsigned("==", nibble, ir.Constant(whole, [15] * _DIGITS))
        first = builder.select(letters, ir.Constant(whole, [0x37] * _DIGITS), ir.Constant(whole, [0x30] * _DIGITS))
        place = _place(context, builder, signature, values)
        builder.store(builder.add(nibble, first), builder.bitcast(place, whole.as_pointer()), align=1)
        bits = [builder.zext(builder.bitcast(each, ir.IntType(_DIGITS)), wide) for each in (letters, masks)]
        return builder.or_(builder.shl(bits[1], ir.Constant(wide, _DIGITS)), bits[0])

    return types.int64(array, types.intp, types.int64), made


@intrinsic  # type: ignore[untyped-decorator]
def copy_sixteen(typing: Any, array: Any, index: Any, source: Any, place: Any) -> Any:
    """Copy sixteen bytes from one int8 array into another; a bit for each that is printable ASCII and no backslash."""
    del typing, index, place

    def made(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        whole = ir.VectorType(ir.IntType(8), _DIGITS)
        into = builder.bitcast(_place(context, builder, signature, values), whole.as_pointer())
        data = context.make_array(signature.args[2])(context, builder, values[2]).data
        octets = builder.load(builder.bitcast(builder.gep(data, [values[3]]), whole.as_pointer()), align=1)
        builder.store(octets, into, align=1)
        shifted = builder.sub(octets, ir.Constant(whole, [0x20] * _DIGITS))
        printable = builder.icmp_unsigned("<", shifted, ir.Constant(whole, [0x5F] * _DIGITS))
        other = builder.icmp_unsigned("!=", octets, ir.Constant(whole, [0x5C] * _DIGITS))
        return builder.zext(builder.bitcast(builder.and_(printable, other), ir.IntType(_DIGITS)), ir.IntType(64))

    return types.int64(array, types.intp, source, types.intp), made


_ROWS = 8
_LANES = ir.VectorType(ir.IntType(32), _ROWS)


@intrinsic  # type: ignore[untyped-decorator]
def settle_eight(typing: Any, offsets: Any, index: Any, total: Any) -> Any:
    """Eight numbers of an int32 array, twice a size and 1 for being there, become sums of the sizes behind a total.

    Gives the eight bits, the first one lowest, and 256 times the sum of the sizes.
    """
    del typing, index, total

    def made(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        wide = ir.IntType(64)
        place = builder.bitcast(_place(context, builder, signature, values, 32), _LANES.as_pointer())
        none, one = ir.Constant(_LANES, [0] * _ROWS), ir.Constant(_LANES, [1] * _ROWS)
        said = builder.load(place, align=4)
        bits = builder.icmp_unsigned("!=", builder.and_(said, one), none)
        sums = builder.lshr(said, one)
        for step in (1, 2, 4):  # each lane gets what lies ``step`` lanes before it
            lanes = [lane - step if lane >= step else _ROWS for lane in range(_ROWS)]
            mask = ir.Constant(_LANES, lanes)
            sums = builder.add(sums, builder.shuffle_vector(sums, none, mask))
        first = builder.insert_element(none, builder.trunc(values[2], ir.IntType(32)), ir.Constant(ir.IntType(32), 0))
        every = builder.shuffle_vector(first, none, none)
        builder.store(builder.add(sums, every), place, align=4)
        last = builder.zext(builder.extract_element(sums, ir.Constant(ir.IntType(32), _ROWS - 1)), wide)
        mask8 = builder.zext(builder.bitcast(bits, ir.IntType(_ROWS)), wide)
        return builder.or_(builder.shl(last, ir.Constant(wide, _ROWS)), mask8)

    return types.int64(offsets, types.intp, types.int64), made


@loop
def plain_bytes(word: int) -> int:
    """The highest bit of each of eight bytes that is printable ASCII and no backslash; the others are of no meaning."""
    high, one = -0x7F7F7F7F7F7F7F80, 0x0101010101010101  # 0x80 in each byte
    other = word ^ 0x5C5C5C5C5C5C5C5C
    return ((word | high) - 0x2020202020202020) & ((other | high) - one) & ~((word + one) | word) & high


@loop
def settle(  # noqa: PLR0917
    offsets: Any, first: int, begin: int, end: int, validity: Any, bits_at: int
) -> None:
    """Twice the size of each value, and 1 for being there -> offsets and validity of rows ``begin`` to ``end``.

    ``first`` is where the column's offsets begin, ``bits_at`` its validity; ``begin`` is a multiple of eight.
    """
    total = int(get(offsets, first + begin))
    for block in range(begin >> 3, end >> 3):
        made = settle_eight(offsets, first + 8 * block + 1, total)
        total += made >> 8
        put(validity, bits_at + block, made)
    if end & 7:
        bits = 0
        for row in range(end & ~7, end):
            said = get(offsets, first + row + 1)
            bits |= (said & 1) << (row & 7)
            total += said >> 1
            put(offsets, first + row + 1, total)
        put(validity, bits_at + (end >> 3), bits)
