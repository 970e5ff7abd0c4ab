"""Reading a table's data files: every page's checksum looked at, the damaged file named."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from ingest import datafile
from ingest.encryption import Cipher
from ingest.errors import LakeError
from ingest.footer import is_encrypted
from ingest.objectstore import OF_STORE
from ingest.places import Place
from ingest.rows import arrow_schema
from ingest.tablespec import TableSpec

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.dataset as ds

AT_ONCE = 16
"""Files of an object store whose footers are asked for at a time."""
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
    place: Place,
    files: Sequence[Mapping[str, Any]],
    columns: Sequence[str],
    where: Any,
    *,
    cipher: Cipher | None = None,
    coded: bool = False,
) -> "pa.Table":
    """The rows of ``files`` that ``where`` holds for; files of other partitions are not opened.

    Args:
        spec: the table.
        place: where it lies.
        files: for each file its ``path`` below the table, ``num_records`` and the ``partition.<column>`` values.
        columns: which columns, in which order.
        where: a pyarrow expression or None.
        cipher: opens files that are encrypted; those that are not are read as they are.
        coded: texts that repeat come as dictionaries, as they are stored: that takes half the time.

    Raises:
        FileNotFoundError: a file is not there (any more).
        KeyFileError: a file is encrypted with a key that is not at hand.
        LakeError: a file is damaged, or encrypted and no key was named; it is named.
        StoreError: the object store refuses or cannot be reached.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.dataset as ds

    disk = place.filesystem
    schema = _coded(spec) if coded else arrow_schema(spec)
    plain, opening = _formats(cipher, schema)
    partitions, listed = {}, {}
    for file in files:
        partition = None
        for column in spec.partition_by:
            here = pc.field(column) == pa.scalar(file[f"partition.{column}"], schema.field(column).type)
            partition = here if partition is None else partition & here
        path = place.inside(spec.name, file["path"])
        partitions[path], listed[path] = partition, (place.at(spec.name, file["path"]), file["num_records"])
    everything = [plain.make_fragment(path, disk, partition) for path, partition in partitions.items()]

    def opened(path: str) -> Any:
        """The file as it is to be read, its footer looked at."""
        with disk.open_input_file(path) as file:
            parquet = opening if is_encrypted(file) else plain
        name, rows = listed[path]
        if parquet is None:
            raise LakeError(f"{name}: encrypted, and no key is named", hint="set lake.key to its key file")
        fragment = parquet.make_fragment(path, disk, partitions[path])
        _check_footer(spec, schema, fragment, name, rows)
        return fragment

    try:
        asked = [each.path for each in ds.FileSystemDataset(everything, schema, plain, disk).get_fragments(where)]
        with ThreadPoolExecutor(AT_ONCE if len(asked) > 1 and place.options else 1) as pool:
            fragments = list(pool.map(opened, asked))
        return ds.FileSystemDataset(fragments, schema, plain, disk).to_table(columns=list(columns), filter=where)
    except FileNotFoundError:
        raise
    except (OSError, pa.ArrowException) as wrong:
        if OF_STORE in str(wrong):  # a store that is down has damaged nothing
            with place.errors(spec.name):
                raise
        raise _damaged(spec, place, files, wrong, cipher) from wrong


def _coded(spec: TableSpec) -> "pa.Schema":
    """The table's columns, texts that repeat as dictionaries; partitions have no column in the files."""
    import pyarrow as pa

    schema = arrow_schema(spec)
    repeating = set(datafile.coded(schema)) - set(spec.partition_by)
    kind = pa.dictionary(pa.int32(), pa.string())
    return pa.schema([each.with_type(kind) if each.name in repeating else each for each in schema])


def _formats(cipher: Cipher | None, schema: "pa.Schema") -> "tuple[ds.ParquetFileFormat, ds.ParquetFileFormat | None]":
    """How plain files of these columns are read, and how encrypted ones are."""
    import pyarrow as pa
    import pyarrow.dataset as ds

    repeating = [each.name for each in schema if pa.types.is_dictionary(each.type)]

    def reading(**options: Any) -> "ds.ParquetFileFormat":
        scan_options = ds.ParquetFragmentScanOptions(page_checksum_verification=True, **options)
        return ds.ParquetFileFormat(default_fragment_scan_options=scan_options, dictionary_columns=repeating)

    return reading(), None if cipher is None else reading(decryption_config=cipher.for_scanning())


def _check_footer(spec: TableSpec, schema: "pa.Schema", fragment: Any, name: str, rows: int) -> None:
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
        raise LakeError(f"{name}: damaged: its footer names {wrong}", hint=remedy(spec.name))


def _damaged(
    spec: TableSpec, place: Place, files: Sequence[Mapping[str, Any]], wrong: Exception, cipher: Cipher | None
) -> Exception:
    """The damaged file by its name, or the error as it was when every file is sound."""
    for file in files:
        try:
            datafile.check(place.filesystem, place.inside(spec.name, file["path"]), cipher)
        except OSError as bad:
            said = f"{place.at(spec.name, file['path'])}: damaged: {first_line(bad)}"
            return LakeError(said, hint=remedy(spec.name))
    return wrong


def first_line(wrong: Exception) -> str:
    """An error of a library in one line."""
    text = str(wrong).strip()
    return text.splitlines()[0] if text else type(wrong).__name__
