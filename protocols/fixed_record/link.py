"""Finding records in a stream: one is there where every field of one form holds what it can.

There is no check sum: a wrong digit in a field of digits makes another record, not noise.
What is certain is the widths, the fields of digits, and the set of types.
"""

import functools
from typing import TYPE_CHECKING

from protocols.deframe import LINK_ERRORS
from protocols.errors import FrameError
from protocols.fixed_record.layout import EXPECTED, FORMS, Form, misfit
from protocols.search import Search
from protocols.walk import Wrong

if TYPE_CHECKING:
    from protocols.profile import Profile


def deframer(profile: "Profile") -> Search:
    """A fresh deframer of the profile's link."""

    def error(wrong: Wrong) -> FrameError:
        message, hint = LINK_ERRORS[wrong.code]
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
    judge = functools.partial(_judge, forms=tuple(form for form in FORMS if form.size <= most))
    return Search(judge, error=error, room=most, controls=frozenset())


def _judge(buffer: bytearray, at: int, forms: tuple[Form, ...]) -> int | Wrong | None:
    """The shortest whole record that starts there; None while any form may still be one."""
    there = len(buffer) - at
    waits = False
    furthest = Wrong("babble", 0, at, "a record", "another byte")
    for form in forms:
        bad = misfit(form, buffer, at)
        if bad is not None:
            field, offset = bad
            if offset > furthest.offset:
                furthest = Wrong("babble", 0, offset, EXPECTED[field.kind], "another byte")
        elif there >= form.size:
            return at + form.size
        else:
            waits = True
    return None if waits else furthest
