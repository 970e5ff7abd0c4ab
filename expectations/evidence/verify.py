"""Holding a pack against itself and against the spool and the lake: any changed byte is found and named.

A record is looked for in the spool; where the spool has cleared its segment away, the
lake's row of the same frame stands for it. Neither there: not proven, which is a failure.
"""

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from expectations.evidence.absent import ELSEWHERE, Cleared
from expectations.evidence.gather import KEYS, row_hash, segment_by_id
from expectations.evidence.manifest import FORMAT, MANIFEST, sealed
from expectations.evidence.pack import zipped
from ingest.errors import EvidenceError, LakeError
from ingest.settings import Settings
from ingest.tables import Lake

LARGEST = 200 * 1024 * 1024
"""Bytes of a pack that are read; ours are a thousandth of it."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What was proven, and what was not: each problem says what and where.

    Attributes:
        unproven: of the problems, those about what is gone; the others are about what was changed.
        notes: what it means that something is gone, and what to do.
    """

    case: str
    files: int
    ranges: int
    rows: int
    in_spool: int
    problems: tuple[str, ...]
    unproven: int = 0
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The object of ``tillwatch evidence verify --json``."""
        return {name: getattr(self, name) for name in self.__slots__} | {
            "problems": list(self.problems),
            "notes": list(self.notes),
        }


def verify_pack(path: Path, settings: Settings) -> Verified:
    """Prove a pack.

    Raises:
        EvidenceError: it is no pack at all.
        SpoolError: the spool cannot be read.
    """
    files, problems = _opened(path)
    manifest = _manifest(path, files)
    problems += list(_of_itself(manifest, files))
    segments = segment_by_id(settings.spool.directory)
    lake = Lake.of(settings.lake)
    ranges, rows = manifest.get("ranges", []), manifest.get("rows", [])
    landed = {(row["key"].get("segment_id"), row["key"].get("seq")) for row in rows if row["table"] == "raw_frames"}
    in_spool, unproven, by_lake = 0, [], set[str]()
    wholes: dict[Path, bytes] = {}
    cleared = Cleared(settings.spool.directory, (each.name for each in segments.values()))
    for each in ranges:
        if (file := segments.get(each["segment_id"])) is not None:
            in_spool += 1
            problems += list(_in_segment(each, file, wholes))
        elif (each["segment_id"], each["seq"]) not in landed:
            why = cleared.why(each["file"])
            unproven.append(f"segment {each['file']}, record {each['seq']}: {why}; the pack names no row of its frame")
        else:
            by_lake.add(each["file"])
    for each in rows:
        wrong, is_gone = _in_lake(each, lake)
        if wrong:
            (unproven if is_gone else problems).append(wrong)
    gone = list(dict.fromkeys(unproven))
    notes = ([cleared.instead(by_lake)] if by_lake and not gone else []) + ([ELSEWHERE] if gone else [])
    whose = manifest.get("case") or ", ".join(manifest.get("cases", []))
    found = tuple(dict.fromkeys([*problems, *gone]))
    return Verified(str(whose), len(files), len(ranges), len(rows), in_spool, found, len(gone), tuple(notes))


def _opened(path: Path) -> tuple[dict[str, bytes], list[str]]:
    """A pack's files, and what is wrong with what they come in."""
    try:
        if path.is_dir():
            return {each.name: each.read_bytes() for each in sorted(path.iterdir()) if each.is_file()}, []
        data = path.read_bytes()
    except OSError as wrong:
        raise EvidenceError(
            f"{path}: cannot be read: {wrong.strerror}", hint="name the pack's folder or .zip"
        ) from None
    files: dict[str, bytes] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(each.file_size for each in archive.infolist()) > LARGEST:
                raise EvidenceError(f"{path}: larger than any pack", hint="name a pack that tillwatch made")
            for entry in archive.infolist():
                if "/" in entry.filename or "\\" in entry.filename or entry.filename in files:
                    return files, [f"{path}: holds {entry.filename!r}, which no pack has"]
                files[entry.filename] = archive.read(entry)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError) as wrong:
        if not files:
            raise EvidenceError(f"{path}: not a readable ZIP: {wrong}", hint="ask for the pack again") from None
        return files, [f"{path}: {wrong}"]
    return files, [] if zipped(files) == data else [f"{path}: the ZIP's own bytes were changed"]


def _manifest(path: Path, files: Mapping[str, bytes]) -> dict[str, Any]:
    if MANIFEST not in files:
        raise EvidenceError(f"{path}: holds no readable {MANIFEST}", hint="name the folder or .zip that `make` wrote")
    try:
        manifest = json.loads(files[MANIFEST])
    except ValueError as wrong:
        raise EvidenceError(f"{path}: {MANIFEST}: not JSON: {wrong}", hint="ask for the pack again") from None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise EvidenceError(f"{path}: {MANIFEST}: not of format {FORMAT}", hint="verify it with the version it is of")
    return manifest


def _of_itself(manifest: Mapping[str, Any], files: Mapping[str, bytes]) -> Iterator[str]:
    """The pack's files against its manifest, and the manifest against its own hash."""
    if sealed(manifest) != files[MANIFEST]:
        yield f"{MANIFEST}: was changed"
    stated = {each["name"]: each for each in manifest.get("files", [])}
    for name in sorted({*stated, *files} - {MANIFEST}):
        if name not in files:
            yield f"{name}: is missing"
        elif name not in stated:
            yield f"{name}: does not belong to the pack"
        elif hashlib.sha256(files[name]).hexdigest() != stated[name]["sha256"]:
            yield f"{name}: was changed"


def _in_segment(stated: Mapping[str, Any], file: Path, wholes: dict[Path, bytes]) -> Iterator[str]:
    data = wholes.setdefault(file, file.read_bytes())
    start, end = stated["offset"], stated["offset"] + stated["length"]
    if hashlib.sha256(data[start:end]).hexdigest() != stated["sha256"]:
        yield f"segment {file.name}: bytes {start} to {end - 1} (record {stated['seq']}) were changed"
    elif hashlib.sha256(data).hexdigest() != stated["segment_sha256"]:
        yield f"segment {file.name}: was changed outside the records of the case"


def _in_lake(stated: Mapping[str, Any], lake: Lake) -> tuple[str, bool]:
    """What is wrong with a row (empty: it is as it was), and whether that is that it is gone."""
    table, key = stated["table"], stated["key"]
    where = f"{table} {' '.join(f'{name}={value}' for name, value in key.items())}"
    if table not in KEYS or set(key) != set(KEYS[table]):
        return f"{where}: no pack rests on such a row", False
    try:
        found = row_hash(lake, table, key, stated["columns"])
    except LakeError as damaged:
        return f"{where}: {damaged.message}", False
    if found is None:
        return f"{where}: is not in the lake", True
    return ("" if found == stated["sha256"] else f"{where}: was changed"), False
