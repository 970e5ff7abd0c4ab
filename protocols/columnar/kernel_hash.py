"""SHA-256 (FIPS 180-4) of many short texts as loops over plain numbers, compiled by numba; see ``kernel_digits``."""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types  # noqa: TID253 (loaded with the loops)
from numba.extending import intrinsic  # noqa: TID253

from protocols.columnar.machine import byte, get, loop, put

_BLOCK, _WORDS, _ROUNDS, _LANES = 64, 16, 64, 8


@intrinsic  # type: ignore[untyped-decorator]
def compress_eight(typing: Any, words: Any, state: Any, rounds: Any) -> Any:
    """The states (uint32, eight words of eight texts each) with one block of each text, beside each other."""
    del typing

    def made(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        kind = ir.VectorType(ir.IntType(32), _LANES)
        message, states, constants = (
            context.make_array(each)(context, builder, value).data
            for each, value in zip(signature.args, values, strict=True)
        )

        def at(data: Any, place: int) -> Any:
            return builder.bitcast(builder.gep(data, [ir.Constant(ir.IntType(64), _LANES * place)]), kind.as_pointer())

        def every(scalar: Any) -> Any:
            first = builder.insert_element(ir.Constant(kind, ir.Undefined), scalar, ir.Constant(ir.IntType(32), 0))
            return builder.shuffle_vector(first, ir.Constant(kind, ir.Undefined), ir.Constant(kind, [0] * _LANES))

        def moved(word: Any, bits: int) -> Any:
            return builder.lshr(word, ir.Constant(kind, [bits] * _LANES))

        def turn(word: Any, bits: int) -> Any:
            return builder.or_(moved(word, bits), builder.shl(word, ir.Constant(kind, [32 - bits] * _LANES)))

        def mixed(*parts: Any) -> Any:
            return builder.xor(builder.xor(parts[0], parts[1]), parts[2])

        def total(*parts: Any) -> Any:
            found = parts[0]
            for part in parts[1:]:
                found = builder.add(found, part)
            return found

        schedule = [builder.load(at(message, place), align=4) for place in range(_WORDS)]
        for place in range(_WORDS, _ROUNDS):
            one, two = schedule[place - 15], schedule[place - 2]
            low = mixed(turn(one, 7), turn(one, 18), moved(one, 3))
            high = mixed(turn(two, 17), turn(two, 19), moved(two, 10))
            schedule.append(total(schedule[place - 16], low, schedule[place - 7], high))
        before = [builder.load(at(states, place), align=4) for place in range(8)]
        a, b, c, d, e, f, g, h = before
        for place in range(_ROUNDS):
            constant = every(builder.load(builder.gep(constants, [ir.Constant(ir.IntType(64), place)])))
            chosen = builder.xor(g, builder.and_(e, builder.xor(f, g)))
            one = total(h, mixed(turn(e, 6), turn(e, 11), turn(e, 25)), chosen, constant, schedule[place])
            most = builder.or_(builder.and_(a, b), builder.and_(c, builder.or_(a, b)))
            two = builder.add(mixed(turn(a, 2), turn(a, 13), turn(a, 22)), most)
            h, g, f, e, d, c, b, a = g, f, e, builder.add(d, one), c, b, a, builder.add(one, two)
        for place, (old, new) in enumerate(zip(before, (a, b, c, d, e, f, g, h), strict=True)):
            builder.store(builder.add(old, new), at(states, place), align=4)
        return context.get_dummy_value()

    return types.void(words, state, rounds), made


@loop
def fill_block(data: Any, begin: int, size: int, block: int, words: Any, lane: int) -> None:  # noqa: PLR0917
    """One block of a text, with what follows its end, into a lane of the words."""
    for at in range(_WORDS):
        here = _BLOCK * block + 4 * at
        word = 0
        if here + 4 <= size:
            place = begin + here
            word = byte(data, place) << 24 | byte(data, place + 1) << 16
            word |= byte(data, place + 2) << 8 | byte(data, place + 3)
        elif here <= size:
            for place in range(size - here):
                word |= byte(data, begin + here + place) << 24 - 8 * place
            word |= 0x80 << 24 - 8 * (size - here)
        put(words, _LANES * at + lane, np.uint32(word))
    if size + 8 < (block + 1) * _BLOCK:
        put(words, _LANES * 14 + lane, np.uint32(size >> 29))
        put(words, _LANES * 15 + lane, np.uint32(size << 3 & 0xFFFFFFFF))


@loop
def hash_texts(data: Any, offsets: Any, first: Any, rounds: Any, words: Any, state: Any, out: Any) -> None:  # noqa: PLR0917
    """The hash of each text, eight at a time.

    Args:
        data: int8, the texts end to end.
        offsets: int32, one more than texts.
        first: uint32[8], the state at the start.
        rounds: uint32[64], the constants of the rounds.
        words: uint32[128], scratch.
        state: uint32[64], scratch.
        out: uint32, filled: eight words for each text.
    """
    count = offsets.size - 1
    for row in range(0, count, _LANES):
        lanes, most = min(count - row, _LANES), 0
        for lane in range(lanes):
            most = max(most, int(get(offsets, row + lane + 1)) - get(offsets, row + lane))
        for at in range(8):
            for lane in range(_LANES):
                put(state, _LANES * at + lane, get(first, at))
        for block in range((most + 8) // _BLOCK + 1):
            for lane in range(lanes):
                begin = int(get(offsets, row + lane))
                fill_block(data, begin, get(offsets, row + lane + 1) - begin, block, words, lane)
            compress_eight(words, state, rounds)
            for lane in range(lanes):
                size = get(offsets, row + lane + 1) - get(offsets, row + lane)
                if block == (size + 8) // _BLOCK:  # the last one of this text
                    for at in range(8):
                        put(out, 8 * (row + lane) + at, get(state, _LANES * at + lane))
