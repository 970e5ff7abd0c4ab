"""Finding frames: STX body ETX LRC on a serial line; runs of tags over IP.

A Caisse-AP message does not say where it ends: it ends where the next one starts (CZ), or
when nothing more comes.
"""

import functools
from typing import TYPE_CHECKING

from protocols.concert.record import FULL, LAYOUTS, TAG_HEAD, tag_end
from protocols.deframe import LINK_ERRORS
from protocols.envelope import CONTROLS, ETX, STX, lrc
from protocols.errors import FrameError
from protocols.search import Search
from protocols.walk import Wrong

if TYPE_CHECKING:
    from protocols.profile import Profile

_MESSAGES = {**LINK_ERRORS, "length": ("no message has this length", "check whether bytes were lost")}
_FIRST = b"CZ"


def deframer(profile: "Profile") -> Search:
    """A fresh deframer of the profile's link."""

    def error(wrong: Wrong) -> FrameError:
        message, hint = _MESSAGES[wrong.code]
        return FrameError(
            message,
            protocol=profile.name,
            layer="link",
            offset=wrong.offset,
            code=wrong.code,
            expected=wrong.expected,
            got=wrong.got,
            hint=hint,
        )

    most = profile.link.max_frame
    if profile.link.envelope == "tags":
        judge = functools.partial(_judge_tags, most=most - TAG_HEAD)
        return Search(judge, error=error, room=most, controls=frozenset(), closes=_closes)
    controls = CONTROLS if profile.link.ack else frozenset[int]()
    return Search(functools.partial(_judge_stx, most=most), error=error, room=most, controls=controls)


def _judge_stx(buffer: bytearray, at: int, most: int) -> int | Wrong | None:
    if buffer[at] != STX:
        return Wrong("babble", 0, at, "STX", "another byte")
    etx = buffer.find(ETX, at + 1, at + 2 + FULL)
    if etx < 0:
        return Wrong("etx", 0, at + 1 + FULL, "ETX", "another byte") if len(buffer) - at > 1 + FULL else None
    if etx - at - 1 not in LAYOUTS:
        return Wrong("length", 0, at + 1, "a body of 34, 25 or 80 bytes", f"{etx - at - 1}")
    if etx + 2 - at > most:
        return Wrong("too_long", 0, at, f"at most {most} bytes", "more")
    if len(buffer) < etx + 2:
        return None
    if buffer[etx + 1] != lrc(buffer[at + 1 : etx + 1]):
        return Wrong("lrc", 0, etx + 1, "XOR of body and ETX", "another value")
    return etx + 2


def _judge_tags(buffer: bytearray, at: int, most: int) -> int | Wrong | None:
    if not _FIRST.startswith(bytes(buffer[at : at + 2])):
        return Wrong("babble", 0, at, "the tag CZ", "another byte")
    end = at
    while end < len(buffer):
        if end > at and bytes(buffer[end : end + 2]) == _FIRST:
            return end
        after = tag_end(buffer, end)
        if after == -1:
            return end if end > at else Wrong("babble", 0, at, "a tag", "another byte")
        if after is None:
            break
        if after - at > most:
            return Wrong("too_long", 0, at, f"at most {most} bytes", "more")
        end = after
    if len(buffer) - at >= most + TAG_HEAD:  # what follows the longest message is here, and is a tag of it
        return Wrong("too_long", 0, at, f"at most {most} bytes", "more")
    return None


def _closes(buffer: bytearray) -> bool:
    """Whether what waits is a message that ends with a whole tag."""
    end: int | None = 0
    while end is not None and 0 <= end < len(buffer):
        end = tag_end(buffer, end)
    return buffer[:2] == _FIRST and end == len(buffer)
