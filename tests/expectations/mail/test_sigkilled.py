"""The sender's process is really killed (SIGKILL) at random moments; mails and cases come out as if it had not been.

The moments are told from outside: a commit of the ledger, a transaction of the book of cases, a line to the mail
server, its taking of a mail before it says so, or any time at all. A dead sender's turn, which ends after five minutes,
is over at once here.
"""

import contextlib
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from expectations.cases.book import case_book
from expectations.findings import Finding
from ingest.settings import Settings, load_settings
from ingest.tables import Lake
from tests.expectations.mail.conftest import SHOP, finding, subject
from tests.expectations.mail.postbox import Postbox, serving
from tests.expectations.mail.test_killed import told_in

pytestmark = pytest.mark.slow

KILLS = 20
SHOPS = (SHOP, "898310058120002")
READERS = ("a@example.com", "b@example.com")
MOMENTS = ("ledger", "book", "rcpt", "taken", "time")
PROGRAM = """
import datetime
from expectations.mail import ledger, send  # the sender's own measure of a turn stays as it is
ledger.LEASE = datetime.timedelta(0)
from ingest.cli import main
main()
"""
CALL = [sys.executable, "-c", PROGRAM, "alert", "send"]


class Deadly(Postbox):
    """Ends a sender when it names a reader, or has handed over a mail that it does not hear to be taken."""

    def __init__(self) -> None:
        super().__init__()
        self.end: Callable[[], None] = lambda: None
        self.at, self.after = "", 0

    def strike(self, moment: str) -> None:
        """One of these moments: the last that was waited for ends it."""
        if moment == self.at:
            self.after -= 1
            if self.after == 0:
                self.end()

    async def handle_RCPT(self, *told: Any) -> str:  # noqa: N802
        """A reader is named."""
        self.strike("rcpt")
        return await super().handle_RCPT(*told)

    async def handle_DATA(self, *told: Any) -> str:  # noqa: N802
        """A mail is taken; the answer may find nobody."""
        answer = await super().handle_DATA(*told)
        self.strike("taken")
        return answer


class Shop:
    """Settings, a lake and a book in a folder; cases that arrive, senders that are killed."""

    def __init__(self, folder: Path, postbox: Deadly, port: int) -> None:
        self.folder, self.postbox, self.random = folder, postbox, random.Random(20)
        (folder / "tillwatch.toml").write_text(
            f'[lake]\nuri = "lake"\n[alerts]\nsmtp = "smtp://127.0.0.1:{port}"\nevidence = "link"\n'
            f"[alerts.timing]\nat_once = true\n[[alerts.routes]]\nto = {list(READERS)}\n"
        )
        self.settings: Settings = load_settings(folder / "tillwatch.toml")
        self.lake = Lake(self.settings.lake.uri)
        self.findings: list[Finding] = []
        self.doubts: Counter[str] = Counter()
        self.usual = 2.0

    def arrive(self) -> None:
        """One or two further cases."""
        new: list[Finding] = []
        for _ in range(self.random.randint(1, 2)):
            number = len(self.findings) + len(new) + 1
            sale = subject("SALE", number, "10:00:00", 100 * number)
            new.append(finding("dup_same_atc", sale, merchant_id=self.random.choice(SHOPS)))
        self.findings += new
        self.lake.append("findings", [each.as_row() for each in new], app_id=f"test-{len(self.findings)}")

    def run(self, moment: str = "") -> bool:
        """A sender; whether it was killed at the moment that is named."""
        before = len(self.postbox.mails)
        began, log, book = time.monotonic(), self.ledger(), self.book()
        sender = subprocess.Popen(
            [*CALL, "--config", str(self.folder / "tillwatch.toml")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        nth = self.random.randint(1, 3)
        end = self.ends_after(moment)
        self.postbox.end, self.postbox.at = sender.kill, moment
        self.postbox.after = self.random.randint(1, 2) if moment == "rcpt" else 1
        while sender.poll() is None:
            if (
                (moment == "ledger" and self.ledger() >= log + nth)
                or (moment == "book" and self.book() != book)
                or (moment == "time" and time.monotonic() - began >= end)
            ):
                sender.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                sender.wait(0.005 if moment in {"ledger", "book"} else 0.02)
        self.postbox.at = ""
        assert sender.stderr is not None
        said = sender.stderr.read().decode()
        sender.stderr.close()
        self.postbox.settle()
        noted = {row["message_id"] for row in self.lake.read("alerts").to_pylist() if row["state"] == "sent"}
        accepted = {str(mail["Message-ID"]) for mail in self.postbox.mails[before:]}
        self.doubts.update(accepted - noted)
        if sender.returncode == -signal.SIGKILL:
            return True
        assert accepted <= noted
        assert "Traceback" not in said, said
        self.usual = time.monotonic() - began
        return False

    def ends_after(self, moment: str) -> float:
        """Seconds after which a run is ended: any moment of a usual one."""
        return self.random.uniform(0.2, 1.0) * self.usual if moment == "time" else 0.0

    def ledger(self) -> int:
        """Commits of the ledger."""
        return len(list((self.folder / "lake" / "alerts" / "_delta_log").glob("*.json")))

    def book(self) -> list[tuple[str, int, int]]:
        """The files of the book of cases, its journal among them, as they are now."""
        found = []
        for path in sorted(self.folder.glob("cases.db*")):
            with contextlib.suppress(FileNotFoundError):
                told = path.stat()
                found.append((path.name, told.st_size, told.st_mtime_ns))
        return found


def test_a_killed_sender_loses_no_mail_and_doubles_none_but_those_in_doubt(tmp_path: Path):
    """Twenty kills: each finding reaches each reader under one Message-ID, accepted once and once more for each death
    between the server's acceptance and our note of it; the book has each case once, and as told.
    """
    postbox = Deadly()
    killed: Counter[str] = Counter()
    with serving(postbox) as port:
        shop = Shop(tmp_path, postbox, port)
        shop.arrive()
        shop.run()
        for nth in range(4 * KILLS):
            if killed.total() >= KILLS:
                break
            moment = MOMENTS[nth % len(MOMENTS)]
            shop.arrive()
            killed[moment] += shop.run(moment)
        for _ in range(2):
            assert not shop.run()
    assert killed.total() >= KILLS
    assert set(+killed) == set(MOMENTS)
    assert shop.doubts.total() >= 2  # the case that cannot be known was among them

    ids: dict[tuple[str, str], set[str]] = {}
    for mail, readers in zip(postbox.mails, postbox.envelopes, strict=True):
        for told in told_in(mail):
            for reader in readers:
                ids.setdefault((told, reader), set()).add(str(mail["Message-ID"]))
    assert set(ids) == {(each.finding_id, reader) for each in shop.findings for reader in READERS}
    assert {name: found for name, found in ids.items() if len(found) != 1} == {}
    accepted = Counter(str(mail["Message-ID"]) for mail in postbox.mails)
    assert accepted == {name: 1 + shop.doubts[name] for name in accepted}
    cases = case_book(shop.settings).cases(whole=True)
    assert sorted(each.finding_id for case in cases for each in case.findings) == sorted(
        each.finding_id for each in shop.findings
    )
    assert {case.state for case in cases} == {"told"}
