"""Words in gettext's catalogues (PO files), which Babel reads as they are.

A message's context and id, joined by a dot, are the place of its text: ``rules.dup_refund`` and ``why.1`` say the first
wording of why. No text is the key of another, so each language is mended by itself.
"""

from pathlib import Path
from typing import Any

from ingest.errors import UsageError


def nested(path: Path) -> dict[str, Any]:
    """Every text of a catalogue at its place: dicts in dicts, strings at the ends.

    Raises:
        UsageError: it is no catalogue, or a message has no text.
    """
    from babel.messages.pofile import PoFileError, read_po  # a tenth of a second, for commands that say none of this

    try:
        with path.open("rb") as file:
            catalogue = read_po(file, abort_invalid=True)
    except (PoFileError, UnicodeDecodeError) as wrong:
        raise UsageError(f"{path}: no catalogue of gettext's: {wrong}", hint=f"msgfmt --check {path}") from None
    texts: dict[str, Any] = {}
    for message in catalogue:
        if not message.id:  # the catalogue's own head
            continue
        if not message.string:
            raise UsageError(f"{path}: msgctxt {message.context!r}, msgid {message.id!r}: no text", hint="write it")
        *way, last = f"{message.context}.{message.id}".split(".")
        place = texts
        for step in way:
            place = place.setdefault(step, {})
        place[last] = message.string
    return texts


def listed(numbered: dict[str, Any]) -> list[Any]:
    """Numbered texts in the order of their numbers."""
    return [numbered[number] for number in sorted(numbered, key=int)]
