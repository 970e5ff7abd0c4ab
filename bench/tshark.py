"""Messages as Wireshark's dissector of ISO 8583 takes them: a capture of TCP segments, and its options."""

import os
import shutil
import struct
import subprocess
from pathlib import Path

PORT = 8583
OPTIONS = {
    "iso8583.len_endian": "Big endian",
    "iso8583.charset": "Digits represented in nibbles",
    "iso8583.binencode": "Bin data not encoded",
}
"""How this dialect lies in bytes, as far as the dissector can be told."""
_LINKTYPE_RAW = 101  # packets begin with their IPv4 header (tcpdump.org/linktypes.html)


def install() -> None:
    """Install tshark where it is missing and this may be done: as root, on Debian."""
    if shutil.which("tshark") is None and shutil.which("apt-get") and os.geteuid() == 0:
        quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        for words in (["apt-get", "update", "-qq"], ["apt-get", "install", "-qq", "--yes", "tshark"]):
            subprocess.run(words, env=quiet, capture_output=True, check=False, timeout=300)


def command_on(path: Path) -> list[str]:
    """The command that dissects a capture; say how to print it behind it."""
    options = [part for name, value in OPTIONS.items() for part in ("-o", f"{name}:{value}")]
    return ["tshark", "-r", str(path), "-d", f"tcp.port=={PORT},iso8583", *options]


def capture(bodies: list[bytes]) -> bytes:
    """A pcap file: each message in a TCP segment of its own, behind its length."""
    parts = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, _LINKTYPE_RAW)]
    sequence = 1
    for at, body in enumerate(bodies):
        payload = len(body).to_bytes(2, "big") + body
        size = 40 + len(payload)
        parts += [
            struct.pack("<IIII", at // 1000, at % 1000 * 1000, size, size),
            struct.pack(">BBHHHBBH4s4s", 0x45, 0, size, at & 0xFFFF, 0, 64, 6, 0, b"\x0a\0\0\1", b"\x0a\0\0\2"),
            struct.pack(">HHIIBBHHH", 40000, PORT, sequence, 1, 0x50, 0x18, 65535, 0, 0),
            payload,
        ]
        sequence = (sequence + len(payload)) & 0xFFFFFFFF
    return b"".join(parts)
