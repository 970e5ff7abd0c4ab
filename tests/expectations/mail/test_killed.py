"""The sender dies at any moment, again and again: every mail arrives, and twice only where nobody could know.

A kill is played in the process: from one of the sender's effects on (a commit of the ledger, a line to the
mail server, an answer of it) nothing that it does reaches the world any more, as when the power goes.
"""

import datetime as dt
import json
import random
import smtplib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from expectations.mail.ledger import LEASE, Ledger
from expectations.mail.send import send_alerts
from ingest.settings import Settings
from ingest.tables import Lake
from tests.expectations.mail.conftest import NOW, SHOP, finding, subject
from tests.expectations.mail.postbox import Postbox, serving

KILLS = 200
KILLS_A_LAKE = 20
SHOPS = (SHOP, "898310058120002")
READERS = ("a@example.com", "b@example.com")


class Killed(BaseException):
    """The process is no more."""


class Fate:
    """Counts effects, and ends the world at one of them: before it happens, or right after."""

    def __init__(self, at: int, *, after: bool) -> None:
        self.count, self.at, self.after = 0, at, after
        self.is_dead = False

    def wrap(self, effect: Callable[..., Any]) -> Callable[..., Any]:
        """The effect, as long as there is a world."""

        def happens(*args: Any, **kwargs: Any) -> Any:
            if self.is_dead:
                raise Killed
            self.count += 1
            dies = self.count == self.at
            if dies and not self.after:
                self.is_dead = True
                raise Killed
            done = effect(*args, **kwargs)
            if dies:
                self.is_dead = True
                raise Killed
            return done

        return happens


@contextmanager
def dying(fate: Fate) -> Iterator[None]:
    """Every effect of a sender passes by its fate."""
    with (
        patch.object(Lake, "append", fate.wrap(Lake.append)),
        patch.object(smtplib.SMTP, "send", fate.wrap(smtplib.SMTP.send)),
        patch.object(smtplib.SMTP, "getreply", fate.wrap(smtplib.SMTP.getreply)),
    ):
        yield


class World:
    """A lake, a mail server, a clock; cases arrive and senders die."""

    def __init__(self, folder: Path, postbox: Postbox, port: int, seed: int) -> None:
        self.random = random.Random(seed)
        self.postbox = postbox
        self.settings = Settings.model_validate(
            {
                "lake": {"uri": str(folder / "lake")},
                "alerts": {
                    "evidence": "link",  # what is proven here is how often a mail arrives
                    "smtp": f"smtp://127.0.0.1:{port}",
                    "routes": [{"to": list(READERS)}],
                    "timing": {"quiet_from": "00:00", "quiet_until": "00:00", "merge_minutes": 0},
                },
            }
        )
        self.lake = Lake(self.settings.lake.uri)
        self.now = NOW
        self.clock = NOW
        self.number = 0
        self.doubts: Counter[str] = Counter()

    def arrive(self) -> None:
        """One or two further cases."""
        rows = []
        for _ in range(self.random.randint(1, 2)):
            self.number += 1
            one = subject("SALE", self.number, "10:00:00", 100 * self.number)
            rows.append(finding("dup_same_atc", one, merchant_id=self.random.choice(SHOPS)).as_row())
        self.lake.append("findings", rows, app_id=f"test-{self.number}")

    def run(self) -> bool:
        """One sender, which dies somewhere or lives; whether it died."""
        self.postbox.data = self.random.choice(["", "", "", "451 4.3.0 try again later"])
        before = len(self.postbox.mails)
        fate = Fate(self.random.randint(1, 30), after=self.random.random() < 0.5)
        try:
            with dying(fate):
                self.send()
        except Killed:
            pass
        self.postbox.settle()
        if fate.is_dead:
            noted = {row["message_id"] for row in self.sent_rows()}
            accepted = {str(mail["Message-ID"]) for mail in self.postbox.mails[before:]}
            self.doubts.update(accepted - noted)
        self.clock += LEASE + dt.timedelta(hours=1)
        self.now = self.clock
        return fate.is_dead

    def send(self) -> None:
        """A sender as the schedule calls it."""
        send_alerts(self.settings, self.now, ledger=Ledger(self.lake, now=lambda: self.clock))

    def sent_rows(self) -> list[dict[str, Any]]:
        """What the ledger calls sent."""
        return [row for row in self.lake.read("alerts").to_pylist() if row["state"] == "sent"]


@pytest.mark.thorough
@pytest.mark.timeout(2400)
def test_two_hundred_kills_lose_no_mail_and_double_none_but_those_in_doubt(tmp_path: Path):
    """Each finding reaches each reader in mails of one Message-ID; a mail is accepted once, and once more for each
    death between the server's acceptance and our note of it. Servers that put mails off are part of it.
    """
    kills = doubts = 0
    for lake in range(KILLS):
        postbox = Postbox()
        folder = tmp_path / str(lake)
        folder.mkdir()
        with serving(postbox) as port:
            world = World(folder, postbox, port, seed=lake)
            mine = 0
            while mine < KILLS_A_LAKE:
                if world.random.random() < 0.6:
                    world.arrive()
                mine += world.run()
            postbox.data = ""
            for _ in range(3):
                world.clock += LEASE + dt.timedelta(hours=1)
                world.now = world.clock
                world.send()
        kills += mine
        doubts += world.doubts.total()
        check(world)
        if kills >= KILLS:
            break
    assert kills >= KILLS
    assert doubts >= 5  # the case that cannot be known was among them


def check(world: World) -> None:
    """The law."""
    ids: dict[tuple[str, str], set[str]] = {}
    accepted: Counter[str] = Counter()
    for mail, readers in zip(world.postbox.mails, world.postbox.envelopes, strict=True):
        accepted[str(mail["Message-ID"])] += 1
        for told in told_in(mail):
            for reader in readers:
                ids.setdefault((told, reader), set()).add(str(mail["Message-ID"]))
    findings = {row["finding_id"] for row in world.lake.read("findings", columns=["finding_id"]).to_pylist()}
    assert set(ids) == {(each, reader) for each in findings for reader in READERS}
    assert {name: found for name, found in ids.items() if len(found) != 1} == {}
    assert accepted == {name: 1 + world.doubts[name] for name in accepted}


def told_in(mail: Any) -> list[str]:
    """The findings that a mail tells as cases, by its manifest."""
    manifest = next(part for part in mail.iter_attachments() if part.get_filename() == "manifest.json")
    return [each["finding_id"] for each in json.loads(manifest.get_content())["findings"] if each["told_as"] == "case"]
