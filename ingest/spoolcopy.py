"""A copy of what a spool has sealed, and its ledgers. What is still open is the collector's alone."""

from pathlib import Path

from ingest.errors import SpoolError
from ingest.inspection import segment_files
from ingest.segments import is_sealed_name

LEDGERS = ("pruned.jsonl", "shipped.jsonl")


def copied_spool(directory: Path, target: Path) -> None:
    """Copy the sealed segments that are not copied yet, and the ledgers; a spool that is not there is an empty one.

    Raises:
        SpoolError: it cannot be read.
        OSError: the copy cannot be written.
    """
    target.mkdir(mode=0o700, exist_ok=True)
    if not directory.is_dir():
        return
    for path in segment_files(directory):
        if is_sealed_name(path.name) and not (target / path.name).exists():
            _copy(path, target / path.name, gone_is_fine=True)
    for name in LEDGERS:
        _copy(directory / name, target / name, gone_is_fine=True)


def spool_there(directory: Path) -> list[Path]:
    """The segments of a spool, sealed or not."""
    return segment_files(directory) if directory.is_dir() else []


def put_back_spool(source: Path, directory: Path) -> None:
    """Put a copy where no segment is.

    Raises:
        SpoolError, OSError: it cannot be written.
    """
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    for path in sorted(source.iterdir()):
        temporary = directory / f".restored-{path.name}"
        _copy(path, temporary)
        temporary.replace(directory / path.name)


def _copy(path: Path, target: Path, *, gone_is_fine: bool = False) -> None:
    try:
        data = path.read_bytes()
    except OSError as wrong:
        if gone_is_fine and isinstance(wrong, FileNotFoundError):
            return
        raise SpoolError(f"{path}: cannot be read: {wrong.strerror}", hint="run it as the collector's user") from None
    target.write_bytes(data)
    target.chmod(0o600)
