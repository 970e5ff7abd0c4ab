"""Any Struct by columns: equal to construct's own parse, value for value and error for error, in numpy and by numba."""

import functools
from collections.abc import Callable
from typing import Any

import construct as c
import pytest
from construct.core import TerminatedError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from protocols.columnar import column_decoder
from protocols.columnar.decoder import ColumnDecoder
from protocols.errors import DecodeError, ProfileError
from protocols.journal.layout import Hex, Little, PackedDigits, PackedFen, Terminated
from tests.protocols.columnar.agreement import by_column

Decoders = Callable[..., ColumnDecoder]
KINDS = {"sale": 1, "refund": 2, "void": 0x80}
CODES = {c.ConstError: "const", c.StringError: "text", TerminatedError: "long", c.PaddingError: "length"}

TICKET = c.Struct(
    "mark" / c.Const(b"TK"),
    "kind" / c.Enum(c.Byte, **KINDS),
    c.Const(7, c.Int16ub),
    "size" / c.Int16ul,
    "body" / c.Bytes(c.this.size),
    c.Padding(2),
    "name" / c.PaddedString(6, "utf8"),
    "shop" / c.PaddedString(c.this.size + 1, "ascii"),
    "fen" / Little(4),
    c.Terminated,
)


@pytest.fixture(scope="module", params=["numpy", pytest.param("numba", marks=pytest.mark.slow)])
def decoders(request: pytest.FixtureRequest) -> Decoders:
    """Makes decoders that run in numpy, or by numba's machine code: every law holds for both."""
    return functools.partial(column_decoder, compiled=request.param == "numba")


def ticket(
    kind: int = 1, body: bytes = b"\x00\xff", name: bytes = b"Li", shop: bytes = b"A1", more: bytes = b""
) -> bytes:
    """A ticket written by hand."""
    head = b"TK" + bytes([kind]) + b"\x00\x07" + len(body).to_bytes(2, "little") + body + b"?!"
    return head + name.ljust(6, b"\0") + shop.ljust(len(body) + 1, b"\0") + (1234).to_bytes(4, "little") + more


def said_by_construct(declaration: Any, raw: bytes) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """The values in front of the first error, and that error: field, code, offset; by construct's own parse alone."""
    parts = declaration.subcons
    values: dict[str, Any] = {}
    for index, part in enumerate(parts):
        try:
            found = c.Struct(*parts[: index + 1]).parse(raw)
        except (c.ConstructError, DecodeError) as wrong:
            at = c.Struct(*parts[:index], "here" / c.Tell).parse(raw)["here"]
            return values, {"field": part.name or str(index), "code": code_of(wrong), "offset": at}
        if part.name and not isinstance(part.subcon, c.Const | c.Padded):
            values[part.name] = found[part.name]
    return values, None


def code_of(wrong: Exception) -> str:
    """The name a column's error has for one of construct's."""
    if isinstance(wrong, DecodeError):
        return wrong.code
    if isinstance(wrong, c.StreamError):
        return "length" if "non-negative" in str(wrong) else "short"
    return CODES[type(wrong)]


def plain(value: Any) -> Any:
    """A value as Arrow gives it back."""
    if isinstance(value, str):
        return str(value)
    return int(value) if isinstance(value, int) else value


def disagreements(decoder: ColumnDecoder, declaration: Any, raws: list[bytes]) -> list[str]:
    """Where columns and construct differ."""
    import pyarrow as pa

    done = decoder.decode(pa.array(raws, pa.binary()))
    errors = {
        each["row"]: {word: each[word] for word in ("field", "code", "offset")} for each in done.errors.to_pylist()
    }
    assert len(errors) == done.errors.num_rows, "one error a row"
    found = []
    for row, (raw, columns) in enumerate(zip(raws, done.batch.to_pylist() or [{} for _ in raws], strict=True)):
        values, wrong = said_by_construct(declaration, raw)
        wanted = dict.fromkeys(decoder.names) | {
            name: value if isinstance(value, bytes) else _stated(declaration, name, value)
            for name, value in values.items()
        }
        if columns != wanted:
            found.append(f"{row}: {columns} is not {wanted}")
        if errors.get(row) != wrong:
            found.append(f"{row}: {errors.get(row)} is not {wrong}")
    return found


def _stated(declaration: Any, name: str, value: Any) -> Any:
    """An Enum's value as text, raw bytes of a journal's codec as bytes."""
    codec = next(part.subcon for part in declaration.subcons if part.name == name)
    if isinstance(codec, c.Enum):
        return str(value)
    return bytes.fromhex(value) if isinstance(codec, Hex) else plain(value)


def test_a_ticket_is_read_as_it_was_written(decoders):
    """Names of an Enum, bytes and text as long as a number in front of them says, padding gone."""
    rows, errors = by_column(
        decoders(TICKET),
        [ticket(), ticket(2, b"", "李".encode(), b""), ticket(9, b"abc", b"a\0b", b"wxyz"), ticket(0x80, b"z" * 300)],
    )
    assert errors == {}
    assert [row["kind"] for row in rows] == ["sale", "refund", "9", "void"]
    assert [row["size"] for row in rows] == ["2", "0", "3", "300"]
    assert [row["body"] for row in rows] == ["00FF", "", "616263", "7A" * 300]
    assert [row["name"] for row in rows] == ["Li", "李", "a\0b", "Li"]
    assert [row["shop"] for row in rows] == ["A1", "", "wxyz", "A1"]
    assert {row["fen"] for row in rows} == {"1234"}


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (b"", ("mark", "short", 0)),
        (b"TX" + ticket()[2:], ("mark", "const", 0)),
        (ticket()[:3] + b"\x00\x08" + ticket()[5:], ("2", "const", 3)),
        (ticket()[:5] + b"\xff\xff" + ticket()[7:], ("body", "short", 7)),
        (ticket(name=b"\xc3\x28"), ("name", "text", 11)),
        (ticket(shop=b"\x80"), ("shop", "text", 17)),
        (ticket(more=b"!"), ("9", "long", 24)),
        (ticket()[:-1], ("fen", "short", 20)),
    ],
)
def test_an_error_has_the_part_and_its_first_byte(decoders, raw, error):
    """The rows beside it are unharmed; nothing of the bytes is in its words."""
    rows, errors = by_column(decoders(TICKET), [ticket(), raw, ticket(2)])
    assert list(errors) == [1]
    assert (errors[1]["field"], errors[1]["code"], errors[1]["offset"]) == error
    assert [row["kind"] for row in (rows[0], rows[2])] == ["sale", "refund"]
    assert disagreements(decoders(TICKET), TICKET, [ticket(), raw, ticket(2)]) == []


_NUMBERS = [c.Int8ub, c.Int16ul, c.Int16ub, c.Int8sb, Little(1), PackedFen(1)]


@st.composite
def declarations(draw: st.DrawFn) -> c.Struct:
    """Structs of all kinds of parts; sizes are told by numbers in front of them."""
    parts: list[Any] = []
    numbers: list[str] = []
    for index in range(draw(st.integers(1, 7))):
        sizes: list[Any] = [st.integers(0, 9)]
        if numbers:
            base = st.sampled_from(numbers).map(lambda name: c.this[name])
            sizes += [base, base.map(lambda n: (n + 1) // 2), base.map(lambda n: n - 3), base.map(lambda n: 2 * n % 7)]
            sizes += [base.map(lambda n: n & 3), base.map(lambda n: n >> 1)]
        size = draw(st.one_of(sizes))
        name = f"p{index}"
        codec = draw(
            st.one_of(
                st.sampled_from(_NUMBERS),
                st.sampled_from([c.Int32ul, c.Int64ub, c.Int64sl, c.Int32sb, PackedFen(6), Hex(3)]),
                st.sampled_from(
                    [PackedDigits(2), PackedDigits(3, 1, masked=True), Terminated(9), Terminated(5, digits=True)]
                ),
                st.sampled_from([c.Const(b"A"), c.Const(0, c.Byte), c.Const(2, c.Int16ub), c.Const(b"")]),
                st.sampled_from(
                    [c.Enum(c.Byte, no=0, yes=1), c.Enum(c.Int16sl, low=-1, high=258), c.Enum(Little(1), one=1)]
                ),
                st.sampled_from([c.Bytes(size), c.Padding(size)]),
                st.sampled_from([c.PaddedString(size, "ascii"), c.PaddedString(size, "utf8")]),
                st.just(c.StringEncoded(c.FixedSized(size, c.NullStripped(c.GreedyBytes)), "gbk")),
            )
        )
        parts.append(codec if draw(st.integers(0, 9)) == 0 else name / codec)
        if any(codec is each for each in _NUMBERS) and isinstance(parts[-1], c.Renamed):
            numbers.append(name)
    return c.Struct(*parts, *([c.Terminated] if draw(st.booleans()) else []))


_BYTES = st.one_of(
    st.sampled_from([0, 0, 1, 2, 3, 0x12, 0x30, 0x39, ord("A"), ord("*"), 0x80, 0xC3, 0xA9, 0xFF]), st.integers(0, 255)
)
_RAWS = st.lists(st.lists(_BYTES, max_size=40).map(bytes), max_size=12)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(declaration=declarations(), raws=_RAWS)
def test_any_declaration_is_read_as_construct_reads_it(declaration, raws):
    """Generated Structs over generated bytes: lengths that lie, names that are missing, padding within and behind."""
    assert disagreements(column_decoder(declaration, compiled=False), declaration, raws) == []


@pytest.mark.slow
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(declaration=declarations(), raws=_RAWS)
def test_the_compiled_loops_read_any_declaration_alike(declaration, raws):
    """The same by numba; and the columns of both are one another's, type for type."""
    import pyarrow as pa

    decoder = column_decoder(declaration, compiled=True)
    assert disagreements(decoder, declaration, raws) == []
    frames = pa.array(raws, pa.binary())
    plainly, quickly = column_decoder(declaration, compiled=False).decode(frames), decoder.decode(frames)
    assert plainly.batch.equals(quickly.batch)
    assert plainly.errors.equals(quickly.errors)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=9), st.text(max_size=2), st.integers(0, 3)), max_size=20)
)
def test_what_construct_builds_is_read_back(written):
    """``build`` is the writer: what was put in comes out, with nothing wrong."""
    import pyarrow as pa

    values = [
        {
            "kind": kind,
            "size": len(body),
            "body": body,
            "name": name.strip("\0"),
            "shop": "x" * min(shop, len(body) + 1),
            "fen": 5,
        }
        for kind, body, name, shop in written
        if len(name.encode()) <= 6
    ]
    done = column_decoder(TICKET, compiled=False).decode(pa.array([TICKET.build(each) for each in values], pa.binary()))
    assert done.errors.num_rows == 0
    names = {number: name for name, number in KINDS.items()}
    wanted = [each | {"kind": names.get(each["kind"], str(each["kind"]))} for each in values]
    assert done.batch.to_pylist() == wanted


@pytest.mark.parametrize(
    ("part", "kind"),
    [
        ("x" / c.GreedyRange(c.Byte), "GreedyRange"),
        ("x" / c.Optional(c.Int8ub), "Select"),
        ("x" / c.Array(3, c.Byte), "Array"),
        ("x" / c.Bytes(lambda _: 3), "Bytes"),
        ("x" / c.Bytes(c.this.wide), "Bytes"),
        ("x" / c.Bytes(c.this.small * c.this.small * c.this.small), "Bytes"),
        ("x" / c.Bytes(c.this.small // 0), "Bytes"),
        ("x" / c.Bytes(c.this.later), "Bytes"),
        ("x" / c.Bytes(c.this._.small), "Bytes"),
        ("x" / c.Bytes(c.len_(c.this.text)), "Bytes"),
        ("x" / c.PaddedString(4, "utf16"), "StringEncoded"),
        ("x" / c.PascalString(c.Byte, "utf8"), "StringEncoded"),
        ("x" / c.CString("utf8"), "StringEncoded"),
        ("x" / c.Enum(c.Int24ub, a=1), "Enum"),
        ("x" / c.Enum(c.Byte, **{"3": 1}), "Enum"),
        ("x" / c.Mapping(c.Byte, {"a": 1}), "Mapping"),
        ("x" / c.Const("a", c.PaddedString(1, "utf8")), "Const"),
        ("x" / c.Float32b, "FormatField"),
        ("x" / c.Flag, "Flag"),
        ("x" / c.Int24ub, "BytesInteger"),
        ("x" / c.Padded(4, c.Byte), "Padded"),
        ("x" / c.If(c.this.small == 1, c.Byte), "IfThenElse"),
        ("x" / c.Struct("y" / c.Byte), "Struct"),
        ("small" / c.Byte, "FormatField"),
    ],
)
def test_what_cannot_be_derived_is_refused_by_name_and_path(part, kind):
    """When the plan is built, not when bytes come."""
    first = ("small" / c.Int32ub, "wide" / c.Int64ub, "text" / c.PaddedString(2, "utf8"))
    with pytest.raises(ProfileError) as refused:
        column_decoder(c.Struct(*first, part))
    assert refused.value.path == f"record -> {part.name}"
    assert refused.value.got == kind
    assert refused.value.code == "underivable"
