"""JBIG1: equal to jbigkit pixel for pixel, and never anything but a picture or our own error."""

import itertools
import time
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols import jbig, qm
from protocols.errors import DecodeError
from tests.protocols.conftest import VECTORS, load_vectors
from tests.protocols.jbig_encoder import Move, encode

IMAGES = sorted((VECTORS / "jbig").glob("*.jbg"))
REAL = {each["mti"]: bytes.fromhex(each["fields"]["62"]) for each in load_vectors() if each["mti"] in {"0900", "0920"}}
WATERMARKED = {"0920": (128, 64, 466), "0900": (320, 138, 2469)}
"""Width, height and black pixels, as jbgtopbm of jbigkit 2.1 has them too."""


def header(**changes: int) -> bytes:
    """A header of 16 x 4 pixels in stripes of 4 lines."""
    made = {"lowest": 0, "highest": 0, "planes": 1, "fill": 0, "width": 16, "height": 4, "lines": 4}
    made |= {"mx": 127, "my": 0, "order": 0, "options": 0} | changes
    sizes = b"".join(made[name].to_bytes(4, "big") for name in ("width", "height", "lines"))
    first = bytes(made[name] for name in ("lowest", "highest", "planes", "fill"))
    return first + sizes + bytes(made[name] for name in ("mx", "my", "order", "options"))


def bitmap(path: Path) -> tuple[int, int, bytes]:
    """Width, height and rows of a portable bitmap."""
    data = path.read_bytes()
    _, width, height = data.split(maxsplit=3)[:3]
    size = (int(width) + 7) // 8 * int(height)
    return int(width), int(height), data[len(data) - size :]


def picture_or_error(image: bytes) -> jbig.Bitmap | DecodeError:
    """What comes of any bytes; anything else raised is a failure."""
    try:
        return jbig.decode(image)
    except DecodeError as wrong:
        return wrong


@pytest.mark.parametrize("path", IMAGES, ids=lambda path: path.stem)
def test_pixels_are_jbigkits(path: Path) -> None:
    """Every option of pbmtojbg gives the picture that jbgtopbm gives, and every byte is used."""
    picture = jbig.decode(path.read_bytes())

    assert (picture.width, picture.height, picture.rows) == bitmap(path.with_suffix(".pbm"))
    assert picture.used == path.stat().st_size


@pytest.mark.parametrize("mti", WATERMARKED)
def test_public_signatures_are_read(mti: str) -> None:
    """The two public messages hold whole pictures, of the size and the ink that jbgtopbm finds."""
    picture = jbig.decode(REAL[mti])
    ink = int.from_bytes(picture.rows, "big").bit_count()

    assert (picture.width, picture.height, ink) == WATERMARKED[mti]
    assert picture.used == len(REAL[mti])


@pytest.mark.slow
def test_compiled_equals_interpreted() -> None:
    """With numba or without it a picture is the same."""
    assert qm.compiled() is not None
    for image in [*REAL.values(), *(path.read_bytes() for path in IMAGES)]:
        assert jbig.decode(image, compiled=True) == jbig.decode(image)


def test_without_numba_pictures_are_read_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asking for the compiled decoder where there is none is no error."""
    monkeypatch.setattr(qm, "compiled", lambda: None)

    assert jbig.decode(REAL["0920"], compiled=True) == jbig.decode(REAL["0920"])


@st.composite
def coded(draw: st.DrawFn) -> tuple[list[list[int]], bytes]:
    """A small picture and one of the many ways to code it."""
    width, height = draw(st.integers(1, 40)), draw(st.integers(1, 12))
    line = st.integers(0, 2**width - 1)
    rows = draw(st.lists(line | st.just(0) | st.just(2**width - 1), min_size=height, max_size=height))
    picture = [[row >> x & 1 for x in range(width)] for row in rows]
    lines = draw(st.integers(1, 14))
    two_lines = draw(st.booleans())
    nearest = 5 if two_lines else 3
    places = st.tuples(st.integers(nearest, 127), st.just(0)) | st.tuples(st.integers(-127, 127), st.integers(1, 255))
    where = draw(st.lists(st.tuples(st.integers(0, height - 1), places | st.just((0, 0))), max_size=3))
    moves: list[Move] = [(y, *place) for y, place in sorted(where, key=lambda move: move[0])]
    resets = draw(st.sets(st.integers(0, 12)))
    comment = draw(st.none() | st.binary(max_size=5))
    image = encode(
        picture, stripe_lines=lines, two_lines=two_lines, typical=draw(st.booleans()), resets=sorted(resets),
        moves=moves, comment=comment,
    )  # fmt: skip
    return picture, image


@given(coded())
def test_what_the_standard_allows_is_read(case: tuple[list[list[int]], bytes]) -> None:
    """Either template, adaptive pixels anywhere, typical prediction, both stripe ends: build, decode, the same."""
    picture, image = case

    found = jbig.decode(image)

    bits = [f"{int.from_bytes(found.rows[at : at + found.row_bytes], 'big'):0{8 * found.row_bytes}b}"
            for at in range(0, len(found.rows), found.row_bytes)]  # fmt: skip
    assert [[int(bit) for bit in line[: found.width]] for line in bits] == picture
    assert found.used == len(image)


@pytest.mark.parametrize("mti", REAL)
def test_every_truncation_is_named(mti: str) -> None:
    """A picture cut off at any byte is an error that says where the bytes end, never a picture."""
    for size in range(len(REAL[mti])):
        with pytest.raises(DecodeError) as caught:
            jbig.decode(REAL[mti][:size])
        assert (caught.value.code, caught.value.offset) == ("short", size)


REFUSED = {
    "progressive": (header(highest=1), "progressive", 0),
    "planes": (header(planes=2), "planes", 2),
    "fill": (header(fill=1), "reserved", 3),
    "no width": (header(width=0), "size", 4),
    "no lines": (header(height=0), "size", 8),
    "no stripes": (header(lines=0), "size", 12),
    "too large": (header(width=2**32 - 1, height=2**32 - 1), "size", 4),
    "too far": (header(mx=128), "atmove", 16),
    "reserved option": (header(options=0x80), "reserved", 18),
    "no prediction table": (header(options=0x06), "short", 20),
    "abort": (header() + b"\x01\x02\xff\x04", "abort", 22),
    "marker": (header() + b"\x01\xff\x08\xff\x02", "marker", 22),
    "reserved marker": (header() + b"\x01\xff\x01\xff\x02", "marker", 22),
    "comment": (header() + b"\xff\x07\x00\x00\x01\x00abc", "short", 29),
    "long comment": (header() + b"\xff\x07\xff\xff\xff\xff", "short", 26),
    "move beyond": (header() + b"\xff\x06\x00\x00\x00\x04\x05\x00\xff\x02", "atmove", 22),
    "move too near": (header() + b"\xff\x06\x00\x00\x00\x00\x02\x00\xff\x02", "atmove", 26),
    "move too high": (header() + b"\xff\x06\x00\x00\x00\x00\x05\x01\xff\x02", "atmove", 26),
    "unannounced length": (header() + b"\xff\x05\x00\x00\x00\x02\xff\x02", "newlen", 20),
    "longer": (header(options=0x20) + b"\xff\x05\x00\x00\x00\x05\xff\x02", "newlen", 20),
    "endless": (header(options=0x20, height=2**32 - 1) + 99 * b"\xff\x02", "short", 218),
    "endless lines": (header(options=0x20, height=2**32 - 1, lines=2**32 - 1) + b"\xff\x02", "size", 4),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_read_is_refused_by_name(name: str) -> None:
    """Each thing that may not be, or that we do not read, has a code and the byte it stands at."""
    image, code, offset = REFUSED[name]

    with pytest.raises(DecodeError) as caught:
        jbig.decode(image)

    assert (caught.value.code, caught.value.offset) == (code, offset)
    assert caught.value.expected
    assert caught.value.hint


def test_lying_size_allocates_nothing() -> None:
    """A header that promises four thousand million lines is refused before memory is taken."""
    tracemalloc.start()
    for name in ("too large", "endless", "endless lines"):
        with pytest.raises(DecodeError):
            jbig.decode(REFUSED[name][0])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 100_000


@pytest.mark.parametrize(
    ("width", "height", "lines"),
    [(2**31, 1, 1), (1, 2**31, 1), (2**31, 2**31, 2**31), (2**16, 2**16, 1), (2**31 + 1, 2, 2**31), (1025, 1024, 1)],
)
@pytest.mark.parametrize("compiled", [False, True])
def test_no_size_overflows_the_bound(width: int, height: int, lines: int, compiled: bool) -> None:
    """Sizes whose product is beyond the bound, or beyond 32 or 64 bits, are refused, and nothing is allocated."""
    image = header(width=width, height=height, lines=lines) + b"\xff\x02"
    tracemalloc.start()
    with pytest.raises(DecodeError) as caught:
        jbig.decode(image, compiled=compiled)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert (caught.value.code, caught.value.offset) == ("size", 4)
    assert peak < 100_000


def test_largest_picture_of_a_few_bytes_takes_bounded_time() -> None:
    """The worst that a few bytes can ask for is ``MAX_PIXELS`` pixels."""
    image = header(width=1024, height=1024, lines=1024) + b"\xff\x02"
    start = time.process_time()

    assert len(jbig.decode(image).rows) == jbig.MAX_PIXELS // 8
    assert time.process_time() - start < 20


@given(
    st.binary(max_size=200)
    | st.builds(
        lambda body, options, lines, width: header(options=options, lines=lines, width=width) + body,
        st.lists(st.sampled_from([*(b"\xff" + bytes((each,)) for each in range(9)), b"\x00", b"\x05", b"\xa7"])).map(
            b"".join
        ),
        st.integers(0, 127),
        st.integers(1, 5),
        st.integers(1, 20),
    )
)
def test_any_bytes_give_a_picture_or_our_error(image: bytes) -> None:
    """Random bytes, and bytes that look like markers: a picture or DecodeError, and no payload in its words."""
    found = picture_or_error(image)

    if isinstance(found, DecodeError):
        assert found.offset is not None
        assert 0 <= found.offset <= len(image)
    else:
        assert len(found.rows) == found.row_bytes * found.height


@settings(max_examples=60)
@given(st.sampled_from(sorted(REAL)), st.data())
def test_changed_bytes_give_a_picture_or_our_error(mti: str, data: st.DataObject) -> None:
    """Any byte of a real picture changed to any other, sizes apart: a picture or DecodeError."""
    image = bytearray(REAL[mti])
    at = data.draw(st.integers(16, len(image) - 1))
    image[at] = data.draw(st.integers(0, 255))

    assert str(picture_or_error(bytes(image)))


def test_trailing_bytes_are_not_the_pictures() -> None:
    """What stands behind the last stripe is told by ``used``."""
    image = REAL["0920"]

    assert jbig.decode(image + b"\x00\x00") == jbig.decode(image)


def test_table_is_the_standards() -> None:
    """T.82, Table 24: 113 states; the exchange happens at the ten that lie near one half."""
    assert len(qm.SIZES) == len(qm.AFTER_LESS) == len(qm.AFTER_MORE) == 226
    assert all(0 <= after < 226 for after in (*qm.AFTER_LESS, *qm.AFTER_MORE))
    switching = [at // 2 for at in range(0, 226, 2) if qm.AFTER_LESS[at] & 1]
    assert switching == [0, 14, 36, 64, 80, 88, 95, 105, 110, 112]
    assert all(size < 0x8000 for size in itertools.islice(qm.SIZES, 226))
