"""Messages with their truth: what the writer put in, told by the writer and read by no decoder.

The encoder here is its own: packed digits, lengths and TLV are made from the published field
table (docs/protocols.md), not from the package. Each message is (bytes, columns): the columns
in the names of the column decoder, values as ``Message`` has them. Card numbers are test numbers.
"""

import random
from typing import Any

Truth = dict[str, str]
Written = tuple[bytes, Truth]

TPDU, HEADER = "6000030000", "603100310010"
_CARDS = ("6225880000000001", "4111111111111111", "6210810000000000018", "370000000000002")
_GBK_NAMES = ("中国银联", "上海分行 营业部", "αβγ 商店", "\u3000全角空格", "MERCHANT 42")
_TAGS = (
    ("9F26", 8), ("9F27", 1), ("9F10", 19), ("9F37", 4), ("9F36", 2), ("95", 5), ("9A", 3), ("9C", 1), ("9F02", 6),
    ("5F2A", 2), ("82", 2), ("9F1A", 2), ("9F03", 6), ("9F33", 3), ("9F34", 3), ("9F35", 1), ("9F1E", 8), ("84", 8),
    ("9F09", 2), ("9F41", 4), ("9F63", 16),
)  # fmt: skip
_PARTS = {60: (2, 6, 3, 1, 1, 1, 3), 61: (6, 6, 4, 2, 11)}
_TOTALS = ("debit_amount", "debit_count", "credit_amount", "credit_count", "flag")
_WIDTHS = (12, 3, 12, 3, 1)

# MTI, 60.1, 60.3, fields of the request, fields of the answer (docs/protocols.md 4)
TYPES: tuple[tuple[str, str, str, str, str], ...] = (
    ("0200", "22", "000",
     "2 3 4 11 22 25 35 41 42 49 53 60 63 64",
     "2 3 4 11 12 13 14 15 25 32 37 38 39 41 42 44 49 60 63 64"),
    ("0200", "22", "000",
     "2 3 4 11 14 22 23 25 26 35 41 42 49 52 53 55 60 64",
     "2 3 4 11 12 13 15 32 37 39 41 42 49 55 60 64"),
    ("0200", "22", "000",
     "3 4 11 22 25 41 42 49 59 60 64",
     "3 4 11 12 13 37 39 41 42 49 59 60 63 64"),
    ("0200", "23", "000",
     "2 3 4 11 22 25 37 38 41 42 49 53 60 61 64",
     "2 3 4 11 12 13 37 38 39 41 42 49 60 64"),
    ("0200", "01", "000",
     "2 3 11 22 25 26 35 36 41 42 49 52 53 60 64",
     "2 3 11 12 13 37 39 41 42 49 54 60 64"),
    ("0220", "25", "000",
     "2 3 4 11 22 25 37 41 42 49 60 61 63 64",
     "2 3 4 11 12 13 37 39 41 42 49 60 63 64"),
    ("0100", "10", "000",
     "2 3 4 11 22 25 26 35 41 42 49 52 53 60 64",
     "2 3 4 11 12 13 37 38 39 41 42 49 60 64"),
    ("0400", "22", "000",
     "2 3 4 11 22 25 39 41 42 49 55 60 64",
     "2 3 4 11 12 13 37 39 41 42 49 60 64"),
    ("0500", "00", "201",
     "11 41 42 48 49 60 63",
     "11 12 13 15 32 37 39 41 42 48 49 60"),
    ("0320", "00", "207",
     "11 41 42 48 49 60",
     "11 12 13 37 39 41 42 48 60"),
    ("0800", "00", "003",
     "11 41 42 60 62 63",
     "11 12 13 32 37 39 41 42 60 62"),
    ("0820", "07", "800",
     "2 4 11 15 37 41 42 55 60 62 64",
     "11 12 13 37 39 41 42 60"),
    ("0620", "00", "951",
     "4 11 32 37 41 42 55 60 64",
     "11 12 13 37 39 41 42 60"),
    ("0200", "22", "000",
     "2 3 4 11 22 25 41 42 43 46 47 49 51 56 57 58 60 64",
     "39 41 43 44 56"),
)  # fmt: skip


def messages(seed: int, kinds: int | None = None) -> "Stream":
    """An endless stream of messages of all types, the same for the same seed.

    Args:
        seed: of what is random in them.
        kinds: how many sets of fields there are, as terminals of one make have some dozens; None: any number.
    """
    return Stream(random.Random(seed), kinds)


class Stream:
    """Writes messages; most look as the sanitiser leaves them, none where ``masks`` is False."""

    def __init__(self, chance: random.Random, kinds: int | None) -> None:
        self.chance = chance
        self.masks = True
        self._kinds = [self._kind() for _ in range(kinds or 0)]
        self._writers = {number: getattr(self, f"_f{number}", None) for number in range(2, 65)}

    def _kind(self) -> tuple[str, str, str, list[int]]:
        """A type, request or answer, and its fields; not every terminal sends every field."""
        chance = self.chance
        mti, kind, network, fields, answered = chance.choice(TYPES)
        if chance.random() < 0.5:
            mti, fields = mti[:2] + str(int(mti[2]) + 1) + mti[3], answered
        numbers = [int(number) for number in fields.split()]
        if chance.random() < 0.2:
            numbers = [number for number in numbers if chance.random() < 0.8]
        return mti, kind, network, numbers

    def message(self) -> Written:
        """One message, MTI to last field, and its truth."""
        chance = self.chance
        mti, kind, network, numbers = chance.choice(self._kinds) if self._kinds else self._kind()
        self.kind, self.network, self.card = kind, network, chance.choice(_CARDS)
        self.masked = chance.random() < 0.7 and self.masks
        bitmap = sum(1 << (64 - number) for number in numbers)
        truth: Truth = {"mti": mti, "bitmap": str(bitmap)}
        parts = [bytes.fromhex(mti), bitmap.to_bytes(8, "big")]
        for number in numbers:
            coded, value = self._field(number)
            if number == 64 and chance.random() < 0.02:  # the input of a MAC
                truth["mac_absent"] = "True"
                continue
            parts.append(coded)
            truth[f"F{number}"] = value
            truth |= self._inside(number, value)
        return b"".join(parts), truth

    def frame(self, envelope: str = "length") -> Written:
        """One message in a link frame."""
        body, truth = self.message()
        return wrapped(body, envelope), truth | {"tpdu": TPDU, "header": HEADER}

    def _digits(self, count: int) -> str:
        return f"{self.chance.randrange(10**count):0{count}d}"

    def _raw(self, count: int) -> bytes:
        return self.chance.randbytes(count)

    def _words(self, count: int) -> str:
        return "".join(self.chance.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ 0123456789", k=count))

    def _field(self, number: int) -> tuple[bytes, str]:
        if number in FIXED:
            digits = self._digits(FIXED[number])
            if number == 14 and self.masked:
                digits = "FFFF"
            return packed(digits, right=number == 23), digits
        if number in TEXTS:
            text = self._words(TEXTS[number])
            return text.encode(), text
        found: tuple[bytes, str] = self._writers[number]()  # type: ignore[misc]
        return found

    def _number(self) -> str:
        return f"{self.card[:6]}{'F' * (len(self.card) - 10)}{self.card[-4:]}" if self.masked else self.card

    def _f2(self) -> tuple[bytes, str]:
        return counted(self._number(), 1)

    def _f32(self) -> tuple[bytes, str]:
        return counted(self._digits(self.chance.choice((8, 11, 7))), 1)

    def _f35(self) -> tuple[bytes, str]:
        tail = "D" + ("F" * 16 if self.masked else self._digits(16))
        return counted(self._number() + tail, 1, pad=self.chance.choice("0FD"))

    def _f36(self) -> tuple[bytes, str]:
        return counted("F" * 104 if self.masked else "99" + self._digits(60) + "D" + self._digits(41), 2)

    def _text(self, length_bytes: int, text: str) -> tuple[bytes, str]:
        coded = text.encode("gbk")
        return bytes.fromhex(f"{len(coded):0{2 * length_bytes}d}") + coded, text

    def _name(self) -> str:
        return self.chance.choice(_GBK_NAMES)

    def _f43(self) -> tuple[bytes, str]:
        coded = self._name().encode("gbk").ljust(40)
        return coded, coded.decode("gbk")

    def _f44(self) -> tuple[bytes, str]:
        return self._text(1, self._digits(11) + "   " + self._digits(8))

    def _f46(self) -> tuple[bytes, str]:
        return self._text(2, self._words(self.chance.randrange(60)))

    _f47 = _f57 = _f58 = _f46

    def _f48(self) -> tuple[bytes, str]:
        if self.network == "207":
            rows = self.chance.randrange(1, 9)
            return counted(f"{rows:02d}" + "".join(self._digits(40) for _ in range(rows)), 2)
        digits = "".join(self._digits(width) for width in 2 * _WIDTHS)
        return counted(digits, 2)

    def _f51(self) -> tuple[bytes, str]:
        raw = self._raw(self.chance.randrange(50))
        return bytes.fromhex(f"{len(raw):04d}") + raw, raw.hex().upper()

    _f59 = _f62 = _f51

    def _f52(self) -> tuple[bytes, str]:
        raw = bytes(8) if self.masked else self._raw(8)
        return raw, raw.hex().upper()

    _f64 = _f52

    def _f53(self) -> tuple[bytes, str]:
        digits = self.chance.choice(("2600000000000000", "0600000000000000", "261000000000000F"))
        return packed(digits), digits

    def _f54(self) -> tuple[bytes, str]:
        return self._text(2, "1002156C" + self._digits(12))

    def _f55(self) -> tuple[bytes, str]:
        chosen = [each for each in _TAGS if self.chance.random() < 0.9]
        self.chip = {tag: self._raw(size) for tag, size in chosen}
        coded = b"".join(bytes.fromhex(tag) + bytes([len(value)]) + value for tag, value in self.chip.items())
        if self.chance.random() < 0.1:  # an issuer's script
            script = bytes.fromhex("9F180400000001") + bytes.fromhex("860F") + self._raw(15)
            coded += bytes.fromhex("72") + bytes([len(script)]) + script
        return bytes.fromhex(f"{len(coded):04d}") + coded, coded.hex().upper()

    def _f56(self) -> tuple[bytes, str]:
        return self._text(2, self._name())

    def _f60(self) -> tuple[bytes, str]:
        whole = self.kind + self._digits(6) + self.network + "6" + "0" + "0" + "048"
        return counted(whole[: self.chance.choice((8, 11, 13, 14, 17))], 2)

    def _f61(self) -> tuple[bytes, str]:
        return counted(self._digits(6) + self._digits(6) + self.chance.choice(("", "1121", "112106")), 2)

    def _f63(self) -> tuple[bytes, str]:
        return self._text(2, self.chance.choice(("01 ", "CUP", "CUP" + self._name())))

    def _inside(self, number: int, value: str) -> Truth:
        """The parts of a field, as they were put in."""
        found: Truth = {}
        at = 0
        for index, width in enumerate(_PARTS.get(number, ()), 1):
            if at < len(value):
                found[f"{number}.{index}"] = value[at : at + width]
            at += width
        if number == 48 and len(value) == 62:
            at = 0
            for name, width in zip([f"{s}_{n}" for s in ("rmb", "foreign") for n in _TOTALS], 2 * _WIDTHS, strict=True):
                part = value[at : at + width]
                found[f"48.{name}"] = part if name.endswith("flag") else str(int(part))
                at += width
        if number == 55:
            found |= {f"F55.{tag}": raw.hex().upper() for tag, raw in self.chip.items()}
        return found


FIXED = {3: 6, 4: 12, 11: 6, 12: 6, 13: 4, 14: 4, 15: 4, 22: 3, 23: 3, 25: 2, 26: 2}
TEXTS = {37: 12, 38: 6, 39: 2, 41: 8, 42: 15, 49: 3}


def packed(digits: str, *, right: bool = False, pad: str = "0") -> bytes:
    """Two digits a byte; an odd count has its pad behind it, or before it where it lies right."""
    if len(digits) % 2:
        digits = pad + digits if right else digits + pad
    return bytes.fromhex(digits)


def counted(digits: str, length_bytes: int, *, pad: str = "0") -> tuple[bytes, str]:
    """Packed digits behind their count."""
    return bytes.fromhex(f"{len(digits):0{2 * length_bytes}d}") + packed(digits, pad=pad), digits


def wrapped(body: bytes, envelope: str) -> bytes:
    """The link frame around a message: a binary length, or STX, BCD length, ETX and LRC."""
    content = bytes.fromhex(TPDU + HEADER) + body
    if envelope == "length":
        return len(content).to_bytes(2, "big") + content
    covered = bytes.fromhex(f"{len(content):04d}") + content + b"\x03"
    lrc = 0
    for byte in covered:
        lrc ^= byte
    return b"\x02" + covered + bytes([lrc])


def mutated(chance: random.Random, frame: bytes) -> bytes:
    """The frame with some bytes changed, lost, doubled or cut off."""
    broken = bytearray(frame)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        if not broken:
            break
        at = chance.randrange(len(broken))
        match chance.randrange(8):
            case 0:
                del broken[at:]
            case 1:
                del broken[at]
            case 2:
                broken.insert(at, chance.randrange(256))
            case 3 | 4:
                broken[at] ^= 1 << chance.randrange(8)
            case _:
                broken[at] = chance.randrange(256)
    return bytes(broken)


def text_of(value: Any) -> str | None:
    """A column's value as the truth has it."""
    if value is None:
        return None
    return value.hex().upper() if isinstance(value, bytes) else str(value)
