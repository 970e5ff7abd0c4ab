"""Where the processor time of one frame goes between its terminal's last byte and its ACK, step by step.

    python -m bench.frame [--batch 8] [--out bench/results/frame.json]

Each step by itself, on one thread, the quickest of many tries: what the steps cost, without what two threads cost each
other. A batch's steps are divided by its frames. ``bench/collector.py`` measures the whole.
"""

import json
import os
import select
import tempfile
import time
import tty
from collections.abc import Callable
from pathlib import Path

import click

from bench.collector import RECEIVED, sales
from ingest.acknowledging import Acknowledgements
from ingest.backlog import Entry
from ingest.conversation import Conversation
from ingest.disk import Disk
from ingest.handover import Chunk
from ingest.hearing import Hearing
from ingest.keys import create_keys, load_keys
from ingest.lines import Line, make_line
from ingest.recording import Recorder
from ingest.spool import Spool
from ingest.tty import open_tty
from protocols.profile import load_profile
from protocols.sanitise import CardKeys, Sanitiser

ACK = b"\x06"
TRIES = 40
ROUNDS = 50


def quickest(step: Callable[[], object]) -> float:
    """Microseconds of processor time that a step takes."""
    times = []
    for _ in range(TRIES):
        began = time.thread_time()
        for _ in range(ROUNDS):
            step()
        times.append(time.thread_time() - began)
    return min(times) / ROUNDS * 1e6


def of_the_port(frame: bytes) -> dict[str, float]:
    """Reading a frame and writing an ACK on a pseudo-terminal, in the system and in ours; and waiting for it."""
    master, slave = os.openpty()
    tty.setraw(slave)
    port = open_tty(os.ttyname(slave))
    poll = select.epoll()
    poll.register(port.fileno(), select.EPOLLIN)
    spent: dict[str, list[float]] = {"waited for": [], "read": [], "ACK written": []}
    for _ in range(TRIES * ROUNDS // 4):
        os.write(master, frame)
        while not poll.poll(1):
            pass
        moments = [time.thread_time()]
        for step in (lambda: poll.poll(1), port.read_some, lambda: port.write_some(ACK)):
            step()
            moments.append(time.thread_time())
        os.read(master, 16)
        for each, began, ended in zip(spent.values(), moments, moments[1:], strict=False):
            each.append(ended - began)
    port.close()
    os.close(master)
    os.close(slave)
    return {name: sorted(times)[len(times) // 10] * 1e6 for name, times in spent.items()}


class _TimedDisk(Disk):
    """A disk whose syncs say what processor time they take; and that syncs nothing while all else is measured."""

    def __init__(self) -> None:
        self.syncs: list[float] = []
        self.does_sync = False

    def fdatasync(self, fd: int) -> None:
        if not self.does_sync:
            return
        began = time.thread_time()
        super().fdatasync(fd)
        self.syncs.append(time.thread_time() - began)


def of_the_committer(folder: Path, frames: list[bytes], batch: int) -> dict[str, float]:
    """Making records, committing and answering, in the steps of `ingest.committer`."""
    create_keys(folder / "key")
    keys = load_keys(folder / "key")
    profile, cards = load_profile(RECEIVED), CardKeys(keys.key_id, keys.pan, keys.digest)
    deframer, sanitiser, recorder = profile.deframer(), Sanitiser(profile, cards), Recorder(profile, cards, "t")
    found = quickest(lambda: deframer.feed(frames[0]))
    safe = quickest(lambda: sanitiser.sanitise(frames[0]))
    recorded = quickest(lambda: recorder.feed("rx", frames[0], 1, 1))

    def line(name: str) -> Line:
        return make_line(
            name, RECEIVED, "receive", ["-"], link=profile.link, start=lambda: Recorder(profile, cards, name)
        )

    streams = [line(f"t{at}").sides[0].stream for at in range(batch)]
    hearing = Hearing(Conversation(_nothing), _nothing)
    acknowledgements = Acknowledgements(_nothing)
    disk = _TimedDisk()
    with Spool(folder / "spool", keys, disk=disk) as spool:
        said = iter(frames * (TRIES * ROUNDS))

        def heard() -> list[Entry]:
            chunks = [Chunk(stream, next(said), time.time_ns(), time.monotonic_ns()) for stream in streams]
            return hearing.hear(chunks, time.monotonic_ns())

        def answered() -> None:
            entries = heard()
            acknowledgements.repeated(entries)
            spool.append_many([entry.record for entry in entries])
            acknowledgements.recorded(entries)

        hearing_took = quickest(heard) / batch
        whole = quickest(answered) / batch
        disk.does_sync = True
        for _ in range(10 * TRIES):
            answered()
        synced = sorted(disk.syncs)[len(disk.syncs) // 10] * 1e6 / batch
    return {
        "frame found in the bytes": found,
        "made safe: fields, card data, token, digest": safe,
        "made a record": recorded - found - safe,
        "given to its line's recorder": hearing_took - recorded,
        "numbered, chained, compared with those before, written, answered": whole - hearing_took,
        f"the sync of {batch} frames": synced,
    }


def _nothing(*_: object, **__: object) -> None:
    """Nobody is told."""


@click.command()
@click.option("--batch", default=8, show_default=True, help="Frames a sync.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the figures as JSON.")
def main(batch: int, out: Path | None) -> None:
    """Microseconds of processor time a frame, step by step."""
    frames = sales(RECEIVED)
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as name:
        figures = of_the_port(frames[0]) | of_the_committer(Path(name), frames, batch)
    for step, spent in figures.items():
        click.echo(f"{spent:6.1f}  {step}")
    click.echo(f"{sum(figures.values()):6.1f}  together")
    if out is not None:
        words = {
            "load": round(os.getloadavg()[0], 1),
            "batch": batch,
            "us": {k: round(v, 1) for k, v in figures.items()},
        }
        out.write_text(json.dumps(words, indent=1) + "\n")


if __name__ == "__main__":
    main()
