"""NEWPOS terminals' log: ``pos.log``, at most 1,000 records of POS_LOG_STRUCT, and the totals, TOTAL_STRC.

Source: the firmware of one UnionPay terminal (CaoEnXin/LiaoYang_POS: terstruc.h for the
columns, posmacro.h for the numbers of transactions, posfiles.c for how it is written).
The sizes are sure; that the compiler aligned the integers is likely, so both layouts are
known here and the file says which one it is (``protocols.journal.evidence``).

Not every number is packed digits: both balances are binary, and ``sLoyaltAmount`` of a
contactless sale is the chip's tag 9F5D, which the firmware stores without asking whether
the chip has it; without one, what the stack held before stands there.
"""

from collections.abc import Mapping
from typing import Any

from protocols.facts import Facts, SettlementTotals, mask_pan
from protocols.journal.dates import is_date, is_time
from protocols.journal.laws import Between, Law, Text
from protocols.journal.layout import Field, layout
from protocols.journal.said import Said

_ROWS: tuple[tuple[str, str, int, str, str, str], ...] = (
    ("ucBatchSendFlag", "byte", 1, "none", "sent in a batch upload", "批上送标志"),
    ("ucVoidId", "byte", 1, "none", "voided", "已撤销"),
    ("ucSendFlag", "byte", 1, "none", "sent", "已上送"),
    ("ucSendFail", "byte", 1, "none", "sending failed", "上送失败"),
    ("ucAdjusted", "byte", 1, "none", "adjusted", "已调整"),
    ("ucChgFrmAdjust", "byte", 1, "none", "changed by an adjustment", "由调整产生"),
    ("ucInstalAmtFlag", "byte", 1, "none", "instalment print flag", "分期打印标志"),
    ("sAmount", "fen", 6, "none", "amount in fen", "交易金额"),
    ("sTipAmount", "fen", 6, "none", "tip in fen", "小费金额"),
    ("sPreAddAmount", "packed", 6, "none", "added pre-authorisation", "追加预授权金额"),
    ("sLoyaltAmount", "raw", 6, "none", "points amount", "积分金额"),
    ("lTraceNo", "int32", 4, "none", "system trace number", "流水号"),
    ("lOldTraceNo", "int32", 4, "none", "original trace number", "原流水号"),
    ("lBatchNumber", "int32", 4, "none", "batch number", "批次号"),
    ("lOldBatchNumber", "int32", 4, "none", "original batch number", "原批次号"),
    ("iTransNo", "int32", 4, "none", "transaction", "交易类型"),
    ("iOldTransNo", "int32", 4, "none", "original transaction", "原交易类型"),
    ("uiTxnRecIndex", "int32", 4, "none", "number of the record", "交易记录索引号"),
    ("ucInstallmentNum", "byte", 1, "none", "instalments", "分期期数"),
    ("ucInstalPayMode", "byte", 1, "none", "instalment payment mode", "分期付款支付方式"),
    ("szInstalCode", "text", 31, "none", "instalment product", "商品项目编码"),
    ("szInstalCurrCode", "text", 4, "none", "instalment currency", "分期货币"),
    ("szInstalIssurResp", "text", 14, "none", "issuer's instalment note", "分期发卡行附加"),
    ("szPosId", "text", 9, "none", "terminal", "终端号"),
    ("szCardNo", "digits", 21, "card", "card number", "卡号"),
    ("szDate", "digits", 9, "none", "date", "交易日期"),
    ("szTime", "digits", 7, "none", "time hhmmss", "交易时间"),
    ("szSysReferNo", "text", 13, "none", "retrieval reference number", "检索参考号"),
    ("szAuthNo", "text", 7, "none", "authorisation code", "授权码"),
    ("szExpDate", "digits", 5, "wipe", "expiry YYMM", "有效期"),
    ("szOldTxnDate", "digits", 5, "none", "original date MMDD", "原交易日期"),
    ("szEntryMode", "text", 4, "none", "entry mode", "输入方式"),
    ("szTellerNo", "text", 4, "none", "operator", "操作员号"),
    ("szCardUnit", "text", 4, "none", "card organisation", "卡组织"),
    ("szAuthMode", "text", 3, "none", "authorisation mode", "授权方式"),
    ("szAuthUnit", "text", 12, "none", "authorising institution", "授权机构"),
    ("szIssuerResp", "text", 21, "none", "issuer's note", "发卡行附加信息"),
    ("szCenterResp", "text", 21, "none", "centre's note", "中心附加信息"),
    ("szRecvBankResp", "text", 21, "none", "acquirer's note", "收单行附加信息"),
    ("szIssuerBankId", "text", 9, "none", "issuer", "发卡行标识"),
    ("szRecvBankId", "text", 9, "none", "acquirer", "收单行标识"),
    ("szCenterId", "text", 9, "none", "centre", "中心标识"),
    ("szPrtOldPosSer", "text", 7, "none", "original trace number, printed", "打印原凭证号"),
    ("szPrtOldAuthNo", "text", 7, "none", "original authorisation code", "打印原授权码"),
    ("szPrtOldHostSer", "text", 13, "none", "original reference number", "打印原参考号"),
    ("sBalanceAmount", "raw", 4, "none", "balance", "余额"),
    ("ucKeyIndex", "byte", 1, "none", "key index", "密钥索引"),
    ("szPsamTid", "text", 9, "none", "terminal of the security module", "PSAM终端号"),
    ("szIssureID", "text", 9, "none", "issuer of the purse", "发卡方标识"),
    ("sICRandom", "raw", 4, "none", "random number of the card", "IC卡随机数"),
    ("ucKeyVersion", "byte", 1, "none", "key version", "密钥版本"),
    ("ucKeyAlgFlag", "byte", 1, "none", "key algorithm", "密钥算法"),
    ("sIcTxnSeq", "raw", 2, "none", "transaction counter of the purse", "卡交易序号"),
    ("ucIcTransType", "byte", 1, "none", "transaction type of the purse", "交易类型标识"),
    ("sPsamTid", "raw", 6, "none", "number of the security module", "PSAM号"),
    ("sMac1", "raw", 4, "none", "MAC 1", "MAC1"),
    ("sMac2", "raw", 4, "none", "MAC 2", "MAC2"),
    ("sTac", "raw", 4, "none", "TAC", "TAC"),
    ("sPsamTxnSeq", "raw", 4, "none", "transaction counter of the module", "PSAM交易序号"),
    ("sAfterBalanceAmt", "raw", 5, "none", "balance afterwards", "交易后余额"),
    ("szTranferCardNo", "digits", 21, "card", "card transferred into", "转入卡号"),
    ("ucEcTopOldSwipeFlag", "byte", 1, "none", "first card's entry", "转出卡输入方式"),
    ("sIccData", "raw", 255, "tlv", "chip data (EMV TLV)", "IC卡数据域"),
    ("iIccDataLen", "byte", 1, "none", "bytes of chip data", "IC卡数据长度"),
    ("bPanSeqNoOk", "byte", 1, "none", "card sequence number there", "卡序列号有效"),
    ("ucPanSeqNo", "byte", 1, "none", "card sequence number", "卡序列号"),
    ("sAppCrypto", "raw", 8, "none", "application cryptogram", "应用密文"),
    ("sAuthRspCode", "raw", 2, "none", "authorisation response code", "授权响应码"),
    ("sTVR", "raw", 5, "none", "terminal verification results", "TVR"),
    ("szAID", "text", 33, "none", "application", "AID"),
    ("szAppLable", "text", 17, "none", "application label", "应用标签"),
    ("sTSI", "raw", 2, "none", "transaction status information", "TSI"),
    ("sATC", "raw", 2, "none", "application transaction counter", "ATC"),
    ("ucFallBack", "byte", 1, "none", "fallback", "降级交易"),
    ("ucSwipeFlag", "byte", 1, "none", "entry", "刷卡方式"),
    ("ucNeedSignature", "byte", 1, "none", "signature needed", "需要签名"),
    ("sCardSerialNo", "raw", 17, "sweep", "serial number of the card", "卡片序列号"),
    ("ulPOSTraceNo", "int32", 4, "none", "trace number of the terminal", "终端流水号"),
)
FIELDS = tuple(Field(*row) for row in _ROWS)
ALIGNED = layout("POS_LOG_STRUCT", FIELDS, aligned=True)
PACKED = layout("POS_LOG_STRUCT", FIELDS, aligned=False)

_COUNTS = (
    "iRmbCreditNum",
    "iRmbDebitNum",
    "iRmbSaleNum",
    "iRmbConfirmNum",
    "iRmbOffConfirmNum",
    "iRmbRefundNum",
    "iRmbOffNum",
    "iRmbEcNum",
    "iFrnCreditNum",
    "iFrnDebitNum",
    "iFrnSaleNum",
    "iFrnConfirmNum",
    "iFrnOffConfirmNum",
    "iFrnRefundNum",
    "iFrnOffNum",
    "iTopUpNum",
    "iFrnEcNum",
)
_AMOUNTS = (
    "sRmbDebitAmt",
    "sRmbCreditAmt",
    "sFrnCreditAmt",
    "sFrnDebitAmt",
    "sRmbSaleAmt",
    "sRmbConfirmAmt",
    "sRmbOffConfirmAmt",
    "sRmbRefundAmt",
    "sRmbOffAmt",
    "sFrnSaleAmt",
    "sFrnConfirmAmt",
    "sFrnOffConfirmAmt",
    "sFrnRefundAmt",
    "sFrnOffAmt",
    "sTopUpAmt",
    "sRmbEcAmt",
    "sFrnEcAmt",
)
TOTAL_FIELDS = (
    *(Field(name, "int32", 4, "none", "count", "笔数") for name in _COUNTS),
    *(Field(name, "fen", 6, "none", "amount in fen", "金额") for name in _AMOUNTS),
    Field("lBatchNum", "int32", 4, "none", "batch number", "批次号"),
    Field("sDateTime", "digits", 15, "none", "YYYYMMDDhhmmss", "日期时间"),
)
TOTAL_ALIGNED = layout("TOTAL_STRC", TOTAL_FIELDS, aligned=True)
TOTAL_PACKED = layout("TOTAL_STRC", TOTAL_FIELDS, aligned=False)

MOST_RECORDS = 1000
"""The log holds no more; the terminal settles before it is full."""
_MOST = 999_999
_REFUSED = 3  # ucSendFail: sent, and the answer was not 00 (terstruc.h)


def _is_terminal(text: str) -> bool:
    return len(text) == 8 and text.isalnum()


def _is_moment(text: str) -> bool:
    return len(text) == 14 and is_date(text[:8]) and is_time(text[8:])


LAWS: tuple[Law, ...] = (
    Between("lTraceNo", 1, _MOST, "1 … 999999"),
    *(Between(name, 0, _MOST, "0 … 999999") for name in ("lOldTraceNo", "lBatchNumber", "lOldBatchNumber")),
    Between("iTransNo", 1, 199, "the number of a transaction"),
    Between("uiTxnRecIndex", 0, MOST_RECORDS - 1, f"0 … {MOST_RECORDS - 1}"),
    Text("szPosId", _is_terminal, "8 characters"),
    Text("szDate", is_date, "a date"),
    Text("szTime", is_time, "a time of day"),
)
"""What every record of a terminal keeps to."""
TOTAL_LAWS: tuple[Law, ...] = (
    *(Between(name, 0, _MOST, "0 … 999999") for name in _COUNTS),
    Between("lBatchNum", 1, _MOST, "1 … 999999"),
    Text("sDateTime", _is_moment, "YYYYMMDDhhmmss"),
)
"""As ``LAWS``, of totals."""


def said(values: Mapping[str, Any], transactions: Mapping[str, str]) -> Said:
    """What a record of the log says.

    Args:
        values: its columns.
        transactions: the profile's table: ``iTransNo`` -> transaction type.
    """
    txn_type = transactions.get(str(values["iTransNo"]))
    refers = txn_type in _REFERRING
    state = [word for word, flag in (("voided", "ucVoidId"), ("adjusted", "ucAdjusted")) if values[flag]]
    facts = Facts(
        mti="",
        is_request=True,
        kind="financial",
        operation=txn_type or "UNKNOWN",
        txn_type=txn_type,
        terminal_id=values["szPosId"],
        batch_no=values["lBatchNumber"] or None,
        stan=values["lTraceNo"],
        amount_fen=values["sAmount"],
        currency="156",
        pan_masked=mask_pan(values["szCardNo"]),
        entry_mode=values["szEntryMode"][:3] or None,
        operator_no=values["szTellerNo"] or None,
        rrn=values["szSysReferNo"].strip() or None,
        auth_code=values["szAuthNo"].strip() or None,
        orig_batch_no=(values["lOldBatchNumber"] or None) if refers else None,
        orig_stan=(values["lOldTraceNo"] or None) if refers else None,
        orig_mmdd=(values["szOldTxnDate"] or None) if refers else None,
        orig_rrn=(values["szPrtOldHostSer"].strip() or None) if refers else None,
        orig_auth_code=(values["szPrtOldAuthNo"].strip() or None) if refers else None,
        atc=int(values["sATC"], 16) or None,
        aid=values["szAID"] or None,
        card_org=values["szCardUnit"] or None,
    )
    return Said(
        facts,
        values["szDate"],
        values["szTime"],
        "declined" if values["ucSendFail"] == _REFUSED else "approved",
        " ".join(state) or None,
        values["sTipAmount"] or None,
    )


_REFERRING = frozenset(("VOID", "REFUND", "PREAUTH_VOID", "COMPLETION", "COMPLETION_VOID", "ADJUST", "QR_REFUND"))


def said_totals(values: Mapping[str, Any], transactions: Mapping[str, str]) -> Said:
    """What totals say: the terminal's side of a settlement."""
    del transactions
    totals = SettlementTotals(
        rmb_debit_amount_fen=values["sRmbDebitAmt"],
        rmb_debit_count=values["iRmbDebitNum"],
        rmb_credit_amount_fen=values["sRmbCreditAmt"],
        rmb_credit_count=values["iRmbCreditNum"],
        rmb_flag="0",
        foreign_debit_amount_fen=values["sFrnDebitAmt"],
        foreign_debit_count=values["iFrnDebitNum"],
        foreign_credit_amount_fen=values["sFrnCreditAmt"],
        foreign_credit_count=values["iFrnCreditNum"],
        foreign_flag="0",
    )
    facts = Facts(
        mti="",
        is_request=True,
        kind="settlement",
        operation="SETTLEMENT",
        batch_no=values["lBatchNum"],
        currency="156",
        totals=totals,
    )
    return Said(facts, values["sDateTime"][:8], values["sDateTime"][8:])
