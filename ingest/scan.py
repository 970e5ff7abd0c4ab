"""Reading a table's data files: every page's checksum looked at, the damaged file named."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingest import datafile
from ingest.columns import TableSpec
from ingest.errors import LakeError
from ingest.rows import arrow_schema

if TYPE_CHECKING:
    import pyarrow as pa

HINT = "move the lake aside and run `tillwatch land`: the tables are made again from the spool"


def scan(
    spec: TableSpec, folder: Path, files: Sequence[Mapping[str, Any]], columns: Sequence[str], where: Any
) -> "pa.Table":
    """The rows of ``files`` that ``where`` holds for; files of other partitions are not opened.

    Args:
        spec: the table.
        folder: its folder.
        files: for each file its ``path`` in the folder and the ``partition.<column>`` values.
        columns: which columns, in which order.
        where: a pyarrow expression or None.

    Raises:
        FileNotFoundError: a file is not there (any more).
        LakeError: a file is damaged; it is named.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.dataset as ds
    from pyarrow import fs

    local = fs.LocalFileSystem()
    options = ds.ParquetFragmentScanOptions(page_checksum_verification=True)
    parquet = ds.ParquetFileFormat(default_fragment_scan_options=options)
    schema = arrow_schema(spec)
    fragments = []
    for file in files:
        partition = None
        for column in spec.partition_by:
            here = pc.field(column) == pa.scalar(file[f"partition.{column}"], schema.field(column).type)
            partition = here if partition is None else partition & here
        fragments.append(parquet.make_fragment(str(folder / file["path"]), local, partition))
    try:
        return ds.FileSystemDataset(fragments, schema, parquet, local).to_table(columns=list(columns), filter=where)
    except FileNotFoundError:
        raise
    except (OSError, pa.ArrowInvalid) as wrong:
        raise _damaged(folder, files, wrong) from wrong


def _damaged(folder: Path, files: Sequence[Mapping[str, Any]], wrong: Exception) -> LakeError:
    for file in files:
        try:
            datafile.check(folder / file["path"])
        except OSError as bad:
            return LakeError(f"{folder / file['path']}: damaged: {first_line(bad)}", hint=HINT)
    return LakeError(f"{folder}: cannot be read: {first_line(wrong)}", hint=HINT)


def first_line(wrong: Exception) -> str:
    """An error of a library in one line."""
    text = str(wrong).strip()
    return text.splitlines()[0] if text else type(wrong).__name__
