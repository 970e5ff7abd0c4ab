"""Dialects: the languages terminals speak, each one a value.

A dialect is a set of functions over a profile (its link and its data): find
frames, read one, make it safe, tell its facts, describe it, and, where terminals
answer, hold the session that asks them. Which dialects there are stands in
``DIALECTS``; nothing else compares their names. A dialect's module is imported when
the first profile that speaks it is used.
"""

import functools
import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from protocols.errors import ProtocolError
from protocols.installed import load_dialect

if TYPE_CHECKING:
    from protocols.answering import Answering, Sold
    from protocols.batch import Uploaded
    from protocols.columnar.facts import ColumnFacts
    from protocols.deframe import Event
    from protocols.facts import Facts
    from protocols.message import Message
    from protocols.profile import Profile
    from protocols.signature import Upload
    from protocols.talking import Payment, Talk, Times

DIALECTS = {
    "unionpay": "protocols.unionpay_dialect",
    "zvt": "protocols.zvt.dialect",
    "concert": "protocols.concert.dialect",
    "sign-pad": "protocols.sign_pad.dialect",
    "mis-df": "protocols.mis_df.dialect",
    "mis-9f": "protocols.mis_9f.dialect",
    "fixed-record": "protocols.fixed_record.dialect",
}
"""Name -> the module that holds it as ``DIALECT``."""


class Deframing(Protocol):
    """From a stream of bytes to frames; the laws are in ``protocols.deframe``."""

    @property
    def pending(self) -> int:
        """Bytes read and not yet handed out."""

    def feed(self, data: bytes) -> "list[Event]":
        """Take bytes as they come; hand out what they complete."""

    def flush(self) -> "list[Event]":
        """End of stream, or a pause inside a frame: what cannot become a frame any more is noise."""


@dataclass(slots=True)
class Secured:
    """A frame whose secrets are overwritten; nobody changes one (frozen, it would take thrice as long).

    Attributes:
        frame: as long as the original, same offsets.
        card: the whole card number, for its token; None when the frame names none or it came masked.
        body: what the frame's digest is made of: the original message, whatever envelope it came in.
        masked: what was overwritten: ``F2``, ``F55.57``.
    """

    frame: bytes = field(repr=False)
    card: str | None = field(repr=False)
    body: bytes = field(repr=False)
    masked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Described:
    """What a frame says, for people and as the object of ``describe --json``; masked.

    Attributes:
        said: the object.
        error: what is wrong with the frame.
        direction: request, answer, or empty when that is not known.
        prefix: stands before a field's number for people: ``F``.
        glossary: field -> what its value means, in Chinese and English.
        notes: lines that people should read too.
        nested: fields whose parts are known by their own tag alone.
    """

    said: dict[str, Any]
    error: ProtocolError | None
    direction: str = ""
    prefix: str = ""
    glossary: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    nested: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Heard:
    """One message of a line as it was recorded: its facts, when it was seen, and its keyed digest."""

    facts: "Facts"
    seen_us: int
    digest: str


@dataclass(frozen=True, slots=True)
class Software:
    """How a language tells which software a terminal runs.

    Attributes:
        marks: one of these stands in every frame that tells it; what looks through many frames begins here.
        told: the terminal's number, None where the frame names none, and the version; None where it tells none.
    """

    marks: tuple[bytes, ...]
    told: "Callable[[Profile, bytes], tuple[str | None, str] | None]"


@dataclass(frozen=True)
class Dialect:
    """One language.

    Attributes:
        name: as in profiles.
        envelopes: the link envelopes it comes in.
        deframer: a fresh deframer for one direction of one line.
        secure: a frame with its secrets overwritten; raises ProtocolError when it cannot be made safe.
        facts: what a frame says by itself; raises ProtocolError when it cannot be read.
        describe: what a frame says, for people; never raises for bad bytes.
        fields: the numbered fields a profile may change or add to; empty when it has none.
        follow: one line's messages of one day, in order, given the meaning that only their order tells;
            None where each message says everything by itself.
        questions: what a terminal can be asked -> the session that asks it, the harmless one first; empty where
            it cannot be asked. None moves money.
        asked_as: question -> the operation that the profile must know a code of; empty where questions need none.
        closing: the questions that close something in the terminal (its batch).
        terminal: a terminal that answers these questions, of a terminal number, a merchant number and a journal,
            oldest first; None where there are no questions.
        talk: a till and a terminal that talk to each other, of payments; None where nobody plays them.
        several: what a frame says by itself, for dialects whose frames may tell of several transactions; the first
            is ``facts``. None where each frame says one thing.
        message: the message for another party that a frame carries; None where a frame is the message.
        operations: what a profile may say that the link's transaction codes mean; empty where messages say it.
        signed: the signature that a message whose operation is SIGNATURE carries; None where it is a message of the
            UnionPay kind.
        uploaded: the transactions that a batch upload lists; raises DecodeError where its counts do not add up;
            None where the language has no such message.
        columns: ``facts`` of whole batches, by machine code if asked for; raises ProfileError for a profile they cannot
            be derived for. None where each frame is read by itself.
        software: how it tells the terminal's software; None where no message does.
    """

    name: str
    envelopes: tuple[str, ...]
    deframer: "Callable[[Profile], Deframing]"
    secure: "Callable[[Profile, bytes], Secured]"
    facts: "Callable[[Profile, bytes], Facts]"
    describe: "Callable[[Profile, bytes], Described]"
    fields: Mapping[int, Any] = field(default_factory=dict)
    follow: "Callable[[Sequence[Heard]], list[Facts]] | None" = None
    questions: "Mapping[str, Callable[[Profile], Session]]" = field(default_factory=dict)
    asked_as: Mapping[str, str] = field(default_factory=dict)
    closing: frozenset[str] = frozenset()
    terminal: "Callable[[Profile, str, str, Sequence[Sold]], Answering] | None" = None
    talk: "Callable[[Profile, Sequence[Payment], Times], Talk] | None" = None
    several: "Callable[[Profile, bytes], list[Facts]] | None" = None
    message: "Callable[[Profile, bytes], Message] | None" = None
    operations: frozenset[str] = frozenset()
    signed: "Callable[[Profile, bytes], Upload] | None" = None
    uploaded: "Callable[[Profile, bytes], tuple[Uploaded, ...]] | None" = None
    columns: "Callable[[Profile, bool], ColumnFacts] | None" = None
    software: Software | None = None


class Session(Protocol):
    """A terminal being asked, sans-io: what was heard goes in, what to send comes out. Times are monotonic seconds.

    What comes out is a list: each element is one whole frame, or one control byte.
    """

    @property
    def done(self) -> bool:
        """Nothing more will be sent or waited for."""

    @property
    def outcome(self) -> str:
        """One word, ``answered`` when all went well; and after it what the terminal said, if it said why not."""

    @property
    def due(self) -> float | None:
        """When ``tick`` must be called, if nothing is heard before."""

    def start(self, now: float, /) -> list[bytes]:
        """What to send first."""

    def hear_control(self, byte: int, now: float, /) -> list[bytes]:
        """A lone control byte came: what to send."""

    def hear_frame(self, frame: bytes, now: float, /) -> list[bytes]:
        """A frame came and is on the disk: what to send."""

    def hear_noise(self, now: float, /) -> list[bytes]:
        """Bytes came that are no frame: what to send."""

    def tick(self, now: float, /) -> list[bytes]:
        """Time went by: what to send."""


@functools.cache
def dialect(name: str) -> Dialect:
    """A dialect by its name.

    Raises:
        KeyError: there is none of that name.
        ProfileError: a package brings it and it cannot be loaded.
    """
    module = DIALECTS.get(name)
    found: Dialect = importlib.import_module(module).DIALECT if module else load_dialect(name, DIALECTS)
    return found
