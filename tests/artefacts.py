"""What a run leaves behind, opened: tables, mails, packs, segments."""

import gzip
import io
import zipfile
from collections.abc import Iterator
from email import message_from_bytes, policy
from pathlib import Path

from ingest.segments import read_segment


def blobs(path: Path) -> Iterator[tuple[str, bytes]]:
    """A file's bytes, and whatever is packed inside them."""
    data = path.read_bytes()
    yield str(path), data
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        for row in pq.ParquetFile(path).read().to_pylist():
            yield (
                f"{path} (cells)",
                b"\n".join(value if isinstance(value, bytes) else str(value).encode() for value in row.values()),
            )
    elif path.suffix == ".eml":
        for part in message_from_bytes(data, policy=policy.default).walk():
            payload = part.get_payload(decode=True)
            if isinstance(payload, bytes):
                yield f"{path} (part)", payload
                if zipfile.is_zipfile(io.BytesIO(payload)):
                    with zipfile.ZipFile(io.BytesIO(payload)) as packed:
                        for name in packed.namelist():
                            yield f"{path} ({name})", packed.read(name)
    elif data[:2] == b"\x1f\x8b":
        yield f"{path} (unpacked)", gzip.decompress(data)
    if "spool" in path.parts and path.suffix == ".seg":
        for record in read_segment(path):
            yield f"{path} (record {record.seq})", record.frame
