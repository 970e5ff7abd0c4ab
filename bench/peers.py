"""Who decodes: each peer gets the corpus ready and gives a function that decodes all of it once.

Each function returns how many messages it did. What a peer leaves out is said in its line of
``bench/README.md``.
"""

import atexit
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.tshark import capture, command_on
from protocols.columnar import column_decoder, loading, messages, records, vectors
from protocols.columnar import compiled as machine
from protocols.columnar.decoder import BATCH_FRAMES, as_batch
from protocols.columnar.plan import ACCEPTS, message_plan
from protocols.columnar.sanitise import ColumnSanitiser
from protocols.facts import Facts
from protocols.grammar import FieldSpec
from protocols.journal.formats import Shape
from protocols.journal.kept import HEAD, Kept, pack
from protocols.journal.layout import Field, layout
from protocols.journal.profile import load_journal
from protocols.journal.said import Said
from protocols.profile import load_profile
from protocols.sanitise import CardKeys, Sanitiser

if TYPE_CHECKING:
    import pyarrow as pa

Run = Callable[[], int]
_KEYS = CardKeys("bench", b"p" * 32, b"d" * 32)
_HEAD = 2 + 11  # length, TPDU, header
_FIELDS = (
    Field("trace", "int32", 4),
    Field("batch", "int32", 4),
    Field("kind", "byte", 1),
    Field("voided", "byte", 1),
    Field("amount", "fen", 6),
    Field("card", "digits", 20, "card"),
    Field("date", "packed", 4),
    Field("time", "packed", 3),
    Field("rrn", "text", 13),
    Field("auth", "text", 7),
    Field("response", "text", 3),
    Field("terminal", "text", 9),
    Field("org", "text", 4),
    Field("rest", "raw", 17),
)
RECORD = layout("96 bytes", _FIELDS, aligned=False)
"""A fixed record as journals have them; no terminal writes this one."""


def batches(column: "pa.ChunkedArray") -> "list[pa.BinaryArray]":
    """The corpus as the decoder takes it."""
    import pyarrow as pa

    whole = pa.array(column.to_pylist(), pa.binary())
    return [whole.slice(at, BATCH_FRAMES) for at in range(0, len(whole), BATCH_FRAMES)]


def _columns(decode: Callable[[Any], object], given: "list[pa.BinaryArray]") -> Run:
    def run() -> int:
        for batch in given:
            decode(batch)
        return sum(map(len, given))

    return run


def compiled(corpus: "pa.Table") -> Run:
    """The column decoder, compiled."""
    return _columns(column_decoder(load_profile("unionpay"), compiled=True).decode, batches(corpus["frame"]))


def numpy(corpus: "pa.Table") -> Run:
    """The column decoder in numpy."""
    return _columns(column_decoder(load_profile("unionpay"), compiled=False).decode, batches(corpus["frame"]))


def unchecked(corpus: "pa.Table") -> Run:
    """The compiled decoder with every nibble legal: what looking at values costs is the difference."""
    profile = load_profile("unionpay")
    plan = message_plan(profile.grammar)
    anything = tuple(replace(each, accept=len(ACCEPTS) - 1) for each in plan.fields)
    plan = replace(plan, fields=anything)
    if not loading.available():
        raise SystemExit("numba is not installed")
    return _columns(lambda batch: messages.decode(profile, plan, as_batch(batch), machine), batches(corpus["frame"]))


def row_decoder(corpus: "pa.Table") -> Run:
    """``Profile.read``: one frame after the other, as on the line."""
    profile, frames = load_profile("unionpay"), corpus["frame"].to_pylist()[:4096]

    def run() -> int:
        for frame in frames:
            profile.read(frame)
        return len(frames)

    return run


def construct(corpus: "pa.Table") -> Run:
    """The same declaration, parsed by construct."""
    return _parse(load_profile("unionpay").grammar.declaration.parse, _bodies(corpus)[:2048])


def construct_compiled(corpus: "pa.Table") -> Run:
    """The same declaration, compiled by construct."""
    return _parse(load_profile("unionpay").grammar.declaration.compile().parse, _bodies(corpus)[:4096])


def _bodies(corpus: "pa.Table") -> list[bytes]:
    return [frame[_HEAD:] for frame in corpus["frame"].to_pylist()]


def _parse(parse: Callable[[bytes], object], bodies: list[bytes]) -> Run:
    def run() -> int:
        for body in bodies:
            parse(body)
        return len(bodies)

    return run


def pyiso8583(corpus: "pa.Table") -> Run:
    """pyiso8583 with a specification of the same fields; nibbles are not checked, nothing inside fields is read."""
    import iso8583

    head = {"data_enc": "b", "len_enc": "b", "len_type": 0, "max_len": 0, "desc": ""}
    spec = {"h": head, "t": head | {"max_len": 2}, "p": head | {"max_len": 8}, "1": head | {"max_len": 8}}
    spec |= {str(number): _iso(each) for number, each in load_profile("unionpay").grammar.table.items()}
    bodies = [body for body in _bodies(corpus)[:4096] if _decodes(iso8583.decode, body, spec)]
    return _parse(lambda body: iso8583.decode(body, spec), bodies)


def _iso(spec: FieldSpec) -> dict[str, Any]:
    prefix = {"ll": 1, "lll": 2}.get(spec.codec.partition("var")[0] if "var" in spec.codec else "", 0)
    packed = spec.codec in {"bcd", "bcd_right", "bcd_masked", "nibbles"} or spec.codec.endswith(("bcd", "pan", "track"))
    text = "text" in spec.codec
    size = (spec.size + 1) // 2 if packed and not prefix else spec.size
    said = {"data_enc": "gbk" if text else "b", "len_enc": "bcd", "len_type": prefix, "max_len": size, "desc": ""}
    return said | ({"len_count": "nibbles", "right_pad": "0"} if packed and prefix else {})


def _decodes(decode: Callable[[bytes, Any], object], body: bytes, spec: Any) -> bool:
    import iso8583

    try:
        decode(body, spec)
    except iso8583.DecodeError:
        return False
    return True


def handwritten(corpus: "pa.Table") -> Run:
    """Rows by hand: one loop over the bitmap's fields, slices and hex; nibbles are not checked, no parts, no tags."""
    table = load_profile("unionpay").grammar.walk.steps
    plans: dict[bytes, list[tuple[int, int, int, bool, bool]]] = {}
    bodies = _bodies(corpus)[:8192]

    def plan(bitmap: bytes) -> list[tuple[int, int, int, bool, bool]]:
        bits = int.from_bytes(bitmap, "big")
        return [
            (number, step.prefix, step.size, step.digits, type(step.codec).__name__ == "Text")
            for number, step in sorted(table.items())
            if bits >> (64 - number) & 1
        ]

    def decode(body: bytes) -> dict[int, str]:
        bitmap = body[2:10]
        steps = plans.get(bitmap)
        if steps is None:
            steps = plans[bitmap] = plan(bitmap)
        at, values = 10, {0: body[:2].hex()}
        for number, prefix, size, digits, text in steps:
            count = size
            if prefix:
                count = int(body[at : at + prefix].hex())
                at += prefix
            width = (count + 1) >> 1 if digits else count
            raw = body[at : at + width]
            at += width
            values[number] = raw.decode("gbk") if text else raw.hex()
        return values

    return _parse(decode, bodies)


class AbsentError(Exception):
    """A peer that is not on this machine."""


def tshark(corpus: "pa.Table") -> Run:
    """Wireshark's dissector of ISO 8583 over a capture, each field printed; partial: see ``bench/witnesses.py``.

    Raises:
        AbsentError: tshark is not installed.
    """
    if shutil.which("tshark") is None:
        raise AbsentError("tshark is not installed (Debian: apt-get install tshark)")
    path = Path(tempfile.mkdtemp(prefix="bench-")) / "messages.pcap"
    atexit.register(shutil.rmtree, path.parent)
    bodies = _bodies(corpus)[:20_000]
    path.write_bytes(capture(bodies))
    fields = [part for number in range(2, 65) for part in ("-e", f"iso8583.bit{number}")]
    command = [*command_on(path), "-T", "fields", "-e", "iso8583.mti", *fields]

    def run() -> int:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return len(bodies)

    return run


def memcpy(corpus: "pa.Table") -> Run:
    """Copying the frames' bytes: no decoder is faster."""
    data = b"".join(corpus["frame"].to_pylist())

    def run() -> int:
        bytearray(data)
        return len(corpus)

    return run


def parquet(corpus: "pa.Table") -> Run:
    """Writing the decoded table as Parquet with zstd, by pyarrow: what comes after decoding."""
    decode = column_decoder(load_profile("unionpay"), compiled=True).decode
    return _written([decode(batch).batch for batch in batches(corpus["frame"])])


def _written(decoded: "list[pa.RecordBatch]") -> Run:
    import io

    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_batches(decoded)

    def run() -> int:
        pq.write_table(table, io.BytesIO(), compression="zstd")
        return int(table.num_rows)

    return run


def _said(values: Any, transactions: Any) -> Said:
    del values, transactions
    return Said(Facts("", is_request=True, kind="event", operation=""))


def _journal(*, use_machine: bool) -> Callable[[Any], Any]:
    plans = [records.record_plan(HEAD, "head"), records.record_plan(RECORD.declaration, RECORD.name)]
    shape = Shape(RECORD.name, RECORD, _said)
    plan = records.JournalPlan(load_journal("newpos-journal"), plans[0], ((shape, plans[1]),))
    steps = machine if use_machine and loading.available() else vectors
    return lambda batch: records.decode(plan, as_batch(batch), steps)


def _kept(corpus: "pa.Table") -> "list[pa.BinaryArray]":
    import pyarrow as pa

    kept = [pack(Kept(at, "10000001", None, raw)) for at, raw in enumerate(corpus["record"].to_pylist())]
    return batches(pa.chunked_array([pa.array(kept, pa.binary())]))


def journal_compiled(corpus: "pa.Table") -> Run:
    """The column decoder of records, compiled."""
    return _columns(_journal(use_machine=True), _kept(corpus))


def journal_numpy(corpus: "pa.Table") -> Run:
    """The column decoder of records in numpy."""
    return _columns(_journal(use_machine=False), _kept(corpus))


def journal_rows(corpus: "pa.Table") -> Run:
    """``Layout.read``, a record after the other."""
    return _parse(RECORD.read, corpus["record"].to_pylist()[:8192])


def journal_construct(corpus: "pa.Table") -> Run:
    """The record's declaration, compiled by construct."""
    return _parse(RECORD.declaration.compile().parse, corpus["record"].to_pylist()[:8192])


def journal_struct(corpus: "pa.Table") -> Run:
    """struct.unpack: numbers and slices, digits and texts as they lie, nothing checked."""
    form = struct.Struct("<IIBB6s20s4s3s13s7s3s9s4s17s")
    return _parse(form.unpack, corpus["record"].to_pylist())


def journal_parquet(corpus: "pa.Table") -> Run:
    """Writing the decoded records as Parquet with zstd."""
    decode = _journal(use_machine=True)
    return _written([decode(batch)[0] for batch in _kept(corpus)])


def sanitise_columns(corpus: "pa.Table") -> Run:
    """Made safe a batch at a time: masks, tokens and digests."""
    sanitiser = ColumnSanitiser(load_profile("unionpay"), _KEYS)
    return _columns(sanitiser.sanitise, batches(corpus["whole"]))


def sanitise_rows(corpus: "pa.Table") -> Run:
    """Made safe one by one."""
    return _parse(Sanitiser(load_profile("unionpay"), _KEYS).sanitise, corpus["whole"].to_pylist()[:4096])


PEERS: dict[str, Callable[["pa.Table"], Run]] = {
    "columns, compiled": compiled,
    "columns, compiled, unchecked": unchecked,
    "columns, numpy": numpy,
    "row decoder": row_decoder,
    "construct": construct,
    "construct, compiled": construct_compiled,
    "pyiso8583": pyiso8583,
    "written by hand": handwritten,
    "tshark": tshark,
    "memcpy": memcpy,
    "Parquet, zstd": parquet,
    "sanitise: columns": sanitise_columns,
    "sanitise: rows": sanitise_rows,
    "journal: columns, compiled": journal_compiled,
    "journal: columns, numpy": journal_numpy,
    "journal: row decoder": journal_rows,
    "journal: construct, compiled": journal_construct,
    "journal: struct": journal_struct,
    "journal: Parquet, zstd": journal_parquet,
}
"""Name -> what makes it ready."""
