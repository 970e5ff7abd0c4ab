"""Newland Android terminals' log: the rows of the table ``t_water``, from an SQLite file or a CSV export.

Source: the public entity classes of two Newland payment applications. A row rests as a
JSON object of its columns, each value as text, in the order of their names; columns that
are not known here are kept, and looked through for card numbers.
"""

import json
from collections.abc import Mapping
from typing import Any

from protocols.errors import DecodeError
from protocols.facts import Facts, mask_pan
from protocols.journal.dates import is_date, is_time
from protocols.journal.said import Said
from protocols.responses import is_approved

TABLE = "t_water"
NEEDED = ("TRANS_TYPE", "AMOUNT", "TRACE", "BATCH_NUM", "DATE", "TIME")
"""Without these columns a table is no journal."""
COLUMNS: dict[str, tuple[str, str, str]] = {
    "TRANS_TYPE": ("none", "transaction", "交易类型"),
    "TRANS_STATUS": ("none", "state: 1 voided 2 adjusted 3 refunded 4 adjusted after upload", "交易状态"),
    "PAN": ("card", "card number", "主账号"),
    "AMOUNT": ("none", "amount in fen", "金额"),
    "TRACE": ("none", "system trace number", "交易流水"),
    "TIME": ("none", "time hhmmss", "交易时间"),
    "DATE": ("none", "date", "交易日期"),
    "YEAR": ("none", "year", "年份"),
    "EXP_DATE": ("wipe", "expiry", "卡有效期"),
    "SETTLE_DATE": ("none", "settlement date", "清算日期"),
    "INPUT_MODE": ("none", "entry mode", "输入模式"),
    "CARD_SERIAL_NO": ("none", "card sequence number", "卡序列号"),
    "TRACK2": ("wipe", "track 2", "二磁道数据"),
    "TRACK3": ("wipe", "track 3", "三磁道数据"),
    "REFER_NUM": ("none", "retrieval reference number", "系统参考号"),
    "AUTH_CODE": ("none", "authorisation code", "授权码"),
    "RESP_CODE": ("none", "response code", "响应码"),
    "BATCH_NUM": ("none", "batch number", "批次号"),
    "FUNC_CODE": ("none", "transaction type, 60.1", "消息类型码"),
    "OLD_BATCH": ("none", "original batch", "原批次号"),
    "OLD_TRACK": ("none", "original trace number", "原流水号"),
    "OLD_AUTH_CODE": ("none", "original authorisation code", "原授权码"),
    "OLD_REF_NUM": ("none", "original reference number", "原交易参考号"),
    "OLD_DATE": ("none", "original date", "原交易日期"),
    "OPER": ("none", "operator", "操作员号"),
    "INTER_ORG": ("none", "card organisation", "国际组织代码"),
    "TIP_AMOUNT": ("none", "tip in fen", "小费金额"),
    "FIELD55": ("tlv", "chip data", "55域"),
    "EMV_ADDITION": ("wipe", "more chip data", "EMV附加内容"),
    "ADDITION": ("wipe", "more", "附加流水内容"),
    "CARDNO_TRANS_IN": ("card", "card transferred into", "转入卡卡号"),
    "CARDHOLDER_TEL": ("wipe", "telephone", "持卡人手机号"),
    "TEL_NO": ("wipe", "telephone", "手机号"),
    "CURRENCY": ("none", "currency", "币种"),
    "OUT_ORDER_NO": ("none", "the till's order", "外部订单号"),
    "OUTORDERNO": ("none", "the till's order", "外部订单号"),
}
"""Column -> what the sanitiser does with it, and its titles. Others are swept."""
_MOST = 999_999
_LONGEST = 12
"""Digits of the longest number, an amount (F4); Python reads no number of thousands, a table none of twenty."""
_STATES = {"1": "voided", "2": "adjusted", "3": "refunded", "4": "adjusted after upload"}
_REFERRING = frozenset(("VOID", "REFUND", "PREAUTH_VOID", "COMPLETION", "COMPLETION_VOID", "ADJUST", "QR_REFUND"))
_CURRENCY = 3


def dump(row: Mapping[str, Any]) -> bytes:
    """A row as it rests: bytes become hex, numbers text, nulls are left out."""
    values = {
        str(name).upper(): value.hex().upper() if isinstance(value, bytes) else str(value)
        for name, value in row.items()
        if value is not None
    }
    return json.dumps(values, ensure_ascii=False, sort_keys=True).encode()


def read(record: bytes) -> tuple[dict[str, Any], DecodeError | None]:
    """The columns of a row, and why it is none."""
    try:
        values = json.loads(record)
    except ValueError:
        values = None
    texts = isinstance(values, dict) and all(isinstance(value, str) for value in values.values())
    if not texts or dump(values) != record:  # a column twice, or not written as it rests: its bytes have no one place
        wrong = DecodeError(
            "not a row of t_water", layer="record", offset=0, code="json", expected="columns", got="not"
        )
        return {}, wrong
    return values, None


def spans(record: bytes) -> dict[str, tuple[int, int]]:
    """Column -> where its value lies in the record, quotation marks not counted."""
    places: dict[str, tuple[int, int]] = {}
    at = 0
    for name, value in read(record)[0].items():
        key = json.dumps(name, ensure_ascii=False).encode() + b": "
        inside = json.dumps(value, ensure_ascii=False).encode()[1:-1]
        at = record.index(key, at) + len(key) + 1
        places[name] = (at, len(inside))
        at += len(inside)
    return places


def doubt(values: Mapping[str, Any]) -> tuple[str, str] | None:
    """The column that no row of a terminal has like this, and what it should be; None when all are plausible."""
    for name in ("TRACE", "BATCH_NUM"):
        if not _digits(values, name) or len(values[name]) > _LONGEST or int(values[name]) > _MOST:
            return name, "0 … 999999"
    if not _digits(values, "AMOUNT", optional=True) or len(values.get("AMOUNT", "")) > _LONGEST:
        return "AMOUNT", f"at most {_LONGEST} digits"
    if not is_date(date_of(values)):
        return "DATE", "a date"
    if not is_time(values.get("TIME", "")):
        return "TIME", "a time of day"
    return None


def _digits(values: Mapping[str, Any], name: str, *, optional: bool = False) -> bool:
    text = values.get(name, "")
    return text.isascii() and text.isdigit() if text else optional


def date_of(values: Mapping[str, Any]) -> str:
    """YYYYMMDD where the row has the year, in DATE or beside it."""
    date, year = str(values.get("DATE", "")), str(values.get("YEAR", ""))
    return year + date if len(date) == 4 and len(year) == 4 else date


def said(values: Mapping[str, Any], transactions: Mapping[str, str]) -> Said:
    """What a row says.

    Args:
        values: its columns.
        transactions: the profile's table: 60.1 -> transaction type.
    """
    get = values.get
    txn_type = transactions.get(get("FUNC_CODE", ""))
    refers = txn_type in _REFERRING
    code = get("RESP_CODE") or None
    currency = get("CURRENCY", "")
    facts = Facts(
        mti="",
        is_request=True,
        kind="financial",
        operation=txn_type or "UNKNOWN",
        txn_type=txn_type,
        batch_no=int(values["BATCH_NUM"]) or None,
        stan=int(values["TRACE"]),
        amount_fen=int(values["AMOUNT"]) if get("AMOUNT") else None,
        currency=currency if len(currency) == _CURRENCY and currency.isdigit() else "156",
        pan_masked=mask_pan(get("PAN", "")),
        entry_mode=get("INPUT_MODE", "")[:3] or None,
        operator_no=get("OPER") or None,
        settlement_mmdd=get("SETTLE_DATE", "")[-4:] or None,
        rrn=get("REFER_NUM", "").strip() or None,
        auth_code=get("AUTH_CODE", "").strip() or None,
        response_code=code,
        orig_batch_no=_number(get("OLD_BATCH")) if refers else None,
        orig_stan=_number(get("OLD_TRACK") or get("OLD_TRACE")) if refers else None,
        orig_mmdd=(get("OLD_DATE", "")[-4:] or None) if refers else None,
        orig_rrn=(get("OLD_REF_NUM", "").strip() or None) if refers else None,
        orig_auth_code=(get("OLD_AUTH_CODE", "").strip() or None) if refers else None,
        card_org=get("INTER_ORG") or None,
    )
    return Said(
        facts,
        date_of(values),
        values["TIME"],
        "approved" if code is None or is_approved(code) else "declined",
        _STATES.get(get("TRANS_STATUS", "")),
        _number(get("TIP_AMOUNT")),
    )


def _number(text: str | None) -> int | None:
    return (int(text) or None) if text and text.isascii() and text.isdigit() and len(text) <= _LONGEST else None
