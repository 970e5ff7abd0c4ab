"""Bad digits on the line: each a row of rejects with its field and byte; what is sound between them lands."""

from pathlib import Path

import pytest

from ingest.keys import create_keys
from ingest.landing import land
from protocols.profile import load_profile
from tests.ingest.landingshop import Shop, sale
from tests.protocols.test_bad_input import FRAMES, flipped, nibbles

pytestmark = pytest.mark.slow  # a whole landing
_EXPIRY = 14  # overwritten before it is kept: whatever stood there, no digit is wrong any more


def test_a_bad_digit_costs_its_frame_and_no_other(tmp_path: Path) -> None:
    """One bad digit in each number of each message type, between sound sales: as many rejects, all sales."""
    shop = Shop(tmp_path, create_keys(tmp_path / "key"))
    profile = load_profile("unionpay")
    expected, heard = [], []
    for at, frame in enumerate(FRAMES):
        heard += sale(at + 1, 60 * at)
        seen: set[int] = set()
        for step, (number, start, nibble) in enumerate(nibbles(frame), start=1):
            if number not in seen | {_EXPIRY}:
                seen.add(number)
                heard.append((60 * at + 1 + step / 1000, "rx", flipped(frame, nibble, 0xB)))
                expected.append((f"F{number}", start, "bcd"))
    assert profile.read(heard[-1][2])[1] is not None
    shop.seal(heard)
    land(shop.settings)

    rejects = shop.rows("rejects")
    assert sorted((row["field"], row["offset"], row["code"]) for row in rejects) == sorted(expected)
    assert {row["kind"] for row in rejects} == {"frame"}
    assert len(shop.rows("transactions")) == len(FRAMES)
    assert len(expected) > 300
