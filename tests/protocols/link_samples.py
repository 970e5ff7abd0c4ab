"""Whole valid frames of every profile's link: what the laws of links and the fuzzer start from.

The public vectors where there are any, what is asked and answered on the line (``spoken``),
and the messages with everything secret in them (``secretframes``). A new dialect brings its
own in those two places; ``test_laws_of_links`` fails until it has.
"""

import functools
import json
from collections.abc import Iterator

from protocols.deframe import Frame
from protocols.dialect import Dialect
from protocols.profile import Profile, load_profile
from protocols.zvt.link import wrap
from tests import secretframes, seededsecrets
from tests.protocols.conftest import VECTORS, link_frame, load_vectors
from tests.protocols.spoken import spoken


def _unionpay(profile: Profile) -> Iterator[bytes]:
    yield from (link_frame(profile, vector) for vector in load_vectors())


def _zvt(profile: Profile) -> Iterator[bytes]:
    apdus = (bytes.fromhex(each["hex"]) for each in _file("zvt") if each["layer"] == "apdu")
    yield from (wrap(apdu, profile.link.envelope) for apdu in apdus if len(apdu) > 2)


def _concert(profile: Profile) -> Iterator[bytes]:
    del profile
    yield from (bytes.fromhex(each["hex"]) for each in _file("telium"))


def _file(name: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads((VECTORS / f"{name}.json").read_text("utf-8"))
    return found


_PUBLIC = {"unionpay": _unionpay, "zvt": _zvt, "concert": _concert}
"""Dialect -> its public vectors in the profile's envelope; some are damaged, some another link's."""


def _said(profile: Profile, speech: Dialect) -> Iterator[bytes]:
    if speech.name in _PUBLIC:
        yield from _PUBLIC[speech.name](profile)
    if speech.name in secretframes.SAMPLES:
        yield from (frame for _, frame in secretframes.SAMPLES[speech.name](profile, seededsecrets.SEEDED))
    if speech.name in _PUBLIC or speech.terminal is not None or speech.talk is not None:
        yield from (frame for stream in spoken(profile.name).values() for frame in stream)


@functools.cache
def samples(name: str) -> tuple[bytes, ...]:
    """A profile's frames, each once: those that are one frame of its link."""
    profile = load_profile(name)
    candidates = dict.fromkeys(_said(profile, profile.speech))
    return tuple(frame for frame in candidates if _events(profile, frame) == [Frame(frame, 0)])


def _events(profile: Profile, data: bytes) -> list[object]:
    deframer = profile.deframer()
    return [*deframer.feed(data), *deframer.flush()]
