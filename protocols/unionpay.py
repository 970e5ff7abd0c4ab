"""The UnionPay POS dialect of ISO 8583: its fields and the parts inside them.

Source of every row: the field table of "China UnionPay POS wire formats as
publicly known" (docs/protocols.md), proved on 46 public messages
(tests/vectors/unionpay_pos.json). Where a message and the table differ, the
message is right; such rows say so.
"""

import construct as c

from protocols.codecs import MASKED, DigitText, Fen, Whole
from protocols.grammar import FieldSpec

TPDU_BYTES = 5
HEADER_BYTES = 6
TPDU_ID = 0x60

# number, name, codec, size, mask, English, 中文
_ROWS = (
    (2, "pan", "llvar_pan", 19, "pan", "card number", "主账号"),
    (3, "processing_code", "bcd", 6, "none", "processing code", "交易处理码"),
    (4, "amount", "bcd", 12, "none", "amount in fen", "交易金额"),
    (11, "stan", "bcd", 6, "none", "system trace number", "受卡方系统跟踪号"),
    (12, "time", "bcd", 6, "none", "local time hhmmss", "所在地时间"),
    (13, "date", "bcd", 4, "none", "local date MMDD", "所在地日期"),
    (14, "expiry", "bcd_masked", 4, "overwrite", "expiry date YYMM", "卡有效期"),
    (15, "settlement_date", "bcd", 4, "none", "settlement date MMDD", "清算日期"),
    (22, "entry_mode", "bcd", 3, "none", "point of service entry mode", "服务点输入方式码"),
    (23, "card_sequence", "bcd_right", 3, "none", "card sequence number", "卡序列号"),
    (25, "condition_code", "bcd", 2, "none", "point of service condition code", "服务点条件码"),
    (26, "pin_capture_code", "bcd", 2, "none", "most PIN digits", "服务点PIN获取码"),
    (32, "acquirer", "llvar_bcd", 11, "none", "acquirer code", "受理方标识码"),
    # 37 digits in the clear; an encrypted track is padded to whole cipher blocks, so the length byte is the limit
    (35, "track_2", "llvar_track", 99, "track", "track 2", "2磁道数据"),
    (36, "track_3", "lllvar_track", 208, "overwrite", "track 3", "3磁道数据"),
    (37, "rrn", "text", 12, "none", "retrieval reference number", "检索参考号"),
    (38, "auth_code", "text", 6, "none", "authorisation code", "授权标识应答码"),
    (39, "response_code", "text", 2, "none", "response code", "应答码"),
    (41, "terminal_id", "text", 8, "none", "terminal", "受卡机终端标识码"),
    (42, "merchant_id", "text", 15, "none", "merchant", "受卡方标识码"),
    (43, "merchant_name", "text", 40, "sweep", "merchant name", "受卡方名称地址"),  # ans40 in messages only
    # an..25 in the table; an answer of 68 bytes with a text for the cashier was met
    (44, "response_data", "llvar_text", 99, "sweep", "issuer and acquirer", "附加响应数据"),
    (46, "terminal_info", "lllvar_text", 999, "sweep", "terminal information", "终端信息"),  # in messages only
    (47, "private_47", "lllvar_text", 999, "sweep", "private data", "附加数据"),
    (48, "totals", "lllvar_pan", 322, "totals", "totals or batch list", "附加数据-私有"),
    (49, "currency", "text", 3, "none", "currency", "交易货币代码"),
    (51, "device_info", "lllvar_raw", 999, "sweep", "device information", "设备信息"),
    (52, "pin_block", "raw", 8, "overwrite", "PIN block", "个人标识码数据"),
    (53, "security_control", "nibbles", 16, "control", "security control", "安全控制信息"),
    (54, "balance", "lllvar_text", 120, "sweep", "balance", "余额"),
    (55, "chip_data", "lllvar_raw", 999, "tlv", "chip data (EMV TLV)", "IC卡数据域"),
    (56, "response_text", "lllvar_text", 999, "sweep", "response text", "应答信息"),  # in messages only
    (57, "private_57", "lllvar_text", 999, "sweep", "private data", "附加数据"),
    (58, "wallet_data", "lllvar_text", 999, "sweep", "e-wallet data", "PBOC电子钱包数据"),
    (59, "private_59", "lllvar_raw", 999, "sweep", "private TLV", "自定义域"),
    (60, "batch", "lllvar_pan", 17, "references", "type, batch and network code", "自定义域60"),
    (61, "original", "lllvar_pan", 29, "references", "original message", "原始信息域"),
    (62, "private_62", "lllvar_raw", 999, "keys", "data that depends on the message", "自定义域62"),
    (63, "private_63", "lllvar_text", 999, "sweep", "operator, or card organisation and notes", "自定义域63"),
    (64, "mac", "last_raw", 8, "none", "message authentication code", "报文鉴别码"),
)
_LIKELY = frozenset((47, 58))
"""Fields met in one or two public sources and in no message."""
FIELDS = {
    row[0]: FieldSpec(
        *row,
        source="public field table and 46 public messages",
        confidence="assumed" if row[0] in _LIKELY else "public",
    )
    for row in _ROWS
}

F60_PARTS = (("60.1", 2), ("60.2", 6), ("60.3", 3), ("60.4", 1), ("60.5", 1), ("60.6", 1), ("60.7", 3))
"""Type, batch, network code, read ability, IC condition, partial approval, account; 8 to 17 digits are met."""
F61_PARTS = (("61.1", 6), ("61.2", 6), ("61.3", 4), ("61.4", 2), ("61.5", 11))
"""Original batch, trace, date MMDD, authorisation mode and institution; 12 digits for voids, 16 for refunds."""
PARTS = {60: F60_PARTS, 61: F61_PARTS}

_SIDE = (
    ("debit_amount", 12, Fen),
    ("debit_count", 3, Whole),
    ("credit_amount", 12, Fen),
    ("credit_count", 3, Whole),
    ("flag", 1, None),
)
_SIDES = ("rmb", "foreign")
TOTALS_DIGITS = 62
TOTALS_PARTS = tuple((f"48.{side}_{name}", width) for side in _SIDES for name, width, _ in _SIDE)
Totals = c.Struct(
    *(
        f"{side}_{name}" / (meaning(DigitText(width)) if meaning else DigitText(width))
        for side in _SIDES
        for name, width, meaning in _SIDE
    )
)
"""F48 of 0500/0510, over its digits as ASCII: amounts in fen; flag 0 asked, 1 balanced, 2 not balanced, 3 error."""
BATCH_ROW_DIGITS = 40
BATCH_ROWS = 8
BATCH_ROW_PARTS = (("card_org", 2), ("stan", 6), ("pan", 20), ("amount", 12))
BatchRow = c.Struct(
    "card_org" / DigitText(2),
    "stan" / DigitText(6),
    "pan" / DigitText(20, accept=MASKED),
    "amount" / Fen(DigitText(12)),
)
"""One transaction of a magnetic batch upload (0320, F48), over its digits as ASCII; the card number may be masked."""
