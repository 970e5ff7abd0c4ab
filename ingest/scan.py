"""Reading a table's data files: every page's checksum looked at, the damaged file named."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingest import datafile
from ingest.encryption import Cipher
from ingest.errors import LakeError
from ingest.rows import arrow_schema
from ingest.tablespec import TableSpec

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.dataset as ds

_REMEDIES = {
    "raw_frames": "move raw_frames, transactions, settlements, signatures, batch_uploads, events and rejects aside, "
    "not alerts and acks, and run `tillwatch land`: they are made again from the segments in the spool",
    "findings": "move the folder findings aside and run `tillwatch check`: it is made again",
    "alerts": "put the table back from a copy: without it mails that were sent go out again",
    "acks": "put the table back from a copy: without it what people said of findings is forgotten",
}


def remedy(name: str) -> str:
    """What to do about a table that cannot be read, so that nothing else is lost by it."""
    again = f"move the folder {name} aside and run `tillwatch land`: it is made again from raw_frames"
    return _REMEDIES.get(name, again)


def scan(
    spec: TableSpec,
    folder: Path,
    files: Sequence[Mapping[str, Any]],
    columns: Sequence[str],
    where: Any,
    *,
    cipher: Cipher | None = None,
) -> "pa.Table":
    """The rows of ``files`` that ``where`` holds for; files of other partitions are not opened.

    Args:
        spec: the table.
        folder: its folder.
        files: for each file its ``path`` in the folder, ``num_records`` and the ``partition.<column>`` values.
        columns: which columns, in which order.
        where: a pyarrow expression or None.
        cipher: opens files that are encrypted; those that are not are read as they are.

    Raises:
        FileNotFoundError: a file is not there (any more).
        KeyFileError: a file is encrypted with a key that is not at hand.
        LakeError: a file is damaged, or encrypted and no key was named; it is named.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.dataset as ds
    from pyarrow import fs

    local = fs.LocalFileSystem()
    plain, opening = _formats(cipher)
    schema = arrow_schema(spec)
    everything = {}
    for file in files:
        partition = None
        for column in spec.partition_by:
            here = pc.field(column) == pa.scalar(file[f"partition.{column}"], schema.field(column).type)
            partition = here if partition is None else partition & here
        everything[str(folder / file["path"])] = partition
    listed = [plain.make_fragment(path, local, partition) for path, partition in everything.items()]
    fragments = []
    for asked in ds.FileSystemDataset(listed, schema, plain, local).get_fragments(where):
        parquet = opening if datafile.is_encrypted(Path(asked.path)) else plain
        if parquet is None:
            raise LakeError(f"{asked.path}: encrypted, and no key is named", hint="set lake.key to its key file")
        fragments.append(parquet.make_fragment(asked.path, local, everything[asked.path]))
    dataset = ds.FileSystemDataset(fragments, schema, plain, local)
    rows = {str(folder / file["path"]): file["num_records"] for file in files}
    try:
        for fragment in dataset.get_fragments(where):
            datafile.check_footer(Path(fragment.path))
            _check_footer(spec, fragment, schema, rows[fragment.path])
        return dataset.to_table(columns=list(columns), filter=where)
    except FileNotFoundError:
        raise
    except (OSError, pa.ArrowException) as wrong:
        raise _damaged(spec, folder, files, wrong, cipher) from wrong


def _formats(cipher: Cipher | None) -> "tuple[ds.ParquetFileFormat, ds.ParquetFileFormat | None]":
    """How plain files are read, and how encrypted ones are."""
    import pyarrow.dataset as ds

    def reading(**options: Any) -> "ds.ParquetFileFormat":
        scan_options = ds.ParquetFragmentScanOptions(page_checksum_verification=True, **options)
        return ds.ParquetFileFormat(default_fragment_scan_options=scan_options)

    return reading(), None if cipher is None else reading(decryption_config=cipher.for_scanning())


def _check_footer(spec: TableSpec, fragment: Any, schema: "pa.Schema", rows: int) -> None:
    """See that the footer says what the log and the table say: a sound file may be another one.

    Raises:
        LakeError: a column the table has not, another type, or another number of rows.
    """
    wrong = ""
    try:
        strange = [field.name for field in fragment.physical_schema if field not in schema]
    except UnicodeDecodeError:
        strange = ["that is no text"]
    if strange:
        wrong = f"a column {strange[0]}"
    elif fragment.metadata.num_rows != rows:
        wrong = f"{fragment.metadata.num_rows} rows where the log says {rows}"
    if wrong:
        raise LakeError(f"{fragment.path}: damaged: its footer names {wrong}", hint=remedy(spec.name))


def _damaged(
    spec: TableSpec, folder: Path, files: Sequence[Mapping[str, Any]], wrong: Exception, cipher: Cipher | None
) -> Exception:
    """The damaged file by its name, or the error as it was when every file is sound."""
    for file in files:
        try:
            datafile.check(folder / file["path"], cipher)
        except OSError as bad:
            return LakeError(f"{folder / file['path']}: damaged: {first_line(bad)}", hint=remedy(spec.name))
    return wrong


def first_line(wrong: Exception) -> str:
    """An error of a library in one line."""
    text = str(wrong).strip()
    return text.splitlines()[0] if text else type(wrong).__name__
