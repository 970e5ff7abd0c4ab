"""Watched prefixes of object storage: every file under them that is new goes into the lake.

A file that is not what its layout says stays where it is, and ``<name>.rejected.txt`` is put
beside it, which says why: it is left alone until that note is removed, or a newer file has
taken its place. Whoever may not write there is told of a wrong file at each look.
"""

import fnmatch
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from ingest.errors import StatementError, StoreError, UsageError
from ingest.lake import Lake
from ingest.objectstore import open_store, store_errors
from ingest.settings import Settings, StatementFolder
from ingest.statements.folders import REJECTED, WHY, Taken
from ingest.statements.importing import import_bytes
from ingest.statements.layout import load_layout
from ingest.statements.rows import MOST_BYTES


def import_prefixes(settings: Settings) -> Iterator[Taken]:
    """Import what lies under the prefixes of ``[[statements]]``, in the order of the files' names.

    A file that was imported, and has not been put there anew since, is not fetched again.

    Raises:
        StoreError: a store cannot be reached, refuses, or has no such bucket.
        UsageError: a layout is not there.
        KeyFileError: whole card numbers stand in a file, and there is no key.
        LakeError: the tables cannot be written.
    """
    imported = _imported(settings)
    failed: list[StoreError] = []
    for watched in settings.statements:
        if watched.prefix:
            try:
                yield from _import(settings, watched, watched.prefix.rstrip("/"), imported)
            except StoreError as wrong:  # the other prefixes go on
                failed.append(wrong)
    if failed:
        raise failed[0]


def _import(
    settings: Settings, watched: StatementFolder, url: str, imported: Mapping[tuple[str, str], Any]
) -> Iterator[Taken]:
    import obstore

    store, layout = open_store(url, page="statements"), load_layout(watched.layout_name)
    with store_errors(url):
        held = {str(each["path"]): each for batch in obstore.list(store) for each in batch}
    for name, each in sorted(held.items()):
        why = held.get(name + WHY)
        is_new = imported.get((watched.acquirer, f"{url}/{name}")) is None or (
            imported[watched.acquirer, f"{url}/{name}"] <= each["last_modified"]
        )
        if not is_new or not _wanted(name, watched.pattern) or (why and why["last_modified"] >= each["last_modified"]):
            continue
        if each["size"] > MOST_BYTES:
            raise UsageError(
                f"{url}/{name}: larger than {MOST_BYTES // 1024**2} MiB",
                hint="is it a statement? ask for one file a day",
            )
        with store_errors(url, name):
            data = bytes(obstore.get(store, name).bytes())
        try:
            done = import_bytes(settings, f"{url}/{name}", data, watched.acquirer, layout)
            yield Taken(f"{url}/{name}", done)
        except StatementError as wrong:
            with suppress(StoreError), store_errors(url, name):
                note = (
                    f"{wrong.message}\ntry: {wrong.hint}\nthen: remove this note, or put the mended file in its place\n"
                )
                obstore.put(store, name + WHY, note.encode())
            yield Taken(f"{url}/{name}", None, wrong.message)


def _wanted(name: str, pattern: str) -> bool:
    last = name.rpartition("/")[2]
    return fnmatch.fnmatchcase(last, pattern) and not last.startswith(".") and not last.endswith((REJECTED, WHY))


def _imported(settings: Settings) -> dict[tuple[str, str], Any]:
    """When each file was imported last, by acquirer and name."""
    rows = Lake.of(settings.lake).read("statements", columns=["acquirer", "file_name", "imported_at"]).to_pylist()
    last: dict[tuple[str, str], Any] = {}
    for row in rows:
        key = (row["acquirer"], row["file_name"])
        last[key] = max(last.get(key, row["imported_at"]), row["imported_at"])
    return last
