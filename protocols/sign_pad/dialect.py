"""The signature pad's link as a value. There are no questions: a pad that is asked shows a customer something."""

from protocols import sweep
from protocols.describe import ERROR_KEYS, row
from protocols.dialect import Described, Dialect, Secured
from protocols.mis.link import deframer, rewrap
from protocols.profile import Profile
from protocols.sign_pad.ends import talk
from protocols.sign_pad.facts import facts, follow, of_message, upload
from protocols.sign_pad.message import COMMANDS, STATES, TITLES, Message, read, sound


def secure(profile: Profile, frame: bytes) -> Secured:
    """No message carries card data; what is neither picture nor feature code is searched for card numbers all the same.

    Raises:
        ProtocolError: it is no frame of this link, or its values cannot be told apart.
    """
    message = sound(profile, frame)
    safe, masked = _overwrite(message)
    return Secured(rewrap(frame, safe), None, message.data, masked)


def _overwrite(message: Message) -> tuple[bytearray, tuple[str, ...]]:
    safe = bytearray(message.data)
    masked = []
    for item in message.items:
        if item.name not in {"data", "picture"} or item.raw[:2] == b"BM":
            continue
        start = item.start - message.at
        for first, last in sweep.in_text(item.raw):
            safe[start + first : start + last] = b"*" * (last - first)
            masked.append(item.name)
        searched = bytes(safe[start : start + len(item.raw)])
        for span in sweep.in_nibbles(searched, text=False):
            sweep.fill(safe, start, span)
            masked.append(item.name)
    return safe, tuple(dict.fromkeys(masked))


def describe(profile: Profile, frame: bytes) -> Described:
    """What a frame says, value by value; never raises for bad bytes."""
    message = read(profile, frame)
    safe, _ = _overwrite(message)
    rows = {}
    glossary = {}
    for item in message.items:
        start = item.start - message.at
        value = bytes(safe[start : start + len(item.raw)]).hex().upper() if item.name == "data" else item.value
        rows[item.name] = row((item.name, *TITLES[item.name]), value, item.start, len(item.raw), profile.confidence)
        if item.name == "state" and item.value in STATES:
            glossary[item.name] = ", ".join(STATES[item.value])
    known = COMMANDS.get(message.command) if message.command is not None else None
    error = message.error.as_dict() if message.error is not None else None
    told = of_message(message) if message.command is not None else None
    return Described(
        said={
            "profile": profile.name,
            "protocol": profile.dialect,
            "mti": None if message.command is None else f"{message.command:02X}",
            "operation": known.name if known else None,
            "envelope": {
                "kind": message.envelope,
                "tpdu": None,
                "header": None,
                "missing": [] if message.envelope == profile.link.envelope else [profile.link.envelope],
            },
            "fields": rows,
            "error": {key: error[key] for key in ERROR_KEYS} if error else None,
            "confidence": profile.confidence,
        },
        error=message.error,
        direction="" if told is None else "request" if told.mti[:1] == "A" else "answer",
        glossary=glossary,
        notes=(f"{known.zh}, {known.en}",) if known else (),
    )


DIALECT = Dialect(
    name="sign-pad",
    envelopes=("stx",),
    deframer=deframer,
    secure=secure,
    facts=facts,
    describe=describe,
    follow=follow,
    talk=talk,
    signed=upload,
)
