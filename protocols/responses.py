"""Response codes (F39): their texts in Chinese and English, and which mean yes.

Source: the table of one UnionPay terminal's public firmware (docs/protocols.md, 4.2).
"""

APPROVED = frozenset(("00", "10", "11", "A2", "A4", "A5", "A6"))

# code, 中文, English
_ROWS = (
    ("00", "交易成功", "approved"),
    ("01", "请联系发卡行", "call the issuer"),
    ("03", "无效商户", "invalid merchant"),
    ("04", "此卡被没收", "capture the card"),
    ("05", "持卡人认证失败", "cardholder authentication failed"),
    ("10", "交易成功，部分承兑", "approved in part"),
    ("11", "交易成功，重要人物", "approved, VIP"),
    ("12", "无效交易", "invalid transaction"),
    ("13", "无效金额", "invalid amount"),
    ("14", "无效卡号", "invalid card number"),
    ("15", "此卡无对应发卡方", "no such issuer"),
    ("21", "该卡未初始化或睡眠卡", "card not initialised or asleep"),
    ("22", "操作有误，或超出交易允许天数", "wrong operation, or too late"),
    ("25", "没有原始交易，请联系发卡方", "no original transaction"),
    ("30", "请重试", "try again"),
    ("34", "作弊卡，吞卡", "fraud, capture the card"),
    ("38", "密码错误次数超限，请与发卡方联系", "PIN tries exceeded, call the issuer"),
    ("40", "发卡方不支持的交易类型", "not supported by the issuer"),
    ("41", "挂失卡，请没收", "lost card"),
    ("43", "被窃卡，请没收", "stolen card"),
    ("51", "可用余额不足", "insufficient funds"),
    ("54", "该卡已过期", "expired card"),
    ("55", "密码错", "wrong PIN"),
    ("57", "不允许此卡交易", "not allowed for this card"),
    ("58", "发卡方不允许该卡在本终端进行此交易", "not allowed on this terminal"),
    ("59", "卡片校验错", "card check failed"),
    ("61", "交易金额超限", "amount limit exceeded"),
    ("62", "受限制的卡", "restricted card"),
    ("64", "交易金额与原交易不匹配", "amount differs from the original"),
    ("65", "超出消费次数限制", "count limit exceeded"),
    ("68", "交易超时，请重试", "timed out"),
    ("75", "密码错误次数超限", "PIN tries exceeded"),
    ("90", "系统日切，请稍后重试", "day cut-over, try later"),
    ("91", "发卡方状态不正常，请稍后重试", "issuer not available"),
    ("92", "发卡方线路异常，请稍后重试", "issuer's line is down"),
    ("94", "拒绝，重复交易，请稍后重试", "duplicate transaction"),
    ("96", "拒绝，交换中心异常，请稍后重试", "switch not available"),
    ("97", "终端未登记", "terminal not registered"),
    ("98", "发卡方超时", "issuer timed out"),
    ("99", "PIN格式错，请重新签到", "PIN format wrong, sign in again"),
    ("A0", "MAC校验错，请重新签到", "MAC wrong, sign in again"),
    ("A1", "转账货币不一致", "currencies of the transfer differ"),
    ("A2", "交易成功，请向发卡行确认", "approved, confirm with the issuer"),
    ("A3", "账户不正确", "wrong account"),
    ("A4", "交易成功，请向发卡行确认", "approved, confirm with the issuer"),
    ("A5", "交易成功，请向发卡行确认", "approved, confirm with the issuer"),
    ("A6", "交易成功，请向发卡行确认", "approved, confirm with the issuer"),
    ("A7", "拒绝，交换中心异常，请稍后重试", "switch not available"),
)
TEXTS = {code: {"zh-CN": zh, "en": en} for code, zh, en in _ROWS}
_UNKNOWN = {"zh-CN": "未知应答码", "en": "unknown response code"}


def is_approved(code: str | None) -> bool:
    """True when the host said yes."""
    return code in APPROVED


def response_text(code: str, locale: str) -> str:
    """What a response code says, in ``zh-CN`` or ``en``."""
    texts = TEXTS.get(code, _UNKNOWN)
    return texts.get(locale, texts["en"])
