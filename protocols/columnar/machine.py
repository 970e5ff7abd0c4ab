"""What the loops are made with: numba, and memory without the checks numba adds to an index.

A loop calls no other but those of this file; whoever changes one of these removes what numba kept on
disk (``__pycache__``), for numba looks only at the file of the loop that calls it.

Import it only where numba is wanted: that takes a second. An index here never counts from the
end, and a word may lie anywhere.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import numba  # noqa: TID253 (only ``compiled`` imports this module, and only when asked for machine code)
from llvmlite import ir
from numba import types  # noqa: TID253
from numba.extending import intrinsic  # noqa: TID253

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
def four(typing: Any, array: Any, index: Any) -> Any:
    """Four bytes of an int8 array as a number, the first one lowest."""
    del typing, index

    def made(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        found = builder.load(_place(context, builder, signature, values, 32), align=1)
        return builder.zext(found, ir.IntType(64))

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


@loop
def nibbles(word: int) -> int:
    """Four bytes as eight, a nibble each, in the order they are written."""
    word = (word | word << 16) & 0x0000FFFF0000FFFF
    word = (word | word << 8) & 0x00FF00FF00FF00FF
    return (word >> 4 & 0x000F000F000F000F) | (word << 8 & 0x0F000F000F000F00)


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
        bits = 0
        for place in range(8):
            said = get(offsets, first + 8 * block + place + 1)
            bits |= (said & 1) << place
            total += said >> 1
            put(offsets, first + 8 * block + place + 1, total)
        put(validity, bits_at + block, bits)
    if end & 7:
        bits = 0
        for row in range(end & ~7, end):
            said = get(offsets, first + row + 1)
            bits |= (said & 1) << (row & 7)
            total += said >> 1
            put(offsets, first + row + 1, total)
        put(validity, bits_at + (end >> 3), bits)
