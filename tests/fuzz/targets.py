"""What any bytes must do, target by target: the laws a fuzzer tries to break.

A target takes bytes and returns nothing. An exception that gets out is a finding: of ours
only ProtocolError may come of bad bytes, and that is caught here. Pure: no clock, no
file, no chance, so that an input found once is found again.
"""

import functools
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from protocols import bmp, jbig, qm
from protocols import private_tlv as private
from protocols.codecs import gbk_bytes, gbk_text
from protocols.deframe import NOISE_RUN, Event, Frame, Noise
from protocols.dialect import DIALECTS, Heard
from protocols.errors import DecodeError, ProtocolError
from protocols.journal import t_water
from protocols.journal.describe import describe_record, lines
from protocols.journal.evidence import Piece, choose, pieces, weigh
from protocols.journal.formats import FORMATS
from protocols.journal.profile import available_journals, load_journal
from protocols.journal.sanitise import clean
from protocols.picture import box_ratio, cells, content_hash, difference_hash, ink_ratio, strokes
from protocols.png import png
from protocols.profile import Profile, load_profile, profiles_speaking
from protocols.signature import upload
from protocols.tlv import elements, encode, tag_name
from tests.fuzz.links import enveloped, opened

MOST_PIXELS = 1024
"""The bound of a fuzzed picture: the same check as ``jbig.MAX_PIXELS``, at a size that runs fast."""
SHORT_FRAME = 200
Target = Callable[[bytes], None]


def profiles_of(dialect: str) -> list[Profile]:
    """The dialect's profiles, those with equal links once; each again with a short longest frame, so that it is met."""
    found = {load_profile(name).link: load_profile(name) for name in sorted(profiles_speaking(dialect), reverse=True)}
    profiles = sorted(found.values(), key=lambda each: each.name)
    return [*profiles, *(replace(each, link=replace(each.link, max_frame=SHORT_FRAME)) for each in profiles)]


def _run(profile: Profile, chunks: list[bytes]) -> list[Event]:
    deframer = profile.deframer()
    events: list[Event] = []
    for chunk in chunks:
        events += deframer.feed(chunk)
        assert deframer.pending <= profile.link.max_frame + NOISE_RUN + len(chunk)
    events += deframer.flush()
    assert deframer.pending == 0
    return events


def _pieces(data: bytes, seed: int) -> list[bytes]:
    """Chunks of sizes that the seed decides."""
    found, at = [], 0
    while at < len(data):
        seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
        size = 1 + (seed >> 16) % (1 if seed & 0x8000 else 60)
        found.append(data[at : at + size])
        at += size
    return found


def _placed(wrong: ProtocolError, data: bytes) -> None:
    """An error names a byte that is there, or the end."""
    assert wrong.offset is not None
    assert 0 <= wrong.offset <= len(data)


def _seen(events: list[Event]) -> list[tuple[str, int, str]]:
    return [(type(event).__name__, event.offset, str(getattr(event, "error", ""))) for event in events]


def deframe(profiles: list[Profile], data: bytes) -> None:
    """Bytes in = frames + noise + controls, in order, whatever the chunks; every frame found is a frame."""
    profile, seed, stream = profiles[data[0] % len(profiles)], data[1], data[2:]
    whole = _run(profile, [stream])
    at = 0
    for event in whole:
        assert event.offset == at
        if isinstance(event, Frame):
            assert stream[at : at + len(event.data)] == event.data
            assert len(event.data) <= profile.link.max_frame
            at += len(event.data)
        else:
            at += event.length if isinstance(event, Noise) else 1
    assert at == len(stream)
    assert _seen(_run(profile, _pieces(stream, seed))) == _seen(whole)


def frame(profiles: list[Profile], data: bytes) -> None:
    """A frame is described without an exception, made safe at its own length, and told; its card is in it no more."""
    profile = profiles[data[0] % len(profiles)]
    bare = data[1] & 1
    whole = data[2:] if bare else enveloped(profile, data[2:])
    speech = profile.speech
    described = speech.describe(profile, whole)
    json.dumps(described.said)
    for row in described.said["fields"].values():
        assert 0 <= row["offset"] <= row["offset"] + row["length"] <= len(whole)
    try:
        told = speech.facts(profile, whole)
    except ProtocolError as wrong:
        _placed(wrong, whole)
        told = None
    for ask in (speech.several, speech.message, speech.uploaded):
        if ask is not None:
            try:
                ask(profile, whole)
            except ProtocolError as wrong:
                _placed(wrong, whole)
    try:
        secured = speech.secure(profile, whole)
    except ProtocolError as wrong:
        _placed(wrong, whole)
        return
    for _ in range(2):  # a frame built like one that came before takes another way (`protocols.shapes`)
        assert speech.secure(profile, whole) == secured
    safe = secured.frame
    assert len(opened(profile, safe)) == len(opened(profile, whole))  # where a byte 10 is doubled, the body's
    if secured.card is not None and len(set(secured.card)) > 2:  # not a run of zeros, which amounts are too
        for value in _values(speech.describe(profile, safe).said["fields"], safe):
            assert secured.card.encode() not in value
            assert secured.card not in value.hex()
    if told is not None:
        again = speech.facts(profile, safe)
        assert (again.mti, again.kind, again.txn_type) == (told.mti, told.kind, told.txn_type)
        if speech.follow is not None:
            assert len(speech.follow([Heard(told, 1, "a"), Heard(again, 2, "b")])) == 2
    assert len(speech.secure(profile, safe).frame) == len(safe)
    if _run(profile, [whole]) == [Frame(whole, 0)]:
        assert _run(profile, [safe]) == [Frame(safe, 0)]


def _values(rows: dict[str, dict[str, Any]], data: bytes) -> list[bytes]:
    """The bytes of each value that holds no other; digits of two neighbours may make up any number."""
    spans = {(row["offset"], row["offset"] + row["length"]) for row in rows.values() if row["length"]}
    leaves = [
        (start, end)
        for start, end in spans
        if not any((start, end) != other and start <= other[0] and other[1] <= end for other in spans)
    ]
    return [data[start:end] for start, end in leaves]


def message(profiles: list[Profile], data: bytes) -> None:
    """A UnionPay message that reads without an error builds back to its bytes; its parts are read or refused."""
    profile = profiles[data[0] % len(profiles)]
    bare = data[1] & 1
    whole = data[2:] if bare else enveloped(profile, data[2:])
    read, wrong = profile.read(whole)
    if wrong is None and len(whole) <= profile.link.max_frame:
        assert profile.rebuild(read) == whole
    for number in read.fields:
        read.subfields(number)
        read.text(number)
    try:
        read.tags()
    except DecodeError as broken:
        _placed(broken, whole)
    sent = upload(read)
    if sent.image:
        _picture(sent.image)


def build(profiles: list[Profile], data: bytes) -> None:
    """Any values for any fields: refused by name, or built to what reads back the same."""
    profile = profiles[data[0] % len(profiles)]
    mti = f"0{data[1] % 1000:03d}"
    fields: dict[int, str] = {}
    at = 2
    while at + 2 <= len(data):
        number, size = data[at] % 66, data[at + 1]
        fields[number] = data[at + 2 : at + 2 + size].decode("gb18030", "replace")
        at += 2 + size
    try:
        frame = profile.build(mti, fields)
    except ProtocolError:
        return
    message = profile.decode(frame)
    assert message.mti == mti
    assert set(message.fields) == set(fields)
    assert profile.rebuild(message) == frame
    assert profile.build(mti, message.fields) == frame


def private_tlv(data: bytes) -> None:
    """The elements of F59 lie inside it, each in its own place."""
    for width in (private.EITHER, 2, 3):
        for each in private.elements(data, width):
            assert 0 < each.start <= each.end <= len(data)


def tlv(data: bytes) -> None:
    """Elements lie in order inside the bytes; flat ones build back."""
    end = 0
    try:
        for each in elements(data):
            assert each.tag_at < each.start <= each.end <= len(data)
            if not each.depth:
                assert end <= each.tag_at
                end = each.end
                one = {tag_name(each.tag): data[each.start : each.end].hex()}
                again = next(elements(bytes.fromhex(encode(one)))) if each.tag >> 8 != 0xFF else each
                assert (again.tag, again.end - again.start) == (each.tag, each.end - each.start)
    except DecodeError as wrong:
        _placed(wrong, data)


def text(data: bytes) -> None:
    """The text of any bytes is printable and gives the bytes back."""
    told = gbk_text(data)
    assert gbk_bytes(told) == data
    assert all(char.isprintable() or char == "\u3000" for char in told)


def _picture(image: bytes, *, compiled: qm.Run | None = None) -> None:
    with patch.object(jbig, "MAX_PIXELS", MOST_PIXELS), patch.object(qm, "compiled", lambda: compiled):
        try:
            found = jbig.decode(image)
        except DecodeError as wrong:
            _placed(wrong, image)
            return
        if compiled is not None:
            assert jbig.decode(image, compiled=True) == found
    assert found.width * found.height <= MOST_PIXELS
    assert len(found.rows) == found.row_bytes * found.height
    assert 0 < found.used <= len(image)
    assert 0.0 <= ink_ratio(found) <= 1.0
    assert len(content_hash(found)) == 64
    assert len(difference_hash(found)) == 16
    assert (strokes(found) == 0) == (ink_ratio(found) == 0)
    assert ink_ratio(found) <= box_ratio(found) <= 1.0
    assert len(cells(found)) == 60
    assert png(found).startswith(b"\x89PNG")


def picture(data: bytes, *, compiled: qm.Run | None = None) -> None:
    """A picture within the bound, or DecodeError; its likeness is always told; compiled or not it is the same."""
    _picture(data, compiled=compiled)


def pad_picture(data: bytes) -> None:
    """A pad's picture, no larger than its bytes, or DecodeError; what is written of it is read as it was."""
    try:
        found = bmp.decode(data)
    except DecodeError as refused:
        _placed(refused, data)
        return
    assert len(found.rows) <= len(data)
    again = bmp.decode(bmp.encode(found))
    assert (again.width, again.height, again.rows) == (found.width, found.height, found.rows)


def journal(data: bytes) -> None:
    """A journal's file is chosen for by evidence; each record is made safe at its own length, and told."""
    names = available_journals()
    profile = load_journal(names[data[0] % len(names)])
    file = data[1:]
    shapes = FORMATS[profile.format]
    if shapes[0].layout is None:
        shape, found = shapes[0], [Piece(0, 0, file)]
    else:
        weigh(profile.format, file)
        try:
            shape = choose(profile.format, file).shape
        except ProtocolError:
            shape = shapes[data[0] % len(shapes)]
        found = list(pieces(shape, file))
    for piece in found:
        told = describe_record(profile, shape, piece)
        json.dumps(told)
        assert lines(told)
        _, wrong = shape.read(piece.data)
        if wrong is not None:
            assert wrong.offset is not None
            continue
        if shape.layout is None and t_water.dump(shape.read(piece.data)[0]) != piece.data:
            continue  # no row that rests is written like this
        safe = clean(shape, piece.data)
        assert len(safe.record) == len(piece.data)
        assert shape.read(safe.record)[1] is None
        assert clean(shape, safe.record).record == safe.record
        assert shape.said(shape.read(piece.data)[0], profile.transactions).time


def _targets() -> dict[str, tuple[Target, int]]:
    found: dict[str, tuple[Target, int]] = {}
    for name in DIALECTS:
        profiles = profiles_of(name)
        found[f"deframe-{name}"] = functools.partial(deframe, profiles), 2
        found[f"frame-{name}"] = functools.partial(frame, profiles), 2
    unionpay = profiles_of("unionpay")
    found["message"] = functools.partial(message, unionpay), 2
    found["build"] = functools.partial(build, unionpay), 2
    found["tlv"] = tlv, 0
    found["private-tlv"] = private_tlv, 0
    found["text"] = text, 0
    found["jbig"] = picture, 0
    found["bmp"] = pad_picture, 0
    found["journal"] = journal, 1
    return found


_TARGETS = _targets()
TARGETS = tuple(_TARGETS)
"""The targets' names."""


def run(name: str, data: bytes) -> None:
    """One input; shorter ones than a target's own head are nothing."""
    target, least = _TARGETS[name]
    if len(data) >= least:
        target(data)
