"""What a message is for: the tables of operations, as data.

A financial message is known by MTI, processing code (F3), condition code (F25)
and transaction type (60.1); a management message by MTI and network management
code (60.3). The MTI is an open number: one that stands in no table is an event
of operation UNKNOWN. Sources: docs/protocols.md 3 and 4; rows met only in public
messages say so.
"""

TRANSACTION_TYPES = {
    "00": "management",
    "01": "balance inquiry",
    "03": "points inquiry",
    "07": "electronic signature",
    "08": "electronic signature, partial",
    "10": "pre-authorisation",
    "11": "pre-authorisation void",
    "20": "completion, request",
    "21": "completion void",
    "22": "sale",
    "23": "void",
    "24": "completion, notice",
    "25": "refund",
    "27": "offline refund",
    "30": "offline settlement",
    "32": "adjustment",
    "34": "tip adjustment",
    "36": "offline chip sale",
    "40": "e-wallet load",
    "41": "e-wallet load",
    "42": "e-wallet load",
    "45": "electronic cash load, specified account",
    "46": "electronic cash load, cash",
    "47": "electronic cash load, unspecified account",
    "48": "magnetic top-up",
    "49": "magnetic top-up",
    "51": "void of an electronic cash load in cash",
    "53": "reservation void",
    "54": "reservation sale",
}
"""60.1 -> what it says."""

# MTI of the request, F3, F25, 60.1 -> txn_type
FINANCIAL = {
    ("0200", "310000", "00", "01"): "BALANCE",
    ("0200", "000000", "00", "22"): "SALE",
    ("0200", "200000", "00", "23"): "VOID",
    ("0220", "200000", "00", "25"): "REFUND",
    ("0220", "200000", "00", "27"): "REFUND",
    ("0100", "030000", "06", "10"): "PREAUTH",
    ("0100", "200000", "06", "11"): "PREAUTH_VOID",
    ("0200", "000000", "06", "20"): "COMPLETION",
    ("0200", "200000", "06", "21"): "COMPLETION_VOID",
    ("0220", "000000", "06", "24"): "COMPLETION",
    ("0220", "000000", "00", "30"): "OFFLINE_SALE",
    ("0220", "000000", "00", "32"): "ADJUST",
    ("0220", "000000", "00", "34"): "ADJUST",
    ("0220", "000000", "00", "36"): "OFFLINE_SALE",
    ("0200", "000000", "64", "22"): "SALE",
    ("0200", "200000", "64", "23"): "VOID",
    ("0200", "000000", "65", "22"): "SALE",
    ("0200", "200000", "65", "23"): "VOID",
    ("0200", "000000", "08", "22"): "SALE",
    ("0200", "000000", "67", "54"): "SALE",
    ("0200", "200000", "67", "53"): "VOID",
    ("0200", "000000", "91", "36"): "OFFLINE_SALE",
}
_BY_TYPE = {(mti, kind): name for (mti, _, _, kind), name in reversed(FINANCIAL.items())}
_BY_CODES = {(mti, code, condition): name for (mti, code, condition, _), name in reversed(FINANCIAL.items())}
FINANCIAL_MTIS = frozenset(("0100", "0200", "0220", "0400"))
REVERSAL_MTI = "0400"
SETTLEMENT_MTI = "0500"
BATCH_MTI = "0320"
SCRIPT_MTI = "0620"
MANAGEMENT_MTIS = frozenset(("0800", "0820"))
SIGNATURE_MTIS = frozenset(("0820", "0900", "0920"))  # 0900 and 0920 in public messages of two vendors
SIGNATURE_TYPES = frozenset(("07", "08"))
QR_TYPES = {"SALE": "QR_SALE", "REFUND": "QR_REFUND"}
QR_ENTRY = "03"  # F22 03x

_SIGN_IN = ("001", "003", "004", "005", "401", "011")  # 011 in a public message of one vendor
_OPERATIONS = {
    "SIGN_IN": _SIGN_IN,
    "SIGN_OFF": ("002",),
    "ECHO": ("301",),
    "PARAMETERS": ("360", "361", "364", "394", "395", "396", "397", "398", "399", "960", "961"),
    "STATUS_UPLOAD": ("362",),
    "CAPK": ("370", "371", "372", "373"),
    "AID": ("380", "381", "382"),
    "BLACKLIST": ("390", "391"),
    "KEY_DOWNLOAD": ("420",),  # in a public message of one vendor
    "SCRIPT_RESULT": ("951",),
}
MANAGEMENT = {code: operation for operation, codes in _OPERATIONS.items() for code in codes}
"""60.3 -> operation, for 0800 and 0820."""
BATCH_END = frozenset(("202", "207"))
SETTLE_QUERY = "710"
NETWORK_CODES = frozenset(
    ("000", "201", "203", "204", "205", "206", SETTLE_QUERY, *MANAGEMENT, *BATCH_END, *(f"80{n}" for n in range(10)))
)
"""Every 60.3 that is met."""
_PUBLIC = ("ECHO", "PARAMETERS", "STATUS_UPLOAD", "CAPK", "AID", "BLACKLIST", "SCRIPT_RESULT")
PUBLIC_DOWNLOADS = frozenset(code for name in _PUBLIC for code in _OPERATIONS[name])
"""60.3 of answers whose F62 holds public parameters; F62 of any other management answer may hold keys."""


def request_mti(mti: str) -> str:
    """The MTI of the request an answer belongs to; a request's own."""
    if not is_answer(mti):
        return mti
    return f"{mti[:2]}{int(mti[2]) - 1}{mti[3]}"


def is_answer(mti: str) -> bool:
    """True for 0x10 and 0x30."""
    return len(mti) == 4 and mti[2] in "13579"


def transaction_type(mti: str, processing: str | None, condition: str | None, kind: str | None) -> str | None:
    """The transaction type of a financial message other than a reversal; None when the tables do not know it.

    The four together decide. Where one is missing or a vendor changed it, MTI and
    60.1 decide; without 60.1, MTI with F3 and F25.
    """
    exact = FINANCIAL.get((mti, processing or "", condition or "", kind or ""))
    if exact is not None:
        return exact
    if kind is not None:
        return _BY_TYPE.get((mti, kind))
    return _BY_CODES.get((mti, processing or "", condition or ""))


def operation_of(mti: str, kind: str | None, network: str | None) -> str:
    """The operation of a message that moves no money; UNKNOWN when no table knows it."""
    if mti in SIGNATURE_MTIS and kind in SIGNATURE_TYPES:
        return "SIGNATURE"
    if mti == BATCH_MTI:
        return "BATCH_UPLOAD_END" if network in BATCH_END else "BATCH_UPLOAD"
    if mti == SETTLEMENT_MTI:
        return "SETTLE_QUERY" if network == SETTLE_QUERY else "SETTLEMENT"
    if mti == SCRIPT_MTI:
        return "SCRIPT_RESULT"
    if mti in MANAGEMENT_MTIS:
        return MANAGEMENT.get(network or "", "UNKNOWN")
    return "UNKNOWN"
