"""F55 of a signature message: tags FF00 to FF73, what they are called and how they are written.

Source: docs/protocols.md 6.
"""

from typing import Literal, NamedTuple

Kind = Literal["text", "digits", "hex"]


class Tag(NamedTuple):
    """One tag: its names, and whether its value is GBK text, packed digits or EMV data."""

    zh: str
    en: str
    kind: Kind = "text"


TAGS = {
    "FF00": Tag("商户名称", "merchant name"),
    "FF01": Tag("交易类型", "transaction type"),
    "FF02": Tag("操作员号", "operator", "digits"),
    "FF03": Tag("收单机构", "acquirer"),
    "FF04": Tag("发卡机构", "issuer"),
    "FF05": Tag("卡有效期", "expiry date", "digits"),
    "FF06": Tag("交易日期时间", "date and time", "digits"),
    "FF07": Tag("授权码", "authorisation code"),
    "FF08": Tag("小费金额", "tip", "digits"),
    "FF09": Tag("卡组织", "card organisation"),
    "FF0A": Tag("交易币种", "currency"),
    "FF0B": Tag("持卡人手机号", "telephone number"),
    "FF22": Tag("应用标识", "application identifier", "hex"),
    "FF23": Tag("应用密文", "application cryptogram", "hex"),
    "FF24": Tag("电子现金余额", "electronic cash balance", "digits"),
    "FF25": Tag("转入卡卡号", "card transferred into", "digits"),
    "FF26": Tag("不可预知数", "unpredictable number", "hex"),
    "FF27": Tag("应用交互特征", "application interchange profile", "hex"),
    "FF28": Tag("终端验证结果", "terminal verification results", "hex"),
    "FF29": Tag("交易状态信息", "transaction status information", "hex"),
    "FF2A": Tag("应用交易计数器", "application transaction counter", "hex"),
    "FF2B": Tag("发卡行应用数据", "issuer application data", "hex"),
    "FF30": Tag("应用标签", "application label"),
    "FF31": Tag("应用首选名称", "application preferred name"),
    "FF40": Tag("备注信息", "remark"),
    "FF41": Tag("分期付款期数", "instalment periods", "digits"),
    "FF42": Tag("首期还款金额", "first instalment", "digits"),
    "FF43": Tag("还款币种", "instalment currency"),
    "FF44": Tag("持卡人手续费", "cardholder fee", "digits"),
    "FF45": Tag("商品代码", "goods"),
    "FF46": Tag("兑换积分数", "points used", "digits"),
    "FF47": Tag("积分余额", "points balance", "digits"),
    "FF48": Tag("自付金额", "amount paid by the cardholder", "digits"),
    "FF49": Tag("承兑金额", "amount accepted", "digits"),
    "FF4A": Tag("可用余额", "amount available", "digits"),
    "FF4B": Tag("手机号", "telephone number, masked"),
    "FF57": Tag("余额", "balance", "digits"),
    "FF60": Tag("原凭证号", "original voucher number", "digits"),
    "FF61": Tag("原批次号", "original batch number", "digits"),
    "FF62": Tag("原参考号", "original reference number", "digits"),
    "FF63": Tag("原交易日期", "original date", "digits"),
    "FF64": Tag("原授权码", "original authorisation code"),
    "FF65": Tag("原终端号", "original terminal"),
    "FF70": Tag("打印联数", "copies printed", "digits"),
    "FF71": Tag("提示信息一", "notice 1"),
    "FF72": Tag("提示信息二", "notice 2"),
    "FF73": Tag("提示信息三", "notice 3"),
}


def is_text(tag: str) -> bool:
    """Whether a tag's value is GBK text."""
    return tag in TAGS and TAGS[tag].kind == "text"
