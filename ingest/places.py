"""Where a lake's tables lie: a folder, or a bucket and prefix of an S3 API.

A data file appears under its name whole or not at all: linked in a folder, put with
``If-None-Match: *`` in a bucket. So do the Delta log's own files, by `ingest.logdraft` in a folder
and by deltalake in a bucket, and of two writers at once one is let in; no lock table is needed.
"""

import contextlib
import datetime as dt
import functools
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ingest import datafile, logdraft
from ingest.errors import LakeError, UsageError
from ingest.logdraft import LOG
from ingest.objectstore import PATIENCE, SLOWEST, for_deltalake, for_pyarrow, open_store, store_errors
from ingest.permissions import make_lake_folder

if TYPE_CHECKING:
    from obstore.store import S3Store
    from pyarrow import fs

BUCKET = "s3://"
CHECKPOINT = "10"
"""So many commits are read one by one at most when a table in a bucket is opened."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file below a table: its path there, its size in bytes, and when it was written, in seconds since 1970."""

    path: str
    size: int
    written: float


class Place(Protocol):
    """What a lake asks of where it lies. Paths are relative to it, with ``/`` between their parts."""

    options: dict[str, str] | None
    """What deltalake is told."""
    configuration: dict[str, str | None] | None
    """The properties of a table that is made there."""

    def at(self, *parts: str) -> str:
        """The address of something there, for people and for deltalake."""

    def inside(self, *parts: str) -> str:
        """The same for ``filesystem``."""

    @property
    def filesystem(self) -> "fs.FileSystem":
        """What pyarrow reads with."""

    def has_log(self, table: str) -> bool:
        """False when it is certain that nobody made this table; nothing is asked for over a network.

        Raises:
            LakeError: it is not a place for tables.
        """

    def prepare(self, *parts: str) -> None:
        """Make ready for files there.

        Raises:
            OSError: refused.
        """

    def desk(self, *parts: str) -> AbstractContextManager[Path]:
        """A folder in which a file is written before it gets its name there."""

    def publish(self, temporary: Path, path: str, *, keep_other: bool = False) -> bool:
        """Give a written file its name; see `datafile.publish`."""

    def found(self, table: str) -> Iterator[Found]:
        """Every file below a table, but its log."""

    def log(self, table: str) -> list[str]:
        """The files of a table's log, by their paths below the table."""

    def remove(self, path: str) -> None:
        """Remove a file; one that is not there is no error."""

    def enter(self, table: str, version: int, state: str, write: Callable[[str], None]) -> bool:
        """Let ``write`` commit to the table at the address it is given; what it wrote stays, whatever happens next.

        Args:
            table: a table's name.
            version: what the commit stands on; -1 for a table that is to be made.
            state: the table's protocol and metadata, as an entry of its log states them; empty when it is to be made.
            write: called with the table's address, or with that of a draft.

        Returns:
            False when somebody else's commit came in between, and this one is not in.

        Raises:
            OSError: the disk refused it.
            StoreError: the object store refuses or cannot be reached.
        """

    def condense(self, table: str, version: int, write: Callable[[str], None]) -> None:
        """Let ``write`` make a checkpoint of the table at the address it is given; raises as `enter` does."""

    def secure(self, table: str) -> None:
        """What a reader sees of a table's log stays, whatever happens next, also what a writer that died has left.

        Raises:
            OSError: the disk refused it.
        """

    def errors(self, table: str) -> AbstractContextManager[None]:
        """What its client raises, as an error that says where and what to do."""


def place_of(uri: str | Path) -> Place:
    """The place that ``lake.uri`` names.

    Raises:
        UsageError: it is none.
        StoreError: a setting of the environment for object storage is wrong.
    """
    text = str(uri)
    if "://" in text.removeprefix("file://") and not text.startswith(BUCKET):
        raise UsageError(
            f"lake.uri: {text} is neither a folder nor a bucket", hint="give a folder, or s3://bucket/prefix"
        )
    return Bucket(text) if text.startswith(BUCKET) else Folder(Path(text.removeprefix("file://")).absolute())


class Folder:
    """A folder on this machine."""

    options: dict[str, str] | None = None
    configuration: dict[str, str | None] | None = None

    def __init__(self, root: Path) -> None:
        self.root = root

    def at(self, *parts: str) -> str:
        """Its path, or URL."""
        return str(self.root.joinpath(*parts))

    inside = at

    @functools.cached_property
    def filesystem(self) -> "fs.FileSystem":
        """What pyarrow reads with."""
        from pyarrow import fs

        return fs.LocalFileSystem()

    def has_log(self, table: str) -> bool:
        """See `Place.has_log`."""
        if (self.root / table / LOG).is_dir():
            return True
        if self.root.exists() and not self.root.is_dir():
            raise LakeError(f"{self.root}: not a folder", hint="set lake.uri to a folder, such as var/lake")
        return False

    def prepare(self, *parts: str) -> None:
        """See `Place.prepare`."""
        for folder in {made.parent for made in make_lake_folder(self.root.joinpath(*parts), self.root)}:
            datafile.sync(folder)

    @contextlib.contextmanager
    def desk(self, *parts: str) -> Iterator[Path]:
        """See `Place.desk`."""
        yield self.root.joinpath(*parts)

    def publish(self, temporary: Path, path: str, *, keep_other: bool = False) -> bool:
        """See `Place.publish`."""
        return datafile.publish(temporary, self.root / path, keep_other=keep_other)

    def found(self, table: str) -> Iterator[Found]:
        """See `Place.found`."""
        folder = self.root / table
        for path in folder.rglob("*"):
            if LOG in path.parts or path.is_dir():
                continue
            with contextlib.suppress(FileNotFoundError):
                facts = path.stat()
                yield Found(path.relative_to(folder).as_posix(), facts.st_size, facts.st_mtime)

    def log(self, table: str) -> list[str]:
        """See `Place.log`."""
        names = (self.root / table / LOG).iterdir()
        return sorted(f"{LOG}/{each.name}" for each in names if each.is_file())

    def remove(self, path: str) -> None:
        """See `Place.remove`."""
        (self.root / path).unlink(missing_ok=True)

    def enter(self, table: str, version: int, state: str, write: Callable[[str], None]) -> bool:
        """See `Place.enter`."""
        self.prepare(table, LOG)
        return logdraft.enter(self.root / table / LOG, version, state, write, self.root)

    def condense(self, table: str, version: int, write: Callable[[str], None]) -> None:
        """See `Place.condense`."""
        logdraft.condense(self.root / table / LOG, version, write, self.root)

    def secure(self, table: str) -> None:
        """See `Place.secure`; an entry is on the disk before it has its name, so only names can be missing."""
        if self.has_log(table):
            datafile.sync(self.root / table / LOG)

    def errors(self, table: str) -> AbstractContextManager[None]:
        """See `Place.errors`."""
        del table
        return contextlib.nullcontext()


class Bucket:
    """A bucket and prefix of an S3 API; its keys, endpoint and region come from the environment.

    Raises:
        StoreError: the address is none, or a setting of the environment is wrong.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self.options: dict[str, str] | None = for_deltalake()
        self.configuration: dict[str, str | None] | None = {"delta.checkpointInterval": CHECKPOINT}
        self._store = open_store(self.url, page="shipping")

    def at(self, *parts: str) -> str:
        """Its path, or URL."""
        return "/".join([self.url, *parts])

    def inside(self, *parts: str) -> str:
        """Bucket and key."""
        return self.at(*parts).removeprefix(BUCKET)

    @functools.cached_property
    def filesystem(self) -> "fs.FileSystem":
        """What pyarrow reads with."""
        return for_pyarrow()

    def has_log(self, table: str) -> bool:
        """See `Place.has_log`."""
        del table
        return True  # deltalake asks the store itself

    def prepare(self, *parts: str) -> None:
        """A bucket has no folders."""

    @contextlib.contextmanager
    def desk(self, *parts: str) -> Iterator[Path]:
        """See `Place.desk`."""
        del parts
        with tempfile.TemporaryDirectory(prefix="tillwatch-lake-") as folder:
            yield Path(folder)

    def publish(self, temporary: Path, path: str, *, keep_other: bool = False) -> bool:
        """See `Place.publish`."""
        import obstore
        from obstore.exceptions import AlreadyExistsError

        data = temporary.read_bytes()
        with store_errors(self.url, path):
            store = self._patient(len(data))
            try:
                obstore.put(store, path, data, mode="create", use_multipart=False)
            except AlreadyExistsError:
                if keep_other and bytes(obstore.get(store, path).bytes()) != data:
                    return False
                obstore.put(store, path, data, use_multipart=False)  # equal or not: it is young again
        return True

    def found(self, table: str) -> Iterator[Found]:
        """See `Place.found`."""
        import obstore

        with store_errors(self.url, table):
            for batch in obstore.list(self._store, prefix=f"{table}/"):
                for each in batch:
                    path = each["path"].removeprefix(f"{table}/")
                    if not path.startswith(f"{LOG}/"):
                        yield Found(path, each["size"], each["last_modified"].timestamp())

    def log(self, table: str) -> list[str]:
        """See `Place.log`."""
        import obstore

        with store_errors(self.url, table):
            listed = [each["path"] for batch in obstore.list(self._store, prefix=f"{table}/{LOG}/") for each in batch]
        return sorted(path.removeprefix(f"{table}/") for path in listed)

    def remove(self, path: str) -> None:
        """See `Place.remove`."""
        import obstore

        with store_errors(self.url, path), contextlib.suppress(FileNotFoundError):
            obstore.delete(self._store, path)

    def enter(self, table: str, version: int, state: str, write: Callable[[str], None]) -> bool:
        """See `Place.enter`; deltalake looks itself whether somebody else's commit was about the same."""
        del version, state
        write(self.at(table))
        return True

    def condense(self, table: str, version: int, write: Callable[[str], None]) -> None:
        """See `Place.condense`."""
        del version
        write(self.at(table))

    def secure(self, table: str) -> None:
        """What a bucket shows is there."""

    def errors(self, table: str) -> AbstractContextManager[None]:
        """See `Place.errors`."""
        return store_errors(self.url, table)

    def _patient(self, size: int) -> "S3Store":
        """The store, with time for so many bytes on a slow line."""
        return open_store(self.url, patience=PATIENCE + dt.timedelta(seconds=size / SLOWEST))
