"""The records, field by field: their widths, and what may stand in them.

A record has no check sum and no length: what tells it from noise is that every field holds
what such a field can hold. Source: docs/protocols-ecr.md, fixed records.
"""

import re
from dataclasses import dataclass
from typing import Literal, NamedTuple

from protocols.fixed_record.words import TYPES

Kind = Literal["text", "gbk", "word", "digits", "number", "type", "date", "card", "secret", "id"]
"""``digits`` must be there, ``number`` and ``date`` may be blank; ``word`` is letters and digits, then blanks; ``text``
is ASCII, ``gbk`` may be cut in half at its end; ``id`` names who is known; ``secret`` is overwritten."""


class Field(NamedTuple):
    """One field of a record."""

    name: str
    width: int
    kind: Kind
    zh: str
    en: str


@dataclass(frozen=True)
class Form:
    """One kind of record."""

    name: str
    fields: tuple[Field, ...]

    @property
    def size(self) -> int:
        """Bytes of the record."""
        return sum(each.width for each in self.fields)


_ASKED = (
    Field("till", 8, "text", "POS机号", "till number"),
    Field("operator", 8, "text", "操作员号", "operator"),
    Field("type", 2, "type", "交易类型", "type of transaction"),
    Field("amount", 12, "digits", "金额", "amount"),
    Field("orig_date", 8, "date", "原交易日期", "date of the original"),
    Field("orig_rrn", 12, "word", "原交易参考号", "reference number of the original"),
    Field("orig_voucher", 6, "number", "原凭证号", "voucher number of the original"),
    Field("lrc", 3, "digits", "LRC校验", "three random digits"),
)
REQUEST = Form("request", _ASKED)
NEW_REQUEST = Form(
    "new-request",
    (
        Field("application", 2, "word", "应用类型", "application"),
        *_ASKED,
        Field("barcode", 50, "secret", "付款码", "payment code"),
        Field("order", 50, "text", "银商订单号", "the acquirer's order number"),
        Field("merchant_order", 50, "text", "ERP订单号", "the merchant's order number"),
        Field("code_id", 32, "text", "二维码ID", "number of the code shown"),
    ),
)
ANSWER = Form(
    "answer",
    (
        Field("code", 2, "word", "返回码", "response code"),
        Field("bank", 4, "word", "银行行号", "issuer number"),
        Field("card_number", 20, "card", "卡号", "card number"),
        Field("voucher", 6, "number", "凭证号", "voucher number"),
        Field("amount", 12, "number", "金额", "amount"),
        Field("message", 40, "gbk", "错误说明", "what the code means"),
        Field("merchant_id", 15, "id", "商户号", "merchant number"),
        Field("terminal_id", 8, "id", "终端号", "terminal number"),
        Field("batch", 6, "number", "批次号", "batch number"),
        Field("date", 4, "number", "交易日期", "date"),
        Field("time", 6, "number", "交易时间", "time"),
        Field("rrn", 12, "word", "交易参考号", "reference number"),
        Field("auth_code", 6, "word", "授权号", "authorisation code"),
        Field("settlement_date", 4, "number", "清算日期", "settlement date"),
        Field("lrc", 3, "digits", "LRC校验", "the request's three digits"),
    ),
)
FORMS = tuple(sorted((REQUEST, NEW_REQUEST, ANSWER), key=lambda form: form.size))

_ASCII = frozenset(range(0x20, 0x7F))
_DIGITS = frozenset(b"0123456789")
_WORD = _DIGITS | frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz ")
_BLANK = frozenset(b" ")
_BYTES: dict[Kind, frozenset[int]] = {
    "text": _ASCII,
    "secret": _ASCII,
    "gbk": frozenset(range(0x20, 0xFF)) - {0x7F},
    "word": _WORD,
    "id": _WORD,
    "digits": _DIGITS,
    "type": _DIGITS,
    "number": _DIGITS | _BLANK,
    "date": _DIGITS | _BLANK,
    "card": _DIGITS | frozenset(b"* "),
}
_WHOLE: dict[Kind, re.Pattern[bytes]] = {
    "word": re.compile(rb"[0-9A-Za-z]* *"),
    "id": re.compile(rb"[0-9A-Za-z]* *"),
    "number": re.compile(rb"[0-9]*| *"),
    "date": re.compile(rb" *|0*|20[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])"),
    "card": re.compile(rb"[0-9*]{13,19} +| *|0*"),
    "type": re.compile("|".join(sorted(TYPES)).encode("ascii")),
}
EXPECTED: dict[Kind, str] = {
    "text": "printable ASCII",
    "secret": "printable ASCII",
    "gbk": "text in GBK",
    "word": "letters and digits, then blanks",
    "id": "letters and digits, then blanks",
    "digits": "digits",
    "type": "a known type of transaction",
    "number": "digits, or blanks",
    "date": "YYYYMMDD, or blanks",
    "card": "13 to 19 digits or stars, then blanks",
}


def fits(field: Field, data: bytes | bytearray) -> bool:
    """Whether the bytes, all of a field's or its first, can stand in it."""
    if not _BYTES[field.kind].issuperset(data):
        return False
    whole = _WHOLE.get(field.kind)
    return len(data) < field.width or whole is None or whole.fullmatch(data) is not None


def misfit(form: Form, data: bytes | bytearray, at: int = 0) -> tuple[Field, int] | None:
    """The first field that does not hold what it can, and where it starts; of a part of a record, as far as it goes."""
    for field in form.fields:
        part = data[at : at + field.width]
        if not fits(field, part):
            return field, at
        if len(part) < field.width:
            return None
        at += field.width
    return None
