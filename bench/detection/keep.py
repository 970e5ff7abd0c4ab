"""Outcomes that are kept, so that a run of hours can be gone on with and its tables be made anew.

A folder belongs to one state of the sources that an outcome hangs on: `digest` of these lies in it, and
another is refused. What only counts and shows outcomes (`REPORTING`) is no part of that digest: tables may be
made otherwise of what was played.
"""

import hashlib
import json
import os
import pickle
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from bench.detection.outcome import Order, Outcome

ROOT = Path(__file__).parents[2]
SOURCES = ("bench/detection", "expectations", "ingest", "protocols")
KINDS = frozenset((".py", ".sql", ".toml"))
REPORTING = frozenset(
    f"bench/detection/{name}.py" for name in ("__main__", "fees", "figures", "fit", "keep", "paired", "plots", "report")
)
"""Modules that no world passes through: they order worlds, keep them, and count and show what they gave."""
STATED = "sources.sha256"


class KeepError(Exception):
    """What a folder holds cannot be gone on with: one line, what it is and what to do."""


class Kept:
    """A folder of outcomes, one file for each order.

    Raises:
        KeepError: the folder's outcomes are of other sources.
    """

    def __init__(self, folder: Path, root: Path = ROOT) -> None:
        self._folder, self._root = folder, root
        folder.mkdir(parents=True, exist_ok=True)
        stated = folder / STATED
        if not stated.exists():
            if any(folder.glob("*.pickle")):
                raise KeepError(f"{folder}: outcomes without {STATED}, of unknown sources; name an empty folder")
            _put(stated, digest(root).encode())
        self._digest = stated.read_text("utf-8")
        self._must_be_the_same("was played with other sources; name another folder, or go back to those")

    def get(self, order: Order) -> Outcome | None:
        """What that world gave; None when it is not there.

        Raises:
            KeepError: the file cannot be read.
        """
        path = self._folder / name_of(order)
        if not path.exists():
            return None
        try:
            found = pickle.loads(path.read_bytes())  # noqa: S301 - our own file, in a folder that the user named
        except Exception as wrong:  # noqa: BLE001 - of damaged bytes a pickle raises whatever it likes
            raise KeepError(
                f"{path}: not readable ({type(wrong).__name__}); delete it to have it played again"
            ) from None
        if not isinstance(found, Outcome):
            raise KeepError(f"{path}: holds no outcome; delete it to have the world played again")
        return found

    def put(self, order: Order, outcome: Outcome) -> None:
        """Keep what a world gave: the file is there whole or not at all.

        Raises:
            KeepError: the sources were changed since the folder was begun, perhaps while the world was played.
        """
        self._must_be_the_same("the sources were changed meanwhile; begin again with an empty folder")
        _put(self._folder / name_of(order), pickle.dumps(outcome))

    def _must_be_the_same(self, what: str) -> None:
        if digest(self._root) != self._digest:
            raise KeepError(f"{self._folder}: {what}")


def digest(root: Path = ROOT) -> str:
    """SHA-256, hex, of the names and bytes of all sources that an outcome hangs on."""
    whole = hashlib.sha256()
    for path in sorted(each for folder in SOURCES for each in (root / folder).rglob("*") if each.suffix in KINDS):
        name = path.relative_to(root).as_posix()
        if name not in REPORTING:
            data = path.read_bytes()
            whole.update(f"{name}\0{len(data)}\0".encode() + data)
    return whole.hexdigest()


def name_of(order: Order) -> str:
    """The file of an order: what a person looks for, and a digest of all that was ordered."""
    whole = hashlib.sha256(json.dumps(_plain(order), sort_keys=True).encode()).hexdigest()
    return f"{order.split}-{order.seed}-{order.shops}x{order.cases}-{whole[:12]}.pickle"


def _plain(value: Any) -> Any:
    """The same for equal orders in every process: sets sorted, values by their names."""
    if is_dataclass(value):
        return {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, frozenset):
        return sorted(value)
    return [_plain(each) for each in value] if isinstance(value, tuple) else value


def _put(path: Path, data: bytes) -> None:
    aside = path.with_name(f".{path.name}.writing")
    with aside.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
