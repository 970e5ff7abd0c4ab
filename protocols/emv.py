"""Names of the EMV, key-download and signature tags met in F55 and F62; for people, nothing is decided by them."""

from protocols.signature_tags import TAGS as SIGNATURE_TAGS

TITLES: dict[str, tuple[str, str]] = {
    "4F": ("应用标识符", "application identifier"),
    "50": ("应用标签", "application label"),
    "56": ("一磁道等效数据", "track 1 equivalent"),
    "57": ("二磁道等效数据", "track 2 equivalent"),
    "5A": ("卡号", "card number"),
    "5F20": ("持卡人姓名", "cardholder name"),
    "5F24": ("应用失效日期", "expiry date"),
    "5F2A": ("交易货币代码", "transaction currency"),
    "5F34": ("卡序列号", "card sequence number"),
    "61": ("应用模板", "application template"),
    "6F": ("FCI模板", "file control information"),
    "70": ("记录模板", "record template"),
    "71": ("发卡行脚本模板1", "issuer script 1"),
    "72": ("发卡行脚本模板2", "issuer script 2"),
    "77": ("响应报文模板", "response template"),
    "82": ("应用交互特征", "application interchange profile"),
    "84": ("专用文件名称", "dedicated file name"),
    "86": ("发卡行脚本命令", "issuer script command"),
    "8A": ("授权响应码", "authorisation response code"),
    "91": ("发卡行认证数据", "issuer authentication data"),
    "95": ("终端验证结果", "terminal verification results"),
    "99": ("个人密码数据", "PIN data"),
    "9A": ("交易日期", "transaction date"),
    "9B": ("交易状态信息", "transaction status information"),
    "9C": ("交易类型", "transaction type"),
    "9F02": ("授权金额", "amount"),
    "9F03": ("其它金额", "amount, other"),
    "9F06": ("终端应用标识符", "application identifier of the terminal"),
    "9F08": ("应用版本号", "application version of the terminal"),
    "9F09": ("应用版本号", "application version"),
    "9F10": ("发卡行应用数据", "issuer application data"),
    "9F1A": ("终端国家代码", "terminal country"),
    "9F1B": ("终端最低限额", "terminal floor limit"),
    "9F1E": ("接口设备序列号", "interface device serial number"),
    "9F1F": ("一磁道自定义数据", "track 1 discretionary data"),
    "9F20": ("二磁道自定义数据", "track 2 discretionary data"),
    "9F22": ("认证中心公钥索引", "certification authority key index"),
    "9F26": ("应用密文", "application cryptogram"),
    "9F27": ("密文信息数据", "cryptogram information"),
    "9F33": ("终端性能", "terminal capabilities"),
    "9F34": ("持卡人验证结果", "cardholder verification results"),
    "9F35": ("终端类型", "terminal type"),
    "9F36": ("应用交易计数器", "application transaction counter"),
    "9F37": ("不可预知数", "unpredictable number"),
    "9F41": ("交易序列计数器", "transaction sequence counter"),
    "9F63": ("卡产品标识信息", "card product identification"),
    "9F6B": ("非接二磁道数据", "track 2, contactless"),
    "9F74": ("电子现金授权码", "electronic cash authorisation code"),
    "9F7B": ("电子现金终端交易限额", "electronic cash limit of the terminal"),
    "DF01": ("应用选择指示符", "application selection indicator"),
    "DF02": ("公钥模", "key modulus"),
    "DF03": ("公钥校验值", "key check sum"),
    "DF04": ("公钥指数", "key exponent"),
    "DF05": ("公钥有效期", "key expiry"),
    "DF06": ("公钥哈希算法", "key hash algorithm"),
    "DF07": ("公钥算法", "key algorithm"),
    "DF11": ("缺省行为代码", "terminal action code, default"),
    "DF12": ("联机行为代码", "terminal action code, online"),
    "DF13": ("拒绝行为代码", "terminal action code, denial"),
    "DF14": ("缺省DDOL", "default DDOL"),
    "DF15": ("偏置随机选择阈值", "threshold for random selection"),
    "DF16": ("最大目标百分数", "most percent for random selection"),
    "DF17": ("目标百分数", "percent for random selection"),
    "DF18": ("联机密码支持能力", "online PIN capability"),
    "DF19": ("非接脱机最低限额", "contactless floor limit"),
    "DF20": ("非接交易限额", "contactless limit"),
    "DF21": ("非接免密限额", "contactless limit without PIN"),
    "DF31": ("发卡行脚本结果", "issuer script results"),
    "DF32": ("芯片序列号", "chip's serial number"),
    "DF33": ("过程密钥数据", "session key data"),
    "DF34": ("终端读取时间", "time of reading"),
    **{tag: (names.zh, names.en) for tag, names in SIGNATURE_TAGS.items()},
}
"""Tag -> Chinese, English."""
_LIKELY = ("FF4", "FF57", "FF7", "DF32", "DF33", "DF34")


def title(tag: str) -> tuple[str, str]:
    """A tag's Chinese and English name; one that stands in no table says so."""
    return TITLES.get(tag, ("未知标签", "unknown tag"))


def confidence(tag: str) -> str:
    """How sure a tag's meaning is: those met in one or two sources only are assumed, unknown ones too."""
    return "assumed" if tag not in TITLES or tag.startswith(_LIKELY) else "public"
