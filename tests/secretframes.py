"""Frames full of secrets, one sample for each dialect: what tests look for on disk afterwards.

A new dialect adds one function to ``SAMPLES``, a new journal one to ``JOURNALS``; the tests
in ``tests/test_secrets.py`` fail until it is there. A sample takes the profile and the
secrets and gives what is said on the line, in order, each with its direction: every
message and every field that can hold a secret, with the secrets in it. It must be a
function of the secrets alone, for it is also built with ``TWIN`` and compared.
"""

import functools
import operator
import struct
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

from protocols import bmp
from protocols.jbig import Bitmap
from protocols.journal import trans_record
from protocols.mis.link import wrap as wrap_mis
from protocols.mis.tlv import build as build_mis
from protocols.profile import Profile, load_profile
from protocols.tlv import encode
from protocols.zvt.link import wrap
from tests import journalfiles
from tests.seededsecrets import Secrets, chip_data, packed

Said = tuple[Literal["rx", "tx"], bytes]
MERCHANT = "898411341310014"
TERMINAL = "10000001"


# MTI of the request, F3, F25, 60.1, 60.3: every message of docs/protocols.md 4
OPERATIONS = (
    ("0100", "030000", "06", "10", "000"),
    ("0100", "200000", "06", "11", "000"),
    ("0200", "310000", "00", "01", "000"),
    ("0200", "000000", "00", "22", "000"),
    ("0200", "200000", "00", "23", "000"),
    ("0200", "000000", "06", "20", "000"),
    ("0200", "200000", "06", "21", "000"),
    ("0220", "200000", "00", "25", "000"),
    ("0220", "000000", "06", "24", "000"),
    ("0220", "000000", "00", "30", "000"),
    ("0220", "000000", "00", "32", "000"),
    ("0220", "000000", "00", "34", "000"),
    ("0220", "000000", "00", "36", "000"),
    ("0400", "000000", "00", "22", "000"),
    ("0320", "000000", "00", "00", "203"),
    ("0320", "000000", "00", "00", "204"),
    ("0320", "000000", "00", "00", "205"),
    ("0320", "000000", "00", "00", "206"),
    ("0620", "000000", "00", "00", "951"),
)
KEY_BYTES = (24, 40, 56, 60, 64, 80, 84, 104)
SIGN_INS = ("001", "003", "004", "005", "401", "420", "777")


def unionpay(profile: Profile, secrets: Secrets) -> list[Said]:
    """Every message type, each with every field that holds a secret in some message."""
    said: list[Said] = []
    names = {41: f"{zlib.crc32(profile.name.encode()) % 10**8:08d}", 42: MERCHANT}
    note = f"卡号{secrets.pan}，{secrets.other[:4]} {secrets.other[4:8]} {secrets.other[8:12]} {secrets.other[12:]}谢谢"
    known = {number: note for number in (44, 46, 47, 56, 57, 58, 63) if number in profile.grammar.table}
    known = {number: text for number, text in known.items() if "text" in profile.grammar.table[number].codec}
    raw = {51: note, 59: f"A3{len(secrets.pan):03d}{secrets.pan}"}
    known |= {number: text.encode("gbk").hex().upper() for number, text in raw.items()}
    for number, (mti, processing, condition, kind, network) in enumerate(OPERATIONS, start=1):
        shared = {
            3: processing,
            4: f"{100 * number:012d}",
            11: f"{number:06d}",
            25: condition,
            **names,
            49: "156",
            60: f"{kind}000001{network}50",
        }
        holder = {2: secrets.pan, 14: secrets.expiry, 23: "001", 35: secrets.track_2, 36: secrets.track_3}
        pin = {26: "12", 52: secrets.pin_block, 53: "2600000000000000"}
        said.append(("rx", profile.build(mti, shared | known | holder | pin | {22: "051", 55: chip_data(secrets)})))
        clock = {12: "101500", 13: "1121", 15: "1121", 37: f"{number:012d}", 38: "A00001", 39: "00"}
        answer = f"{mti[:2]}{int(mti[2]) + 1}0"
        del holder[35], holder[36]
        said.append(("tx", profile.build(answer, shared | known | holder | clock | {55: chip_data(secrets)})))
    encrypted = {35: secrets.key + "01", 36: secrets.key, 53: "2610000000000000", 60: "2200000100050"}
    said.append(("rx", profile.build("0200", {3: "000000", 4: "000000009900", 11: "000099", 25: "00"} | encrypted)))
    slots = [f"{at % 2:02d}{at + 1:06d}{(secrets.pan, secrets.other)[at % 2]:0>20}{100 * at:012d}" for at in range(8)]
    batch = {11: "000101", **names, 48: f"08{''.join(slots)}", 60: "00000001201"}
    said.append(("rx", profile.build("0320", batch)))
    said.append(("tx", profile.build("0330", batch | {39: "00"})))
    for at, (size, network) in enumerate(zip(KEY_BYTES, (*SIGN_INS, "003"), strict=True), start=200):
        keys = (secrets.key * 7)[: 2 * size]
        shared = {11: f"{at:06d}", **names, 60: f"00000001{network}"}
        said.append(("rx", profile.build("0800", shared | {53: secrets.pin_block, 63: "01 "})))
        said.append(("tx", profile.build("0810", shared | {12: "101500", 13: "1121", 39: "00", 62: keys})))
    signed = {2: secrets.pan, 4: "000000000400", 11: "000004", 37: f"{4:012d}", **names, 60: "07000001800"}
    slip = {55: encode({"FF05": secrets.expiry, "FF25": packed(secrets.other), "FF00": note.encode("gbk").hex()})}
    said.append(("rx", profile.build("0820", signed | slip | {62: "00000100" * 8})))
    said.append(("tx", profile.build("0830", signed | {39: "00"})))
    return said


def zvt(profile: Profile, secrets: Secrets) -> list[Said]:
    """Commands with the password, and a status with the card in every bitmap and in texts."""
    link = profile.link.envelope

    def apdu(control: str, *parts: str) -> bytes:
        body = bytes.fromhex("".join(parts))
        size = bytes([len(body)]) if len(body) < 255 else b"\xff" + len(body).to_bytes(2, "little")
        return wrap(bytes.fromhex(control) + size + body, link)

    def counted(number: str, width: int, value: bytes) -> str:
        return number + "".join(f"F{digit}" for digit in f"{len(value):0{width}d}") + value.hex()

    ok: Said = ("tx", wrap(bytes.fromhex("800000"), link))
    taken: Said = ("rx", ok[1])
    track = bytes.fromhex(packed(secrets.track_2))
    status = apdu(
        "040F",
        "270004000000001000490978",
        "0B0000420C1015000D1121" + "29" + TERMINAL,
        "0E" + secrets.expiry,
        counted("22", 2, bytes.fromhex(packed(secrets.pan))),
        counted("23", 2, track),
        counted("24", 3, bytes.fromhex(packed(secrets.track_3))),
        counted("2D", 2, secrets.track_1.encode()),
        counted("2E", 3, bytes.fromhex(secrets.key)),
        "3A" + secrets.password[:4],
        "3D" + secrets.password,
        counted("92", 3, bytes.fromhex(packed(secrets.pan)) + bytes.fromhex(secrets.key)),
        counted("A7", 2, bytes.fromhex(packed(secrets.pan))),
        counted("AF", 3, track),
        counted("3C", 3, f"Karte {secrets.pan}".encode()),
        "0612" + "0710" + secrets.pan.encode().hex(),
    )
    return [
        ("tx", apdu("0600", secrets.password, "DE0978")),
        taken,
        ("rx", apdu("060F")),
        ok,
        ("tx", apdu("0601", "04000000001000490978", "0E" + secrets.expiry)),
        taken,
        ("rx", status),
        ok,
        ("rx", apdu("060F")),
        ok,
        ("tx", apdu("0630", secrets.password, "870012")),
        taken,
        ("rx", apdu("061E", "6C")),
        ok,
    ]


def concert(profile: Profile, secrets: Secrets) -> list[Said]:
    """A payment whose answer has the card: the long report, or the tags of a network till."""
    if profile.link.envelope == "tags":

        def tags(**values: str) -> bytes:
            return "".join(f"{tag}{len(value):03d}{value}" for tag, value in values.items()).encode()

        ask = tags(CZ="0300", CJ="012345678901", CA="01", CE="978", CB="1250", CD="0", CF=f"KARTE {secrets.pan}")
        answer = tags(CZ="0300", AE="10", AA=secrets.pan, AB=secrets.expiry, CB="1250", CE="978", CF=secrets.other)
        return [("tx", ask), ("rx", answer)]

    def framed(body: str) -> bytes:
        covered = body.encode() + b"\x03"
        total = 0
        for byte in covered:
            total ^= byte
        return b"\x02" + covered + bytes([total])

    report = f"{secrets.pan}  {secrets.expiry} {secrets.discretionary} {secrets.name}"
    ask = framed("0100001250110978" + " " * 10 + "A010B010")
    return [("tx", ask), ("rx", framed("01000001250" + "1" + report.ljust(55) + "978" + " " * 10))]


MOST_CARRIED = 900


def mis_df(profile: Profile, secrets: Secrets) -> list[Said]:
    """The card in results, in texts and in tags nobody knows; and messages for the host that pass through."""

    def frame(*values: tuple[int, bytes]) -> bytes:
        return wrap_mis(profile.link, build_mis(values, form="ber"))

    note = f"卡号{secrets.pan}，{secrets.other}".encode("gbk")
    card = [
        (0xDF1E, secrets.pan.encode()),
        (0xDF1F, secrets.expiry.encode()),
        (0xDF3E, secrets.name.encode()),
        (0xDF22, note),
        (0xDF69, secrets.other.encode()),
        (0xDF6A, secrets.pan.encode()),
        (0xDF70, note),
        (0xDF7B, f"{secrets.pan}={secrets.expiry}201{secrets.discretionary}".encode()),
        (0xDF66, bytes.fromhex(packed(secrets.pan))),
        (0xDFEE, note),
        (0xDFEF, bytes.fromhex("0" + secrets.pan + "0")),
    ]
    said: list[Said] = [
        ("tx", frame((0xDF01, b"\0"), (0xDF04, b"\x12\x34"), (0xDF02, b"\x45"), (0xDF6A, secrets.pan.encode()))),
        (
            "rx",
            frame(
                (0xDF01, b"\2"),
                (0xDF02, b"\x45"),
                (0xDF04, b"\x12\x34"),
                (0xDF06, build_mis([(0xDF12, TERMINAL.encode()), (0xDF03, b"RMB  1.20"), *card], form="ber")),
                (0xDF07, b"00"),
            ),
        ),
        ("rx", wrap_mis(profile.link, b"LOGLOG" + secrets.pan.encode())),
    ]
    carried = profile.carried
    for way, message in unionpay(carried, secrets):
        if len(message) < MOST_CARRIED:
            said.append((way, frame((0xDF01, b"\1"), (0xDF04, b"\x12\x34"), (0xDF06, message[2:]))))
    return said


def mis_9f(profile: Profile, secrets: Secrets) -> list[Said]:
    """A sale asked for and answered, reprinted, and carried to its host: the card in every tag that may hold one."""
    del profile  # the frame is made here

    def said(number: int, **values: str | bytes) -> bytes:
        body = bytes((0x9F, 0x01, 0, 1, number))
        for tag, value in values.items():
            raw = value if isinstance(value, bytes) else value.encode("gbk")
            body += bytes.fromhex(tag[1:]) + struct.pack(">H", len(raw)) + raw
        covered = bytes.fromhex(f"{len(body):04d}") + body + b"\x03"
        return b"\x02" + covered + bytes((functools.reduce(operator.xor, covered),))

    note = f"卡号{secrets.pan}，{secrets.other[:4]} {secrets.other[4:8]} {secrets.other[8:12]} {secrets.other[12:]}谢谢"
    holder = {"t9F93": secrets.name, "t9F94": f"11010519491231{secrets.pan[-8:-4]}", "t9F1B": secrets.expiry}
    told = {"t9F04": MERCHANT, "t9F05": TERMINAL, "t9F0D": "000001", "t9F0E": "000007", "t9F14": "00"}
    host = load_profile("unionpay")
    carried = {2: secrets.pan, 4: "000000001250", 11: "000007", 35: secrets.track_2, 52: secrets.pin_block}
    keys = {11: "000008", 39: "00", 60: "00000001003", 62: (secrets.key * 3)[:80]}
    lost = bytes.fromhex(secrets.key + packed(secrets.track_2)) + secrets.track_1.encode()
    return [
        ("tx", said(2, t9F02="000000001250", t9F0B=secrets.pan, t9F13=note, **holder)),
        ("rx", said(17, t9F15=host.build("0200", carried), t9F16="10.0.0.1", t9F17="8583", t9F18="60")),
        ("tx", said(17, t9F14="00", t9F15=host.build("0810", keys))),
        ("rx", said(17, t9F15=lost, t9F16="10.0.0.1", t9F17="8583", t9F18="60")),
        ("rx", said(2, t9F02="000000001250", t9F0B=secrets.pan, t9F13=note, t9FFF=secrets.pan, **told, **holder)),
        ("tx", said(16)),
        ("rx", said(2, t9F0B=f"{secrets.pan}={secrets.expiry}201{secrets.discretionary}", t9F52=f"{note}\r\n", **told)),
        ("rx", said(3, t9F0B=secrets.pan, t9F7E=bytes.fromhex(packed(secrets.pan)), t9F7F=secrets.pan, **told)),
    ]


def fixed_record(profile: Profile, secrets: Secrets) -> list[Said]:
    """A sale, a wallet's with its payment code, and answers with the card in its field and in the message."""
    del profile  # a record is the same on every line
    asked = f"{'POS00001':8}{'01':8}00{1250:012d}{'':8}{'':12}{'':6}123"
    wallet = f"00{'POS00001':8}{'01':8}30{1250:012d}{'':26}124{secrets.discretionary:50}{secrets.other:50}{'':82}"

    def answer(message: str, lrc: str) -> bytes:
        text = message.encode("gbk").ljust(40)
        head = f"000102{secrets.pan:20}{7:06d}{1250:012d}".encode()
        tail = f"{MERCHANT}{TERMINAL}{1:06d}1121101500{7:012d}{'':6}1121{lrc}".encode()
        return head + text + tail

    return [
        ("tx", asked.encode()),
        ("rx", answer("交易成功", "123")),
        ("tx", wallet.encode()),
        ("rx", answer(f"卡号{secrets.pan}", "124")),
    ]


def sign_pad(profile: Profile, secrets: Secrets) -> list[Said]:
    """A signing, and a card where none belongs: in what nobody knows the meaning of, and instead of a picture."""
    said: list[Said] = [
        ("rx", b"\xa2" + b"5138B261"),
        ("tx", b"\xb2\0\0\1" + bmp.encode(Bitmap(32, 2, bytes(range(8))))),
        ("rx", b"\xa8"),
        ("rx", b"\xe3" + secrets.pan.encode()),
        ("rx", b"\xe3" + bytes.fromhex(packed(secrets.pan))),
        ("tx", b"\x77" + secrets.other.encode()),
        ("tx", b"\xb2\0\0\2" + secrets.pan.encode()),
    ]
    return [(way, wrap_mis(profile.link, data)) for way, data in said]


SAMPLES: Mapping[str, Callable[[Profile, Secrets], list[Said]]] = {
    "unionpay": unionpay,
    "zvt": zvt,
    "concert": concert,
    "mis-df": mis_df,
    "mis-9f": mis_9f,
    "fixed-record": fixed_record,
    "sign-pad": sign_pad,
}
"""Dialect -> its sample; it is made for every profile that speaks the dialect."""


def _pos_log(folder: Path, secrets: Secrets) -> Path:
    path = folder / "pos.log"
    chip = bytes.fromhex(chip_data(secrets))[:250]
    layout: struct.Struct = journalfiles.ALIGNED
    records = [
        journalfiles.log_record(
            layout, card=secrets.pan, chip=chip, stan=at + 1, index=at, rrn=f"{at + 1:012d}", note=secrets.other
        )
        for at in range(2)
    ]
    path.write_bytes(b"".join(records))
    return path


def _trans_record(folder: Path, secrets: Secrets) -> Path:
    del secrets  # the builder's card is the seeded one
    path = folder / "v.log"
    path.write_bytes(journalfiles.trans_record(trans_record.ALIGNED.size))
    return path


def _t_water(folder: Path, secrets: Secrets) -> Path:
    row = journalfiles.water_row(
        PAN=secrets.pan,
        TRACK2=secrets.track_2,
        TRACK3=secrets.track_3,
        FIELD55=chip_data(secrets),
        ADDITION=f'卡号"{secrets.other}"',
        CUP_INFO=f"card {secrets.pan}",
    )
    return journalfiles.water_sqlite(folder / "water.db", [row])


JOURNALS: Mapping[str, Callable[[Path, Secrets], Path]] = {
    "newpos-journal": _pos_log,
    "verifone-journal": _trans_record,
    "newland-journal": _t_water,
}
"""Journal's profile -> writes a terminal's log with the secrets in it, and says where."""
