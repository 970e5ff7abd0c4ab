"""The tags: what each is called and how its value is written.

From two public frames and the public client they come from (docs/protocols-ecr.md). A value
of so many ``digits`` is written in ASCII, or packed in half the bytes: requests and answers
differ, and its length tells which.
"""

from typing import NamedTuple


class Tag(NamedTuple):
    """One tag.

    ``kind``: ``digits`` (``width`` of them), ``amount``, ``count``, ``response``, ``text`` (GBK), ``id`` (GBK text
    that names something and is no card number), ``order`` (likewise, longer), ``chip`` (bytes, or text), ``card``,
    ``secret`` (overwritten), ``nested`` (TLVs, or a message for the host) and ``raw``.
    """

    name: str
    kind: str
    zh: str
    en: str
    width: int = 0


MODE, CODE, AMOUNT, ECHO, HOST, NESTED, RESPONSE = 0xDF01, 0xDF02, 0xDF03, 0xDF04, 0xDF05, 0xDF06, 0xDF07
NOTE_8, NOTE_9, TRACE, PACKETS, LEFT, ORDER_END = 0xDF08, 0xDF09, 0xDF0A, 0xDF24, 0xDF8F, 0xDFBE
RECEIPT, BATCH, TERMINAL, MERCHANT = 0xDF10, 0xDF11, 0xDF12, 0xDF13

COMMAND, PASSTHROUGH, RESULT = "00", "01", "02"
"""DF01: what a frame is."""

_NAMED: dict[int, Tag] = {
    MODE: Tag("frame_kind", "digits", "报文类别", "kind of frame", 2),
    CODE: Tag("transaction_code", "digits", "交易类型", "transaction code", 2),
    AMOUNT: Tag("amount", "amount", "金额", "amount"),
    ECHO: Tag("echo", "digits", "随机数", "random number, echoed", 4),
    HOST: Tag("host", "digits", "主机或结算标志", "host: 01 IST 02 DCC 03 TAS 04 wallet", 2),
    NESTED: Tag("result", "nested", "返回数据", "result, or the host's message"),
    RESPONSE: Tag("response_code", "response", "应答码", "response code, or the terminal's own error"),
    NOTE_8: Tag("parameter_8", "raw", "参数08", "parameter, meaning not public"),
    NOTE_9: Tag("parameter_9", "raw", "参数09", "parameter, meaning not public"),
    TRACE: Tag("trace_no", "digits", "凭证号", "trace number", 6),
    0xDF0B: Tag("time", "digits", "交易时间", "time", 6),
    0xDF0C: Tag("sign_in_wanted", "raw", "需签到", "01: sign-in wanted"),
    0xDF0D: Tag("print", "raw", "打印标志", "flag, 0 or 1"),
    RECEIPT: Tag("receipt_no", "digits", "票据号", "receipt number", 6),
    BATCH: Tag("batch_no", "digits", "批次号", "batch number", 6),
    TERMINAL: Tag("terminal_id", "id", "终端号", "terminal id"),
    MERCHANT: Tag("merchant_id", "id", "商户号", "merchant id"),
    0xDF16: Tag("orig_auth_code", "id", "原授权码", "original's authorisation code"),
    0xDF17: Tag("orig_date", "digits", "原交易日期", "original's date, MMDD", 4),
    0xDF18: Tag("orig_receipt_no", "digits", "原票据号", "original's receipt number", 6),
    0xDF19: Tag("orig_trace_no", "digits", "原凭证号", "original's trace number", 6),
    0xDF1A: Tag("rrn", "id", "参考号", "reference number"),
    0xDF1B: Tag("auth_code", "id", "授权码", "authorisation code"),
    0xDF1C: Tag("date", "digits", "交易日期", "date, MMDD", 4),
    0xDF1D: Tag("time_of_day", "digits", "交易时间", "time, hhmmss", 6),
    0xDF1E: Tag("card_number", "card", "卡号", "card number"),
    0xDF1F: Tag("expiry", "secret", "卡有效期", "card's expiry"),
    0xDF20: Tag("amount_2", "amount", "附加金额", "second amount"),
    0xDF21: Tag("card_type", "raw", "卡类型", "card type"),
    0xDF22: Tag("issuer", "text", "发卡行", "issuer"),
    PACKETS: Tag("packets", "raw", "结束包标志", "packets of a list"),
    0xDF2C: Tag("card_name", "text", "卡名称", "card's name"),
    0xDF2F: Tag("entry_mode", "raw", "输入方式", "entry mode"),
    0xDF30: Tag("aid", "chip", "应用标识", "AID"),
    0xDF31: Tag("preferred_name", "chip", "应用首选名", "application preferred name"),
    0xDF32: Tag("application_label", "chip", "应用标签", "application label"),
    0xDF33: Tag("certificate", "chip", "交易证书", "TC"),
    0xDF34: Tag("tvr", "chip", "终端验证结果", "TVR"),
    0xDF35: Tag("tsi", "chip", "交易状态", "TSI"),
    0xDF36: Tag("cvm_results", "chip", "持卡人验证结果", "CVM results"),
    0xDF37: Tag("tac_default", "chip", "TAC 缺省", "TAC default"),
    0xDF38: Tag("tac_denial", "chip", "TAC 拒绝", "TAC denial"),
    0xDF39: Tag("tac_online", "chip", "TAC 联机", "TAC online"),
    0xDF3A: Tag("iac_default", "chip", "IAC 缺省", "IAC default"),
    0xDF3B: Tag("iac_denial", "chip", "IAC 拒绝", "IAC denial"),
    0xDF3C: Tag("iac_online", "chip", "IAC 联机", "IAC online"),
    0xDF3D: Tag("atc", "chip", "应用交易计数器", "ATC"),
    0xDF3E: Tag("cardholder", "secret", "持卡人", "cardholder"),
    0xDF3F: Tag("fee", "amount", "手续费", "fee"),
    0xDF40: Tag("first_instalment", "amount", "分期首付", "first instalment"),
    0xDF41: Tag("instalment", "amount", "每期金额", "instalment"),
    0xDF42: Tag("instalments", "count", "期数", "number of instalments"),
    0xDF43: Tag("instalment_plan", "text", "计划号", "plan"),
    0xDF44: Tag("merchant_name_en", "text", "商户英文名", "merchant's name"),
    0xDF45: Tag("merchant_name", "text", "商户名", "merchant's Chinese name"),
    0xDF46: Tag("desk_no", "id", "款台号", "desk"),
    0xDF47: Tag("operator_no", "id", "柜员号", "operator"),
    0xDF66: Tag("field_56", "raw", "56 域", "field 56"),
    0xDF69: Tag("order_no", "order", "付款凭证号", "payment's order number"),
    0xDF6A: Tag("barcode", "text", "付款码", "barcode shown by the payer"),
    0xDF70: Tag("field_44", "text", "44 域", "field 44"),
    0xDF71: Tag("exchange_rate", "text", "外币汇率", "DCC rate"),
    0xDF72: Tag("foreign_amount", "text", "外币金额", "DCC amount"),
    0xDF74: Tag("tag_74", "raw", "74", "meaning not public"),
    0xDF76: Tag("unpredictable_number", "chip", "不可预知数", "unpredictable number"),
    0xDF77: Tag("aip", "chip", "应用交互特征", "AIP"),
    0xDF78: Tag("tvr_2", "chip", "终端验证结果", "TVR"),
    0xDF7A: Tag("tag_7a", "raw", "7A", "meaning not public"),
    0xDF7B: Tag("card_number_2", "card", "非接卡号", "card number, contactless"),
    0xDF80: Tag("markup", "text", "汇率加价声明", "DCC mark-up"),
    0xDF82: Tag("discount", "amount", "优惠金额", "discount"),
    0xDF87: Tag("payment_method", "raw", "支付方式", "payment method"),
    0xDF88: Tag("third_party_order", "order", "第三方订单号", "third party's order number"),
    0xDF89: Tag("notice", "raw", "通知", "marks a notice, whose echo is none"),
    LEFT: Tag("records_left", "count", "剩余流水条数", "records left in the list"),
    0xDF90: Tag("orig_order_no", "order", "原付款凭证号", "original's order number"),
    0xDFA1: Tag("no_signature", "raw", "免签", "no signature needed"),
    0xDFA2: Tag("no_signature_limit", "amount", "免签限额", "limit without a signature"),
    0xDFA8: Tag("qr_discount", "text", "二维码优惠信息", "QR discount"),
    0xDFA9: Tag("qr_discount_debit_count", "count", "二维码付款优惠笔数", "QR discounts, count"),
    0xDFAA: Tag("qr_discount_debit_amount", "amount", "二维码付款优惠金额", "QR discounts, sum"),
    0xDFAC: Tag("qr_discount_credit_count", "count", "二维码退款优惠笔数", "QR discounts given back, count"),
    0xDFAD: Tag("qr_discount_credit_amount", "amount", "二维码退款优惠金额", "QR discounts given back, sum"),
    0xDFBA: Tag("amount_due", "amount", "应付金额", "amount due"),
    ORDER_END: Tag("merchant_order", "order", "商户订单号", "merchant's order number; closes a list's item"),
}

TOTALS: dict[str, tuple[int, int, int, int]] = {
    "": (0xDF25, 0xDF26, 0xDF27, 0xDF28),
    "CUP": (0xDF48, 0xDF49, 0xDF50, 0xDF51),
    "BOC": (0xDF4A, 0xDF4B, 0xDF4C, 0xDF4D),
    "VIS": (0xDF52, 0xDF53, 0xDF54, 0xDF55),
    "MCC": (0xDF56, 0xDF57, 0xDF58, 0xDF59),
    "AEX": (0xDF5A, 0xDF5B, 0xDF5C, 0xDF5D),
    "DCC": (0xDF5E, 0xDF5F, 0xDF60, 0xDF61),
    "JCB": (0xDF62, 0xDF63, 0xDF64, 0xDF65),
    "QR": (0xDF6C, 0xDF6D, 0xDF6E, 0xDF6F),
    "WALLET": (0xDF83, 0xDF84, 0xDF85, 0xDF86),
}
"""Card organisation -> debit amount, debit count, credit amount, credit count; the first is the sum of all."""

_ORGANISATIONS = {
    "": ("合计", "all"),
    "CUP": ("银联卡", "UnionPay"),
    "BOC": ("中行卡", "Bank of China"),
    "VIS": ("VISA", "VISA"),
    "MCC": ("万事达", "MasterCard"),
    "AEX": ("运通", "American Express"),
    "DCC": ("大莱", "Diners Club"),
    "JCB": ("JCB", "JCB"),
    "QR": ("二维码", "QR"),
    "WALLET": ("微信支付宝", "wallets"),
}
_SIDES = (
    ("debit_amount", "amount", "借记金额", "debits, sum"),
    ("debit_count", "count", "借记笔数", "debits, count"),
    ("credit_amount", "amount", "贷记金额", "credits, sum"),
    ("credit_count", "count", "贷记笔数", "credits, count"),
)


def _totals() -> dict[int, Tag]:
    found = {}
    for org, tags in TOTALS.items():
        zh, en = _ORGANISATIONS[org]
        for tag, (name, kind, side_zh, side_en) in zip(tags, _SIDES, strict=True):
            prefix = org.lower() or "settled"
            found[tag] = Tag(f"{prefix}_{name}", kind, f"{zh}{side_zh}", f"{en}: {side_en}")
    return found


TAGS: dict[int, Tag] = dict(sorted({**_NAMED, **_totals()}.items()))
"""Tag -> what it is; a tag that is not here keeps its bytes."""
UNKNOWN = Tag("tag", "raw", "未知", "unknown")

APPROVED = frozenset(("00", "Y1", "Y2", "Y3"))
"""DF07 of two characters: the host's, or the terminal's own approval offline."""
GOES_ON = frozenset(("00000002", "00000004"))
"""DF07 of four bytes after which the terminal goes on by itself: the card could not be read, unknown application."""
ERRORS: dict[str, tuple[str, str]] = {
    "00000002": ("卡处理错误", "card error"),
    "00000004": ("未知AID", "unknown application"),
    "00010014": ("密钥未下装，需重新签到", "no keys: sign in again"),
}
"""The terminal's own errors that are public."""
