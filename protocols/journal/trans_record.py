"""Verifone terminals' log: one TransRecord after the other.

Source: a public header of Verifone China applications (``typedef struct __TransRecord``),
integers little-endian as on the terminals' ARM. Text is zero-terminated, dates are packed
digits with a spare byte. What ``Status`` means is not public: it is kept and not read.
The original's date alone is not said to be packed (``_original_mmdd``).
"""

from collections.abc import Mapping
from typing import Any

from protocols.facts import Facts, mask_pan
from protocols.journal.dates import is_date, is_time
from protocols.journal.laws import Between, Law, Text
from protocols.journal.layout import Field, layout
from protocols.journal.said import Said
from protocols.responses import is_approved

_ROWS: tuple[tuple[str, str, int, str, str, str], ...] = (
    ("SysTrace", "int32", 4, "none", "system trace number", "交易流水"),
    ("OrgSysTrace", "int32", 4, "none", "original trace number", "原交易流水"),
    ("BatchNum", "int32", 4, "none", "batch number", "批次号"),
    ("OrgBatchNum", "int32", 4, "none", "original batch number", "原批次号"),
    ("InvoiceNum", "int32", 4, "none", "voucher number", "凭证号"),
    ("Swipe", "int16", 2, "none", "card entry", "刷卡模式"),
    ("Status", "raw", 4, "none", "state, not public", "交易状态"),
    ("Amount", "digits", 13, "none", "amount in fen", "交易金额"),
    ("Fee", "digits", 13, "none", "tip in fen", "小费"),
    ("OrgAmount", "digits", 13, "none", "original amount in fen", "原始金额"),
    ("TrType", "byte", 1, "none", "transaction", "交易类型"),
    ("OrgTranType", "byte", 1, "none", "original transaction", "原交易类型"),
    ("ProcessCode", "digits", 7, "none", "processing code", "交易处理码"),
    ("PAN", "digits", 20, "card", "card number", "账号"),
    ("PANLen", "byte", 1, "none", "digits of the card number", "账号长度"),
    ("PAN_2", "digits", 20, "card", "card transferred into", "转入卡号"),
    ("PAN_2Len", "byte", 1, "none", "its digits", "转入卡号长度"),
    ("TranDate", "packed1", 5, "none", "date YYYYMMDD", "交易日期"),
    ("OrgTranDate", "raw", 5, "none", "original date MMDD", "原始交易日期"),
    ("TranTime", "packed1", 4, "none", "time hhmmss", "交易时间"),
    ("ExpDate", "packed1_masked", 4, "wipe", "expiry YYYYMM", "卡有效期"),
    ("SettleDate", "packed1", 3, "none", "settlement date MMDD", "清算日期"),
    ("RefCode", "text", 13, "none", "retrieval reference number", "参考号"),
    ("OrgRefCode", "text", 13, "none", "original reference number", "原始参考号"),
    ("AuthCode", "text", 7, "none", "authorisation code", "授权号"),
    ("OrgAuthCode", "text", 7, "none", "original authorisation code", "原始授权号"),
    ("RspCode", "text", 3, "none", "response code", "响应码"),
    ("POSEntry", "raw", 3, "none", "entry mode, packed", "服务点输入方式"),
    ("Issuer", "text", 12, "none", "issuer", "发卡行"),
    ("Acquirer", "text", 12, "none", "acquirer", "收单行"),
    ("IssuerCode", "text", 12, "none", "acquiring institution", "受理方标识码"),
    ("AuthType", "byte", 1, "none", "authorisation mode", "授权类型"),
    ("AuthInst", "text", 12, "none", "authorising institution", "原授权机构"),
    ("CardTypeName", "text", 4, "none", "card organisation", "卡类别名称"),
    ("HostNote1", "text", 21, "none", "issuer's note", "发卡方保留域"),
    ("HostNote2", "text", 21, "none", "UnionPay's note", "中国银联保留域"),
    ("HostNote3", "text", 21, "none", "acquirer's note", "受理机构保留域"),
    ("HostNote4", "text", 61, "none", "terminal's note", "POS终端保留域"),
    ("OrgTermID", "text", 9, "none", "original terminal", "原终端号"),
    ("BeforeStlUploadCount", "byte", 1, "none", "uploads before settlement", "结算前上送次数"),
    ("AfterStlUploadCount", "byte", 1, "none", "uploads after settlement", "结算后上送次数"),
    ("ServiceCode", "raw", 3, "none", "condition code", "服务点条件码"),
    ("TransTypeCode", "raw", 3, "none", "transaction type, 60.1", "交易类型码"),
    ("EncryptedTrkFlag", "byte", 1, "none", "track is encrypted", "磁道信息已加密"),
    ("Track2Data", "raw", 40, "wipe", "track 2", "二磁信息"),
    ("Track3Data", "raw", 108, "wipe", "track 3", "三磁信息"),
    ("InstallmentPeriod", "byte", 1, "none", "instalments", "期数"),
    ("InstallmentProjectNo", "text", 31, "none", "instalment product", "项目编码"),
    ("InstallmentFeePayway", "byte", 1, "none", "instalment fee mode", "手续费支付方式"),
    ("InstallmentFirstAmt", "text", 13, "none", "first instalment", "首期还款金额"),
    ("InstallmentCurrency", "text", 4, "none", "instalment currency", "还款币种"),
    ("InstallmentHolderFee", "text", 13, "none", "cardholder's fee", "持卡人手续费"),
    ("InstallmentFirstFee", "text", 13, "none", "first fee", "首期手续费"),
    ("InstallmentPerFee", "text", 13, "none", "fee of each instalment", "每期手续费"),
    ("BonusScore", "text", 13, "none", "bonus points", "奖励积分"),
    ("AddPrnInfo", "text", 14, "none", "print note", "附加打印信息"),
    ("ScoreProductCode", "text", 31, "none", "points product", "积分商品代码"),
    ("ConvertedScore", "text", 13, "none", "points", "兑换积分"),
    ("ScoreBalance", "text", 13, "none", "points left", "积分余额"),
    ("ScoreSelfPaidAmt", "text", 13, "none", "paid beside points", "自付金额"),
    ("YuYuePhoneNum", "text", 12, "wipe", "telephone", "预约手机号"),
    ("YuYueCode", "text", 7, "wipe", "reservation", "预约号"),
    ("CardHolderName", "raw", 31, "wipe", "cardholder name", "持卡人姓名"),
    ("AppLabel", "text", 17, "none", "application label", "应用标签"),
    ("AppPrefName", "text", 17, "none", "application preferred name", "应用首选名称"),
    ("AID", "raw", 33, "none", "application", "专用文件名称"),
    ("AIDLength", "byte", 1, "none", "its bytes", "AID长度"),
    ("SequenceNum", "byte", 1, "none", "card sequence number", "卡序列号"),
    ("SeqNumFlag", "byte", 1, "none", "card sequence number there", "卡序号存在标志"),
    ("EmvTransType", "byte", 1, "none", "EMV transaction type", "交易类型9C"),
    ("ARQC", "raw", 9, "none", "request cryptogram", "应用密文ARQC"),
    ("TC", "raw", 9, "none", "transaction certificate", "应用密文TC"),
    ("TVR", "raw", 6, "none", "terminal verification results", "TVR"),
    ("TSI", "raw", 3, "none", "transaction status information", "TSI"),
    ("ATC", "raw", 3, "none", "application transaction counter", "ATC"),
    ("RANDOM", "raw", 5, "none", "unpredictable number", "不可预知数"),
    ("IAD", "raw", 33, "none", "issuer application data", "发卡行应用数据"),
    ("IADLength", "byte", 1, "none", "its bytes", "发卡行应用数据长度"),
    ("AIP", "raw", 3, "none", "application interchange profile", "应用交互特征"),
    ("CryptInfo", "byte", 1, "none", "cryptogram information", "应用信息数据"),
    ("CurrCode", "raw", 3, "none", "currency, packed", "交易货币代码"),
    ("CountryCode", "raw", 3, "none", "country, packed", "国家代码"),
    ("TermCAP", "raw", 4, "none", "terminal capabilities", "终端性能"),
    ("AddTermCAP", "raw", 6, "none", "more capabilities", "终端附加性能"),
    ("CVMResult", "raw", 4, "none", "cardholder verification", "持卡人验证结果"),
    ("TIDSerial", "raw", 9, "none", "device serial number", "接口设备序列号"),
    ("AppVer", "raw", 3, "none", "application version", "应用版本号"),
    ("CPI", "raw", 33, "sweep", "card product", "卡产品标识"),
    ("CPILength", "byte", 1, "none", "its bytes", "卡产品标识长度"),
    ("IssAuthData", "raw", 17, "none", "issuer authentication", "发卡行认证数据"),
    ("IssAuthDataLength", "byte", 1, "none", "its bytes", "发卡行认证数据长度"),
    ("IssSript71Data", "raw", 129, "sweep", "issuer script 71", "发卡行71脚本"),
    ("IssSript71DataLength", "byte", 1, "none", "its bytes", "71脚本长度"),
    ("IssSript72Data", "raw", 129, "sweep", "issuer script 72", "发卡行72脚本"),
    ("IssSript72DataLength", "byte", 1, "none", "its bytes", "72脚本长度"),
    ("IssSriptResultData", "raw", 49, "none", "script results", "发卡行脚本结果"),
    ("IssSriptResultDataLength", "byte", 1, "none", "their bytes", "脚本结果长度"),
    ("PKindex", "byte", 1, "none", "public key index", "密钥索引"),
    ("EMVRspCode", "raw", 3, "none", "EMV response code", "EMV响应码"),
    ("EC_flag", "byte", 1, "none", "electronic cash", "电子现金交易标志"),
    ("EC_IssAuthID", "raw", 7, "none", "electronic cash issuer data", "电子现金发卡行认证"),
    ("EC_Balance", "raw", 13, "none", "electronic cash balance", "电子现金余额"),
    ("EC_Reset_Threshold", "raw", 13, "none", "electronic cash threshold", "电子现金重置阈值"),
    ("ARPCFlag", "byte", 1, "none", "issuer cryptogram checked", "ARPC校验"),
    ("qPBOC_OnlineFlag", "byte", 1, "none", "contactless went online", "qPBOC联机标志"),
    ("EC_Balance2", "raw", 13, "none", "second balance", "第二币种余额"),
    ("CTLSCurrencyName1", "raw", 4, "none", "first currency", "第一币种名称"),
    ("CTLSCurrencyName2", "raw", 4, "none", "second currency", "第二币种名称"),
    ("desc", "raw", 32, "sweep", "reserved", "备用"),
)
FIELDS = tuple(Field(*row) for row in _ROWS)
ALIGNED = layout("TransRecord", FIELDS, aligned=True)
PACKED = layout("TransRecord", FIELDS, aligned=False)

_MOST = 999_999
_REFERRING = frozenset(("VOID", "REFUND", "PREAUTH_VOID", "COMPLETION", "COMPLETION_VOID", "ADJUST"))


def _is_amount(text: str) -> bool:
    return len(text) in {0, 12}


LAWS: tuple[Law, ...] = (
    Between("SysTrace", 1, _MOST, "1 … 999999"),
    *(Between(name, 0, _MOST, "0 … 999999") for name in ("OrgSysTrace", "BatchNum", "OrgBatchNum", "InvoiceNum")),
    Between("TrType", 1, 99, "the number of a transaction"),
    Text("Amount", _is_amount, "12 digits"),
    Text("TranDate", is_date, "a date YYYYMMDD"),
    Text("TranTime", is_time, "a time of day"),
)
"""What every record of a terminal keeps to."""


def said(values: Mapping[str, Any], transactions: Mapping[str, str]) -> Said:
    """What a record says.

    Args:
        values: its columns.
        transactions: the profile's table: ``TrType`` -> transaction type.
    """
    txn_type = transactions.get(str(values["TrType"]))
    refers = txn_type in _REFERRING
    code = values["RspCode"] or None
    aid = values["AID"][: 2 * min(values["AIDLength"], 32)]
    facts = Facts(
        mti="",
        is_request=True,
        kind="financial",
        operation=txn_type or "UNKNOWN",
        txn_type=txn_type,
        batch_no=values["BatchNum"] or None,
        stan=values["SysTrace"],
        amount_fen=int(values["Amount"]) if values["Amount"] else None,
        currency="156",
        pan_masked=mask_pan(values["PAN"]),
        settlement_mmdd=values["SettleDate"] if is_date(values["SettleDate"]) else None,
        rrn=values["RefCode"].strip() or None,
        auth_code=values["AuthCode"].strip() or None,
        response_code=code,
        orig_batch_no=(values["OrgBatchNum"] or None) if refers else None,
        orig_stan=(values["OrgSysTrace"] or None) if refers else None,
        orig_mmdd=_original_mmdd(bytes.fromhex(values["OrgTranDate"])) if refers else None,
        orig_rrn=(values["OrgRefCode"].strip() or None) if refers else None,
        orig_auth_code=(values["OrgAuthCode"].strip() or None) if refers else None,
        atc=int(values["ATC"][:4], 16) or None,
        aid=aid or None,
        card_org=values["CardTypeName"] or None,
        processing_code=values["ProcessCode"] or None,
    )
    return Said(
        facts,
        values["TranDate"],
        values["TranTime"],
        "approved" if code is None or is_approved(code) else "declined",
        None,
        int(values["Fee"] or 0) or None,
    )


def _original_mmdd(raw: bytes) -> str | None:
    """The date in five bytes that the header calls MMDD without a word on how.

    Four characters and a zero byte, packed digits in front of zero bytes, or packed YYYYMMDD copied from
    the original's own date: a first byte 30 or 31, 01 to 12, or 20 tells them apart.
    """
    packed = raw.hex()
    for digits in (raw[:4].decode("latin-1"), packed[:4], packed[:8]):
        if digits.isascii() and is_date(digits):
            return digits[-4:]
    return None
