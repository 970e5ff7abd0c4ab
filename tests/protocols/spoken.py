"""What each built-in profile's terminals say, as two streams: from the terminal and to it."""

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path

from protocols import bmp
from protocols.answering import Sold
from protocols.deframe import Control, Frame
from protocols.jbig import Bitmap
from protocols.mis.link import wrap as wrap_mis
from protocols.profile import Profile, load_profile
from protocols.zvt.link import wrap

VECTORS = Path(__file__).parent.parent / "vectors"
Streams = dict[str, list[bytes]]
TERMINAL, HOST = "rx", "tx"


def payments(profile: Profile, count: int = 3) -> Streams:
    """Sales of the UnionPay dialect and their answers."""
    shared = {3: "000000", 4: "000000000100", 25: "00", 41: "10000001", 42: "898440300000001", 60: "22000001"}
    numbers = [f"{stan:06d}" for stan in range(1, count + 1)]
    return {
        TERMINAL: [profile.build("0200", {**shared, 2: "6225880000000001", 11: stan}) for stan in numbers],
        HOST: [profile.build("0210", {**shared, 11: stan, 37: f"{stan:0>12}", 39: "00"}) for stan in numbers],
    }


def _vectors(name: str) -> Iterator[dict[str, str]]:
    yield from json.loads((VECTORS / f"{name}.json").read_text("utf-8"))


def receipts(envelope: str) -> Streams:
    """Public ZVT messages, each in the link's envelope."""
    said: Streams = {TERMINAL: [], HOST: []}
    for vector in _vectors("zvt"):
        if vector["layer"] == "apdu" and vector["kind"] == "valid":
            direction = HOST if vector.get("direction") == "ECR->PT" else TERMINAL
            said[direction].append(wrap(bytes.fromhex(vector["hex"]), envelope))
    return said


def concert(start: str) -> Streams:
    """Public Concert messages that start so."""
    frames = [vector for vector in _vectors("telium") if vector["hex"].startswith(start)]
    return {
        TERMINAL: [bytes.fromhex(each["hex"]) for each in frames if each.get("direction") != "ECR->PT"],
        HOST: [bytes.fromhex(each["hex"]) for each in frames if each.get("direction") == "ECR->PT"],
    }


def asked(profile: Profile) -> Streams:
    """Every question of a dialect whose terminals answer, asked of the terminal that it brings."""
    start = dt.datetime.fromisoformat("2026-11-21T10:00:00+08:00")
    journal = [Sold(41 + n, 1000 * (n + 1), start + dt.timedelta(minutes=n), rrn=f"1121010000{n:02}") for n in range(3)]
    said: Streams = {TERMINAL: [], HOST: []}
    assert profile.speech.terminal is not None
    for question, begin in profile.questions.items():
        if question in profile.speech.closing:
            continue
        terminal = profile.speech.terminal(profile, "00440036", "821120170130018", journal)
        session, now = begin(profile), 0.0
        deframers = {direction: profile.deframer() for direction in said}
        words = session.start(now)
        while not session.done:
            now += 0.01
            sent = b"".join(words)
            words = []
            for direction, data in ((HOST, sent), (TERMINAL, terminal.feed(sent, now) + terminal.tick(now))):
                for event in deframers[direction].feed(data):
                    if isinstance(event, Frame):
                        said[direction].append(event.data)
                    if direction == TERMINAL and isinstance(event, Frame):
                        words += session.hear_frame(event.data, now)
                    elif direction == TERMINAL and isinstance(event, Control):
                        words += session.hear_control(event.byte, now)
            words += session.tick(now)
    return said


def signed(profile: Profile) -> list[tuple[str, bytes]]:
    """A signing: what the terminal (rx) and its pad (tx) say, in order."""
    picture = bmp.encode(Bitmap(40, 3, bytes(range(15))))
    said = [
        (TERMINAL, b"\xa0"),
        (HOST, b"\xb0"),
        (TERMINAL, b"\xa25138B261"),
        (HOST, b"\xb2\0\0\1" + picture),
        (TERMINAL, b"\xa8"),
        (HOST, b"\xa8"),
        (TERMINAL, b"\xa1\0\0\1\2"),
        (HOST, b"\xb1\0\0\1\2"),
        (TERMINAL, b"\xf9\3"),
        (TERMINAL, b"\xa3"),
        (HOST, b"\xb3"),
    ]
    return [(way, wrap_mis(profile.link, data)) for way, data in said]


def spoken(name: str) -> Streams:
    """What terminals of a built-in profile and their hosts or tills say."""
    profile = load_profile(name)
    if profile.dialect == "unionpay":
        return payments(profile)
    if profile.dialect == "zvt":
        return receipts(profile.link.envelope)
    if profile.dialect == "sign-pad":
        return {way: [frame for at, frame in signed(profile) if at == way] for way in (TERMINAL, HOST)}
    if profile.dialect != "concert":
        return asked(profile)
    return concert("02" if profile.link.envelope == "stx-etx" else "435a")
