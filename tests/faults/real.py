"""The real command on many pseudo-terminals, whose outer ends outlive it as terminals do."""

import contextlib
import os
import queue
import random
import select
import signal
import subprocess
import sys
import threading
import time
import tty
from collections.abc import Sequence
from pathlib import Path

from ingest.keys import create_keys, load_keys
from ingest.lines import SILENCE_NS
from ingest.records import Kind, Record
from ingest.segments import read_segment, sealed_segments
from protocols.sanitise import Sanitiser
from tests.faults.shop import PROFILE, sale

CALL = [sys.executable, "-c", "from ingest.cli import main; main()"]
ACK, NAK = 6, 21
TIMER = 2.0
"""Seconds after which a terminal says it again."""
PAUSE = SILENCE_NS["receive"] / 1e9


class Terminal:
    """One that sends sales, one after the other, each until it is acknowledged.

    Args:
        number: its place in the crowd; its terminal number and the name of its line follow from it.
        pace: seconds from one sale to the next.
        garbage: bytes of noise before each frame.
        baud: how fast its bytes leave; 0 all at once.
        card: whether the messages name their card.
        link: a name of its device that survives replugging; None for none.
    """

    def __init__(
        self,
        number: int,
        *,
        pace: float = 0.0,
        garbage: int = 0,
        baud: int = 0,
        card: bool = False,
        link: Path | None = None,
    ) -> None:
        self.name, self.tid = f"t{number}", f"{10_000_000 + number}"
        self._card, self._link = card, link
        self.plug()
        self.device = str(link or os.ttyname(self.slave))
        self.pace, self.garbage, self.baud = pace, garbage, baud
        self.stan = 0
        self.acknowledged: list[int] = []
        self.repeats = 0
        self.pauses = 0
        """Frames that this machine let wait inside for so long that they end there (``ingest.lines.SILENCE_NS``)."""
        self.times: list[float] = []
        self._rng = random.Random(number)
        self._outgoing = self._frame = b""
        self._is_repeat = False
        self._allowance = self._refilled = self._due = self._sent_at = 0.0

    def plug(self) -> None:
        """A new device, under the old name."""
        self.master, self.slave = os.openpty()
        tty.setraw(self.slave)
        os.set_blocking(self.master, False)
        if self._link is not None:
            self._link.unlink(missing_ok=True)
            self._link.symlink_to(os.ttyname(self.slave))

    def sale(self, stan: int) -> bytes:
        """Its frame of this trace number."""
        return sale(stan, self.tid, card=self._card)

    @property
    def word(self) -> str:
        """How the collector is told of it."""
        return f"--receive={self.name}={self.device}:{PROFILE.name}"

    def hear(self, now: float) -> None:
        """Read the answers."""
        with contextlib.suppress(BlockingIOError):
            for byte in os.read(self.master, 4096):
                if byte == ACK and self._frame and not self._outgoing:
                    self.acknowledged.append(self.stan)
                    self.times.append(now - self._sent_at)
                    self._frame = b""
                    self._due = max(self._due + self.pace, now)
                    if self._is_repeat:  # the first copy's ACK may still come: it must not count for the next sale
                        self._due = now + 0.5

    def speak(self, now: float, *, going_on: bool) -> None:
        """Send what is due and fits."""
        if not self._frame and going_on and now >= self._due:
            self.stan += 1
            self._is_repeat = False
            self._frame = self.sale(self.stan)
            self._outgoing = self._rng.randbytes(self.garbage) + self._frame
        elif self._frame and not self._outgoing and now - self._sent_at > TIMER:
            self.repeats += 1
            self._is_repeat = True
            self._outgoing = self._frame
        if not self._outgoing:
            self._refilled = now
            return
        fits = len(self._outgoing)
        if self.baud:
            self._allowance = min(self._allowance + (now - self._refilled) * self.baud / 10, 512.0)
            self._refilled = now
            fits = min(fits, int(self._allowance))
        if fits:
            with contextlib.suppress(BlockingIOError):
                taken = os.write(self.master, self._outgoing[:fits])
                self.pauses += len(self._outgoing) < len(self._frame) and now - self._sent_at >= PAUSE
                self._outgoing, self._allowance = self._outgoing[taken:], self._allowance - taken
                self._sent_at = now

    @property
    def is_idle(self) -> bool:
        """Nothing of it waits for an answer."""
        return not self._frame

    def close(self) -> None:
        """Both ends."""
        os.close(self.master)
        os.close(self.slave)


class Crowd(threading.Thread):
    """Terminals, all on one thread."""

    def __init__(self, terminals: Sequence[Terminal]) -> None:
        super().__init__(daemon=True)
        self.terminals = list(terminals)
        self._going_on = True
        self._over = False
        self._pulled: queue.SimpleQueue[Terminal] = queue.SimpleQueue()

    def run(self) -> None:
        """Speak and hear until told to stop."""
        poll = select.epoll()
        by_fd = {each.master: each for each in self.terminals}
        for fd in by_fd:
            poll.register(fd, select.EPOLLIN)
        while not self._over:
            for fd, _ in poll.poll(0.003):
                by_fd[fd].hear(time.monotonic())
            for each in self.terminals:
                each.speak(time.monotonic(), going_on=self._going_on)
            while not self._pulled.empty():
                each = self._pulled.get()
                del by_fd[each.master]
                poll.unregister(each.master)
                each.close()
                each.plug()
                by_fd[each.master] = each
                poll.register(each.master, select.EPOLLIN)
        poll.close()

    def replug(self, terminal: Terminal) -> None:
        """Pull the cable of one, wherever it is in its sale, and plug it in again."""
        self._pulled.put(terminal)

    def finish(self, patience: float) -> None:
        """Begin no more sales, wait for the ACKs of those under way, at most so many seconds, and end."""
        self._going_on = False
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline and not all(each.is_idle for each in self.terminals):
            time.sleep(0.02)
        self._over = True
        self.join(10)

    @property
    def acknowledged(self) -> int:
        """Sales, of all terminals."""
        return sum(len(each.acknowledged) for each in self.terminals)

    def close(self) -> None:
        """Pull all cables."""
        for each in self.terminals:
            each.close()


STARTED: "list[Collect]" = []
"""Those that a test has started; tests/faults/conftest.py ends them."""


class Collect:
    """``tillwatch collect`` in a folder of its own.

    Args:
        folder: where its key, spool and tables are.
        words: of the command.
        opens: so many ports are waited for.
        before: what comes before the command, as ``strace`` does.
        environment: more of it.
    """

    def __init__(
        self, folder: Path, words: Sequence[str], *, opens: int, before: Sequence[str] = (), **environment: str
    ) -> None:
        if not (folder / "var/keys/pan-token.key").exists():
            create_keys(folder / "var/keys/pan-token.key")
        self.folder = folder
        self.process = subprocess.Popen(
            [*before, *CALL, "collect", *words],
            cwd=folder,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
            start_new_session=True,
        )
        STARTED.append(self)
        self.said: list[str] = []
        assert self.process.stderr is not None
        ready = 0
        while ready < opens + 1:
            line = self.process.stderr.readline()
            assert line, f"it ended with {self.process.wait()}: {self.said}"
            self.said.append(line)
            ready += " open " in line or " recording " in line
        self._reader = threading.Thread(target=self._listen, daemon=True)
        self._reader.start()

    def _listen(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.said.append(line)

    def stop(self, number: int = signal.SIGTERM, patience: float = 20.0) -> tuple[int, float]:
        """Signal it; its status and how many seconds it took."""
        began = time.monotonic()
        self.process.send_signal(number)
        status = self.process.wait(patience)
        took = time.monotonic() - began
        self._reader.join(5)
        return status, took

    def processor_seconds(self) -> float:
        """What it has used of the processors so far (proc(5): fields 14 and 15 of ``stat``)."""
        stat = Path(f"/proc/{self.process.pid}/stat").read_text("utf-8").rpartition(")")[2].split()
        return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")

    def kill(self) -> None:
        """End it and what came before it, if it still runs."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def status(self, word: str) -> int:
        """A number of /proc/PID/status: VmRSS in KiB, Threads."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text("ascii").splitlines():
            if line.startswith(word + ":"):
                return int(line.split()[1])
        raise AssertionError(f"no {word}")

    def waits(self) -> str:
        """Where in the kernel each of its threads stands, how busy the machine is, and what it said last."""
        threads = Path(f"/proc/{self.process.pid}/task").glob("*")
        where = " ".join(f"{(each / 'comm').read_text().strip()}:{(each / 'wchan').read_text()}" for each in threads)
        return f"threads {where}; load {os.getloadavg()[0]:.0f}; said {self.said[-3:]}"

    def descriptors(self) -> int:
        """How many it has open."""
        return sum(1 for _ in Path(f"/proc/{self.process.pid}/fd").iterdir())


def records_of(folder: Path) -> list[Record]:
    """Everything in the sealed segments, none of it damaged."""
    return [record for info in sealed_segments(folder / "var/spool") for record in read_segment(info.path)]


def check(folder: Path, terminals: Sequence[Terminal]) -> int:
    """A: each acknowledged sale is recorded on its line; and nothing that nobody sent is. The number of frames."""
    safe = Sanitiser(PROFILE, load_keys(folder / "var/keys/pan-token.key"))
    frames = [record for record in records_of(folder) if record.kind is Kind.FRAME]
    found: dict[str, set[bytes]] = {each.name: set() for each in terminals}
    for record in frames:
        found[record.line].add(record.digest)
    for each in terminals:
        sent = {stan: safe.sanitise(each.sale(stan)).digest for stan in range(1, each.stan + 1)}
        lost = [stan for stan in each.acknowledged if sent[stan] not in found[each.name]]
        assert lost == [], f"{each.name}: acknowledged and lost: {lost[:5]}"
        invented = found[each.name] - set(sent.values())
        assert not invented, f"{each.name}: {len(invented)} frames that nobody sent"
    return len(frames)
