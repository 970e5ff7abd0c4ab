"""The UnionPay POS dialect as a value: the walk, the masks, the facts and the words that are written elsewhere."""

from protocols import batch
from protocols.codecs import gbk_text
from protocols.columnar.facts import ColumnFacts
from protocols.deframe import Deframer
from protocols.describe import read_masked, to_object
from protocols.dialect import Described, Dialect, Secured, Software
from protocols.envelope import lrc
from protocols.facts import Facts, facts, response_text
from protocols.locate import own_layout
from protocols.mask import mask
from protocols.meaning import is_answer
from protocols.private_tlv import SOFTWARE
from protocols.profile import Profile
from protocols.signature_tags import is_text
from protocols.unionpay import FIELDS
from protocols.walk import HEAD_BYTES


def deframer(profile: Profile) -> Deframer:
    """See ``Dialect``."""
    return Deframer(profile.link, profile.grammar.walk, profile.name)


def secure(profile: Profile, frame: bytes) -> Secured:
    """The masks of ``protocols.mask``, and a new LRC: the old one would be a sum over the secrets.

    Raises:
        FrameError: it is no frame of this link.
        DecodeError: its fields cannot be told apart.
    """
    known = profile.shapes.secure(frame)
    if known is not None:
        return known
    walk = profile.grammar.walk
    layout = own_layout(profile.link, frame)
    items = walk.whole(frame, layout.message, layout.end) if layout is not None else None
    if layout is None or items is None:
        located = profile.locate(frame)
        if located.error is not None:
            raise located.error
        layout = located.layout
        items = list(walk.items(frame, located.steps, layout.message + HEAD_BYTES, layout.end))
    else:
        profile.shapes.learn(frame, layout, items)
    start, end = layout.message, layout.end
    safe = bytearray(frame)
    work = mask(safe, frame[start : start + 2].hex(), items, profile.grammar.table)
    if layout.kind == "stx":
        safe[-1] = lrc(safe[1:-1])
    return Secured(bytes(safe), work.cards[0] if work.cards else None, frame[start:end], tuple(work.masked))


def told(profile: Profile, frame: bytes) -> Facts:
    """See ``protocols.facts``."""
    return facts(profile.decode(frame))


def uploaded(profile: Profile, frame: bytes) -> tuple[batch.Uploaded, ...]:
    """See ``protocols.batch``."""
    return batch.uploaded(profile.decode(frame))


def columns(profile: Profile, compiled: bool) -> ColumnFacts:
    """See ``protocols.columnar.facts``.

    Raises:
        ProfileError: the profile holds something no column can be derived from.
    """
    return ColumnFacts(profile, compiled=compiled)


def describe(profile: Profile, frame: bytes) -> Described:
    """See ``protocols.describe``."""
    found = read_masked(profile, frame)
    said = to_object(profile, found)
    direction = "" if found.facts is None else "request" if found.facts.is_request else "answer"
    notes = ("F64 is announced and not there: the input of a MAC",) if found.message.mac_absent else ()
    code = said["fields"].get("39", {}).get("value")
    glossary = {}
    if code is not None and direction == "answer":
        glossary["39"] = f"{response_text(code, 'zh-CN')}, {response_text(code, 'en')}"
    glossary |= {
        key: gbk_text(bytes.fromhex(row["value"]))
        for key, row in said["fields"].items()
        if key.startswith("55.") and is_text(key.rpartition(".")[2]) and "*" not in row["value"]
    }
    return Described(said, found.error, direction, "F", glossary, notes, frozenset(("55",)))


def software(profile: Profile, frame: bytes) -> tuple[str | None, str] | None:
    """What a request's F59 says of its terminal; see ``Software``.

    Raises:
        ProtocolError: the frame cannot be read.
    """
    message = profile.decode(frame)
    version = message.private().get(SOFTWARE, "").strip()
    if not version or is_answer(message.mti):
        return None
    return message.fields.get(41), version


DIALECT = Dialect(
    name="unionpay",
    envelopes=("length", "stx", "bare"),
    deframer=deframer,
    secure=secure,
    facts=told,
    describe=describe,
    fields=FIELDS,
    uploaded=uploaded,
    columns=columns,
    software=Software((b"A2",), software),
)
