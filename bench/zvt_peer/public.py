"""The public messages, and every form of a completion, as its parser and our decoder read them."""

import json
from pathlib import Path
from typing import Any

from bench.zvt_peer.peer import Ecrterm
from bench.zvt_peer.tally import Tally
from protocols.zvt.apdu import Apdu, read
from protocols.zvt.words import BITMAPS

VECTORS = Path(__file__).parents[2] / "tests" / "vectors" / "zvt.json"
_PLACED = {
    "password": "password",
    "config_byte": "config",
    "cc": "currency",
    "intermediate_status": "status",
    "attribute": "attribute",
    "text": "text",
    "sw_version": "software_version",
    "terminal_status": "state",
}
"""Its name of what stands before the bitmaps -> ours; three more have a bitmap's name."""
_ALSO_BITMAPS = {"04FF": {"timeout": "wait"}, "06C0": {"timeout": "wait"}, "061E": {"result_code": "result"}}


def compare(peer: Ecrterm, tally: Tally) -> None:
    """The valid vectors that are APDUs."""
    for vector in json.loads(VECTORS.read_text("utf-8")):
        if vector["layer"] == "apdu" and vector["kind"] == "valid":
            one(peer, tally, "the public messages", bytes.fromhex(vector["hex"]))


def completions(peer: Ecrterm, tally: Tally) -> None:
    """Each state, alone and before a container, behind a version or without one (06 0F)."""
    container = bytes.fromhex("060624" + "04" + "07024142")
    for state in range(256):
        for version in (b"", b"\xf0\xf0\xf3bla"):
            for tail in (b"", b"\x06\x00", container):
                body = version + bytes((state,)) + tail
                said = {"state": f"{state:02X}"} | ({"software_version": "bla"} if version else {})
                apdu = b"\x06\x0f" + bytes((len(body),)) + body
                found = read(apdu, "zvt")
                try:
                    theirs = _theirs(peer, apdu)
                except Exception:  # noqa: BLE001  its parser ends with whatever its Python does
                    theirs = {}
                what = f"06 0F, {'version, ' if version else ''}state{', container' if tail else ''}"
                ours = {key: value for key, value in found.fields.items() if key in {"state", "software_version"}}
                right = ours == said, {key: theirs.get(key) for key in said} == said
                if right == (True, True):
                    tally.agreed["every completion"] += 1
                elif not any(right):
                    tally.differ(f"{what}: neither reads the state", apdu.hex())
                else:
                    tally.differ(f"{what}: {'ecrterm' if right[0] else 'tillwatch'} reads no state", apdu.hex())


def texts(peer: Ecrterm, tally: Tally) -> None:
    """Signs that a national code of seven bits may change, in a printed line and in a version."""
    for sign in r"{|}~[\]@#$^_`":
        line = b"\x06\xd1\x02\x00" + sign.encode("ascii")
        version = b"\x06\x0f\x05\xf0\xf0\xf1" + sign.encode("ascii") + b"\x00"
        for what, key, apdu in (("a printed line", "text", line), ("a version", "software_version", version)):
            theirs, ours = _theirs(peer, apdu).get(key), read(apdu, "zvt").fields.get(key)
            tally.same("texts", what, theirs, ours, kind=f"texts: {what}")


def one(peer: Ecrterm, tally: Tally, group: str, apdu: bytes) -> None:
    """Each value of a message, both ways: what one of them has and the other has not differs too."""
    found = read(apdu, "zvt")
    try:
        theirs = _theirs(peer, apdu)
    except Exception as refused:  # noqa: BLE001  its parser ends with whatever its Python does
        tally.differ(f"{group}: it reads nothing of {found.control}", f"{type(refused).__name__}: {apdu.hex()[:60]}")
        return
    ours = {item.key: _raw(found, item.key) for item in found.items if "." not in item.key and item.key != "06"}
    for key in sorted(theirs.keys() | ours.keys()):
        tally.same(group, key, theirs.get(key), ours.get(key), kind=f"{group}: {found.control} {key}")


def _raw(found: Apdu, key: str) -> str:
    item = next(each for each in found.items if each.key == key)
    return item.value or "" if item.kind == "text" else found.data[item.start : item.end].hex().upper()


def _theirs(peer: Ecrterm, apdu: bytes) -> dict[str, str]:
    """Our key -> its value, written as ours."""
    packet = peer.packets.Packet.parse(apdu)
    control = apdu[:2].hex().upper()
    found = {}
    for name, value in packet.as_dict().items():
        placed = _ALSO_BITMAPS.get(control, {}).get(name) or (_PLACED.get(name) if name in packet.FIELDS else None)
        number = next((number for number, (_, known, _) in peer.bitmaps.items() if known == name), None)
        key = placed or (f"{number:02X}" if number is not None else name)
        if key == "06" or value is None:
            continue
        found[key] = _written(key, number if placed is None else None, value)
    return found


def _written(key: str, number: int | None, value: Any) -> str:
    if isinstance(value, int):
        size = BITMAPS[number].size if number in BITMAPS else 2 if key == "currency" else 1
        digits = number in {0x04, 0x49} or key == "currency"
        return f"{int(value):0{2 * int(size)}d}" if digits else f"{int(value):0{2 * int(size)}X}"
    if isinstance(value, bytes):
        text = number in BITMAPS and BITMAPS[number].kind == "text"
        return value.decode("cp437").rstrip("\0") if text else value.hex().upper()
    return str(value) if key in {"text", "software_version"} else str(value).upper()
