"""Profiles of journals: which format, what its transactions are called, and what that stands on.

TOML in ``protocols/profiles/journals``; every claim has a source and a confidence, as in
the profiles of links.
"""

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any

from protocols.errors import DecodeError, ProfileError
from protocols.journal.formats import FORMATS, Values, shape_of
from protocols.journal.kept import HEAD_BYTES, unpack
from protocols.journal.said import Said
from protocols.profile_files import CLAIM_KEYS, CONFIDENCES, LANGUAGES, available_journals, refused

__all__ = ["JournalProfile", "available_journals", "is_journal", "load_journal"]

_KEYS = ("name", "format", "title", "source", "confidence", "claims", "transactions")
_TYPES = (
    "SALE",
    "VOID",
    "REFUND",
    "PREAUTH",
    "PREAUTH_VOID",
    "COMPLETION",
    "COMPLETION_VOID",
    "BALANCE",
    "OFFLINE_SALE",
    "ADJUST",
    "QR_SALE",
    "QR_REFUND",
)


@dataclass(frozen=True)
class JournalProfile:
    """One make's journal.

    Attributes:
        name: its name.
        format: a key of ``FORMATS``.
        title: in ``LANGUAGES``.
        confidence: measured, public or assumed.
        claims: what each claim stands on.
        transactions: the journal's own word for a transaction -> its type.
    """

    name: str
    format: str
    title: dict[str, str]
    confidence: str
    claims: tuple[dict[str, str], ...]
    transactions: Mapping[str, str]

    def read(self, record: bytes) -> tuple[Values, Said]:
        """The columns of one record, and what they say.

        Raises:
            DecodeError: which column, and its offset from the record's start.
        """
        shape = shape_of(self.format, record)
        values, wrong = shape.read(record)
        if wrong is not None:
            wrong.protocol = self.name
            raise wrong
        return values, shape.said(values, self.transactions)

    def decode(self, kept: bytes) -> Said:
        """What a record that rests in the spool says; who wrote it is filled in where the record does not say so.

        Raises:
            DecodeError: which column, and its offset from the first byte that rests.
        """
        found = unpack(kept)
        try:
            _, said = self.read(found.record)
        except DecodeError as wrong:
            wrong.offset = (wrong.offset or 0) + HEAD_BYTES
            raise
        facts = said.facts
        terminal = facts.terminal_id or found.terminal_id
        return replace(said, facts=replace(facts, terminal_id=terminal, merchant_id=found.merchant_id))


def is_journal(name: str) -> bool:
    """Whether a profile's name, or its file, is a journal's."""
    if name in available_journals():
        return True
    try:
        return name.endswith(".toml") and "format" in tomllib.loads(Path(name).read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return False  # the profile's own loader says what is wrong with it


@functools.cache
def load_journal(name: str) -> JournalProfile:
    """A journal's profile by its built-in name, or by the path of a .toml file.

    Raises:
        ProfileError: its file is wrong; says which key and what is valid.
    """
    if name in available_journals():
        text = (resources.files("protocols") / "profiles" / "journals" / f"{name}.toml").read_text("utf-8")
    else:
        text = _text(name)
    data = tomllib.loads(text)
    _check(name, data)
    return JournalProfile(
        data["name"],
        data["format"],
        dict(data["title"]),
        data["confidence"],
        tuple(data["claims"]),
        {str(key): value for key, value in data["transactions"].items()},
    )


def _text(name: str) -> str:
    try:
        return Path(name).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as wrong:
        raise ProfileError(
            f"cannot read the profile {name}: {getattr(wrong, 'strerror', None) or 'not UTF-8'}",
            layer="profile",
            code="file",
            expected=", ".join(available_journals()) + ", or the path of a .toml file",
            hint="give a built-in name or the path of a readable .toml file",
        ) from None


def _check(name: str, data: dict[str, Any]) -> None:
    for key in data:
        if key not in _KEYS:
            raise refused(name, key, f"unknown key {key!r}", ", ".join(_KEYS), key)
    for key in _KEYS:
        if not data.get(key):
            raise refused(name, key, f"a journal's profile without {key} is refused", f"{key} = …", "nothing")
    if data["format"] not in FORMATS:
        raise refused(name, "format", "no such format", ", ".join(FORMATS), str(data["format"]))
    for language in LANGUAGES:
        if not isinstance(data["title"].get(language), str):
            raise refused(name, f"title.{language}", "a title is missing", ", ".join(LANGUAGES), "nothing")
    for index, claim in enumerate(data["claims"]):
        for key in CLAIM_KEYS:
            if not str(claim.get(key, "")).strip():
                raise refused(name, f"claims[{index}].{key}", f"a claim without {key} is refused", "a text", "nothing")
    for confidence in (data["confidence"], *(claim["confidence"] for claim in data["claims"])):
        if confidence not in CONFIDENCES:
            raise refused(name, "confidence", "no such confidence", ", ".join(CONFIDENCES), str(confidence))
    for key, txn_type in data["transactions"].items():
        if txn_type not in _TYPES:
            raise refused(name, f"transactions.{key}", "no such transaction type", ", ".join(_TYPES), str(txn_type))
