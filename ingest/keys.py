"""The key file: one line of text, readable by its owner alone, from which every sub-key is derived.

``tillwatch-key 1 <key id> <64 hex digits>``. The master key is used for nothing but
HMAC-SHA256 over a domain name, so the card token, the frame digest and the spool's
chain each have a key of their own.

Keys that were rotated out lie beside it, each in ``<file>.retired/<key id>.key`` (0400):
nothing new is written with them, but segments of their time can still be verified.
"""

import hmac
import os
import re
import secrets
import stat
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

from ingest.disk import Disk
from ingest.errors import KeyFileError
from ingest.files import FOR_US_ALONE
from protocols.sanitise import CardKeys

CREATE_HINT = "make one with `tillwatch doctor --create-keys`"
RETIRED = ".retired"
"""What the folder of the keys before this one is called: the key file's name and this."""
if sys.platform == "win32":
    _NOT_WAITING = 0
else:
    _NOT_WAITING = os.O_NONBLOCK
"""A key file that is a pipe is refused, not waited for."""
_LINE = re.compile(r"tillwatch-key 1 ([a-z0-9]{1,16}) ([0-9a-f]{64})\s*")


@dataclass(frozen=True, slots=True)
class Keys(CardKeys):
    """What one key file gives: the sanitiser's keys, and ``chain``, which ties spool records together.

    ``retired`` are the keys before this one that were kept.
    """

    chain: bytes = field(repr=False)
    retired: "tuple[Keys, ...]" = field(default=(), repr=False)

    def of(self, key_id: str) -> "Keys | None":
        """The key of this id, current or retired; None when it is not at hand."""
        return next((keys for keys in (self, *self.retired) if keys.key_id == key_id), None)


def load_keys(path: Path) -> Keys:
    """Read a key file, and the retired keys beside it.

    Raises:
        KeyFileError: not there, not readable, open to others, or not a key; one of the retired keys is.
    """
    current, *retired = (derive(key_id, master) for key_id, master in master_keys(path).items())
    return replace(current, retired=tuple(retired))


def master_keys(path: Path) -> dict[str, bytes]:
    """Master keys by their id: that of a key file first, then the retired ones beside it.

    Raises:
        KeyFileError: not there, not readable, open to others, or not a key; one of the retired keys is.
    """
    found = dict([read_master(path)])
    folder = path.with_name(path.name + RETIRED)
    try:
        files = sorted(folder.glob("*.key"))
    except OSError as wrong:
        raise KeyFileError(f"{folder}: cannot be read: {wrong.strerror}", hint="check the folder's owner") from None
    for key_id, master in map(read_master, files):
        found.setdefault(key_id, master)
    return found


def read_key(path: Path) -> Keys:
    """Read one key file of card tokens.

    Raises:
        KeyFileError: not there, not readable, open to others, or not a key.
    """
    return derive(*read_master(path))


def read_master(path: Path) -> tuple[str, bytes]:
    """(key id, master key) of a key file.

    Raises:
        KeyFileError: not there, not readable, open to others, or not a key.
    """
    try:
        fd = os.open(path, os.O_RDONLY | _NOT_WAITING | FOR_US_ALONE)
    except FileNotFoundError:
        raise KeyFileError(f"{path}: no key file", hint=CREATE_HINT) from None
    except OSError as wrong:
        raise KeyFileError(f"{path}: cannot be read: {wrong.strerror}", hint="check the file's owner") from None
    try:
        kind = os.fstat(fd).st_mode
        mode = stat.S_IMODE(kind)
        text = os.read(fd, 4096).decode("ascii") if stat.S_ISREG(kind) else ""
    except UnicodeDecodeError:
        text = ""
    finally:
        os.close(fd)
    if not stat.S_ISREG(kind):
        raise KeyFileError(f"{path}: not a file", hint="name the key file itself in the settings")
    if mode & 0o077 and sys.platform != "win32":  # there a mode says nothing (docs/windows.md)
        raise KeyFileError(f"{path}: mode {mode:04o} lets others at the key", hint=f"chmod 600 {path}")
    match = _LINE.fullmatch(text)
    if match is None:
        raise KeyFileError(
            f"{path}: not a key file",
            hint="expected one line `tillwatch-key 1 <key id> <64 hex>`; keep the file and make a new one elsewhere",
        )
    return match[1], bytes.fromhex(match[2])


def create_keys(path: Path) -> Keys:
    """Write a new random key, mode 0600, and read it back. An old one is never overwritten.

    Raises:
        KeyFileError: the file is there already, or cannot be written.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | FOR_US_ALONE, 0o600)
    except FileExistsError as wrong:
        if str(wrong.filename) != str(path):
            raise KeyFileError(
                f"{path}: cannot be written: {wrong.filename} is not a folder",
                hint="set keys.pan_token to another file",
            ) from None
        raise KeyFileError(
            f"{path}: there is a key already; cards tokenised with it could not be matched with a new one",
            hint="keep it, or set keys.pan_token to another file",
        ) from None
    except OSError as wrong:
        raise KeyFileError(f"{path}: cannot be written: {wrong.strerror}", hint="check the folder's owner") from None
    write_key(fd, new_key())
    Disk().sync_directory(path.parent)
    return load_keys(path)


def new_key() -> str:
    """A key file's line, of a new random key."""
    return f"tillwatch-key 1 {secrets.token_hex(4)} {secrets.token_hex(32)}\n"


def write_key(fd: int, line: str) -> None:
    """Write a key file's line, on the disk when this returns. Closes ``fd``."""
    with os.fdopen(fd, "w", encoding="ascii") as file:
        file.write(line)
        file.flush()
        os.fsync(file.fileno())


def derive(key_id: str, master: bytes) -> Keys:
    """The sub-keys of a master key; the same master always gives the same ones."""
    card, digest, chain = (sub_key(master, domain) for domain in ("pan token", "frame digest", "spool chain"))
    return Keys(key_id, card, digest, chain)


def sub_key(master: bytes, domain: str) -> bytes:
    """The key for one purpose, which says nothing of the others."""
    return hmac.digest(master, f"tillwatch 1 {domain}".encode(), "sha256")
