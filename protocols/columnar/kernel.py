"""The steps of a batch as loops over plain numbers, for numba to compile; they trust their input.

Each function is one loop over rows and calls no other, so that numba keeps its machine code
on disk by itself. What they do is said in ``gathers``, which do the same in
numpy; ``compiled`` calls them. Never run uncompiled: numbers here have the width numpy's have.
"""

from typing import Any


def fill_digits(  # noqa: PLR0917
    data: Any,
    words: Any,
    rows: Any,
    starts: Any,
    counts: Any,
    table: Any,
    magic: Any,
    codes: Any,
    offsets: Any,
    validity: Any,
    out: Any,
    out_words: Any,
    out_pairs: Any,
    bad: Any,
) -> None:
    """Packed digits as text, column after column: ``gathers.digits``; four bytes at a time where there are as many.

    Args:
        data: int8, the buffer.
        words: uint32, four of its bytes from every place.
        rows: int32, the rows that have a field, those of all columns.
        starts: int32, the first byte of each.
        counts: int32, how many nibbles each has.
        table: int32, a line for each column: where its rows begin, how many they are, where its values begin in
            ``out``; then how many nibbles all have, or 0; which are legal, as in ``plan.ACCEPTS``; 1 where an odd
            count lies right.
        magic: uint64: see ``compiled``.
        codes: int32[3, 256], by what is legal: a byte's two characters, bit 16 where its first nibble is illegal, 17
            where its second is.
        offsets: int32, filled: a line for each column, where each row's value starts.
        validity: int8, filled: a line for each column, a bit a row.
        out: int8, filled; some bytes longer than its values.
        out_words: uint64, eight bytes of ``out`` from every place.
        out_pairs: int16, two bytes of it from every place.
        bad: int32, filled: how many values of each column are none.
    """
    spread_16, spread_8, low_nibbles, ascii_zero, six, one, shift_16, shift_8, shift_4, seven, zero = magic
    for column in range(table.shape[0]):
        line, size, at = table[column, 0], table[column, 1], table[column, 2]
        fixed, accept, right = table[column, 3], table[column, 4] & 3, table[column, 5]
        bad[column] = 0
        offsets[column, :] = 0
        validity[column, :] = 0
        for index in range(line, line + size):
            row = rows[index] & 0x7FFFFFFF
            place = starts[index] & 0x7FFFFFFF
            count = fixed if fixed > 0 else counts[index]
            begin = at
            wrong = 0
            left = count
            if right and count & 1:
                code = codes[accept, data[place] & 0xFF]
                out[at] = code >> 8
                wrong |= code >> 17
                at += 1
                place += 1
                left -= 1
            while left >= 8:
                word = words[place]
                word = (word | word << shift_16) & spread_16
                word = (word | word << shift_8) & spread_8
                word = (word >> shift_4 & low_nibbles) | (word & low_nibbles) << shift_8
                letters = (word + six) >> shift_4 & one
                illegal = letters
                if accept == 1:
                    illegal = letters ^ ((word + one) >> shift_4 & one)
                if accept < 2 and illegal != zero:
                    wrong = 1
                out_words[at] = word + ascii_zero + letters * seven
                at += 8
                place += 4
                left -= 8
            while left >= 2:
                code = codes[accept, data[place] & 0xFF]
                out_pairs[at] = code
                wrong |= code >> 16
                at += 2
                place += 1
                left -= 2
            if left:
                code = codes[accept, data[place] & 0xFF]
                out[at] = code
                wrong |= code >> 16 & 1
                at += 1
            if wrong:
                at = begin
                bad[column] += 1
            else:
                offsets[column, row + 1] = count
                validity[column, row >> 3] |= 1 << (row & 7)
        total = 0
        for row in range(offsets.shape[1]):
            total += offsets[column, row]
            offsets[column, row] = total


def fill_bytes(  # noqa: PLR0917
    data: Any,
    quads: Any,
    rows: Any,
    starts: Any,
    counts: Any,
    table: Any,
    offsets: Any,
    validity: Any,
    out: Any,
    out_words: Any,
) -> None:
    """The bytes themselves, of those that have a place, column after column.

    Arguments as of ``fill_digits`` and ``fill_text``; the fourth number of a column is where its starts and
    counts begin, if that is not where its rows do.
    """
    for column in range(table.shape[0]):
        line, size, at = table[column, 0], table[column, 1], table[column, 2]
        offsets[column, :] = 0
        validity[column, :] = 0
        for index in range(size):
            start = starts[table[column, 3] + index]
            if start < 0:
                continue
            row = rows[line + index] & 0x7FFFFFFF
            place, count = start & 0x7FFFFFFF, counts[table[column, 3] + index]
            if place + count + 8 <= data.size:  # what is copied too much is written over by the next value
                for byte in range(0, count, 8):
                    out_words[at + byte] = quads[place + byte]
            else:
                for byte in range(count):
                    out[at + byte] = data[place + byte]
            at += count
            offsets[column, row + 1] = count
            validity[column, row >> 3] |= 1 << (row & 7)
        total = 0
        for row in range(offsets.shape[1]):
            total += offsets[column, row]
            offsets[column, row] = total


def fill_text(  # noqa: PLR0917
    data: Any,
    quads: Any,
    rows: Any,
    starts: Any,
    counts: Any,
    table: Any,
    magic: Any,
    tails: Any,
    plain: Any,
    wide: Any,
    offsets: Any,
    validity: Any,
    out: Any,
    out_words: Any,
    bad: Any,
) -> None:
    """GBK as UTF-8, column after column: ``gathers.text``; plain text eight bytes at a time.

    Args:
        data: as of ``fill_digits``, and so those not named here.
        quads: uint64, eight bytes of the buffer from every place.
        rows: as of ``fill_digits``.
        starts: likewise.
        counts: int32, how many bytes each has.
        table: as of ``fill_digits``, three numbers a column.
        magic: uint64: see ``compiled``.
        tails: uint64[8], all bits of the first so many bytes of a word.
        plain: int8[256], whether a byte is its own text.
        wide: int32[65536], the character of two bytes, or 0.
        offsets: as of ``fill_digits``.
        validity: likewise.
        out: likewise.
        out_words: likewise.
        bad: int32, filled: how many values of each column hold what is no printable text; those are not done.
    """
    high, blanks, one, backslash = magic
    for column in range(table.shape[0]):
        line, size, at = table[column, 0], table[column, 1], table[column, 2]
        bad[column] = 0
        offsets[column, :] = 0
        validity[column, :] = 0
        for index in range(line, line + size):
            row = rows[index] & 0x7FFFFFFF
            place, left = starts[index] & 0x7FFFFFFF, counts[index]
            begin = at
            inside = place + left + 8 <= data.size
            while left >= 8 or (left > 0 and inside):
                word = quads[place]
                if left < 8:
                    word = (word & tails[left & 7]) | (blanks & ~tails[left & 7])
                other = word ^ backslash
                good = ((word | high) - blanks) & ((other | high) - one) & ~(word + one) & ~word & high
                if good != high:
                    break
                out_words[at] = word
                step = min(left, 8)
                at += step
                place += step
                left -= step
            while left > 0:
                byte = data[place] & 0xFF
                if plain[byte]:
                    out[at] = byte
                    at += 1
                    place += 1
                    left -= 1
                    continue
                char = 0
                if byte > 0x80 and left > 1:
                    char = wide[byte << 8 | (data[place + 1] & 0xFF)]
                if char == 0:
                    bad[column] += 1
                    break
                if char < 0x800:
                    out[at] = 0xC0 | char >> 6
                    at += 1
                else:
                    out[at] = 0xE0 | char >> 12
                    out[at + 1] = 0x80 | (char >> 6 & 0x3F)
                    at += 2
                out[at] = 0x80 | (char & 0x3F)
                at += 1
                place += 2
                left -= 2
            offsets[column, row + 1] = at - begin
            validity[column, row >> 3] |= 1 << (row & 7)
        total = 0
        for row in range(offsets.shape[1]):
            total += offsets[column, row]
            offsets[column, row] = total


def fill_parts(  # noqa: PLR0917
    rows: Any, whole_offsets: Any, whole: Any, table: Any, offsets: Any, validity: Any, out_words: Any
) -> None:
    """Some characters of a column of digits, as many as there are; part after part.

    Args:
        rows: int32, the rows that may have one.
        whole_offsets: the column's.
        whole: uint64, eight bytes of its data from every place.
        table: int32, a line for each part: its first character, one past its last, at most sixteen characters on,
            and where its values begin.
        offsets: as of ``fill_digits``.
        validity: likewise.
        out_words: likewise.
    """
    for part in range(table.shape[0]):
        first, last, at = table[part, 0], table[part, 1], table[part, 2]
        offsets[part, :] = 0
        validity[part, :] = 0
        for index in range(rows.size):
            row = rows[index] & 0x7FFFFFFF
            place, end = (whole_offsets[row] + first) & 0x7FFFFFFF, whole_offsets[row + 1]
            count = min(last - first, end - place)
            if count > 0:
                out_words[at] = whole[place]
                if last - first > 8:
                    out_words[at + 8] = whole[place + 8]
                at += count
                offsets[part, row + 1] = count
                validity[part, row >> 3] |= 1 << (row & 7)
        total = 0
        for row in range(offsets.shape[1]):
            total += offsets[part, row]
            offsets[part, row] = total
