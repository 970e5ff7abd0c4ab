"""The table of USB ids."""

import pytest

from protocols.profile import available_profiles
from protocols.profile_files import CONFIDENCES
from protocols.usb_ids import speaks, usb_id, usb_ids


def test_ids_tell_terminals_from_adapters() -> None:
    """A card terminal's ids name its maker and what it may speak; an adapter's name its chip and no profile."""
    known, other, adapter = usb_id(0x2FB8, 0x2116), usb_id(0x2FB8, 0x9999), usb_id(0x0403, 0x6001)

    assert known is not None
    assert known.name == {"zh-CN": "百富 A920", "en": "PAX A920"}
    assert other is not None
    assert other.name["en"] == "PAX"
    assert speaks("11CA:0203")[0] == "unionpay"
    assert adapter is not None
    assert adapter.speaks == ()
    assert usb_id(None, None) is None
    assert speaks("") == speaks("DEAD:BEEF") == ()


def test_every_row_has_its_names_its_source_and_profiles_that_are_there() -> None:
    """No row without both languages and a source; no row that names a profile nobody has."""
    rows = usb_ids()

    assert len(rows) == 26
    for (vendor, product), row in rows.items():
        assert 0 < vendor < 0x10000
        assert product is None or 0 < product < 0x10000
        assert set(row.name) == {"zh-CN", "en"}
        assert row.source.strip()
        assert row.confidence in CONFIDENCES
        assert set(row.speaks) <= set(available_profiles())


TERMINALS = {
    0x2FB8: ("PAX", [0x2116, 0x2205, 0x2466, 0x225E, 0x2367]),
    0x1234: ("PAX", [0x0101]),
    0x9908: ("PAX", [0x9030]),
    0x11CA: ("Verifone", [0x0200, 0x0201, 0x0203, 0x0219, 0x0220, 0x0300]),
    0x193A: ("Verifone", [0x1000]),
    0x0B00: ("Ingenico", [0x00A2, 0x0060, 0x0072, 0x3070]),
    0x079B: ("Ingenico", [0x0028]),
}
"""Linux, drivers/usb/class/cdc-acm.c and drivers/usb/serial/cp210x.c: the ids of card terminals, by maker."""


@pytest.mark.parametrize("vendor", TERMINALS)
def test_each_terminal_that_linux_knows_has_a_row_of_its_own(vendor: int) -> None:
    """Maker and product, and at least one profile."""
    maker, products = TERMINALS[vendor]
    for product in products:
        row = usb_ids()[vendor, product]
        assert row.name["en"].startswith(maker)
        assert row.speaks
