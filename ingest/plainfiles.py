"""Data files that any reader of Parquet may read by itself, once they were seen to be those that were committed."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ingest.datafile import content_hash
from ingest.encryption import Cipher
from ingest.places import Place
from ingest.tablespec import TableSpec

AT_ONCE = 2


def plain(
    spec: TableSpec, place: Place, files: Sequence[Mapping[str, Any]], columns: Sequence[str], cipher: Cipher | None
) -> list[Path] | None:
    """Where the files lie, each seen to hold the bytes that its name was made of (`ingest.staging`).

    None where `ingest.scan` has to read them, or to say what is wrong: in a bucket; with a key, or encrypted; of an
    earlier version, without one of the ``columns``; not named after their bytes, or not those any more; gone; in no
    folder that is named after their partition as Hive names it.

    Args:
        spec: the table.
        place: where it lies.
        files: for each file its ``path`` below the table and the ``partition.<column>`` values.
        columns: which are asked for.
        cipher: what encrypted files would be read with.
    """
    if place.options is not None or cipher is not None:
        return None
    for file in files:
        if Path(file["path"]).parent != Path(*(f"{name}={file[f'partition.{name}']}" for name in spec.partition_by)):
            return None
    paths = [Path(place.inside(spec.name, file["path"])) for file in files]
    wanted = set(columns) - set(spec.partition_by)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return paths if all(pool.map(lambda path: _is_committed(path, wanted), paths)) else None


def _is_committed(path: Path, wanted: set[str]) -> bool:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with path.open("rb") as file:
            return content_hash(file) == path.stem.rpartition("-")[2] and wanted <= set(pq.read_schema(file).names)
    except (OSError, pa.ArrowException):
        return False
