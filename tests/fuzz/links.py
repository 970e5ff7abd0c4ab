"""Link envelopes around any body, with sums that agree: so that a fuzzer gets past them."""

from protocols.envelope import ETX, STX, lrc
from protocols.profile import Profile
from protocols.zvt.link import unwrap, wrap


def enveloped(profile: Profile, body: bytes) -> bytes:
    """The link frame of any body, within the link's bounds; an envelope that is not known here adds nothing."""
    link = profile.link
    body = body[: link.max_frame // 2]
    if link.envelope == "length":
        return bytes(link.declaration.build({"body": body}))
    if link.envelope == "stx":
        return bytes(link.declaration.build({"covered": {"value": {"body": body}}}))
    if link.envelope == "stx-etx":
        covered = body + bytes((ETX,))
        return bytes((STX,)) + covered + bytes((lrc(covered),))
    return wrap(body, link.envelope) if link.envelope == "dle" else body


def opened(profile: Profile, frame: bytes) -> bytes:
    """The body of a whole frame: what ``enveloped`` takes."""
    envelope = profile.link.envelope
    if envelope == "dle" and frame[:2] == b"\x10\x02":
        return unwrap(frame, profile.name)[0]
    first, last = {"length": (2, 0), "stx": (3, 2), "stx-etx": (1, 2)}.get(envelope, (0, 0))
    return frame[first : len(frame) - last]
