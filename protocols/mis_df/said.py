"""What the tags of one frame, or of one item of a list, say: looked up by tag, as text or as a number."""

from collections.abc import Mapping, Sequence

from protocols.mis_df import tags
from protocols.mis_df.record import Item

Said = Mapping[int, Item]
"""Tag -> its item."""
BEFORE_HOST = frozenset((*tags.GOES_ON, "00010014"))
"""Errors of the terminal's own after which nothing had been sent to the host."""


def first_of(items: Sequence[Item]) -> dict[int, Item]:
    """Tag -> its first item: a result's inside before its frame's, but the frame's own answer and echo."""
    inside = [item for item in items if "." in item.key]
    outside = [item for item in items if "." not in item.key]
    found: dict[int, Item] = {}
    for item in (*inside, *outside):
        found.setdefault(item.tag, item)
    for item in outside:
        if item.tag in {tags.RESPONSE, tags.ECHO}:
            found[item.tag] = item
    return found


def text(said: Said, tag: int) -> str | None:
    """A value without its fill; None when there is none, or nothing in it."""
    item = said.get(tag)
    return (item.value or "").strip("\0 ") or None if item is not None else None


def digits(said: Said, tag: int) -> int | None:
    """A value of digits as a number."""
    found = text(said, tag)
    return int(found) if found is not None and found.isdigit() else None


def number(said: Said, tag: int) -> int | None:
    """An amount in fen without its sign, or a count."""
    item = said.get(tag)
    return abs(item.number) if item is not None and item.number is not None else None


def outcome(said: Said) -> str | None:
    """Approved, declined by host or before any host was asked, or nobody knows."""
    code = text(said, tags.RESPONSE)
    if code is None:
        return "unknown"
    if code in tags.APPROVED:
        return "approved"
    return "declined" if len(code) == 2 or code in BEFORE_HOST else "unknown"
