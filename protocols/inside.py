"""What stands inside the fields of a UnionPay message: parts, list rows, tags, by message; for people.

Nothing is decided here, so nothing here raises: a field whose inside is none of the known
ones has no parts. Source: docs/protocols.md 2 to 5; where that marks a layout as likely or
guessed, its parts are ``assumed``.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from protocols import emv, meaning, private_tlv
from protocols.codecs import gbk_text
from protocols.errors import DecodeError
from protocols.message import Message
from protocols.tlv import elements, tag_name
from protocols.unionpay import BATCH_ROW_DIGITS, BATCH_ROW_PARTS, PARTS, TOTALS_DIGITS, TOTALS_PARTS

PUBLIC, ASSUMED = "public", "assumed"
_TITLES = {
    "transaction_type": ("交易类型码", "transaction type"),
    "batch_no": ("批次号", "batch number"),
    "network_code": ("网络管理信息码", "network management code"),
    "read_ability": ("终端读取能力", "what the terminal can read"),
    "chip_condition": ("IC卡条件代码", "condition of the chip reading"),
    "partial_approval": ("支持部分扣款和返回余额标志", "partial approval and balance"),
    "account_type": ("账户类型", "account"),
    "orig_batch_no": ("原始批次号", "original's batch number"),
    "orig_stan": ("原始流水号", "original's trace number"),
    "orig_date": ("原始交易日期", "original's date MMDD"),
    "orig_auth_mode": ("原授权方式", "original's authorisation mode"),
    "orig_auth_institution": ("原授权机构代码", "original's authorising institution"),
    "rmb_debit_amount": ("内卡借记总金额", "domestic cards: sum of debits"),
    "rmb_debit_count": ("内卡借记总笔数", "domestic cards: count of debits"),
    "rmb_credit_amount": ("内卡贷记总金额", "domestic cards: sum of credits"),
    "rmb_credit_count": ("内卡贷记总笔数", "domestic cards: count of credits"),
    "rmb_flag": ("内卡对账应答代码", "domestic cards: balanced"),
    "foreign_debit_amount": ("外卡借记总金额", "foreign cards: sum of debits"),
    "foreign_debit_count": ("外卡借记总笔数", "foreign cards: count of debits"),
    "foreign_credit_amount": ("外卡贷记总金额", "foreign cards: sum of credits"),
    "foreign_credit_count": ("外卡贷记总笔数", "foreign cards: count of credits"),
    "foreign_flag": ("外卡对账应答代码", "foreign cards: balanced"),
    "count": ("笔数", "how many"),
    "tip": ("小费金额", "tip"),
    "card_org": ("卡类型", "card's kind"),
    "stan": ("流水号", "trace number"),
    "pan": ("卡号", "card number"),
    "amount": ("金额", "amount"),
    "pin_format": ("PIN格式", "how the PIN is formatted"),
    "cipher": ("加密算法", "cipher"),
    "track_encrypted": ("磁道加密标志", "whether the tracks are encrypted"),
    "reserved": ("保留", "reserved"),
    "issuer": ("发卡机构标识码", "issuer's code"),
    "acquirer": ("收单机构标识码", "acquirer's code"),
    "account": ("账户类型", "account"),
    "amount_type": ("金额类型", "what the amount is"),
    "currency": ("货币代码", "currency"),
    "sign": ("借贷标志", "credit or debit"),
    "operator": ("操作员号", "operator"),
    "organisation": ("国际信用卡公司代码", "card organisation"),
    "issuer_note": ("发卡方信息", "issuer's note"),
    "network_note": ("中国银联信息", "UnionPay's note"),
    "acquirer_note": ("受理机构信息", "acquirer's note"),
    "terminal_note": ("POS终端信息", "note for the terminal"),
    "label": ("标识", "label"),
    "length": ("长度", "length"),
    "serial": ("终端序列号", "licence and serial number"),
    "pin_key": ("PIN密钥", "PIN key"),
    "pin_key_check": ("PIN密钥校验值", "PIN key's check value"),
    "mac_key": ("MAC密钥", "MAC key"),
    "mac_key_check": ("MAC密钥校验值", "MAC key's check value"),
    "track_key": ("磁道密钥", "track key"),
    "track_key_check": ("磁道密钥校验值", "track key's check value"),
    "keys": ("工作密钥", "working keys"),
    "list_flag": ("列表标志", "more to come or not"),
    "received": ("已接收数", "how many were received"),
    "record_kind": ("记录种类", "kind of record"),
    "chip_code": ("IC卡交易结果", "what the chip said"),
    "width": ("图像宽度", "picture's width"),
    "height": ("图像高度", "picture's height"),
    "picture": ("签名图像（JBIG）", "signature (JBIG)"),
    "status": ("终端状态", "terminal's status"),
}
"""Part -> Chinese, English."""
_NAMES = {
    "60.1": "transaction_type",
    "60.2": "batch_no",
    "60.3": "network_code",
    "60.4": "read_ability",
    "60.5": "chip_condition",
    "60.6": "partial_approval",
    "60.7": "account_type",
    "61.1": "orig_batch_no",
    "61.2": "orig_stan",
    "61.3": "orig_date",
    "61.4": "orig_auth_mode",
    "61.5": "orig_auth_institution",
}
_CONTROL = (("pin_format", 1), ("cipher", 1), ("track_encrypted", 1), ("reserved", 13))
_CODES = (("issuer", 11), ("acquirer", 11))
_BALANCE = (("account", 2), ("amount_type", 2), ("currency", 3), ("sign", 1), ("amount", 12))
_BALANCE_BYTES = 20
_OPERATOR_BYTES = 3
_ANSWER_NOTES = (
    ("organisation", 3),
    ("issuer_note", 20),
    ("network_note", 20),
    ("acquirer_note", 20),
    ("terminal_note", 60),
)
_SERIAL = (("label", 11), ("length", 2), ("serial", 999))
_SINGLE = (("pin_key", 8), ("pin_key_check", 4), ("mac_key", 8), ("mac_key_check", 4))
_DOUBLE = (("pin_key", 16), ("pin_key_check", 4), ("mac_key", 8), ("reserved", 8), ("mac_key_check", 4))
_KEYS = {
    24: (_SINGLE, PUBLIC),
    40: (_DOUBLE, PUBLIC),
    60: ((*_DOUBLE, ("track_key", 16), ("track_key_check", 4)), ASSUMED),
}
_CHIP = (("record_kind", 2), ("card_org", 2), ("reserved", 2), ("amount", 12), ("currency", 3))
_FAILED = (("record_kind", 2), ("chip_code", 4), ("amount", 12), ("currency", 3), ("reserved", 2))
_PICTURE_HEAD = 20


class Part(NamedTuple):
    """One part: its key behind the field's number, names, text, and its bytes within the field's value."""

    key: str
    name: str
    zh: str
    en: str
    value: str
    start: int
    length: int
    confidence: str


def parts(message: Message, number: int, masked: Sequence[str]) -> list[Part]:
    """The parts of a field; none where it has none, or where all of it is overwritten.

    Args:
        message: with asterisks for what is overwritten.
        number: the field.
        masked: what was overwritten, for the tags of F55.
    """
    value = message.fields.get(number)
    if not value:
        return []
    if number == 62:
        return list(_of_62(message, value))
    if set(value) == {"*"}:
        return []
    if number == 55:
        return list(_tags(value, masked))
    if number == 59:
        return list(_private(message))
    if number == 48:
        return list(_of_48(message, value))
    if number in PARTS:
        return list(_digits(value, [(_NAMES[key], width) for key, width in PARTS[number]], keys=PARTS[number]))
    if number == 53:
        return list(_digits(value, _CONTROL)) if value.isdigit() else []
    return list(_texts(message, number))


def _part(name: str, value: str, start: int, length: int, *, sure: str = PUBLIC, key: str = "") -> Part:
    zh, en = _TITLES[name]
    return Part(key or name, name, zh, en, value, start, length, sure)


def _digits(
    digits: str,
    widths: Sequence[tuple[str, int]],
    *,
    at: int = 0,
    prefix: str = "",
    keys: Sequence[tuple[str, int]] = (),
) -> Iterator[Part]:
    """Parts of packed digits; one that starts inside a byte has that byte's offset."""
    for index, (name, width) in enumerate(widths):
        value = digits[at : at + width]
        if not value:
            return
        first, last = at // 2, (at + len(value) - 1) // 2
        key = keys[index][0].partition(".")[2] if keys else prefix + name
        yield _part(name, value, first, last - first + 1, key=key)
        at += width


def _bytes(
    value: bytes, widths: Sequence[tuple[str, int]], confidence: str = PUBLIC, prefix: str = "", at: int = 0
) -> Iterator[Part]:
    """Parts of text."""
    for name, width in widths:
        piece = value[at : at + width]
        if not piece:
            return
        yield _part(name, gbk_text(piece).strip(), at, len(piece), sure=confidence, key=prefix + name)
        at += width


def _of_48(message: Message, value: str) -> Iterator[Part]:
    if len(value) == TOTALS_DIGITS:
        yield from _digits(value, [(key.partition(".")[2], width) for key, width in TOTALS_PARTS])
    elif meaning.request_mti(message.mti) == meaning.BATCH_MTI and len(value) == 4:
        yield from _digits(value, (("count", 4),))
    elif meaning.request_mti(message.mti) == meaning.BATCH_MTI and not (len(value) - 2) % BATCH_ROW_DIGITS:
        yield from _digits(value, (("count", 2),))
        for row in range((len(value) - 2) // BATCH_ROW_DIGITS):
            yield from _digits(value, BATCH_ROW_PARTS, at=2 + row * BATCH_ROW_DIGITS, prefix=f"{row + 1}.")
    elif len(value) == 12:
        yield from _digits(value, (("tip", 12),))


def _texts(message: Message, number: int) -> Iterator[Part]:
    raw = message.raw(number) if number in {44, 54, 63} else b""
    if number == 44 and len(raw) == 22:
        yield from _bytes(raw, _CODES)
    elif number == 54 and raw and not len(raw) % _BALANCE_BYTES:
        for group in range(len(raw) // _BALANCE_BYTES):
            prefix = f"{group + 1}." if group else ""
            yield from _bytes(raw, _BALANCE, prefix=prefix, at=group * _BALANCE_BYTES)
    elif number == 63:
        if meaning.is_answer(message.mti):
            yield from _bytes(raw, _ANSWER_NOTES)
        elif len(raw) <= _OPERATOR_BYTES:
            yield from _bytes(raw, (("operator", _OPERATOR_BYTES),))


def _private(message: Message) -> Iterator[Part]:
    raw = message.raw(59)
    for each in private_tlv.elements(raw, message.table[59].tag_digits):
        en, zh = private_tlv.NAMES.get(each.path, ("private tag", "自定义标签"))
        sure = PUBLIC if each.path == private_tlv.ORDER else ASSUMED
        yield Part(
            each.path, "tag", zh, en, gbk_text(raw[each.start : each.end]), each.start, each.end - each.start, sure
        )


def _of_62(message: Message, value: str) -> Iterator[Part]:
    """By message: serial number, keys, downloads, chip records, pictures."""
    network = message.subfields(60).get("60.3", "")
    asked = meaning.request_mti(message.mti)
    answer = meaning.is_answer(message.mti)
    if set(value) == {"*"}:
        yield from _keys(len(value) // 2)
        return
    raw = message.raw(62)
    signing = asked in meaning.SIGNATURE_MTIS and message.subfields(60).get("60.1") in meaning.SIGNATURE_TYPES
    operation = meaning.MANAGEMENT.get(network, "")
    if signing and len(raw) > _PICTURE_HEAD:
        for name, at in (("width", 4), ("height", 8)):
            yield _part(name, str(int.from_bytes(raw[at : at + 4], "big")), at, 4)
        yield _part("picture", f"{len(raw) - _PICTURE_HEAD} bytes", _PICTURE_HEAD, len(raw) - _PICTURE_HEAD)
    elif asked == meaning.BATCH_MTI:
        widths = {b"61": _CHIP, b"71": _FAILED}.get(raw[:2], ())
        yield from _bytes(raw, widths, ASSUMED)
    elif operation in {"CAPK", "AID"} and answer:
        yield _part("list_flag", gbk_text(raw[:1]), 0, 1, sure=ASSUMED)
        yield from _tags(raw[1:].hex().upper(), (), at=1)
    elif operation in {"CAPK", "AID"}:
        yield from _bytes(raw, (("list_flag", 1), ("received", 2)), ASSUMED)
    elif operation == "STATUS_UPLOAD":
        yield from _bytes(raw, (("status", 999),), ASSUMED)
    elif raw.startswith(b"Sequence No"):
        yield from _bytes(raw, _SERIAL)


def _keys(size: int) -> Iterator[Part]:
    """Working keys; they are overwritten, so only where each was can be said."""
    widths, sure = _KEYS.get(size, ((("keys", size),), ASSUMED))
    at = 0
    for name, width in widths:
        yield _part(name, "*" * (2 * width), at, width, sure=sure)
        at += width


def _tags(value: str, masked: Sequence[str], *, at: int = 0) -> Iterator[Part]:
    """BER-TLV, as far as it can be told apart; a tag in a template has the template's in its key."""
    data = bytes.fromhex(value)
    around: list[str] = []
    met: dict[str, int] = {}
    try:
        for each in elements(data):
            tag = tag_name(each.tag)
            around = around[: each.depth]
            key = ".".join([*around, tag])
            met[key] = met.get(key, 0) + 1
            if met[key] > 1:
                key += f"#{met[key]}"
            length = each.end - each.start
            text = "*" * (2 * length) if f"F55.{tag}" in masked else data[each.start : each.end].hex().upper()
            zh, en = emv.title(tag)
            yield Part(key, "tag", zh, en, text, at + each.start, length, emv.confidence(tag))
            around.append(tag)
    except DecodeError:
        return
