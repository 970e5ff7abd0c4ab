"""Masks over a batch as loops over plain numbers, for numba to compile; see ``kernel_digits`` and ``sanitise``.

Each loop goes over the rows that have a field, overwrites in ``out`` what is surely secret, and
sets ``slow`` for a row whose field may need more than that: the row sanitiser does it then, from the
original. A loop never clears ``slow``.
"""

from typing import Any

from protocols.columnar.machine import loop


@loop
def mask_pans(  # noqa: PLR0917
    data: Any, out: Any, rows: Any, starts: Any, counts: Any, slow: Any, card_at: Any, card_size: Any
) -> None:
    """F2: all nibbles but the first six and the last four; where a whole number stands is remembered."""
    for index in range(rows.size):
        row, place, count = rows[index] & 0x7FFFFFFF, starts[index] & 0x7FFFFFFF, counts[index]
        whole = 13 <= count <= 19
        for nibble in range(count):
            value = data[place + (nibble >> 1)] >> (0 if nibble & 1 else 4) & 0x0F
            whole = whole and value < 10
        first, last = 6, count - 4
        if count < 13:
            first = 0
        for nibble in range(first, last):
            out[place + (nibble >> 1)] |= 0x0F if nibble & 1 else -0x10
        if whole:
            if card_size[row] > 0:
                slow[row] = 1
            card_at[row], card_size[row] = place, count


@loop
def mask_tracks(  # noqa: PLR0917
    data: Any, out: Any, rows: Any, starts: Any, counts: Any, control: Any, slow: Any, card_at: Any, card_size: Any
) -> None:
    """F35: its card number as F2's, and all behind it; the whole of a track that is encrypted or none.

    ``control`` is where F53 starts in each row, -1 where there is none.
    """
    for index in range(rows.size):
        row, place, count = rows[index] & 0x7FFFFFFF, starts[index] & 0x7FFFFFFF, counts[index]
        nibbles = 2 * ((count + 1) >> 1)
        size = 0
        while size < count and data[place + (size >> 1)] >> (0 if size & 1 else 4) & 0x0F != 0x0D:
            size += 1
        good = size < count and 13 <= size <= 19
        plain = good
        if good:
            for nibble in range(size):
                value = data[place + (nibble >> 1)] >> (0 if nibble & 1 else 4) & 0x0F
                hidden = 6 <= nibble < size - 4
                if value > 9:
                    plain = False
                    good = good and hidden and value == 0x0F
        if control[row] >= 0 and data[control[row] + 1] >> 4 & 0x0F == 1:
            good = False
        first = 6 if good else 0
        for nibble in range(first, nibbles):
            kept = good and (size - 4 <= nibble <= size)
            if not kept:
                out[place + (nibble >> 1)] |= 0x0F if nibble & 1 else -0x10
        if good and plain:
            if card_size[row] > 0:
                same = card_size[row] == size
                for nibble in range(size):
                    if same:
                        mine = data[place + (nibble >> 1)] >> (0 if nibble & 1 else 4) & 0x0F
                        other = data[card_at[row] + (nibble >> 1)] >> (0 if nibble & 1 else 4) & 0x0F
                        same = mine == other
                if not same:
                    slow[row] = 1
            else:
                card_at[row], card_size[row] = place, size


@loop
def fill(out: Any, starts: Any, size: Any, filler: int) -> None:
    """A field that is overwritten; ``size`` in bytes, of each."""
    for index in range(starts.size):
        place = starts[index] & 0x7FFFFFFF
        for byte in range(size[index]):
            out[place + byte] = filler


@loop
def sweep(  # noqa: PLR0917
    data: Any, rows: Any, starts: Any, counts: Any, digits: Any, lengths: Any, lowest: Any, highest: Any, slow: Any
) -> None:
    """Free text and private data: ``slow`` where a card number may stand in it, in ASCII or in packed digits.

    Args:
        data: the buffer.
        rows: the rows that have the field.
        starts: where its value starts.
        counts: its bytes.
        digits: int32, scratch for one value's digits: two a byte.
        lengths: int32[100], by a number's first two digits: a bit for each length of a card number.
        lowest: int32[100], the least first four digits.
        highest: int32[100], the greatest.
        slow: filled.
    """
    for index in range(rows.size):
        place, count = starts[index] & 0x7FFFFFFF, counts[index]
        dirty = False
        plain = True
        for at in range(place, place + count):
            plain = plain and 0x20 <= data[at] <= 0x7E and data[at] != 0x5C
        for text in range(2):
            size = count if text else 2 * count
            found = 0
            for at in range(size):
                if text:
                    byte = data[place + at] & 0xFF
                    digits[at] = byte - 0x30 if 0x30 <= byte <= 0x39 else -2 if byte in {0x20, 0x2D} else -1
                else:
                    byte = data[place + (at >> 1)] & 0xFF
                    nibble = byte >> (0 if at & 1 else 4) & 0x0F
                    digits[at] = nibble if nibble < 10 else -1
                    if plain and (byte == 0x20 or 0x30 <= byte <= 0x39):
                        digits[at] = -1  # digits of a text are no packed digits
                found += digits[at] >= 0
            if found < 13 or dirty:
                continue
            start = 0
            while start < size:
                if digits[start] < 0:
                    grouped = text and digits[start] == -2 and 0 < start < size - 1
                    if grouped and digits[start - 1] >= 0 and digits[start + 1] >= 0:
                        dirty = True  # digits in groups: more than a run has to be looked at
                    start += 1
                    continue
                end = start
                while end < size and digits[end] >= 0:
                    end += 1
                for first in range(start, end - 12):
                    head = digits[first] * 10 + digits[first + 1]
                    four = head * 100 + digits[first + 2] * 10 + digits[first + 3]
                    network = lengths[head] if lowest[head] <= four <= highest[head] else 0
                    for long in range(13, 20):
                        alone = text and long == end - start and first == start and long > 14 and digits[first] > 2
                        if first + long > end or not (network >> long & 1 or alone):
                            continue
                        total = 0
                        for back in range(long):
                            digit = digits[first + long - 1 - back]
                            if back & 1:
                                digit = 2 * digit - 9 if digit > 4 else 2 * digit
                            total += digit
                        if total % 10 == 0:
                            dirty = True
                start = end
        if dirty:
            slow[rows[index] & 0x7FFFFFFF] = 1


@loop
def screen_tags(  # noqa: PLR0917
    data: Any, rows: Any, starts: Any, counts: Any, kinds: Any, deepest: int, ends: Any, slow: Any
) -> None:
    """F55: ``slow`` where a tag is secret or unusual, a value may hold a card number, or the TLV breaks off.

    ``kinds``, int8[65536]: 1 a template, 2 a secret tag; other arguments as of ``kernel_find.find_tags``.
    """
    for index in range(rows.size):
        at = starts[index] & 0x7FFFFFFF
        depth = 0
        ends[0] = at + counts[index]
        bad = False
        while depth >= 0 and not bad:
            end = ends[depth]
            if at >= end:
                depth -= 1
                continue
            tag = data[at] & 0xFF
            first = tag
            at += 1
            if tag == 0:
                continue
            if tag & 0x1F == 0x1F:
                if at >= end or data[at] & 0x80:
                    bad = True  # three bytes of tag, or no tag
                    break
                tag = tag << 8 | (data[at] & 0xFF)
                at += 1
            if at >= end or data[at] & 0x80:
                bad = True  # a long value, or no length
                break
            size = data[at] & 0xFF
            at += 1
            if at + size > end or kinds[tag] == 2 or first == 0xFF:
                bad = True
                break
            if kinds[tag] == 1:
                if depth == deepest:
                    bad = True
                    break
                depth += 1
                ends[depth] = at + size
                continue
            if first & 0x20:
                bad = True
            ascii_digits = 0
            for byte in range(at, at + size):
                ascii_digits += 0x30 <= data[byte] <= 0x39
            if ascii_digits >= 13:
                bad = True
            at += size
        if bad:
            slow[rows[index] & 0x7FFFFFFF] = 1


@loop
def screen_references(  # noqa: PLR0917
    data: Any, rows: Any, starts: Any, counts: Any, types: Any, networks: Any, original: int, slow: Any
) -> None:
    """F60 and F61: ``slow`` where the digits do not fit the parts, which hold no card number.

    Args:
        data: the buffer.
        rows: the rows that have the field.
        starts: where its value starts.
        counts: its digits.
        types: int8[100], the types of 60.1.
        networks: int8[1000], the codes of 60.3.
        original: 1 for F61.
        slow: filled.
    """
    for index in range(rows.size):
        place, count = starts[index] & 0x7FFFFFFF, counts[index]
        fits = False
        if original:
            fits = count <= 12
            if count in {16, 18, 29}:
                high, low = data[place + 6] & 0xFF, data[place + 7] & 0xFF
                month = (high >> 4) * 10 + (high & 15)
                day = (low >> 4) * 10 + (low & 15)
                packed = high & 15 < 10 and low & 15 < 10 and high < 0xA0 and low < 0xA0
                fits = packed and (month + day == 0 or (1 <= month <= 12 and 1 <= day <= 31))
        elif count >= 2:
            byte = data[place] & 0xFF
            packed = byte & 15 < 10 and byte < 0xA0
            fits = packed and types[(byte >> 4) * 10 + (byte & 15)] == 1
            if fits and count >= 13:
                high, low = data[place + 4] & 0xFF, data[place + 5] & 0xFF
                code = (high >> 4) * 100 + (high & 15) * 10 + (low >> 4)
                packed = high & 15 < 10 and high < 0xA0 and low < 0xA0
                fits = packed and networks[code] == 1
        if not fits:
            slow[rows[index] & 0x7FFFFFFF] = 1


@loop
def seek_cards(  # noqa: PLR0917
    data: Any, out: Any, begins: Any, ends: Any, card_at: Any, card_size: Any, slow: Any
) -> None:
    """Rows whose own card number still stands somewhere in ``out``, in packed digits or in ASCII, are ``slow``."""
    for row in range(begins.size):
        size = card_size[row]
        if size == 0 or slow[row]:
            continue
        place = card_at[row] & 0x7FFFFFFF
        begin, end = begins[row] & 0x7FFFFFFF, ends[row]
        first = data[place] >> 4 & 0x0F
        second = data[place] & 0x0F
        found = False
        for nibble in range(2 * begin, 2 * end - size + 1):
            if out[nibble >> 1] >> (0 if nibble & 1 else 4) & 0x0F != first:
                continue
            same = 0
            while same < size:
                mine = out[(nibble + same) >> 1] >> (0 if (nibble + same) & 1 else 4) & 0x0F
                if mine != data[place + (same >> 1)] >> (0 if same & 1 else 4) & 0x0F:
                    break
                same += 1
            found = found or same == size
        for byte in range(begin, end - size + 1):
            if out[byte] != 0x30 + first or out[byte + 1] != 0x30 + second:
                continue
            same = 0
            while same < size:
                if out[byte + same] != 0x30 + (data[place + (same >> 1)] >> (0 if same & 1 else 4) & 0x0F):
                    break
                same += 1
            found = found or same == size
        if found:
            slow[row] = 1
