"""Making a frame safe to keep, in memory, before anything touches a disk.

The frame keeps its length and every offset; card secrets are overwritten by the
dialect, and a check sum is made anew, for the old one would be a sum over the
secrets. The card number lives on as a keyed token, the
frame's identity as a keyed digest of the original message. A frame that cannot be
parsed cannot be made safe: keep only ``digest`` and its error.
"""

import hashlib
import hmac
from dataclasses import dataclass, field

from protocols.mac import Mac
from protocols.profile import Profile

DIGEST_BYTES = 16
TOKEN_CHARACTERS = 26  # of base32: 130 bits
TOKEN_BYTES = 20  # of the MAC that hold them, in whole groups of base32
_BASE32 = "abcdefghijklmnopqrstuvwxyz234567"  # RFC 4648, table 3, in small letters
_PAIRS = tuple(first + second for first in _BASE32 for second in _BASE32)
_PLACES = range(5 * TOKEN_CHARACTERS - 10, -1, -10)  # of each two characters in the token's bits


@dataclass(frozen=True, slots=True)
class CardKeys:
    """The secret keys of one installation; never in a repr.

    Attributes:
        key_id: names the key in front of every token, so that keys can be changed.
        pan: the key of card tokens, 16 bytes or more.
        digest: the key of frame digests, 16 to 64 bytes.
    """

    key_id: str
    pan: bytes = field(repr=False)
    digest: bytes = field(repr=False)


@dataclass(slots=True)
class Safe:
    """A frame that may be kept; nobody changes one (frozen, it would take thrice as long).

    Attributes:
        frame: as long as the original, its secrets overwritten.
        card_token: ``t<key id>.<26 characters>`` of the whole card number; None when the frame names none.
        digest: keyed digest of the original message, MTI to last field, whatever envelope it came in.
        masked: what was overwritten: ``F2``, ``F55.57``.
    """

    frame: bytes = field(repr=False)
    card_token: str | None
    digest: bytes
    masked: tuple[str, ...] = ()


class Sanitiser:
    """Makes the frames of one profile safe, with one installation's keys."""

    def __init__(self, profile: Profile, keys: CardKeys) -> None:
        self._profile = profile
        self._secure = profile.speech.secure
        self._key_id = keys.key_id
        self._mac = Mac(keys.pan)
        self._keyed = hashlib.blake2b(digest_size=DIGEST_BYTES, key=keys.digest)

    def sanitise(self, frame: bytes) -> Safe:
        """The safe form of a frame.

        Raises:
            FrameError: it is no frame of this link.
            DecodeError: its fields cannot be told apart; keep ``digest(frame)`` and the error, no bytes.
        """
        secured = self._secure(self._profile, frame)
        token = self.token(secured.card) if secured.card is not None else None
        return Safe(secured.frame, token, self.digest(secured.body), secured.masked)

    def token(self, number: str) -> str:
        """The keyed token of a whole card number."""
        return _token(self._key_id, self._mac.digest(number.encode("ascii")))

    def digest(self, data: bytes) -> bytes:
        """The keyed digest of bytes that may not be kept."""
        keyed = self._keyed.copy()
        keyed.update(data)
        return keyed.digest()


def card_token(keys: CardKeys, number: str) -> str:
    """The keyed token of a whole card number: equal for equal cards, whatever named them."""
    return _token(keys.key_id, hmac.digest(keys.pan, number.encode("ascii"), "sha256"))


def _token(key_id: str, mac: bytes) -> str:
    bits = int.from_bytes(mac[:TOKEN_BYTES], "big") >> 8 * TOKEN_BYTES - 5 * TOKEN_CHARACTERS
    text = "".join([_PAIRS[bits >> place & 0x3FF] for place in _PLACES])  # base64.b32encode takes twice as long
    return f"t{key_id}.{text}"


def keyed_digest(keys: CardKeys, data: bytes) -> bytes:
    """16 bytes of BLAKE2b over bytes that may not be kept."""
    return hashlib.blake2b(data, digest_size=DIGEST_BYTES, key=keys.digest).digest()
