"""Which software a ZVT terminal says that it runs: in a completion (06 0F), by itself or in its TLV container."""

from protocols.profile import Profile
from protocols.zvt.apdu import read

MARKS = (b"\x06\x0f",)
"""The control field of a completion; no envelope changes these bytes."""
_COMPLETION = "060F"
_VERSION = frozenset(("software_version", "1F41"))


def software(profile: Profile, frame: bytes) -> tuple[str | None, str] | None:
    """The terminal's number, where the completion has one, and the version; None where it tells none.

    Raises:
        ProtocolError: the frame cannot be read.
    """
    apdu = read(frame, profile.name)
    if apdu.error is not None:
        raise apdu.error
    if apdu.control != _COMPLETION:
        return None
    said = apdu.fields
    told = (value for key, value in said.items() if key.rpartition(".")[2] in _VERSION)
    version = next(told, "").strip()
    return (said.get("29"), version) if version else None
