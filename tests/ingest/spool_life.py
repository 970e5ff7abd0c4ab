"""A short life of a spool on a disk in memory, what it acknowledged, and what is found of it afterwards."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ingest.disk import Disk
from ingest.errors import SpoolError
from ingest.keys import derive
from ingest.records import DIGEST_SIZE, Kind, PendingRecord, Record, session
from ingest.segment import Chain, Damage, Ports, Raw, walk
from ingest.spool import Spool
from tests.ingest.memory_disk import MemoryDisk, PowerCutError

KEYS = derive("k1", bytes(32))


FOLDER = Path("/spool")


def frame(number: int) -> PendingRecord:
    line = f"lane-{number % 2}"
    digest = number.to_bytes(DIGEST_SIZE, "big")
    return PendingRecord(Kind.FRAME, line, "p", number, number, "rx", frame=b"%06d" % number * 8, digest=digest)


@dataclass
class Told:
    """What the spool said: numbers that were acknowledged, with the frame that each stands for."""

    acknowledged: dict[int, bytes] = field(default_factory=dict)
    refused: int = 0


def work(disk: Disk, told: Told, *, batches: int = 5) -> None:
    """A short life of a collector: sessions, batches, a roll by size, a seal, a close."""
    number = 0
    with contextlib.suppress(SpoolError), Spool(FOLDER, KEYS, seal_bytes=900, boot_id=1, disk=disk) as spool:
        for batch in range(batches):
            records = [frame(number + index) for index in range(3)]
            number += 3
            if batch == 1:
                records.insert(0, session("lane-0", "p", {"mode": "relay"}, wall_ns=1))
            try:
                seqs = spool.append_many(records)
                told.acknowledged |= {
                    seq: record.frame for seq, record in zip(seqs, records, strict=True) if record.kind is Kind.FRAME
                }
            except SpoolError:
                told.refused += 1
            with contextlib.suppress(SpoolError):
                spool.seal_if_due()
                if batch == 3:
                    spool.seal()


def reopen(disk: MemoryDisk) -> None:
    """Start and stop a collector that has nothing to say."""
    Spool(FOLDER, KEYS, boot_id=1, disk=disk).close()


def sealed(disk: MemoryDisk) -> tuple[list[Record], list[Damage]]:
    """Every record of the sealed segments, in order of their names."""
    records, damages = [], []
    for name in disk.names(FOLDER):
        assert not name.endswith((".open", ".poisoned", ".copy")), f"{name} was left behind"
        if name.endswith(".seg"):
            ports = Ports()
            for entry in walk(disk.inodes[disk.cached[FOLDER / name]].cached, Chain(KEYS.chain)):
                if isinstance(entry, Raw):
                    records.append(ports.decode(entry))
                elif isinstance(entry, Damage):
                    damages.append(entry)
    return records, damages


def check(disk: MemoryDisk, told: Told) -> None:
    """All that was acknowledged is there, unchanged, in order, once."""
    records, _ = sealed(disk)
    seqs = [record.seq for record in records]
    assert seqs == sorted(set(seqs))
    frames = {record.seq: record for record in records if record.kind is Kind.FRAME}
    for seq, content in told.acknowledged.items():
        assert frames[seq].frame == content
        assert frames[seq].profile == "p"
        assert frames[seq].line == f"lane-{int(content[:6]) % 2}"


def power_cuts(scenario: Callable[[MemoryDisk, Told], None]) -> Iterator[tuple[int, MemoryDisk, Told]]:
    """Run it once whole, then once for each operation, with the power gone just then."""
    whole = MemoryDisk()
    scenario(whole, Told())
    for at in range(len(whole.operations)):

        def cut(index: int, name: str, at: int = at) -> None:
            if index == at:
                raise PowerCutError(name)

        disk, told = MemoryDisk(fault=cut), Told()
        with contextlib.suppress(PowerCutError):
            scenario(disk, told)
        yield at, disk, told
