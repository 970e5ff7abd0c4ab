"""Whole valid frames of every profile's link: what the laws of links and the fuzzer start from.

A new profile is registered here with one line; ``test_laws_of_links`` fails until it is.
"""

import functools
import json
from collections.abc import Callable
from typing import Any

from protocols.deframe import Frame
from protocols.profile import Profile, load_profile
from protocols.zvt.link import wrap
from tests.protocols.conftest import VECTORS, link_frame, load_vectors


def _vectors(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((VECTORS / f"{name}.json").read_text("utf-8"))
    return found


def _unionpay(profile: Profile) -> list[bytes]:
    """The 46 public messages."""
    return [link_frame(profile, vector) for vector in load_vectors()]


def _zvt(profile: Profile) -> list[bytes]:
    """The public APDUs that are whole."""
    apdus = [bytes.fromhex(each["hex"]) for each in _vectors("zvt") if each["layer"] == "apdu"]
    return _whole(profile, [wrap(apdu, profile.link.envelope) for apdu in apdus if len(apdu) > 2])


def _concert(profile: Profile) -> list[bytes]:
    """The public messages of the profile's own form."""
    return _whole(profile, [bytes.fromhex(each["hex"]) for each in _vectors("telium")])


def _whole(profile: Profile, candidates: list[bytes]) -> list[bytes]:
    """Those that are one frame of the link; the vectors hold damaged ones and other links' too."""
    return [each for each in candidates if _events(profile, each) == [Frame(each, 0)]]


def _events(profile: Profile, data: bytes) -> list[Any]:
    deframer = profile.deframer()
    return deframer.feed(data) + deframer.flush()


SAMPLES: dict[str, Callable[[Profile], list[bytes]]] = {
    "caisse-ap": _concert,
    "lakala": _unionpay,
    "leshua": _unionpay,
    "shengpay": _unionpay,
    "telium": _concert,
    "unionpay": _unionpay,
    "zvt": _zvt,
    "zvt-tcp": _zvt,
}
"""Profile -> its frames."""


@functools.cache
def samples(name: str) -> tuple[bytes, ...]:
    """A profile's frames, each once.

    Raises:
        KeyError: the profile is not registered in ``SAMPLES``.
    """
    return tuple(dict.fromkeys(SAMPLES[name](load_profile(name))))
