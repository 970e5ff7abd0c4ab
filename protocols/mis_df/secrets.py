"""Overwriting card secrets in a frame: same length, same offsets, and an LRC made anew.

Of a card number the first six and last four digits stay; the terminal's own asterisks stay
too. Expiry and cardholder are overwritten. Texts, and values nobody knows, are searched for
card numbers; so is every value for the number that the frame itself names. A message for the
host is made safe as on its own line.
"""

import re

from protocols import sweep
from protocols.dialect import Secured
from protocols.envelope import STX, lrc
from protocols.mis_df.record import Item, Record, is_readable, read
from protocols.profile import Profile

_KEPT = frozenset(("digits", "amount", "count", "response", "id", "nested", "message"))
"""Kinds that hold no card number but the one that the frame names elsewhere."""
_TEXTS = frozenset(("text", "id", "order"))
_NUMBER = re.compile(rb"[0-9*]{13,19}")
_WHOLE_NUMBER = re.compile(rb" *[0-9]{13,19} *")
_SHORTEST_PACKED = 6
_LONGEST_ID = 15
"""What names a merchant, terminal or desk is no longer; a longer one is searched like any text."""
_STAR = ord("*")


def secure(profile: Profile, frame: bytes) -> Secured:
    """The frame without its secrets.

    Raises:
        FrameError: it is no frame of this link.
        DecodeError: its values cannot be told apart, or the message it carries cannot.
    """
    record = read(profile, frame)
    if record.broken is not None:
        raise record.broken
    body = frame[slice(*record.data)]
    inner = None
    if record.message is not None:
        inner = profile.carried.speech.secure(profile.carried, frame[slice(*record.message)])
        body = inner.body
    safe, card, masked = overwrite(record, frame, inner.card if inner is not None else None)
    if inner is not None and record.message is not None:
        safe[slice(*record.message)] = inner.frame
        masked = (*masked, *(f"DF06.{name}" for name in inner.masked))
    if frame[:1] == bytes((STX,)):
        safe[-1] = lrc(safe[1:-1])
    return Secured(bytes(safe), card, body, masked)


def overwrite(
    record: Record, frame: bytes, carried: str | None = None
) -> tuple[bytearray, str | None, tuple[str, ...]]:
    """The frame without its own secrets, the whole card number it names, and the keys of what was hidden.

    Args:
        record: the frame as it was read.
        frame: its bytes; a message it carries is left as it is.
        carried: the whole card number that the message it carries names.
    """
    safe = bytearray(frame)
    cards = [carried] if carried is not None else []
    for item in record.items:
        if item.kind == "card":
            cards += _card(safe, item)
        elif item.kind == "secret":
            _blot(safe, item)
        elif (
            item.value is None or item.kind not in _KEPT or (item.kind == "id" and item.end - item.start > _LONGEST_ID)
        ):
            _sweep(safe, item)
    for item in record.items:
        if item.kind not in {"nested", "message"}:
            for card in cards:
                _sweep_known(safe, item, card)
            _keep_readable(safe, item)
    hidden = (
        item.key
        for item in record.items
        if item.kind not in {"nested", "message"} and safe[item.start : item.end] != frame[item.start : item.end]
    )
    return safe, cards[0] if cards else None, tuple(hidden)


def _card(safe: bytearray, item: Item) -> list[str]:
    """A card number in digits or packed; all that stands around it goes. The number, when it is whole."""
    raw = bytes(safe[item.start : item.end])
    if any(byte >= 0x80 or byte < 0x20 for byte in raw):
        number = raw.hex().upper().rstrip("F")
        span = sweep.hidden(len(number)) if sweep.SHORTEST <= len(number) <= sweep.LONGEST else (0, 2 * len(raw))
        sweep.fill(safe, item.start, span)
        return [number] if number.isdigit() and span[1] < 2 * len(raw) else []
    found = _NUMBER.search(raw)
    start, end = found.span() if found else (0, 0)
    kept = {*range(start, start + sweep.KEPT_FRONT), *range(end - sweep.KEPT_BACK, end)} if found else set()
    for index, byte in enumerate(raw):
        if index not in kept and byte not in b"* ":
            safe[item.start + index] = _STAR
    number = raw[start:end].decode("ascii")
    return [number] if number.isdigit() else []


def _blot(safe: bytearray, item: Item) -> None:
    raw = safe[item.start : item.end]
    if not all(byte in b"* " for byte in raw):
        safe[item.start : item.end] = b"*" * len(raw)


def _sweep(safe: bytearray, item: Item) -> None:
    """Free text and what nobody knows; an order number is spared unless all of it could be a card's."""
    raw = bytes(safe[item.start : item.end])
    if item.kind == "order" and item.value is not None and not _WHOLE_NUMBER.fullmatch(raw):
        return
    for first, last in sweep.in_text(raw):
        safe[item.start + first : item.start + last] = b"*" * (last - first)
    if len(raw) >= _SHORTEST_PACKED:
        printable = item.kind in {"text", "order"} and item.value is not None
        for span in sweep.in_nibbles(raw, text=printable):
            sweep.fill(safe, item.start, span)


def _sweep_known(safe: bytearray, item: Item, card: str) -> None:
    raw = bytes(safe[item.start : item.end])
    for first, last in sweep.known_in_text(raw, card):
        safe[item.start + first : item.start + last] = b"*" * (last - first)
    for span in sweep.known_in_nibbles(raw, card):
        sweep.fill(safe, item.start, span)


def _keep_readable(safe: bytearray, item: Item) -> None:
    """What could be read is read again where it is kept: a text that is none any more goes as a whole, so do digits."""
    raw = bytes(safe[item.start : item.end])
    if item.value is None or is_readable(item, raw):
        return
    safe[item.start : item.end] = (b"*" if item.kind in _TEXTS else b"0") * len(raw)
