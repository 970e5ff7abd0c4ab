"""The folder of a demo: where each thing is, and that only one demo at a time is in it."""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ingest.errors import UsageError

MARK = "demo.lock"
APP_URL = "http://127.0.0.1:8734"
"""Where `tillwatch app` listens unless told otherwise: the mails' links lead there."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where each thing of a demo is."""

    root: Path

    @property
    def config(self) -> Path:
        """The configuration that the collector, Airflow's tasks and the commands read."""
        return self.root / "tillwatch.toml"

    @property
    def key(self) -> Path:
        """The key of card tokens."""
        return self.root / "keys" / "pan-token.key"

    @property
    def app_key(self) -> Path:
        """The key that signs the links of the mails."""
        return self.root / "keys" / "app.key"

    @property
    def packs(self) -> Path:
        """The evidence pack of the demo's largest case."""
        return self.root / "packs"

    @property
    def truth(self) -> Path:
        """What the simulator did wrong on purpose, and what only looks wrong."""
        return self.root / "truth.jsonl"

    @property
    def spool(self) -> Path:
        """The collector's segments."""
        return self.root / "spool"

    @property
    def lake(self) -> Path:
        """The tables."""
        return self.root / "lake"

    @property
    def data_docs(self) -> Path:
        """Great Expectations' pages: what each rule looked at and what it said."""
        return self.root / "data-docs"

    @property
    def mailbox(self) -> Path:
        """Every mail as .eml, and the newest about cases as HTML."""
        return self.root / "mailbox"

    @property
    def airflow(self) -> Path:
        """AIRFLOW_HOME; its migrated database is kept from demo to demo."""
        return self.root / "airflow"

    @property
    def logs(self) -> Path:
        """What each program said."""
        return self.root / "logs"

    def clear(self) -> None:
        """Throw away what an earlier demo left, all but Airflow's home."""
        for left in self.root.iterdir():
            if left.is_dir() and not left.is_symlink():
                if left != self.airflow:
                    shutil.rmtree(left, ignore_errors=True)
            elif left.name != MARK:
                left.unlink()
        self.logs.mkdir(parents=True)


@contextlib.contextmanager
def claim(directory: Path) -> Iterator[Place]:
    """Have the folder for ourselves, cleared.

    Raises:
        UsageError: another demo is in it, or somebody else's files are.
    """
    root = directory.absolute()
    if root.exists() and not root.is_dir():
        raise UsageError(f"{directory}: not a folder", hint="give another --directory")
    if root.is_dir() and any(root.iterdir()) and not (root / MARK).is_file():
        raise UsageError(
            f"{directory}: not empty, and no demo made it", hint="a demo clears its folder; give --directory a new one"
        )
    try:
        root.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(root / MARK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as wrong:
        raise UsageError(f"{directory}: {wrong.strerror}", hint="give another --directory") from None
    with os.fdopen(descriptor, "r+", encoding="utf-8") as mark:
        try:
            fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = mark.read().strip() or "unknown"
            raise UsageError(
                f"{directory}: another demo is running in it (process {owner})",
                hint="wait for it, stop it, or give another --directory",
            ) from None
        mark.truncate(0)
        mark.write(f"{os.getpid()}\n")
        mark.flush()
        place = Place(root)
        place.clear()
        yield place
