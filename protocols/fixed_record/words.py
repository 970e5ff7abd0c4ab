"""What the types of a request mean."""

from typing import Literal, NamedTuple


class Type(NamedTuple):
    """A type: its names, what it is for, and the transaction it is, if it is one that is known."""

    zh: str
    en: str
    operation: str
    txn_type: str | None = None
    kind: Literal["financial", "settlement", "event"] = "event"


def _money(zh: str, en: str, txn_type: str | None, operation: str = "") -> Type:
    return Type(zh, en, operation or txn_type or "UNKNOWN", txn_type, "financial")


REPRINT, SETTLE, REPRINT_SETTLE = "04", "06", "07"
TYPES: dict[str, Type] = {
    "00": _money("消费", "sale", "SALE"),
    "01": _money("撤销", "void", "VOID"),
    "02": _money("退货", "refund", "REFUND"),
    "03": _money("查余额", "balance inquiry", "BALANCE"),
    REPRINT: Type("重打印", "reprint", "REPRINT"),
    "05": Type("签到", "sign in", "SIGN_IN"),
    SETTLE: Type("结算", "settlement", "SETTLEMENT", None, "settlement"),
    REPRINT_SETTLE: Type("重打结算单", "reprint of the settlement", "REPRINT_SETTLEMENT"),
    "08": _money("全民付", "bill payment", None, "BILL_PAYMENT"),
    "10": _money("积分消费", "sale by points", None, "POINTS_SALE"),
    "11": _money("积分撤销", "void of a sale by points", None, "POINTS_VOID"),
    "12": _money("分期消费", "sale by instalments", "SALE", "INSTALMENT_SALE"),
    "13": _money("分期撤销", "void of a sale by instalments", "VOID", "INSTALMENT_VOID"),
    "21": _money("预授权", "pre-authorisation", "PREAUTH"),
    "23": _money("预授权完成请求", "completion, request", "COMPLETION"),
    "24": _money("预授权完成通知", "completion, notice", "COMPLETION"),
    "25": _money("预授权撤销", "pre-authorisation void", "PREAUTH_VOID"),
    "26": _money("预授权完成撤销", "completion void", "COMPLETION_VOID"),
    "27": _money("离线结算", "offline settlement", "OFFLINE_SALE"),
    "28": _money("结算调整", "adjustment", "ADJUST"),
    "55": Type("换班统计", "totals of a shift", "SHIFT_TOTALS"),
    **{f"{number}": _money("电子钱包", "wallet", None, "WALLET") for number in range(30, 37)},
    **{f"{number}": _money("全民付类交易", "bill payment", None, "BILL_PAYMENT") for number in range(72, 79)},
}
UNKNOWN = Type("未知交易", "unknown", "UNKNOWN")
