"""What no disk may ever see: the secrets that tests put into frames, and the forms to look for them in."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass

from protocols.tlv import encode
from tests import journalfiles


@dataclass(frozen=True)
class Secrets:
    """What no disk may ever see; two with the same first six and last four digits are alike once masked.

    Attributes:
        pan: the card's number, a test number.
        other: another card's.
        expiry: YYMM.
        discretionary: what follows service code in track 2, digits.
        name: cardholder.
        pin_block: hex, 8 bytes.
        key: hex, 16 bytes.
        password: six digits.
    """

    pan: str
    other: str
    expiry: str
    discretionary: str
    name: str
    pin_block: str
    key: str
    password: str

    @property
    def track_2(self) -> str:
        """37 nibbles or fewer, separator D."""
        return f"{self.pan}D{self.expiry}201{self.discretionary}"

    @property
    def track_3(self) -> str:
        """As ISO/IEC 4909 begins, separator D."""
        return f"99{self.pan}D156156{self.discretionary}D"

    @property
    def track_1(self) -> str:
        """As text."""
        return f"B{self.pan}^{self.name}^{self.expiry}201{self.discretionary}"

    def long(self) -> dict[str, str | bytes]:
        """Those too long to be met by chance: text as text, bytes as bytes."""
        return {
            "card number": self.pan,
            "other card's number": self.other,
            "track's own digits": self.discretionary,
            "cardholder": self.name,
            "PIN block": bytes.fromhex(self.pin_block),
            "key": bytes.fromhex(self.key),
            "second half of the key": bytes.fromhex(self.key[16:]),
        }


SEEDED = Secrets(
    pan=journalfiles.CARD,
    other="6217005672521114",
    expiry=journalfiles.EXPIRY,
    discretionary="4815162342957",
    name="SEEDED/HOLDER",
    pin_block="9F3C5AD1E7248B60",
    key="C1A55E1DEADC0DE5B16B00B5FACEFEED",
    password="918273",
)
TWIN = Secrets(
    pan="6222024931077894",
    other="6217009215581114",
    expiry="2907",
    discretionary="9023748650123",
    name="ANOTHER/PERSN",
    pin_block="60B8427E1DA5C3F9",
    key="EFDEECAF5B00B61B5ED0CDAED1E55A1C",
    password="372819",
)


def forms(secret: str | bytes) -> Iterator[bytes]:
    """A secret as it may stand in a file, at any byte: plain, UTF-16, hex of both cases, base64 at any alignment.

    Packed digits at an odd nibble are looked for in the file's own hex.
    """
    plain = [secret.encode()] if isinstance(secret, str) else [secret]
    if isinstance(secret, str):
        yield secret.encode("utf-16-le")
        yield secret.encode("utf-16-be")
        if secret.isdigit():
            plain.append(bytes.fromhex(secret[: len(secret) & ~1]))
            plain.append(bytes.fromhex(secret[1 : 1 + (len(secret) - 1 & ~1)]))
    for raw in plain:
        yield raw
        for text in (raw.hex(), raw.hex().upper()):
            yield text.encode()
            yield text.encode("utf-16-le")
        for shift in range(3):
            first, last = -(-shift * 8 // 6), (shift + len(raw)) * 8 // 6
            for coded in (base64.b64encode, base64.urlsafe_b64encode):
                yield coded(bytes(shift) + raw)[first:last]


def holds(data: bytes, secret: str | bytes) -> bool:
    """The secret stands in the bytes, in one of its forms, or in packed digits at either alignment."""
    if isinstance(secret, str) and secret.isdigit() and secret in data.hex():
        return True
    return any(form in data for form in forms(secret))


def packed(digits: str) -> str:
    return digits if len(digits) % 2 == 0 else digits + "F"


def chip_data(secrets: Secrets, **more: str) -> str:
    """F55 with everything secret that a kernel may send, in the open and in templates."""
    track = packed(secrets.track_2)
    return encode(
        {
            "9F36": "0028",
            "5A": packed(secrets.pan),
            "57": track,
            "5F24": secrets.expiry + "31",
            "5F20": secrets.name.encode().hex(),
            "56": secrets.track_1.encode().hex(),
            "9F6B": track,
            "9F20": secrets.discretionary + "F",
            "9F1F": secrets.discretionary.encode().hex(),
            "99": secrets.pin_block,
            "70": encode({"5A": packed(secrets.pan), "5F24": secrets.expiry + "31"}),
            **more,
        }
    )
