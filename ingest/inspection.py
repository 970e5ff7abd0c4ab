"""Looking a spool over: what each segment holds, what is damaged, what is missing between two. Writes nothing."""

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ingest.errors import SpoolError
from ingest.keys import Keys
from ingest.records import Kind
from ingest.segment import FOOTER_SIZE, NO_CHAIN, Chain, Damage, Footer, Header, Ports, Raw, walk
from ingest.segments import COPY, NAME, OPEN, POISONED, SEALED, from_ns

STATES = {SEALED: "sealed", OPEN: "open", POISONED: "put aside"}


@dataclass(slots=True)
class Report:
    """What is in one segment.

    ``noted`` damage was found and named when the segment was sealed. ``chained`` is false when the
    keyed hashes could not be looked at, because the segment's key is not at hand. ``follows`` is the hash
    of the ``footer`` that stood before it, made with this segment's own key; ``NO_CHAIN`` where it is not known.
    """

    path: Path
    state: str
    size: int = 0
    segment_id: str = ""
    key_id: str = ""
    count: int = 0
    first_seq: int | None = None
    last_seq: int | None = None
    first_ns: int | None = None
    last_ns: int | None = None
    sealed_at: dt.datetime | None = None
    kinds: Counter[Kind] = field(default_factory=Counter)
    lines: list[str] = field(default_factory=list)
    damages: list[Damage] = field(default_factory=list)
    noted: bool = False
    gaps: list[tuple[int, int]] = field(default_factory=list)
    follows: bytes = NO_CHAIN
    footer: bytes = b""
    chain: Chain | None = field(default=None, repr=False)

    @property
    def chained(self) -> bool:
        """Whether the keyed hashes were looked at."""
        return self.chain is not None

    @property
    def first_at(self) -> dt.datetime | None:
        """When its first record was seen, sessions left aside."""
        return from_ns(self.first_ns) if self.first_ns is not None else None

    @property
    def last_at(self) -> dt.datetime | None:
        """When its last record was seen."""
        return from_ns(self.last_ns) if self.last_ns is not None else None


def segment_files(directory: Path) -> list[Path]:
    """The segments of a spool, sealed or not, in the order of their numbers.

    Raises:
        SpoolError: the folder is not there or cannot be read.
    """
    try:
        names = sorted(entry.name for entry in directory.iterdir())
    except OSError as wrong:
        raise SpoolError(
            f"{directory}: the spool cannot be read: {wrong.strerror}",
            hint="check spool.directory and its owner; `tillwatch collect` and `replay` make it",
        ) from None
    return [directory / name for name in names if NAME.fullmatch(name) and not name.endswith(COPY)]


def inspect(path: Path, keys: Keys | None = None) -> Report:
    """Read one segment through.

    Args:
        path: the file.
        keys: look at the keyed hashes too, if the segment was written with one of these keys.

    Raises:
        SpoolError: the file cannot be read.
    """
    try:
        data = path.read_bytes()
    except OSError as wrong:
        raise SpoolError(
            f"{path}: cannot be read: {wrong.strerror}", hint="check the path and the file's owner"
        ) from None
    report = Report(path, STATES.get(path.suffix, "sealed"), len(data))
    head = next(walk(data), None)
    if isinstance(head, Header):
        report.segment_id, report.key_id, report.follows = head.segment_id, head.key_id, head.chain
        if keys is not None and (own := keys.of(head.key_id)) is not None:
            report.chain = Chain(own.chain)
    footer: Footer | None = None
    ports = Ports()
    for entry in walk(data, report.chain):
        if isinstance(entry, Damage):
            report.damages.append(entry)
        elif isinstance(entry, Raw):
            _count(report, entry, ports)
        elif isinstance(entry, Footer):
            footer = entry
            report.sealed_at = from_ns(entry.sealed_ns)
            report.footer = data[entry.offset : entry.offset + FOOTER_SIZE]
    if report.state == "sealed" and footer is None and not report.damages:
        report.damages.append(Damage(len(data), 0, "the footer is missing", torn=True))
    report.noted = footer is not None and not any("SHA-256" in damage.what for damage in report.damages)
    report.lines = sorted({line for line, _ in ports.lines.values()})
    return report


def _count(report: Report, raw: Raw, ports: Ports) -> None:
    report.count += 1
    report.first_seq = raw.seq if report.first_seq is None else report.first_seq
    report.last_seq = max(raw.seq, report.last_seq or 0)
    kind = raw.kind
    if kind in {Kind.SESSION, Kind.GAP}:
        try:
            record = ports.decode(raw)
        except ValueError as wrong:
            report.damages.append(Damage(raw.offset, raw.size, str(wrong)))
            return
        missing = record.facts.get("missing")
        if kind is Kind.GAP and isinstance(missing, list) and len(missing) == 2:
            report.gaps.append((missing[0], missing[1]))
    if kind is not None:
        report.kinds[kind] += 1
    if kind is not Kind.SESSION:
        report.first_ns = raw.wall_ns if report.first_ns is None else min(report.first_ns, raw.wall_ns)
        report.last_ns = raw.wall_ns if report.last_ns is None else max(report.last_ns, raw.wall_ns)


def breaks_between(reports: Sequence[Report]) -> Iterator[tuple[Report, Damage]]:
    """Where a segment does not follow the one before: numbers are missing, or the one before is another one.

    Numbers that a GAP record explains are not told, nor is what is missing before the first segment: that
    was landed and cleared away.
    """
    before: Report | None = None
    last = 0
    for report in sorted((report for report in reports if report.first_seq is not None), key=_first_seq):
        first = _first_seq(report)
        if before is not None and first > last + 1:
            if not _explained(report, last + 1, first):
                yield report, Damage(0, 0, "a segment before this one is not there", (last + 1, first - 1))
        elif before is not None and _replaced(before, report):
            yield report, Damage(0, 0, f"it was not written after {before.path.name} (keyed hash)")
        before, last = report, max(last, report.last_seq or 0)


def _explained(report: Report, missing: int, first: int) -> bool:
    for start, end in sorted(report.gaps):
        if start <= missing <= end:
            missing = end + 1
    return missing >= first


def _replaced(before: Report, report: Report) -> bool:
    if report.chain is None or report.follows == NO_CHAIN or not before.footer:
        return False
    return report.follows != report.chain.link(before.footer)


def _first_seq(report: Report) -> int:
    return report.first_seq or 0
