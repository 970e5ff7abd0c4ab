"""The walk over a batch as one loop over plain numbers, compiled by numba; see ``kernel_digits``.

The fields a bitmap names are put in order once, when it is first met: fixed fields lie at a known
distance behind the counted field before them, so that a walk only steps from one counted field to
the next. A message where that does not come out even is walked again field by field, for its error.
"""

from typing import Any

from protocols.columnar.machine import byte, eight, get, loop, put

PLANS = 256
"""How many bitmaps are at hand."""
FIXED, COUNTED, HEAD = 4, 7, 4
"""How many numbers the plans have for a fixed field, for a counted one, and for a bitmap."""


@loop
def _plan(  # noqa: PLR0917
    bitmap: int, plan: int, steps: Any, fixed: Any, counted: Any, heads: Any
) -> None:
    """Put the fields of a bitmap in order.

    Args:
        bitmap: the highest bit is field 1.
        plan: which plan to write.
        steps: see ``walk_rows``.
        fixed: int32, written for each fixed field: slot, the counted field before it (0 none), the distance from its
            end, bytes.
        counted: int32, written for each counted field: fixed bytes before it, what its two length bytes are
            multiplied by, bytes of its length, 1 when it counts digits, its most, slot.
        heads: int32, written: how many fixed fields, how many counted ones, fixed bytes behind the last of these; and
            the number of a field nobody knows, or 0.
    """
    fixeds, counteds, distance, unknown = 0, 0, 0, 0
    for number in range(1, 65):
        if not bitmap >> (64 - number) & 1:
            continue
        slot, prefix, size = steps[number, 0], steps[number, 1], steps[number, 2]
        if slot < 0:
            unknown = number
            break
        if prefix:
            line = 64 * COUNTED * plan + COUNTED * counteds
            counted[line] = distance
            counted[line + 1] = 100 if prefix == 2 else 1
            counted[line + 2] = 1 if prefix == 2 else 0
            counted[line + 3] = prefix
            counted[line + 4] = steps[number, 3]
            counted[line + 5] = size
            counted[line + 6] = slot
            counteds += 1
            distance = 0
        else:
            line = 64 * FIXED * plan + FIXED * fixeds
            fixed[line] = slot
            fixed[line + 1] = counteds
            fixed[line + 2] = distance
            fixed[line + 3] = size
            fixeds += 1
            distance += size
    heads[HEAD * plan] = fixeds
    heads[HEAD * plan + 1] = counteds
    heads[HEAD * plan + 2] = distance
    heads[HEAD * plan + 3] = unknown


@loop
def walk_rows(  # noqa: PLR0917 (numba has no keyword-only arguments)
    data: Any,
    starts: Any,
    ends: Any,
    link: Any,
    codings: Any,
    steps: Any,
    pairs: Any,
    keys: Any,
    heads: Any,
    fixed: Any,
    counted: Any,
    anchors: Any,
    amounts: Any,
    there: Any,
    absent: Any,
    fault: Any,
    found: Any,
    bitmaps: Any,
    cursors: Any,
    tile_rows: int,
    marks: Any,
    totals: Any,
    place_rows: Any,
    place_starts: Any,
    place_counts: Any,
) -> None:
    """Find the message of each frame and its fields: ``protocols.locate`` and ``protocols.walk`` for a batch.

    Args:
        data: int8, the buffer.
        starts: where each frame starts.
        ends: where it ends.
        link: envelope (0 length, 1 stx, 2 bare), coding (0 binary, 1 bcd), and what a length counts beside the body.
        codings: of STX frames, a row each: coding, and what it counts beside the body.
        steps: a row for each field number: slot or -1, prefix, size, counts digits, may be missing at the end.
        pairs: int32[256], the number two packed digits make; far below 0 for other nibbles.
        keys: int64[PLANS], zeros: the bitmaps whose plans are at hand.
        heads: int32, zeros; see ``_plan``.
        fixed: int32, scratch; likewise.
        counted: int32, scratch; likewise.
        anchors: int64[65], scratch.
        amounts: int64[65], scratch.
        there: int8, filled: whether MTI and bitmap are.
        absent: int8, filled: whether F64 is announced and not there.
        fault: int8, filled: ``places.Fault``.
        found: int32, filled: a line each for head and message; and of rows with a fault number, at, expected, got.
        bitmaps: int64, filled.
        cursors: int32, a number for each slot: where its next place is written; moved. Slots 0, 1 and 2 are those of
            the MTI, the TPDU and the header.
        tile_rows: see ``kernel_digits``; a power of two.
        marks: int64, filled: the cursors before each tile, and after the last.
        totals: int64, a number for each slot: digits or bytes of its counted values; added to.
        place_rows: int32, filled: the places of all slots, each slot in a stretch of its own.
        place_starts: likewise.
        place_counts: likewise.
    """
    rows = starts.size
    top = data.size - 1
    for row in range(rows):
        if row & (tile_rows - 1) == 0:
            marks[row // tile_rows] = cursors
        start, end = int(get(starts, row)), int(get(ends, row))
        size = end - start
        first = byte(data, start) if size > 0 else 0xFF
        turn, first_turn, final = -1, -1, False
        head, message, seen = -1, start, False
        put(absent, row, 0)
        while not final:
            turn += 1
            if turn == 5:  # no layout fits: the first one's error stands
                if first_turn < 0:
                    put(fault, row, 1)
                    put(bitmaps, row, 0)
                    break
                turn, final = first_turn, True
            head, message, last, wrong = -1, start, end, False
            if turn == 0:
                if size <= 5 or first != 0x02 or (link[0] != 1 and byte(data, end - 2) != 0x03):
                    continue
                wrong = True
                for coding in range(codings.shape[0]):
                    length = (byte(data, start + 1) << 8 | byte(data, start + 2)) - codings[coding, 1]
                    if codings[coding, 0] == 1:
                        high, low = pairs[byte(data, start + 1)], pairs[byte(data, start + 2)]
                        length = high * 100 + low - codings[coding, 1] if high >= 0 and low >= 0 else -1
                    if length == size - 5:
                        wrong = False
                lrc, at = 0, start + 1
                while at + 8 <= end:
                    lrc ^= eight(data, at)
                    at += 8
                lrc ^= lrc >> 32
                lrc ^= lrc >> 16
                lrc ^= lrc >> 8
                lrc &= 0xFF
                while at < end:
                    lrc ^= byte(data, at)
                    at += 1
                wrong = wrong or byte(data, end - 2) != 0x03 or lrc != 0
                message, last = start + 3, end - 2
            elif turn == 1:
                if link[0] != 0 or size <= 2:
                    continue
                length = (byte(data, start) << 8 | byte(data, start + 1)) - link[2]
                if link[1] == 1:
                    high, low = pairs[byte(data, start)], pairs[byte(data, start + 1)]
                    length = high * 100 + low - link[2] if high >= 0 and low >= 0 else -1
                if length != size - 2:
                    continue
                message = start + 2
            elif turn == 2:
                if size <= 11 or first != 0x60:
                    continue
                head, message = start, start + 11
            elif turn == 3:
                if (first_turn >= 0 and not final) or first > 0x09 or size <= 13:
                    continue
                if byte(data, start + 2) != 0x60 or byte(data, start + 13) > 0x09:
                    continue
                wrong = link[0] == 0 or (byte(data, start) << 8 | byte(data, start + 1)) != size - 2
                head, message = start + 2, start + 13
            elif first > 0x09:
                continue
            if turn < 2 and byte(data, message) == 0x60 and last - message > 11:
                head, message = message, message + 11
            if first_turn < 0:
                first_turn = turn

            why, failing, at, expected, got = 0, 0, message, 0, 0
            bitmap, plan, walked, missing = 0, 0, 0, False
            whole = last - message >= 10
            if not whole:
                why, got = 3, max(last - message, 0)
            elif (
                byte(data, message) > 0x09
                or get(pairs, byte(data, message)) < 0
                or get(pairs, byte(data, message + 1)) < 0
            ):
                why = 4
            else:
                key = eight(data, message + 2)
                for octet in range(8):
                    bitmap = bitmap << 8 | (key >> 8 * octet & 0xFF)
                plan = (key ^ key >> 7 ^ key >> 19 ^ key >> 31 ^ key >> 47) & 0xFF
                if get(keys, plan) != key:
                    put(keys, plan, key)
                    _plan(bitmap, plan, steps, fixed, counted, heads)
                if get(heads, HEAD * plan + 3):
                    why, failing, at = 5, int(get(heads, HEAD * plan + 3)), message + 2
                else:
                    at = message + 10
            if why == 0 and not wrong:
                put(anchors, 0, at)
                line = 64 * COUNTED * plan
                for _ in range(get(heads, HEAD * plan + 1)):
                    at += get(counted, line)
                    count = get(pairs, byte(data, min(at, top))) * get(counted, line + 1)
                    count += get(pairs, byte(data, min(at + 1, top))) * get(counted, line + 2)
                    value = at + get(counted, line + 3)
                    at = value + ((count + get(counted, line + 4)) >> get(counted, line + 4))
                    if (at > last) | (count < 0) | (count > get(counted, line + 5)):
                        why = 8
                        break
                    slot = get(counted, line + 6)
                    cursor = get(cursors, slot)
                    put(cursors, slot, cursor + 1)
                    put(place_rows, cursor, row)
                    put(place_starts, cursor, value)
                    put(place_counts, cursor, count)
                    put(totals, slot, get(totals, slot) + count)
                    put(amounts, walked, count)
                    walked += 1
                    put(anchors, walked, at)
                    line += COUNTED
                if why == 0 and at + get(heads, HEAD * plan + 2) == last:  # the usual end
                    line = 64 * FIXED * plan
                    for _ in range(get(heads, HEAD * plan)):
                        slot = get(fixed, line)
                        cursor = get(cursors, slot)
                        put(cursors, slot, cursor + 1)
                        put(place_rows, cursor, row)
                        put(place_starts, cursor, get(anchors, get(fixed, line + 1)) + get(fixed, line + 2))
                        put(place_counts, cursor, get(fixed, line + 3))
                        line += FIXED
                    seen = True
                    put(fault, row, 0)
                    put(bitmaps, row, bitmap)
                    break
                for index in range(walked):  # as if nothing had been found
                    slot = get(counted, 64 * COUNTED * plan + COUNTED * index + 6)
                    cursors[slot] -= 1
                    totals[slot] -= amounts[index]
                why = 0
            if why == 0:
                at, walked = message + 10, 0
                for number in range(1, 65):
                    if not bitmap >> (64 - number) & 1:
                        continue
                    slot, prefix, most, halved = steps[number, 0], steps[number, 1], steps[number, 2], steps[number, 3]
                    value, count = at + prefix, most
                    if prefix:
                        count = pairs[byte(data, min(at, top))]
                    if prefix == 2:
                        count = count * 100 + pairs[byte(data, min(at + 1, top))]
                    after = value + ((count + halved) >> halved)
                    if (after > last) | (count < 0) | (count > most):
                        failing = number
                        if value > last:
                            why, expected, got = 6, prefix, last - at
                        elif count < 0 or count > most:
                            why, expected, got = 7, most, max(count, -1)
                        elif steps[number, 4] and at == last:
                            missing, failing = number == 64, 0
                            continue
                        else:
                            why, expected, got = 8, count, last - value
                        break
                    cursor = cursors[slot]
                    place_rows[cursor] = row
                    place_starts[cursor] = value
                    place_counts[cursor] = count
                    anchors[walked], amounts[walked] = slot, count
                    walked += 1
                    at = after
                if why == 0 and at != last:
                    why, got = 9, last - at
            good = why == 0 and not wrong
            if good or final:
                for index in range(walked):
                    cursors[anchors[index]] += 1
                    totals[anchors[index]] += amounts[index]
                known = why == 5 and not wrong
                started = (why == 0 or why > 5) and bitmap != 0
                seen = good or (whole and (started or known))
                put(absent, row, 1 if missing and good else 0)
                put(fault, row, 2 if wrong else why)
                put(bitmaps, row, bitmap if seen else 0)
                put(found, 2 * rows + row, failing)
                put(found, 3 * rows + row, at - start)
                put(found, 4 * rows + row, expected)
                put(found, 5 * rows + row, got)
                break
        put(there, row, 1 if seen else 0)
        put(found, row, head - start if head >= 0 else -1)
        put(found, rows + row, message - start)
        if seen:
            cursor = get(cursors, 0)
            put(cursors, 0, cursor + 1)
            put(place_rows, cursor, row)
            put(place_starts, cursor, message)
        if head >= 0:
            cursor = get(cursors, 1)
            put(cursors, 1, cursor + 1)
            put(place_rows, cursor, row)
            put(place_starts, cursor, head)
            cursor = get(cursors, 2)
            put(cursors, 2, cursor + 1)
            put(place_rows, cursor, row)
            put(place_starts, cursor, head + 5)
    marks[-1] = cursors
