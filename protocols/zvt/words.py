"""The tables of ZVT: bitmaps, TLV tags, commands and result codes, with their names.

From docs/protocols-ecr.md (PA00P015 rev 13.08 and public implementations).
"""

from typing import NamedTuple


class Bmp(NamedTuple):
    """One bitmap: how its value is written and what it is.

    ``kind``: ``digits`` (BCD), ``maybe`` (BCD, or all F for none), ``secret`` (BCD that is overwritten), ``hex``,
    ``text``, ``card`` (BCD with D, E and F), ``tlv``, ``totals``. ``size``: bytes, or ``LL``, ``LLL``, ``BER``.
    """

    name: str
    kind: str
    size: int | str
    zh: str
    en: str


BITMAPS: dict[int, Bmp] = {
    0x01: Bmp("timeout", "hex", 1, "超时", "timeout"),
    0x02: Bmp("status_limit", "hex", 1, "状态信息上限", "most status messages"),
    0x03: Bmp("service_byte", "hex", 1, "服务字节", "service byte"),
    0x04: Bmp("amount", "digits", 6, "金额", "amount"),
    0x05: Bmp("pump_no", "hex", 1, "油枪号", "pump number"),
    0x06: Bmp("tlv", "tlv", "BER", "TLV 数据", "TLV container"),
    0x0B: Bmp("trace_no", "digits", 3, "凭证号", "trace number"),
    0x0C: Bmp("time", "digits", 3, "时间", "time"),
    0x0D: Bmp("date", "digits", 2, "日期", "date"),
    0x0E: Bmp("expiry", "secret", 2, "卡有效期", "card's expiry"),
    0x17: Bmp("card_sequence_no", "digits", 2, "卡序列号", "card sequence number"),
    0x19: Bmp("payment_type", "hex", 1, "支付类型", "payment type"),
    0x22: Bmp("card_number", "card", "LL", "卡号", "card number"),
    0x23: Bmp("track_2", "card", "LL", "二磁道", "track 2"),
    0x24: Bmp("track_3", "secret", "LLL", "三磁道", "track 3"),
    0x27: Bmp("result_code", "hex", 1, "结果码", "result code"),
    0x29: Bmp("terminal_id", "digits", 4, "终端号", "terminal id"),
    0x2A: Bmp("merchant_id", "text", 15, "商户号", "contract (VU) number"),
    0x2D: Bmp("track_1", "secret", "LL", "一磁道", "track 1"),
    0x2E: Bmp("chip_data", "secret", "LLL", "同步芯片数据", "synchronous chip data"),
    0x37: Bmp("orig_trace_no", "digits", 3, "原凭证号", "original's trace number"),
    0x3A: Bmp("card_check_value", "secret", 2, "卡校验值", "card verification value"),
    0x3B: Bmp("auth_code", "text", 8, "授权码", "authorisation attribute"),
    0x3C: Bmp("additional_text", "text", "LLL", "附加文本", "additional text"),
    0x3D: Bmp("password", "secret", 3, "密码", "password"),
    0x49: Bmp("currency", "digits", 2, "货币代码", "currency"),
    0x4C: Bmp("card_uid", "hex", "LL", "卡片唯一号", "unique id of the chip"),
    0x60: Bmp("totals", "totals", "LLL", "结算总计", "totals"),
    0x87: Bmp("receipt_no", "maybe", 2, "小票号", "receipt number"),
    0x88: Bmp("turnover_no", "digits", 3, "流水号", "turnover record number"),
    0x8A: Bmp("card_type", "hex", 1, "卡种", "card type"),
    0x8B: Bmp("card_name", "text", "LL", "卡名", "card's name"),
    0x8C: Bmp("card_type_id", "hex", 1, "卡网络", "card type id of the network operator"),
    0x92: Bmp("offline_chip_data", "secret", "LLL", "芯片脱机数据", "data of a chip that paid offline"),
    0x9A: Bmp("purse_record", "hex", "LLL", "电子钱包记录", "electronic purse record"),
    0xA0: Bmp("host_result", "hex", 1, "主机结果码", "result code of the host"),
    0xA7: Bmp("chip_ef_id", "secret", "LL", "芯片 EF_ID", "chip's EF_ID"),
    0xAA: Bmp("date_with_year", "digits", 3, "日期（含年）", "date with year"),
    0xAF: Bmp("chip_ef_info", "secret", "LLL", "芯片 EF_INFO", "chip's EF_INFO"),
    0xBA: Bmp("application_parameter", "hex", 5, "应用参数", "application parameter"),
    0xFC: Bmp("dialog_control", "hex", 1, "对话控制", "dialog control"),
}

TAGS: dict[int, tuple[str, str]] = {
    0x07: ("text_line", "text"),
    0x08: ("receipt_no", "digits"),
    0x09: ("line_attribute", "hex"),
    0x0A: ("command", "hex"),
    0x10: ("display_size_merchant", "hex"),
    0x11: ("display_size_customer", "hex"),
    0x12: ("printer_columns", "hex"),
    0x14: ("character_set", "hex"),
    0x15: ("language", "text"),
    0x1A: ("longest_apdu", "hex"),
    0x1C: ("file_block", "hex"),
    0x1D: ("file_id", "hex"),
    0x1E: ("file_offset", "hex"),
    0x23: ("receipt_numbers", "tlv"),
    0x24: ("display_texts", "tlv"),
    0x25: ("print_texts", "tlv"),
    0x26: ("commands", "tlv"),
    0x27: ("character_sets", "tlv"),
    0x28: ("languages", "tlv"),
    0x2D: ("objects", "tlv"),
    0x2F: ("payment_type", "tlv"),
    0x34: ("date_and_time", "tlv"),
    0x40: ("chip_configuration", "hex"),
    0x41: ("card_type_id", "hex"),
    0x43: ("application_id", "hex"),
    0x44: ("application_label", "text"),
    0x46: ("chip_print_customer", "text"),
    0x47: ("chip_print_merchant", "text"),
    0x4C: ("card_uid", "hex"),
    0x60: ("application", "tlv"),
    0x62: ("applications", "tlv"),
    0x64: ("chip_data", "tlv"),
    0xE4: ("device", "tlv"),
    0xE9: ("reference", "tlv"),
    0x1F00: ("file_size", "hex"),
    0x1F04: ("receipt_parameter", "hex"),
    0x1F05: ("transaction_parameter", "hex"),
    0x1F07: ("receipt_type", "hex"),
    0x1F0B: ("most_pre_auth", "digits"),
    0x1F0E: ("date", "digits"),
    0x1F0F: ("time", "digits"),
    0x1F10: ("cardholder_verification", "hex"),
    0x1F11: ("online", "hex"),
    0x1F12: ("card_technology", "hex"),
    0x1F14: ("card_identifier", "hex"),
    0x1F16: ("error_code", "hex"),
    0x1F17: ("error_text", "text"),
    0x1F2B: ("long_trace_no", "digits"),
    0x1F40: ("device_name", "text"),
    0x1F41: ("software_version", "text"),
    0x1F42: ("serial_no", "hex"),
    0x1F43: ("device_state", "hex"),
    0x1F44: ("terminal_id", "digits"),
    0x1F4C: ("card_subtype_known", "hex"),
    0x1F4D: ("card_subtype", "hex"),
    0x1F4F: ("atqa", "hex"),
    0x1F50: ("sak", "hex"),
    0x1F45: ("ats", "hex"),
    0x1F62: ("reference_prefix", "text"),
    0x1F63: ("reference_data", "text"),
}
"""TLV tag -> name and kind; a tag that is not here keeps its bytes."""

TITLES: dict[str, tuple[str, str]] = {
    "password": ("密码", "password"),
    "config": ("配置字节", "configuration byte"),
    "currency": ("货币代码", "currency"),
    "wait": ("等待时间", "how long to wait"),
    "status": ("中间状态", "intermediate status"),
    "result": ("结果码", "result code"),
    "data": ("数据", "data of an unknown command"),
    "rest": ("剩余字节", "what cannot be told apart"),
    "software_version": ("软件版本", "software version"),
    "terminal_state": ("终端状态", "terminal's state"),
    "text": ("文本", "text"),
    "line_attribute": ("行属性", "attribute of the line"),
    "receipt_first": ("首张小票号", "first receipt number"),
    "receipt_last": ("末张小票号", "last receipt number"),
    "tag": ("未知标签", "unknown tag"),
    "text_line": ("文本行", "line of text"),
    "command": ("命令", "command"),
    "display_size_merchant": ("商户屏行列数", "columns and lines of the merchant's display"),
    "display_size_customer": ("客户屏行列数", "columns and lines of the customer's display"),
    "printer_columns": ("打印列数", "columns of the printer"),
    "character_set": ("字符集", "character set"),
    "language": ("语言", "language"),
    "longest_apdu": ("最大报文长度", "longest APDU"),
    "file_block": ("文件数据块", "block of a file"),
    "file_id": ("文件号", "file"),
    "file_offset": ("文件偏移", "offset in the file"),
    "file_size": ("文件大小", "size of the file"),
    "receipt_no": ("小票号", "receipt number"),
    "receipt_numbers": ("小票号列表", "receipt numbers"),
    "display_texts": ("显示文本", "texts to show"),
    "print_texts": ("打印文本", "texts to print"),
    "commands": ("允许的命令", "permitted commands"),
    "character_sets": ("支持的字符集", "supported character sets"),
    "languages": ("支持的语言", "supported languages"),
    "chip_configuration": ("芯片配置", "chip configuration"),
    "receipt_parameter": ("小票参数", "receipt parameter"),
    "transaction_parameter": ("交易参数", "transaction parameter"),
    "online": ("联机标志", "online or offline"),
    "objects": ("数据对象", "data objects"),
    "payment_type": ("支付类型", "payment type"),
    "date_and_time": ("日期和时间", "date and time"),
    "card_type_id": ("卡种标识", "card type id"),
    "application_id": ("应用标识符", "application identifier"),
    "application_label": ("应用标签", "application label"),
    "chip_print_customer": ("芯片打印数据（客户联）", "chip's data for the customer's receipt"),
    "chip_print_merchant": ("芯片打印数据（商户联）", "chip's data for the merchant's receipt"),
    "card_uid": ("卡片唯一号", "unique id of the chip"),
    "application": ("应用", "application"),
    "applications": ("应用列表", "applications"),
    "chip_data": ("芯片数据", "chip data"),
    "device": ("设备信息", "device"),
    "reference": ("参考信息", "reference"),
    "receipt_type": ("小票种类", "kind of receipt"),
    "most_pre_auth": ("预授权上限", "most of a pre-authorisation"),
    "date": ("日期", "date"),
    "time": ("时间", "time"),
    "cardholder_verification": ("持卡人验证方式", "how the cardholder was verified"),
    "card_technology": ("卡片技术", "how the card was read"),
    "card_identifier": ("卡片标识", "card identifier"),
    "error_code": ("错误码", "error code"),
    "error_text": ("错误说明", "what went wrong"),
    "long_trace_no": ("凭证号（长）", "trace number, long"),
    "device_name": ("设备名称", "device's name"),
    "serial_no": ("序列号", "serial number"),
    "device_state": ("设备状态", "device's state"),
    "terminal_id": ("终端号", "terminal id"),
    "card_subtype_known": ("已识别的卡子类", "card's subtype, known"),
    "card_subtype": ("卡子类", "card's subtype"),
    "atqa": ("ATQA", "answer to request"),
    "sak": ("SAK", "select acknowledge"),
    "ats": ("ATS", "answer to select"),
    "reference_prefix": ("参考号前缀", "reference's prefix"),
    "reference_data": ("参考号", "reference's data"),
}
"""Name of a value that is no bitmap -> Chinese, English."""


def title(name: str) -> tuple[str, str]:
    """A value's Chinese and English title; one that stands in no table keeps its name."""
    for bmp in BITMAPS.values():
        if bmp.name == name:
            return bmp.zh, bmp.en
    group, _, what = name.rpartition("_")
    if group in TOTALS_GROUPS:
        return (f"{group}笔数", f"{group}: count") if what == "count" else (f"{group}金额", f"{group}: total")
    return TITLES.get(name, (name, name))


PASSWORD = ("password",)
COMMANDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "0501": ("STATUS", PASSWORD),
    "0600": ("SIGN_IN", ("password", "config", "currency?")),
    "0601": ("SALE", ()),
    "0602": ("SIGN_OFF", ()),
    "0610": ("TOTALS", PASSWORD),
    "0620": ("REPRINT", PASSWORD),
    "0622": ("PREAUTH", ()),
    "0623": ("PREAUTH_CHANGE", ()),
    "0624": ("COMPLETION", ()),
    "0625": ("PREAUTH_VOID", ()),
    "0630": ("VOID", PASSWORD),
    "0631": ("REFUND", PASSWORD),
    "0650": ("SETTLEMENT", PASSWORD),
    "0670": ("DIAGNOSIS", ()),
    "0693": ("INITIALISATION", PASSWORD),
    "06C0": ("READ_CARD", ("wait",)),
    "06B0": ("ABORT_BY_TILL", ()),
    "040F": ("STATUS_INFORMATION", ()),
    "04FF": ("INTERMEDIATE_STATUS", ("status", "wait?")),
    "060F": ("COMPLETED", ("completion",)),
    "061E": ("ABORTED", ("result", "currency?")),
    "06D1": ("PRINT_LINE", ("print",)),
    "06D3": ("PRINT_TEXT", ()),
}
"""Control field -> operation, and what stands before the bitmaps; ``?``: only where nothing else can stand."""

FROM_TERMINAL = frozenset(("040F", "04FF", "060F", "061E", "06D1", "06D3"))
"""What a terminal says on its own; the till answers each with 80 00 00."""
MONEY = {"0601": "SALE", "0622": "PREAUTH", "0623": None, "0624": "COMPLETION", "0625": "PREAUTH_VOID"} | {
    "0630": "VOID",
    "0631": "REFUND",
}
"""Commands that move money -> the contract's type; a partial reversal of a pre-authorisation has none."""

TOTALS_GROUPS = ("girocard", "JCB", "Eurocard", "Amex", "VISA", "Diners", "other")
TOTALS_BYTES = 4 + len(TOTALS_GROUPS) * 7

RESULTS: dict[str, tuple[str, str]] = {
    "00": ("成功", "no error"),
    "05": ("主机拒绝", "declined by the host"),
    "64": ("卡片无法读取", "card cannot be read"),
    "65": ("卡片数据缺失", "card data missing"),
    "66": ("处理错误", "processing error"),
    "6B": ("终端未登记", "terminal not registered"),
    "6C": ("超时或取消", "aborted, by time or by key"),
    "6F": ("货币不符", "wrong currency"),
    "77": ("不能结算", "end of day not possible"),
    "83": ("功能不可用", "function not possible"),
    "9A": ("协议错误", "protocol error"),
    "9C": ("请等待", "please wait"),
    "9D": ("金额变更", "amount changed"),
    "B2": ("存储已满", "journal full"),
    "B4": ("已撤销", "already reversed"),
    "B5": ("不能撤销", "reversal not possible"),
    "B7": ("金额错误", "wrong amount"),
    "B8": ("预授权错误", "pre-authorisation error"),
    "CC": ("没有打印机", "no printer"),
    "DC": ("卡片已插入", "card inserted"),
    "FF": ("系统错误", "system error"),
}
"""Result code -> Chinese, English."""
REFUSALS: dict[str, tuple[str, str]] = {"66": ("未出货", "goods not issued")}
"""Second byte of 84 xx, where it means something else than as a result code."""


def result_text(code: str) -> str:
    """A result code in words; nothing for one that is not in the table."""
    return ", ".join(RESULTS.get(code.upper(), ()))


_LINE_FEEDS, _RESERVED, _LAST_LINE = 0xFF, 0x80, 0x80
_ALIGNED = {0x00: ("左对齐", "left"), 0x40: ("居中", "centred")}
_WIDE, _HIGH, _INDENT = 0x20, 0x10, 0x0F


def line_attribute(byte: int) -> str:
    """How a line of a receipt is printed (06 D1, tag 09), in words; Chinese and English."""
    if byte == _LINE_FEEDS:
        return "走纸，行数在下一字节, line feeds, as many as the next byte says"
    if byte == _RESERVED:
        return "保留, reserved"
    if byte & _LAST_LINE:
        return "最后一行, last line"
    said = [_ALIGNED[byte & 0x40]]
    said += [("倍宽", "double width")] if byte & _WIDE else []
    said += [("倍高", "double height")] if byte & _HIGH else []
    indent = byte & _INDENT
    said += [(f"缩进 {indent}", f"indented by {indent}")] if indent else []
    return ", ".join(["、".join(zh for zh, _ in said), *(en for _, en in said)])
