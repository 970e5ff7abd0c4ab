"""Messages that its packet classes build, read by our decoder; values are of a seed."""

import random
import string
from collections.abc import Iterator
from typing import Any

from bench.zvt_peer.peer import Ecrterm
from bench.zvt_peer.tally import Tally
from protocols.zvt.apdu import Apdu, read
from protocols.zvt.link import unwrap, wrap
from protocols.zvt.words import BITMAPS, TAGS

STATUS_BITMAPS = (
    *(0x01, 0x02, 0x03, 0x04, 0x05, 0x0B, 0x0C, 0x0D, 0x0E, 0x17, 0x19, 0x22, 0x23, 0x24, 0x27, 0x29, 0x2A, 0x2D, 0x2E),
    *(0x37, 0x3A, 0x3B, 0x3C, 0x3D, 0x49, 0x60, 0x87, 0x88, 0x8A, 0x8B, 0x8C, 0x92, 0x9A, 0xA0, 0xA7, 0xAA, 0xAF, 0xBA),
    0xFC,
)
"""Those of its table that a till or terminal may state of a transaction; the others draw a dialog (06 E0 … E3)."""
_SHORT_TEXT = string.ascii_letters + string.digits + " .,:-"
_ACCENTED = "äöüÄÖÜßéèñ£"
_CONTAINERS = sorted(tag for tag, (_, kind) in TAGS.items() if kind == "tlv")
_LEAVES = sorted(tag for tag, (_, kind) in TAGS.items() if kind != "tlv")
Tree = list[tuple[int, "bytes | Tree"]]


class Messages:
    """Messages of one seed.

    Args:
        peer: whose classes build them.
        seed: of their values.
    """

    def __init__(self, peer: Ecrterm, seed: int) -> None:
        self._peer = peer
        self._rng = random.Random(seed)

    def compare(self, tally: Tally, count: int) -> None:
        """So many messages of each class, each in both envelopes."""
        for _ in range(count):
            for group, packet, wanted in self._each():
                apdu = bytes(packet.serialize())
                self._link(tally, apdu)
                self._values(tally, f"its {group}", read(apdu, "zvt"), wanted)

    def _link(self, tally: Tally, apdu: bytes) -> None:
        """The frame that its transport writes."""
        written: list[bytes] = []
        transport = self._peer.transport.SerialTransport("")
        transport.connection = _Port(written)
        transport.send(apdu, no_wait=True)
        (theirs,) = written
        tally.same("its serial frames", apdu[:2].hex(), theirs, wrap(apdu, "dle"))
        tally.same("its serial frames", apdu[:2].hex(), apdu, unwrap(theirs, "zvt")[0])

    def _values(self, tally: Tally, group: str, found: Apdu, wanted: dict[str, str]) -> None:
        if found.error is not None:
            tally.differ(f"{group}: not read", f"{found.error.code} at {found.error.path}: {found.data.hex()}")
            return
        for key, value in wanted.items():
            tally.same(group, key, value, found.fields.get(key))
        extra = {key for key in found.fields if not key.startswith(("06", "60."))} - wanted.keys()
        tally.same(group, "nothing else", set(), extra)
        tags = [key for key in found.fields if key.startswith("06.")]
        tally.same(group, "as many tags", sum(key.startswith("06.") for key in wanted), len(tags))

    def _each(self) -> Iterator[tuple[str, Any, dict[str, str]]]:
        packets, rng = self._peer.packets, self._rng
        numbers = rng.sample(STATUS_BITMAPS, rng.randrange(1, len(STATUS_BITMAPS)))
        yield self._bitmaps("status information (04 0F)", packets.StatusInformation, numbers)
        yield self._bitmaps("authorisation (06 01)", packets.Authorisation, self._allowed(packets.Authorisation))
        for name in ("ReservationRequest", "ReservationPartialReversal", "ReservationBookTotal"):
            if hasattr(packets, name):
                kind = getattr(packets, name)
                yield self._bitmaps(f"{name} (06 {kind.CMD_INSTR:02X})", kind, self._allowed(kind))
        yield from self._ends()
        yield from self._printed()
        yield from self._commands()

    def _allowed(self, kind: Any) -> list[int]:
        """Numbers of the bitmaps that a class allows, some of them."""
        numbers = [number for number, (_, name, _) in self._peer.bitmaps.items() if name in kind.ALLOWED_BITMAPS]
        return self._rng.sample(numbers, self._rng.randrange(1, len(numbers) + 1))

    def _bitmaps(self, group: str, kind: Any, numbers: list[int]) -> tuple[str, Any, dict[str, str]]:
        words, wanted = {}, {}
        for number in numbers:
            if number == 0x06:
                continue
            name = self._peer.bitmaps[number][1]
            words[name], wanted[f"{number:02X}"] = self._value(number)
        tree = self._tree(3) if self._rng.random() < 0.6 else None
        if tree is not None:
            words["tlv"] = tree
            wanted |= flat(tree)
        return group, kind(**words), wanted

    def _value(self, number: int) -> tuple[Any, str]:
        """What its class takes, and how we must read it."""
        bmp, rng = BITMAPS[number], self._rng
        size = bmp.size if isinstance(bmp.size, int) else 53 if number == 0x60 else rng.choice((1, 8, 19, 57, 99))
        if number == 0x49:
            return 978, "0978"
        if number == 0x04:
            amount = rng.randrange(10**12)
            return amount, f"{amount:012d}"
        if number == 0x03:
            byte = rng.randrange(4)
            return byte, f"{byte:02X}"
        if bmp.kind in {"digits", "maybe"} or (bmp.kind == "secret" and isinstance(bmp.size, int)):
            digits = "".join(rng.choices(string.digits, k=2 * size))
            return digits, digits
        if bmp.kind == "card":
            digits = "".join(rng.choices(string.digits + "DE", k=2 * size - 1)) + rng.choice("0F")
            return bytes.fromhex(digits), digits.rstrip("F")
        if bmp.kind == "text":
            text = "".join(rng.choices(_SHORT_TEXT, k=size - 1)) + "x"
            if isinstance(bmp.size, str) and rng.random() < 0.5:
                text += rng.choice(_ACCENTED)
                text = text[-min(len(text), 99) :]
            return text.encode("cp437"), text
        if bmp.kind == "totals":
            totals = "".join(rng.choices(string.digits, k=8)) + "".join(
                f"{rng.randrange(256):02X}{rng.randrange(10**12):012d}" for _ in range(7)
            )
            return bytes.fromhex(totals), totals
        raw = rng.randbytes(size)
        return raw[0] if size == 1 and isinstance(bmp.size, int) else raw, raw.hex().upper()

    def _tree(self, depth: int) -> Tree:
        rng, tree = self._rng, Tree()
        for _ in range(rng.randrange(1, 5)):
            if depth and rng.random() < 0.4:
                tree.append((rng.choice(_CONTAINERS), self._tree(depth - 1)))
            else:
                tag = rng.choice(_LEAVES)
                kind = TAGS[tag][1]
                size = rng.choice((1, 2, 5, 40, 130 if depth == 3 else 20))
                if kind == "digits":
                    tree.append((tag, bytes.fromhex("".join(rng.choices(string.digits, k=2 * size)))))
                elif kind == "text":
                    tree.append((tag, ("".join(rng.choices(_SHORT_TEXT, k=size)) + "ü").encode("cp437")))
                else:
                    tree.append((tag, rng.randbytes(size)))
        return tree

    def _ends(self) -> Iterator[tuple[str, Any, dict[str, str]]]:
        packets, rng = self._peer.packets, self._rng
        state = rng.randrange(256)
        version = "".join(rng.choices(_SHORT_TEXT, k=rng.randrange(1, 40)))
        tree = self._tree(2)
        group = "completion (06 0F)"
        with_state = {"software_version": version, "state": f"{state:02X}"}
        yield group, packets.Completion(sw_version=version, terminal_status=state), with_state
        both = packets.Completion(sw_version=version, terminal_status=state, tlv=tree)
        yield group, both, with_state | flat(tree)
        yield group, packets.Completion(terminal_status=state), {"state": f"{state:02X}"}
        yield self._bitmaps(group, packets.Completion, [0x19, 0x29, 0x49])
        alone = packets.Completion(terminal_status=state, tlv=tree)
        if state not in BITMAPS and state < 0xF0:
            yield group, alone, {"state": f"{state:02X}"} | flat(tree)
        group = "abort (06 1E)"
        code = rng.choice([each for each in range(256) if each != 0x6F])
        receipt = "".join(rng.choices(string.digits, k=4))
        yield group, packets.Abort(result_code=code), {"result": f"{code:02X}"}
        yield group, packets.Abort(result_code=code, tlv=tree), {"result": f"{code:02X}"} | flat(tree)
        numbered = {"result": f"{code:02X}", "87": receipt}
        yield group, packets.Abort(result_code=code, receipt=receipt), numbered
        yield group, packets.Abort(result_code=code, receipt=receipt, tlv=tree), numbered | flat(tree)
        yield group, packets.Abort(result_code=0xB8, receipt="ffff"), {"result": "B8", "87": "FFFF"}
        group = "intermediate status (04 FF)"
        status, minutes = rng.randrange(256), rng.choice([each for each in range(256) if each != 0x06])
        said = {"status": f"{status:02X}"}
        shown: Tree = [(0x24, [(0x07, b"Bitte warten"), (0x07, b"\x81bung")])]
        yield group, packets.IntermediateStatusInformation(status), said
        yield group, packets.IntermediateStatusInformation(status, minutes), said | {"wait": f"{minutes:02X}"}
        timed = packets.IntermediateStatusInformation(status, minutes, tlv=shown)
        yield group, timed, said | {"wait": f"{minutes:02X}"} | flat(shown)
        yield group, packets.IntermediateStatusInformation(status, tlv=shown), said | flat(shown)
        refusal = packets.PacketReceivedError()
        refusal.control_field = [0x84, rng.randrange(256)]
        yield "refusal (84 xx)", refusal, {}
        yield "acknowledgement (80 00)", packets.PacketReceived(), {}

    def _printed(self) -> Iterator[tuple[str, Any, dict[str, str]]]:
        packets, rng = self._peer.packets, self._rng
        attribute = rng.randrange(256)
        text = "".join(rng.choices(_SHORT_TEXT + _ACCENTED, k=rng.randrange(1, 40))) + "ö"
        said = {"attribute": f"{attribute:02X}"}
        yield "print line (06 D1)", packets.PrintLine(attribute, text), said | {"text": text}
        yield "print line (06 D1)", packets.PrintLine(attribute), said | {"text": ""}
        lines: Tree = []
        for _ in range(rng.randrange(1, 60)):
            lines += [(0x09, rng.randbytes(1)), (0x07, "".join(rng.choices(_SHORT_TEXT, k=24)).encode() + b"\x94")]
        block: Tree = [(0x1F07, b"\x01"), (0x25, lines)]
        yield "print text block (06 D3)", packets.PrintTextBlock(tlv=block), flat(block)

    def _commands(self) -> Iterator[tuple[str, Any, dict[str, str]]]:
        packets, rng = self._peer.packets, self._rng
        word = "".join(rng.choices(string.digits, k=6))
        config = rng.randrange(256)
        tree = self._tree(2)
        password = {"password": word}
        registered = password | {"config": f"{config:02X}"}
        group = "registration (06 00)"
        yield group, packets.Registration(word, config), registered
        yield group, packets.Registration(word, config, 978), registered | {"currency": "0978"}
        for service in range(4):
            serving = packets.Registration(word, config, 978, service_byte=service)
            yield group, serving, registered | {"currency": "0978", "03": f"{service:02X}"}
        serving = packets.Registration(word, config, 978, service_byte=0, tlv=tree)
        yield group, serving, registered | {"currency": "0978", "03": "00"} | flat(tree)
        yield group, packets.Registration(word, config, tlv=tree), registered | flat(tree)
        yield "end of day (06 50)", packets.EndOfDay(word), password
        yield "end of day (06 50)", packets.EndOfDay(word, tlv=tree), password | flat(tree)
        yield "status enquiry (05 01)", packets.StatusEnquiry(word), password
        yield (
            "status enquiry (05 01)",
            packets.StatusEnquiry(word, service_byte=2, tlv=tree),
            password | {"03": "02"} | flat(tree),
        )
        yield "initialisation (06 93)", packets.Initialisation(word), password
        yield "log off (06 02)", packets.LogOff(), {}
        yield "abort by the till (06 B0)", packets.AbortCommand(), {}
        yield "diagnosis (06 70)", packets.Diagnosis(tlv=tree), flat(tree)
        read_card = packets.ReadCard(timeout=rng.randrange(256))
        yield "read card (06 C0)", read_card, {"wait": f"{read_card.timeout:02X}"}
        if hasattr(packets, "OpenReservationsEnquiry"):
            yield "open reservations (06 23)", packets.OpenReservationsEnquiry(), {"87": "FFFF"}


class _Port:
    """A port that acknowledges."""

    def __init__(self, written: list[bytes]) -> None:
        self._written = written

    def write(self, data: bytes) -> None:
        self._written.append(bytes(data))

    def read(self, size: int) -> bytes:
        return b"\x06"[:size]


def flat(tree: Tree) -> dict[str, str]:
    """Key -> value of each tag, as our decoder names and writes them."""
    found: dict[str, str] = {}
    met: dict[str, int] = {}

    def walk(path: str, nodes: Tree) -> None:
        for tag, value in nodes:
            key = f"{path}.{tag:02X}" if tag < 0x100 else f"{path}.{tag:04X}"
            met[key] = met.get(key, 0) + 1
            key = key if met[key] == 1 else f"{key}[{met[key]}]"
            if isinstance(value, list):
                found[key] = encoded(value).hex().upper()
                walk(key, value)
            else:
                found[key] = value.decode("cp437") if TAGS[tag][1] == "text" else value.hex().upper()

    walk("06", tree)
    return found


def encoded(tree: Tree) -> bytes:
    """BER, by hand: what is in a container."""
    out = b""
    for tag, value in tree:
        inner = encoded(value) if isinstance(value, list) else value
        size = len(inner)
        length = (
            bytes((size,))
            if size < 0x80
            else b"\x81" + bytes((size,))
            if size < 0x100
            else b"\x82" + size.to_bytes(2, "big")
        )
        out += tag.to_bytes(1 if tag < 0x100 else 2, "big") + length + inner
    return out
