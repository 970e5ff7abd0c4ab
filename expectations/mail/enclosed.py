"""What evidence goes along with a mail, or why none does."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

MAIL_LIMIT = 5 * 1024 * 1024
"""Bytes of attachments above which the evidence is handed over by a link and not by mail."""

Way: TypeAlias = Literal["whole", "link", "late", "unreadable", "none"]
"""Attached; too large or not wanted in mails; took too long; could not be read; there is none for such a mail."""


@dataclass(frozen=True, slots=True)
class Enclosed:
    """The dossiers of a mail's cases.

    Attributes:
        way: whether they go along, and if not, why.
        pdf: the dossiers; empty unless ``whole``.
        complaint: the letters to the acquirer, in Chinese.
        proof: ``cases``, ``ranges`` and ``rows`` for the manifest, as a pack has them.
        identifiers: our own identifiers in it, some as long as a card number.
    """

    way: Way
    pdf: bytes = b""
    complaint: str = ""
    proof: Mapping[str, Any] = field(default_factory=dict)
    identifiers: frozenset[str] = frozenset()

    def beside(self, size: int) -> "Enclosed":
        """The same beside other attachments of so many bytes: a link where all of it is too large for a mailbox."""
        if len(self.pdf) + len(self.complaint.encode()) + size <= MAIL_LIMIT:
            return self
        return replace(self, way="link", pdf=b"")


NOTHING = Enclosed("none")
