"""Overwriting card secrets in a ZVT frame.

Same offsets, with one exception: a byte 10 stands doubled on a serial line, so a frame
gets one byte shorter for each overwritten byte that was a 10. The terminal's own masks
(nibble E) stay; what we overwrite becomes nibble F, in text an asterisk. The CRC is made
anew, for the old one would be a sum over the secrets.
"""

from protocols import sweep
from protocols.dialect import Secured
from protocols.mask import SECRET_TAGS
from protocols.profile import Profile
from protocols.zvt.apdu import Apdu, Item, read
from protocols.zvt.link import wrap

_TEXTS = frozenset(("text", "raw", "hex"))


def secure(profile: Profile, frame: bytes) -> Secured:
    """The frame without its secrets.

    Raises:
        FrameError: it is no frame of this link.
        DecodeError: its values cannot be told apart.
    """
    apdu = read(frame, profile.name)
    if apdu.broken is not None:
        raise apdu.broken
    safe, card, masked = overwrite(apdu)
    return Secured(wrap(bytes(safe), apdu.envelope), card, apdu.data, masked)


def overwrite(apdu: Apdu) -> tuple[bytearray, str | None, tuple[str, ...]]:
    """The APDU's bytes without the secrets, the whole card number if it names one, and what was overwritten."""
    safe = bytearray(apdu.data)
    masked: list[str] = []
    card: str | None = None
    for item in apdu.items:
        before = bytes(safe[item.start : item.end])
        if item.kind == "card":
            card = _card(safe, item) or card
        elif item.kind == "secret" or item.tag in SECRET_TAGS:
            safe[item.start : item.end] = b"\xff" * (item.end - item.start)
        if before != safe[item.start : item.end]:
            masked.append(item.key)
    for item in apdu.items:
        before = bytes(safe[item.start : item.end])
        if item.kind in _TEXTS:
            for first, last in sweep.in_text(before):
                safe[item.start + first : item.start + last] = b"*" * (last - first)
        if item.kind == "raw" or (item.kind == "hex" and item.end - item.start >= sweep.SHORTEST // 2):
            for span in sweep.in_nibbles(before, text=False):
                sweep.fill(safe, item.start, span)
        if card is not None and item.kind in {"text", "raw"}:
            for first, last in sweep.known_in_text(before, card):
                safe[item.start + first : item.start + last] = b"*" * (last - first)
        if card is not None and item.kind in _TEXTS:
            for span in sweep.known_in_nibbles(before, card):
                sweep.fill(safe, item.start, span)
        if before != safe[item.start : item.end] and item.key not in masked:
            masked.append(item.key)
    return safe, card, tuple(masked)


def _card(safe: bytearray, item: Item) -> str | None:
    """A card number, or track 2: first six and last four digits stay, all behind a separator goes."""
    nibbles = bytes(safe[item.start : item.end]).hex().upper()
    number, separator, _ = nibbles.partition("D")
    number = number.rstrip("F")
    if not sweep.SHORTEST <= len(number) <= sweep.LONGEST:
        sweep.fill(safe, item.start, (0, len(nibbles)), only_digits=True)
        return None
    sweep.fill(safe, item.start, sweep.hidden(len(number)), only_digits=True)
    if separator:
        sweep.fill(safe, item.start, (len(number) + 1, len(nibbles)))
    return number if number.isdigit() else None
