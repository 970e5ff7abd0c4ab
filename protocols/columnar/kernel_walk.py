"""The walk over a batch as one loop over plain numbers, for numba to compile; see ``kernel``."""

from typing import Any


def walk_rows(  # noqa: PLR0917 (numba has no keyword-only arguments)
    data: Any,
    starts: Any,
    ends: Any,
    link: Any,
    codings: Any,
    steps: Any,
    pairs: Any,
    longs: Any,
    keys: Any,
    lengths: Any,
    plans: Any,
    found: Any,
    bitmaps: Any,
    scratch: Any,
    cursors: Any,
    totals: Any,
    place_rows: Any,
    place_starts: Any,
    place_counts: Any,
) -> None:
    """Find the message of each frame and its fields: ``protocols.locate`` and ``protocols.walk`` for a batch.

    Args:
        data: int8, the buffer; signed, so that numba keeps to integers.
        starts: where each frame starts.
        ends: where it ends.
        link: envelope (0 length, 1 stx, 2 bare), coding (0 binary, 1 bcd), and what a length counts beside the body.
        codings: of STX frames, a row each: coding, and what it counts beside the body.
        steps: a row for each field number: slot or -1, prefix, size, counts digits, may be missing at the end, number.
        pairs: int32[256], the number two packed digits make; far below 0 for other nibbles.
        longs: int64, eight bytes of the buffer from every place.
        keys: int64[256], zeros: the bitmaps met whose steps are at hand.
        lengths: int32[256], zeros: how many steps each has; of one with a field nobody knows, less its number.
        plans: int32[256, 64, 6], scratch: those steps.
        found: int32, filled: head, message, there, mac_absent, fault, number, at, expected, got; a row each.
        bitmaps: int8, filled: eight bytes a row.
        scratch: int32, two lines of 64.
        cursors: int32, a number for each slot: where its next place is written; moved.
        totals: int32, a number for each slot: digits or bytes of its counted values; added to.
        place_rows: int32, filled: the places of all slots, each slot in a stretch of its own.
        place_starts: likewise.
        place_counts: likewise.
    """
    slots, amounts = scratch[0], scratch[1]
    top = data.size - 1
    for row in range(starts.size):
        start, end = starts[row], ends[row]
        size = end - start
        first = data[start] & 0xFF if size > 0 else 0xFF
        found[0, row], found[2, row], found[3, row], found[4, row] = -1, 0, 0, 1
        turn, first_turn, final = -1, -1, False
        while not final:
            turn += 1
            if turn == 5:  # no layout fits: the first one's error stands
                if first_turn < 0:
                    found[1, row] = 0
                    break
                turn, final = first_turn, True
            head, message, last, wrong = -1, start, end, False
            if turn == 0:
                if size <= 5 or first != 0x02 or (link[0] != 1 and data[end - 2] != 0x03):
                    continue
                wrong = True
                for coding in range(codings.shape[0]):
                    length = ((data[start + 1] & 0xFF) << 8 | (data[start + 2] & 0xFF)) - codings[coding, 1]
                    if codings[coding, 0] == 1:
                        high, low = pairs[data[start + 1] & 0xFF], pairs[data[start + 2] & 0xFF]
                        length = high * 100 + low - codings[coding, 1] if high >= 0 and low >= 0 else -1
                    if length == size - 5:
                        wrong = False
                lrc = 0
                for byte in range(start + 1, end):
                    lrc ^= data[byte]
                wrong = wrong or data[end - 2] != 0x03 or lrc != 0
                message, last = start + 3, end - 2
            elif turn == 1:
                if link[0] != 0 or size <= 2:
                    continue
                length = ((data[start] & 0xFF) << 8 | (data[start + 1] & 0xFF)) - link[2]
                if link[1] == 1:
                    high, low = pairs[data[start] & 0xFF], pairs[data[start + 1] & 0xFF]
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
                if data[start + 2] != 0x60 or data[start + 13] & 0xFF > 0x09:
                    continue
                wrong = link[0] == 0 or ((data[start] & 0xFF) << 8 | (data[start + 1] & 0xFF)) != size - 2
                head, message = start + 2, start + 13
            elif first > 0x09:
                continue
            if turn < 2 and data[message] == 0x60 and last - message > 11:
                head, message = message, message + 11
            if first_turn < 0:
                first_turn = turn

            fault, failing, at, expected, got = 0, 0, message, 0, 0
            fields, walked, plan = 0, 0, 0
            absent = False
            whole = last - message >= 10
            if not whole:
                fault, got = 3, max(last - message, 0)
            elif data[message] & 0xFF > 0x09 or pairs[data[message] & 0xFF] < 0 or pairs[data[message + 1] & 0xFF] < 0:
                fault = 4
            else:
                key = longs[message + 2]
                plan = (key ^ key >> 7 ^ key >> 19 ^ key >> 31 ^ key >> 47) & 0xFF
                if keys[plan] != key:
                    keys[plan] = key
                    fields, unknown = 0, 0
                    for number in range(1, 65):
                        if data[message + 2 + (number - 1 >> 3)] >> (7 - (number - 1 & 7)) & 1:
                            if steps[number, 0] < 0 and unknown == 0:
                                unknown = number
                            for part in range(6):
                                plans[plan, fields, part] = steps[number, part]
                            fields += 1
                    lengths[plan] = -unknown if unknown else fields
                fields = lengths[plan]
                if fields < 0:
                    fault, failing, at, fields = 5, -fields, message + 2, 0
                else:
                    at = message + 10
            for index in range(fields):
                slot, prefix, most = plans[plan, index, 0], plans[plan, index, 1], plans[plan, index, 2]
                halved = plans[plan, index, 3]
                value = at + prefix
                count = pairs[data[min(at, top)] & 0xFF]
                if prefix == 2:
                    count = count * 100 + pairs[data[min(at + 1, top)] & 0xFF]
                if prefix == 0:
                    count = most
                after = value + ((count + halved) >> halved)
                if (after > last) | (count < 0) | (count > most):
                    failing = plans[plan, index, 5]
                    if value > last:
                        fault, expected, got = 6, prefix, last - at
                    elif count < 0 or count > most:
                        fault, expected, got = 7, most, max(count, -1)
                    elif plans[plan, index, 4] and at == last:
                        absent = failing == 64
                        failing = 0
                        continue
                    else:
                        fault, expected, got = 8, count, last - value
                    break
                line = cursors[slot & 63] & 0x7FFFFFFF
                place_rows[line] = row
                place_starts[line] = value
                place_counts[line] = count
                slots[walked & 63] = slot
                amounts[walked & 63] = count
                walked += 1
                at = after
            if fault == 0 and at != last:
                fault, got = 9, last - at
            good = fault == 0 and not wrong
            if good or final:
                for index in range(walked):
                    slot = slots[index] & 63
                    cursors[slot] += 1
                    totals[slot] += amounts[index]
                known = fault == 5 and not wrong
                started = fault == 0 or fault > 5
                there = good or (whole and started and fields > 0) or (whole and known)
                found[0, row] = head - start if head >= 0 else -1
                found[1, row] = message - start
                found[2, row] = there
                found[3, row] = absent and good
                found[4, row] = 2 if wrong else fault
                found[5, row] = failing
                found[6, row] = at - start
                found[7, row] = expected
                found[8, row] = got
                for byte in range(8):
                    bitmaps[row, byte] = data[message + 2 + byte] if there else 0
                break
