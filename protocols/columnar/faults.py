"""What is wrong with a row, in the row decoder's own words.

The columns know the field, the place and the code; the sentences are made by the
functions that make them for a single frame.
"""

from typing import TYPE_CHECKING, Any

from protocols.columnar.places import Fault, Walked
from protocols.errors import DecodeError, ProtocolError
from protocols.locate import layouts, nothing_found, too_short, walk_error
from protocols.profile import Profile
from protocols.walk import Wrong, impossible, no_mti, short, unknown_bit

if TYPE_CHECKING:
    import pyarrow as pa

WORDS = ("layer", "field", "code", "expected", "got", "hint")


def fault(profile: Profile, walked: Walked, row: int, frame: bytes) -> ProtocolError:
    """Why no layout fits a frame."""
    kind, number, at = Fault(int(walked.fault[row])), int(walked.number[row]), int(walked.at[row])
    expected, got = int(walked.expected[row]), int(walked.got[row])
    name = profile.name
    match kind:
        case Fault.ENVELOPE:
            return nothing_found(profile.link, frame, name)
        case Fault.LAYOUT:
            _, wrong = layouts(profile.link, frame)[0]
            assert wrong is not None  # noqa: S101  the walk found it to be wrong
            wrong.protocol = name
            return wrong
        case Fault.HEAD:
            return too_short(at, got, name)
        case Fault.MTI:
            return walk_error(no_mti(at), name)
        case Fault.UNKNOWN:
            return walk_error(unknown_bit(number, at), name)
        case Fault.SHORT_LENGTH:
            return walk_error(Wrong("short", number, at, f"a length of {expected} bytes", f"{got}"), name)
    step = profile.grammar.walk.steps.get(number)
    if kind is Fault.LENGTH and step is not None:
        return walk_error(impossible(number, at, got, expected, digits=step.digits), name)
    if kind is Fault.SHORT and step is not None:
        return walk_error(short(number, at, expected, got, digits=step.digits), name)
    return walk_error(Wrong("long", number, at, "the end of the message", f"{got} bytes more"), name)


def bad_value(profile: Profile, number: int, offset: int, raw: bytes, count: int) -> ProtocolError:
    """Why the bytes of a field are none of its values."""
    try:
        profile.grammar.walk.steps[number].codec.value(raw, count)
    except DecodeError as wrong:
        wrong.protocol, wrong.path, wrong.offset = profile.name, f"F{number}", offset
        return wrong
    raise AssertionError(number)


def as_batch(found: list[tuple[int, ProtocolError]]) -> "pa.RecordBatch":
    """The errors of a batch, one row each: ``row`` in the batch, ``offset`` from the frame's first byte."""
    import pyarrow as pa

    if not found:  # Arrow loads pandas to make an array of a list
        kinds = pa.int32(), *[pa.string()] * len(WORDS), pa.int32()
        return pa.RecordBatch.from_arrays([pa.nulls(0, kind) for kind in kinds], ["row", *WORDS, "offset"])
    said: list[dict[str, Any]] = [wrong.as_dict() for _, wrong in found]
    return pa.record_batch(
        {
            "row": pa.array([row for row, _ in found], pa.int32()),
            **{word: pa.array([each[word] for each in said], pa.string()) for word in WORDS},
            "offset": pa.array([each["offset"] for each in said], pa.int32()),
        }
    )
