"""A segment of a session and frames, as bytes, and how they are read."""

import hashlib
import uuid

from ingest.records import DIGEST_SIZE, Kind, PendingRecord, Record, session
from ingest.segment import (
    Chain,
    Damage,
    Footer,
    Header,
    Ports,
    Raw,
    encode_footer,
    encode_header,
    encode_record,
    walk,
)

CHAIN = Chain(b"c" * 32)


FIRST = 41


def frame(number: int, body: bytes = b"") -> PendingRecord:
    return PendingRecord(
        Kind.FRAME, "lane-1", "p", 1_700_000_000_000_000_000 + number, number, "rx",
        frame=body or bytes([number % 256]) * 60, digest=number.to_bytes(DIGEST_SIZE, "big"),
        card_token="tk.X", length=60,
    )  # fmt: skip


def build(count: int = 100, *, first: int = FIRST, sealed: bool = True, start: int = 0) -> tuple[bytes, list[int]]:
    """A segment of a session and frames, and the byte at which each of its parts begins."""
    data = encode_header(Header(uuid.UUID(int=7).hex, first, 5, "k1"))
    link, offsets = CHAIN.link(data), []
    for number in range(count):
        record = frame(start + number) if number else session("lane-1", "p", {"mode": "listen"}, wall_ns=1)
        one = encode_record(record, seq=first + number, port_id=1, boot_id=9, chain=link)
        offsets.append(len(data))
        data += one
        link = CHAIN.link(one)
    offsets.append(len(data))
    if sealed:
        footer = Footer(count, first, first + count - 1, hashlib.sha256(data).hexdigest(), 6)
        data += encode_footer(footer, boot_id=9, chain=link)
    return data, offsets


def read(data: bytes, chain: Chain | None = CHAIN) -> tuple[list[Record], list[Damage]]:
    ports, records, damages = Ports(), [], []
    for entry in walk(data, chain):
        if isinstance(entry, Raw):
            records.append(ports.decode(entry))
        elif isinstance(entry, Damage):
            damages.append(entry)
    return records, damages
