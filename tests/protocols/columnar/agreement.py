"""The row decoder and the column decoder, held against each other and against the truth."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from protocols.columnar import ColumnDecoder
from protocols.errors import DecodeError
from protocols.profile import Profile
from tests.protocols.columnar.written import Truth, text_of

if TYPE_CHECKING:
    import pyarrow as pa


def arrow(frames: Sequence[bytes | None]) -> "pa.BinaryArray":
    """Frames as Arrow has them."""
    import pyarrow as pa

    return pa.array(frames, pa.binary())


def by_row(profile: Profile, frame: bytes, names: Sequence[str]) -> tuple[dict[str, str | None], dict[str, Any] | None]:
    """What ``Profile.read`` says, in the column decoder's names."""
    message, wrong = profile.read(frame)
    said: dict[str, str | None] = dict.fromkeys(names)
    if message.mti:
        said |= {"mti": message.mti, "bitmap": str(message.bitmap)}
    said |= {part: message.envelope[part] for part in ("tpdu", "header")}
    said["mac_absent"] = str(message.mac_absent)
    said |= {f"F{number}": str(value) for number, value in message.fields.items()}
    for number in (48, 60, 61):
        said |= message.subfields(number)
    try:
        tags = {f"F55.{tag}": value for tag, value in message.tags().items()}
    except DecodeError:
        tags = {}
    said |= {name: value for name, value in tags.items() if name in names}
    if wrong is None:
        return said, None
    error = wrong.as_dict()
    del error["protocol"]
    return said, error


def by_column(
    decoder: ColumnDecoder, frames: Sequence[bytes]
) -> tuple[list[dict[str, str | None]], dict[int, dict[str, Any]]]:
    """What the column decoder says of each frame, and the errors by row."""
    found = decoder.decode(arrow(frames))
    rows = [{name: text_of(value) for name, value in row.items()} for row in found.batch.to_pylist()]
    errors = {}
    for error in found.errors.to_pylist():
        row = error.pop("row")
        assert row not in errors, "one error a row"
        errors[row] = error
    return rows, errors


def disagreements(decoder: ColumnDecoder, frames: Sequence[bytes]) -> list[str]:
    """Where the two decoders differ; names and places, no bytes."""
    return differences(decoder, frames, *by_column(decoder, frames))


def differences(
    decoder: ColumnDecoder,
    frames: Sequence[bytes],
    rows: Sequence[dict[str, str | None]],
    errors: dict[int, dict[str, Any]],
) -> list[str]:
    """Where what ``by_column`` gave differs from what the row decoder says."""
    assert isinstance(decoder.profile, Profile)
    found = []
    for index, (frame, row) in enumerate(zip(frames, rows, strict=True)):
        said, error = by_row(decoder.profile, frame, list(row))
        if said != row:
            found.append(f"{index}: {[name for name in said if said[name] != row.get(name)]}")
        if error != errors.get(index):
            found.append(f"{index}: {error} is not {errors.get(index)}")
    return found


def untruths(rows: Sequence[dict[str, str | None]], truths: Sequence[Truth]) -> list[str]:
    """Where columns are not what the writer put in."""
    found = []
    for index, (row, truth) in enumerate(zip(rows, truths, strict=True)):
        wanted = dict.fromkeys(row) | {"mac_absent": "False"} | {k: v for k, v in truth.items() if k in row}
        if wanted != row:
            found.append(f"{index}: {[name for name in wanted if wanted[name] != row[name]]}")
    return found
