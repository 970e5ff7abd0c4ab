"""Overwriting card secrets in a message of the link: same length, same offsets, the LRC made anew.

The card number (9F0B) keeps its first six and last four digits; expiry, customer name and
identity number go whole; a host's message (9F15) is made safe by the dialect of its kind,
and overwritten when that cannot read it. Every other text is searched for card numbers,
what is printed (9F52) too; the numbers that the message names are looked for everywhere.
"""

from protocols import sweep
from protocols.dialect import Secured
from protocols.errors import ProtocolError
from protocols.mis.link import rewrap
from protocols.mis_9f.message import Item, Message, is_gbk, is_readable, sound
from protocols.mis_9f.words import CONTENT, TYPE
from protocols.profile import Profile, load_profile

HOST_PROFILE = "unionpay"
"""What the terminals of the link speak to their host."""
_STAR = ord("*")
_CARD_BYTES = frozenset(b"0123456789*")
_NO_SECRET = frozenset(b" ")
_PRINTERS = frozenset(b"\t\n\f\r\x1b")
_NUMBERS = frozenset(("digits", "amount"))
_LONGEST_ID = 15  # a merchant's number has as many digits as some cards'


def secure(profile: Profile, frame: bytes) -> Secured:
    """The frame without its secrets.

    Raises:
        FrameError: it is no frame of this link.
        DecodeError: its values cannot be told apart.
    """
    message = sound(profile, frame)
    safe, cards, masked = overwrite(message)
    return Secured(rewrap(frame, safe), cards[0] if cards else None, message.data, masked)


def overwrite(message: Message) -> tuple[bytearray, list[str], tuple[str, ...]]:
    """The message's TLVs without the secrets, the whole card numbers it names, and what was overwritten."""
    safe = bytearray(message.data)
    cards: list[str] = []
    masked: list[str] = []
    for item in message.items:
        start, end = item.start - message.at, item.end - message.at
        done, known, what = _item(item)
        safe[start:end] = done
        cards += [number for number in known if number not in cards]
        masked += what
    for item in message.items:
        if item.tag in {TYPE, CONTENT}:
            continue
        start, end = item.start - message.at, item.end - message.at
        before = bytes(safe[start:end])
        for number in cards:
            for first, last in sweep.known_in_text(before, number):
                safe[start + first : start + last] = b"*" * (last - first)
            for span in sweep.known_in_nibbles(before, number):
                sweep.fill(safe, start, span)
        kept = bytes(safe[start:end])  # it must still be read where it is kept
        if is_readable(item.word, item.raw) and not is_readable(item.word, kept):
            safe[start:end] = (b"0" if item.word.kind in _NUMBERS else b"*") * (end - start)
        elif is_gbk(item.raw) and not is_gbk(kept):
            safe[start:end] = b"*" * (end - start)
        if before != safe[start:end] and item.key not in masked:
            masked.append(item.key)
    return safe, cards, tuple(masked)


def _item(item: Item) -> tuple[bytes, list[str], list[str]]:
    """One value made safe, the card numbers it names, and how it is called if it was changed."""
    if item.tag == TYPE:
        return item.raw, [], []
    if item.word.kind == "iso8583":
        return _content(item)
    cards: list[str] = []
    if item.word.kind == "secret":
        done = bytes(byte if byte in b" " else _STAR for byte in item.raw)
    elif item.word.kind == "card":
        done, cards = _card(item.raw)
    elif item.word.kind == "id" and len(item.raw) <= _LONGEST_ID:
        done = item.raw
    else:
        done = _text(item.raw)
    return done, cards, [item.key] if done != item.raw else []


def _card(raw: bytes) -> tuple[bytes, list[str]]:
    """A card number, whole or masked by the terminal; what follows it, a track's rest, goes."""
    size = next((at for at, byte in enumerate(raw) if byte not in _CARD_BYTES), len(raw))
    whole = sweep.SHORTEST <= size <= sweep.LONGEST
    first, last = sweep.hidden(size) if whole else (0, max(size - sweep.KEPT_BACK, 0))
    done = bytearray(raw)
    done[first:last] = b"*" * (last - first)
    for at in range(size, len(raw)):
        if raw[at] not in _NO_SECRET:
            done[at] = _STAR
    number = raw[:size]
    return bytes(done), [number.decode("ascii")] if whole and number.isdigit() else []


def _content(item: Item) -> tuple[bytes, list[str], list[str]]:
    if not item.raw:
        return item.raw, [], []
    host = load_profile(HOST_PROFILE)
    try:
        secured = host.speech.secure(host, item.raw)
    except ProtocolError:
        return bytes(len(item.raw)), [], [item.key]
    cards = [secured.card] if secured.card is not None else []
    return secured.frame, cards, [f"{item.key}.{name}" for name in secured.masked]


def _text(raw: bytes) -> bytes:
    """Card numbers in text; packed digits are looked for in what is no text only, for letters look like them."""
    done = bytearray(raw)
    for first, last in sweep.in_text(raw):
        done[first:last] = b"*" * (last - first)
    if not _is_text(raw):
        for span in sweep.in_nibbles(raw, text=False):
            sweep.fill(done, 0, span)
    return bytes(done)


def _is_text(raw: bytes) -> bool:
    """GBK without control characters but a printer's."""
    return is_gbk(raw) and not any(byte < 0x20 and byte not in _PRINTERS for byte in raw)
