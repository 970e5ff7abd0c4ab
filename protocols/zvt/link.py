"""The two links of ZVT: DLE frames with a CRC on a serial line, bare APDUs over TCP.

A serial frame is ``10 02``, the APDU with every 10 doubled, ``10 03`` and the CRC, low
byte first: CRC-16/KERMIT over the APDU (not doubled) and the 03. The receiver answers
with one byte, ACK 06 or NAK 15. An APDU says its own length: one byte, or FF and two
bytes, low byte first (docs/protocols-ecr.md, transport).
"""

from typing import TYPE_CHECKING

from protocols.deframe import LINK_ERRORS
from protocols.envelope import ACK, ETX, NAK, STX
from protocols.errors import FrameError
from protocols.search import Search
from protocols.walk import Wrong

if TYPE_CHECKING:
    from protocols.profile import Profile

DLE = 0x10
LONG = 0xFF
CONTROLS = frozenset((ACK, NAK))
CLASSES = frozenset((0x04, 0x05, 0x06, 0x08, 0x0F, 0x80, 0x84))
"""First bytes of APDUs: commands of either side, a vendor's (08, 0F), answers (80, 84)."""
OVERHEAD = 6  # DLE STX … DLE ETX CRC CRC
_DLE_ETX = bytes((DLE, ETX))
_MESSAGES = {
    **LINK_ERRORS,
    "crc": ("the CRC does not agree", "check the cable, the baud rate and the stop bits"),
    "escape": ("a lone DLE inside the frame", "check the cable, the baud rate and the stop bits"),
    "length": ("the APDU's length does not agree with the frame", "check whether bytes were lost"),
}


def _table() -> list[int]:
    table = []
    for index in range(256):
        crc = index
        for _ in range(8):
            crc = crc >> 1 ^ 0x8408 if crc & 1 else crc >> 1
        table.append(crc)
    return table


_CRC = _table()


def crc16(data: bytes | bytearray) -> int:
    """CRC-16/KERMIT: reflected 0x1021, from 0, nothing added at the end."""
    crc = 0
    for byte in data:
        crc = crc >> 8 ^ _CRC[(crc ^ byte) & 0xFF]
    return crc


def wrap(apdu: bytes, envelope: str) -> bytes:
    """The link frame of an APDU."""
    if envelope == "apdu":
        return apdu
    doubled = apdu.replace(b"\x10", b"\x10\x10")
    return b"\x10\x02" + doubled + _DLE_ETX + crc16(apdu + bytes((ETX,))).to_bytes(2, "little")


def apdu_end(data: bytes | bytearray, at: int) -> int | None:
    """Where the APDU that starts there ends; None when its length is not there yet."""
    if len(data) - at < 3:
        return None
    if data[at + 2] != LONG:
        return at + 3 + data[at + 2]
    if len(data) - at < 5:
        return None
    return at + 5 + int.from_bytes(data[at + 3 : at + 5], "little")


def deframer(profile: "Profile") -> Search:
    """A fresh deframer of the profile's link."""
    most = profile.link.max_frame
    judge = {"dle": _judge_dle, "apdu": _judge_apdu}[profile.link.envelope]

    def error(wrong: Wrong) -> FrameError:
        message, hint = _MESSAGES[wrong.code]
        return FrameError(
            message,
            protocol=profile.name,
            layer="link",
            offset=wrong.offset,
            code=wrong.code,
            expected=wrong.expected,
            got=wrong.got,
            hint=hint,
        )

    controls = CONTROLS if profile.link.ack else frozenset[int]()
    return Search(lambda buffer, at: judge(buffer, at, most), error=error, room=most, controls=controls)


def _judge_dle(buffer: bytearray, at: int, most: int) -> int | Wrong | None:
    have = len(buffer)
    if buffer[at] != DLE:
        return Wrong("babble", 0, at, "DLE STX", "another byte")
    if have - at < 2:
        return None
    if buffer[at + 1] != STX:
        return Wrong("babble", 0, at + 1, "STX after DLE", "another byte")
    place, stop = at + 2, min(have, at + most)  # what lies beyond must not decide: it may not be here yet
    while True:
        place = buffer.find(DLE, place, stop)
        if place < 0 or place + 1 >= stop:
            break
        after = buffer[place + 1]
        if after == ETX:
            return _judge_whole(buffer, at, place, most)
        if after != DLE:
            return Wrong("escape", 0, place, "10 10 or 10 03", "another byte after 10")
        place += 2
    if have - at >= most:
        return Wrong("too_long", 0, at, f"at most {most} bytes", "more")
    return None


def _judge_whole(buffer: bytearray, at: int, dle: int, most: int) -> int | Wrong | None:
    end = dle + 4
    if end - at > most:
        return Wrong("too_long", 0, at, f"at most {most} bytes", "more")
    if len(buffer) < end:
        return None
    apdu = bytes(buffer[at + 2 : dle]).replace(b"\x10\x10", b"\x10")
    if crc16(apdu + bytes((ETX,))) != int.from_bytes(buffer[dle + 2 : end], "little"):
        return Wrong("crc", 0, dle + 2, "CRC-16 of APDU and ETX", "another value")
    if apdu_end(apdu, 0) != len(apdu):
        return Wrong("length", 0, at + 4, "the APDU's own length", f"{len(apdu)} bytes of APDU")
    return end


def _judge_apdu(buffer: bytearray, at: int, most: int) -> int | Wrong | None:
    if buffer[at] not in CLASSES:
        return Wrong("babble", 0, at, "the class of an APDU", "another byte")
    end = apdu_end(buffer, at)
    if end is None:
        return None
    if end - at > most:
        return Wrong("claim", 0, at + 2, f"at most {most} bytes", f"{end - at}")
    return end if len(buffer) >= end else None


def unwrap(frame: bytes, protocol: str) -> tuple[bytes, list[int], str]:
    """The APDU in a link frame, or in bare bytes.

    Returns:
        the APDU, the offset in ``frame`` of each of its bytes and of its end, and the envelope met: dle or apdu.

    Raises:
        FrameError: neither.
    """
    if frame[:2] != b"\x10\x02":
        return frame, list(range(len(frame) + 1)), "apdu"
    apdu = bytearray()
    places = []
    at = 2
    while at + 1 < len(frame) and (frame[at] != DLE or frame[at + 1] == DLE):
        apdu.append(frame[at])
        places.append(at)
        at += 2 if frame[at] == DLE else 1
    where = {"protocol": protocol, "layer": "link"}
    if frame[at : at + 2] != _DLE_ETX or len(frame) != at + 4:
        message, hint = _MESSAGES["etx"]
        raise FrameError(
            message,
            **where,
            offset=at,
            code="etx",
            expected="DLE ETX and two bytes of CRC at the end",
            got=f"{len(frame) - at} bytes",
            hint=hint,
        )
    if crc16(bytes(apdu) + bytes((ETX,))) != int.from_bytes(frame[at + 2 :], "little"):
        message, hint = _MESSAGES["crc"]
        raise FrameError(
            message,
            **where,
            offset=at + 2,
            code="crc",
            expected="CRC-16 of APDU and ETX",
            got="another value",
            hint=hint,
        )
    return bytes(apdu), [*places, at], "dle"
