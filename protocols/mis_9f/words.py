"""The words of the link: its tags, its message types, and the reject codes of its own.

Source: the tags and types that a public client of the link reads and writes, and its
table of reject codes (docs/protocols-ecr.md, MIS with tags 9F).
"""

from typing import Literal, NamedTuple

from protocols.responses import TEXTS, response_text

Kind = Literal["text", "type", "amount", "digits", "id", "card", "secret", "iso8583"]


class Word(NamedTuple):
    """One tag.

    ``kind``: ``text`` is GBK; ``digits`` may be blank; ``amount`` is fen in digits, or yuan
    with a point; ``id`` names who is known, in at most 15 characters; ``secret`` is overwritten;
    ``iso8583`` is a message on its way to the host.
    """

    name: str
    zh: str
    en: str
    kind: Kind = "text"


TYPE, AMOUNT, CARD, CONTENT, CODE = 0x9F01, 0x9F02, 0x9F0B, 0x9F15, 0x9F14
TAGS = {
    0x9F00: Word("application", "应用名称", "application"),
    TYPE: Word("type", "交易类型", "type of transaction", "type"),
    AMOUNT: Word("amount", "交易金额", "amount", "amount"),
    0x9F03: Word("merchant_name", "商户名称", "merchant name"),
    0x9F04: Word("merchant_id", "商户编号", "merchant number", "id"),
    0x9F05: Word("terminal_id", "终端编号", "terminal number", "id"),
    0x9F06: Word("operator", "操作员号", "operator"),
    0x9F07: Word("acquirer", "收单行号", "acquirer number"),
    0x9F08: Word("issuer", "发卡行号", "issuer number"),
    0x9F09: Word("issuer_name", "发卡行名称", "issuer name"),
    0x9F0A: Word("service_point", "服务点", "point of service"),
    CARD: Word("card_number", "卡号", "card number", "card"),
    0x9F0C: Word("entry_mode", "刷卡方式", "how the card was read"),
    0x9F0D: Word("batch", "批次号", "batch number", "digits"),
    0x9F0E: Word("trace", "凭证号", "trace number", "digits"),
    0x9F0F: Word("auth_code", "授权号", "authorisation code"),
    0x9F10: Word("rrn", "交易参考号", "reference number"),
    0x9F11: Word("date", "交易日期", "date", "digits"),
    0x9F12: Word("time", "交易时间", "time", "digits"),
    0x9F13: Word("memo", "备注", "memo"),
    CODE: Word("reject_code", "返回码", "reject code"),
    CONTENT: Word("content", "8583报文", "8583 message", "iso8583"),
    0x9F16: Word("host_address", "主机地址", "host address"),
    0x9F17: Word("host_port", "主机端口", "host port"),
    0x9F18: Word("timeout", "超时时间", "timeout"),
    0x9F19: Word("reject_text", "返回码说明", "what the reject code means"),
    0x9F1A: Word("check", "交易校验", "transaction check"),
    0x9F1B: Word("expiry", "有效期", "expiry date", "secret"),
    0x9F1C: Word("tips", "小费", "tip", "amount"),
    0x9F1D: Word("total", "总计", "total", "amount"),
    0x9F1E: Word("store", "门店号", "store number"),
    0x9F1F: Word("till", "款台号", "till number"),
    0x9F20: Word("orig_trace", "原凭证号", "original trace number", "digits"),
    0x9F23: Word("balance", "余额", "balance", "amount"),
    0x9F24: Word("tvr", "终端验证结果", "terminal verification results"),
    0x9F25: Word("tsi", "交易状态信息", "transaction status information"),
    0x9F26: Word("aid", "应用标识", "application identifier"),
    0x9F27: Word("atc", "应用交易计数器", "application transaction counter"),
    0x9F28: Word("label", "应用标签", "application label"),
    0x9F29: Word("preferred_name", "应用首选名称", "application preferred name"),
    0x9F2A: Word("tc", "交易证书", "transaction certificate"),
    0x9F52: Word("print", "打印内容", "print content"),
    0x9F91: Word("bill", "缴费单号", "bill number"),
    0x9F92: Word("bill_subject", "缴费科目", "what the bill is for"),
    0x9F93: Word("customer_name", "客户姓名", "customer name", "secret"),
    0x9F94: Word("identity_number", "身份证号", "identity card number", "secret"),
    0x9F95: Word("business_number", "业务编号", "business number"),
    0x9FFF: Word("order", "订单号", "order number"),
}
"""Tag -> what it is. 9F91 … 9F95 are met in the public client alone."""
NUMBERS = {word.name: tag for tag, word in TAGS.items()}

ANSWER_ONLY = frozenset(
    NUMBERS[name]
    for name in (
        *("merchant_name", "merchant_id", "terminal_id", "acquirer", "issuer", "issuer_name", "entry_mode", "batch"),
        *("trace", "time", "reject_code", "reject_text", "balance", "tvr", "tsi", "aid", "atc", "label"),
        *("preferred_name", "tc", "print"),
    )
)
"""Tags that a till never sends, but for 9F14 with a host's message (type 17)."""


class Type(NamedTuple):
    """A message type: its names, what it is for, and the transaction it is, if it is one."""

    zh: str
    en: str
    operation: str
    txn_type: str | None = None
    kind: Literal["financial", "settlement", "event", "handshake"] = "event"


def _money(zh: str, en: str, txn_type: str, operation: str = "") -> Type:
    return Type(zh, en, operation or txn_type, txn_type, "financial")


FORWARD, SETTLE, QUERY_LAST, REPRINT, REPRINT_SETTLE, QUERY_DETAIL = 17, 14, 15, 16, 19, 20
TYPES = {
    1: Type("签到", "sign in", "SIGN_IN"),
    2: _money("消费", "sale", "SALE"),
    3: _money("撤销", "void", "VOID"),
    4: _money("退货", "refund", "REFUND"),
    5: _money("小费", "tip", "ADJUST", "TIP"),
    6: _money("预授权", "pre-authorisation", "PREAUTH"),
    7: _money("预授权撤销", "pre-authorisation void", "PREAUTH_VOID"),
    8: _money("预授权完成", "completion", "COMPLETION"),
    9: _money("追加预授权", "additional pre-authorisation", "PREAUTH", "PREAUTH_ADD"),
    10: _money("离线预授权", "offline authorisation", "PREAUTH", "PREAUTH_OFFLINE"),
    11: _money("预授权完成撤销", "completion void", "COMPLETION_VOID"),
    12: _money("离线消费", "offline sale", "OFFLINE_SALE"),
    13: _money("离线调整", "adjustment", "ADJUST"),
    SETTLE: Type("结算", "settlement", "SETTLEMENT", None, "settlement"),
    QUERY_LAST: Type("查询上一笔", "query of the last transaction", "QUERY_LAST"),
    REPRINT: Type("重打印", "reprint", "REPRINT"),
    FORWARD: Type("数据转发", "message for the host", "FORWARD", None, "handshake"),
    18: _money("余额查询", "balance inquiry", "BALANCE"),
    REPRINT_SETTLE: Type("重打印结算单", "reprint of the settlement", "REPRINT_SETTLEMENT"),
    QUERY_DETAIL: Type("查询明细", "query of one transaction", "QUERY_DETAIL"),
    21: Type("参数设置", "setup", "SETUP"),
    22: Type("参数设置", "setup", "SETUP"),
    127: Type("查找串口", "find port", "FIND_PORT"),
}
"""9F01 -> what it says. A type that stands in no row is an event of operation UNKNOWN."""
UNKNOWN = Type("未知交易", "unknown", "UNKNOWN")
QUESTIONS = frozenset((QUERY_LAST, REPRINT, REPRINT_SETTLE, QUERY_DETAIL))
"""Types whose answer is about something that happened before, and has the type of that."""

# 9F14 beyond the host's own codes: the terminal's (X…) and the client's (negative)
_OWN_CODES = {
    "02": ("请联系发卡行", "call the issuer"),
    "09": ("交易失败，请重试", "failed, try again"),
    "77": ("请重新签到", "sign in again"),
    "95": ("对账不平", "totals do not balance"),
    "X0": ("交易取消", "cancelled"),
    "X1": ("交易失败", "failed"),
    "X2": ("无记录", "no record"),
    "X3": ("无交易", "no transaction"),
    "X4": ("打包错误", "the message could not be made"),
    "X5": ("连接失败", "no connection"),
    "X6": ("数据发送失败", "sending failed"),
    "X7": ("数据接收失败", "receiving failed"),
    "X8": ("数据接收有误", "received in error"),
    "X9": ("冲正失败", "reversal failed"),
    "XA": ("不支持该交易", "not supported"),
    "XB": ("无原始交易", "no original transaction"),
    "XC": ("不能重复处理", "done already"),
    "XD": ("交易不符", "not the original transaction"),
    "XE": ("读卡错误", "the card could not be read"),
    "XF": ("金额不符", "the amount differs"),
    "XG": ("文件操作失败", "file error"),
    "XH": ("密钥错误", "key error"),
    "XM": ("交易拒绝", "refused"),
    "XN": ("金额超限", "amount limit exceeded"),
    "XO": ("EMV处理错误", "chip error"),
    "-104": ("用户取消交易", "cancelled by the user"),
    "-105": ("串口操作超时", "the serial line timed out"),
    "-113": ("通讯失败", "no connection to the host"),
    "-114": ("数据接收失败", "the host did not answer"),
    "-115": ("数据发送失败", "sending to the host failed"),
    "-116": ("交易成功，未打印", "approved, not printed"),
}
NO_CONNECTION = "-113"
NO_RECORD = frozenset(("25", "X2", "X3", "XB"))
APPROVED_UNPRINTED = "-116"


def code_text(code: str, language: Literal["zh-CN", "en"]) -> str:
    """What a reject code means."""
    if code in _OWN_CODES and code not in TEXTS:
        return _OWN_CODES[code][0 if language == "zh-CN" else 1]
    return response_text(code, language)
