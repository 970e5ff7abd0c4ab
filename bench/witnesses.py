"""What decoders of other people read in the messages that ours reads, value by value.

    python bench/witnesses.py

- pyiso8583 (a development dependency): the UnionPay messages.
- tshark, where it is on the path (Debian: tshark): the same messages, over a made-up TCP connection.
- pyTeliumManager (likewise): Concert E+ frames, read and made.

Prints what agreed and what did not, and says so when a witness is not here. Exit status 1 when
somebody reads another value than we do; a message that another does not read at all is told and is no failure.
"""

import collections
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from bench.tshark import capture, command_on  # noqa: E402  after the path
from protocols.codecs import gbk_bytes  # noqa: E402
from protocols.concert.record import read as read_concert  # noqa: E402
from protocols.message import Message  # noqa: E402
from protocols.profile import Profile  # noqa: E402
from tests.protocols.conftest import VECTORS, load_vectors, profile_of  # noqa: E402

READS_OTHERWISE = {
    2: "an odd count of digits: it takes them to lie on the right, and loses the first",
    22: "three digits: it takes them to lie on the right",
    35: "it shows the unused nibble, or takes the count for bytes",
    36: "it takes the count for bytes",
    37: "once, behind a track 3 after which it has lost its place",
    43: "GBK text",
    44: "longer than its table says",
    48: "packed digits: it takes the count for bytes",
    49: "letters: it takes them for packed digits",
    52: "one character too many",
    53: "sixteen digits: it takes eight",
    55: "bytes: it shows them as text",
    56: "GBK text",
    59: "bytes: it takes them for text",
    60: "packed digits: it takes the count for bytes",
}
"""Fields in which tshark is known to see another value, and why; it knows ISO 8583-1:1987 and no dialect."""
LOSES_ITS_PLACE = frozenset((35, 37, 44, 48, 49, 52, 53, 59, 60))
"""Those of them after which it reads the rest of a message at the wrong place."""


def messages() -> Iterator[tuple[Profile, bytes, Message]]:
    """The public UnionPay messages: profile, MTI to last field, and what we read."""
    for vector in load_vectors():
        profile, frame = profile_of(vector), bytes.fromhex(vector["hex"])
        message = profile.decode(frame)
        yield profile, frame[message.body_offset : message.end], message


def as_bytes(profile: Profile, number: int, value: str) -> bytes:
    """A value of text or bytes as it was on the wire."""
    return gbk_bytes(value) if "text" in profile.grammar.table[number].codec else bytes.fromhex(value)


def pyiso8583() -> int:
    """Compare with pyiso8583."""
    import iso8583

    from tests.protocols.iso8583_witness import read

    same = values = wrong = 0
    print("pyiso8583", iso8583.__version__ if hasattr(iso8583, "__version__") else "")
    for index, (profile, body, message) in enumerate(messages()):
        try:
            theirs = read(body)
        except iso8583.DecodeError as refused:
            print(f"  message {index} ({message.mti}): not read, F{refused.field}: {refused.msg}")
            continue
        ours = {
            number: as_bytes(profile, number, value) if isinstance(theirs.get(number), bytes) else str(value)
            for number, value in message.fields.items()
        }
        differing = sorted(number for number in ours.keys() | theirs.keys() if ours.get(number) != theirs.get(number))
        wrong += len(differing)
        values += len(ours) - len(differing)
        same += not differing
        if differing:
            print(f"  message {index} ({message.mti}): other values in {differing}")
    print(f"  {same} messages agree in every field, {values} values in all, {wrong} differ")
    return wrong


def tshark() -> int:
    """Compare with Wireshark's dissector of ISO 8583."""
    found = list(messages())
    print(subprocess.run(["tshark", "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "messages.pcap"
        path.write_bytes(capture([body for _, body, _ in found]))
        command = [*command_on(path), "-T", "json"]
        packets = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    agreed: collections.Counter[int] = collections.Counter()
    other: collections.Counter[int] = collections.Counter()
    behind = 0
    for packet, (_, _, message) in zip(packets, found, strict=True):
        layer = packet["_source"]["layers"].get("iso8583", {})
        fields = sorted(message.fields.items())
        for index, (number, value) in enumerate(fields):
            theirs = layer.get(f"iso8583.bit{number}", "") if isinstance(layer, dict) else ""
            if str(theirs).replace(":", "").upper() == str(value).upper():
                agreed[number] += 1
                continue
            other[number] += 1
            if number in LOSES_ITS_PLACE or number not in READS_OTHERWISE:
                behind += len(fields) - index - 1
                break
    print(
        f"  {sum(agreed.values())} values agree: " + " ".join(f"F{number}:{n}" for number, n in sorted(agreed.items()))
    )
    for number, count in sorted(other.items()):
        print(f"  F{number}, {count} times another value or none: {READS_OTHERWISE.get(number, 'NOT EXPLAINED')}")
    print(f"  {behind} values stand behind a field where it loses its place")
    return sum(count for number, count in other.items() if number not in READS_OTHERWISE)


def telium() -> int:
    """Compare with pyTeliumManager: the public frames, and requests of its own."""
    from tests.protocols import telium_witness as theirs

    rows: list[dict[str, Any]] = json.loads((VECTORS / "telium.json").read_text("utf-8"))
    frames = [bytes.fromhex(row["hex"]) for row in rows if row["hex"].startswith("02")]
    frames += [
        theirs.ask(fen, kind, currency="EUR", pos="1", waits=True, full=True, forced=False)
        for fen in (100, 1250, 99_999_99)
        for kind in ("debit", "credit", "refund")
    ]
    read = wrong = 0
    print("pyTeliumManager")
    for frame in frames:
        record = read_concert(frame, "telium", "stx-etx")
        try:
            values = theirs.read(frame, ask=record.form == "ask")
        except (theirs.TeliumDataException, ValueError) as refused:
            ours_says = record.error or "sound"
            print(f"  {record.form} of {len(frame)} bytes: it refuses ({type(refused).__name__}); ours: {ours_says}")
            continue
        differing = {name for name, value in values.items() if record.fields.get(name, "") != value}
        wrong += len(differing)
        read += len(values) - len(differing)
        if differing:
            print(f"  {record.form} of {len(frame)} bytes: other values in {sorted(differing)}")
    print(f"  {len(frames)} frames, {read} values agree, {wrong} differ")
    return wrong


def main() -> int:
    """Hear each witness that is here."""
    wrong = pyiso8583()
    if shutil.which("tshark"):
        wrong += tshark()
    else:
        print("tshark: not here (Debian: apt install tshark)")
    wrong += telium()
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
