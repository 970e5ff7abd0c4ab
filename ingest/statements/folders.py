"""Watched folders: every file in them that is new goes into the lake.

A file that is not what its layout says is renamed to ``*.rejected``, beside it a text that
says why; the others go on. A file that was changed a moment ago is left for the next look.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ingest.errors import StatementError, UsageError
from ingest.settings import Settings
from ingest.statements.importing import Imported, import_statement
from ingest.statements.layout import load_layout

SETTLED_SECONDS = 10.0
"""A file this long unchanged is taken to be whole."""
REJECTED, WHY = ".rejected", ".rejected.txt"


@dataclass(frozen=True, slots=True)
class Taken:
    """One file, by its path or address: what became of it, or why it was refused."""

    path: str
    imported: Imported | None
    refused: str = ""


def import_folders(settings: Settings) -> Iterator[Taken]:
    """Import what lies in the folders of ``[[statements]]``, in the order of the files' names.

    Raises:
        UsageError: a folder or a layout is not there.
        KeyFileError: whole card numbers stand in a file, and there is no key.
        LakeError: the tables cannot be written.
    """
    for watched in settings.statements:
        if watched.folder is None:
            continue
        layout = load_layout(watched.layout_name)
        for path in _files(watched.folder, watched.pattern):
            try:
                yield Taken(str(path), import_statement(settings, path, watched.acquirer, layout))
            except StatementError as wrong:
                yield Taken(str(path), None, _set_aside(path, wrong))


def _files(folder: Path, pattern: str) -> list[Path]:
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder", hint="make it, or mend folder of [[statements]]")
    now = time.time()
    return [
        path
        for path in sorted(folder.glob(pattern))
        if path.is_file()
        and not path.name.startswith(".")
        and not path.name.endswith((REJECTED, WHY))
        and now - path.stat().st_mtime >= SETTLED_SECONDS
    ]


def _set_aside(path: Path, wrong: StatementError) -> str:
    why = f"{wrong.message}\ntry: {wrong.hint}\nthen: take {REJECTED} off the file's name again\n"
    path.with_name(path.name + WHY).write_text(why, "utf-8")
    path.rename(path.with_name(path.name + REJECTED))
    return wrong.message
