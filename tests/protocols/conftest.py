"""What the protocol tests share: the public messages, the profiles, keys of no account."""

import json
from pathlib import Path
from typing import Any

import pytest

from protocols.profile import Profile, load_profile
from protocols.sanitise import CardKeys, Sanitiser
from protocols.tlv import encode

VECTORS = Path(__file__).parent.parent / "vectors"
KEYS = CardKeys("k1", b"p" * 32, b"d" * 32)


def load_vectors() -> list[dict[str, Any]]:
    """The 46 public messages; each with its ``source``."""
    messages: list[dict[str, Any]] = json.loads((VECTORS / "unionpay_pos.json").read_text("utf-8"))
    return messages


def profile_of(vector: dict[str, Any]) -> Profile:
    """The profile of a vector's dialect."""
    vendor = str(VECTORS / "unionpay-vendor.toml")
    return load_profile(vendor if vector["dialect"] == "unionpay+vendor-fields" else "unionpay")


def link_frame(profile: Profile, vector: dict[str, Any]) -> bytes:
    """A vector's message in the profile's own envelope."""
    message = load_profile("unionpay").decode(bytes.fromhex(vector["hex"]))
    body = bytes.fromhex(vector["hex"])[message.body_offset :]
    envelope = message.envelope
    return profile.link.wrap(body, tpdu=envelope["tpdu"] or "6000030000", header=envelope["header"] or "603100310010")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes ``vector`` runs for each of the 46 messages."""
    if "vector" in metafunc.fixturenames:
        vectors = load_vectors()
        ids = [f"{index}-{each['mti']}" for index, each in enumerate(vectors)]
        metafunc.parametrize("vector", vectors, ids=ids)


@pytest.fixture(scope="session")
def vectors() -> list[dict[str, Any]]:
    """All of them."""
    return load_vectors()


@pytest.fixture(scope="session")
def unionpay() -> Profile:
    """The base profile."""
    return load_profile("unionpay")


@pytest.fixture(scope="session")
def stx() -> Profile:
    """A profile with the STX envelope, BCD length and ACKs."""
    return load_profile("leshua")


@pytest.fixture(scope="session")
def sanitiser(unionpay: Profile) -> Sanitiser:
    """A sanitiser of the base profile."""
    return Sanitiser(unionpay, KEYS)


@pytest.fixture(scope="session")
def frames(unionpay: Profile, vectors: list[dict[str, Any]]) -> list[bytes]:
    """The 46 messages as whole frames of a length-prefixed link."""
    return [link_frame(unionpay, vector) for vector in vectors]


@pytest.fixture(scope="session")
def stx_frames(stx: Profile, vectors: list[dict[str, Any]]) -> list[bytes]:
    """The 46 messages as whole STX frames."""
    return [link_frame(stx, vector) for vector in vectors]


@pytest.fixture(scope="session")
def sale() -> dict[int, str]:
    """The fields of a chip sale, with everything secret that one can hold; the card is a test card."""
    return {
        2: "6222021234567894",
        3: "000000",
        4: "000000012345",
        11: "000042",
        14: "3012",
        22: "051",
        23: "001",
        25: "00",
        26: "12",
        35: "6222021234567894D30122010000000000000",
        41: "10000001",
        42: "898411341310014",
        49: "156",
        52: "0123456789ABCDEF",
        53: "2600000000000000",
        55: encode(
            {
                "5A": "6222021234567894",
                "57": "6222021234567894D30122010000000000000F",
                "9F36": "0028",
                "5F24": "301231",
                "5F20": b"TEST HOLDER".hex(),
            }
        ),
        60: "2200000100050",
        63: "01 ",
        64: "3833353932373435",
    }
