"""What USB ids say of a serial device: maker, model, and the profiles that a terminal of the maker may speak.

The table is data, ``protocols/profiles/usb/ids.toml``, each row with its source.
"""

import functools
import tomllib
from dataclasses import dataclass
from importlib import resources


@dataclass(frozen=True, slots=True)
class UsbId:
    """One row.

    Attributes:
        vendor: vendor id.
        product: product id; None stands for every product without a row of its own.
        name: maker and model, ``zh-CN`` and ``en``.
        speaks: names of profiles, the usual one first; empty for a bare adapter, which says nothing of its terminal.
        source: where the id is from.
        confidence: how sure that is; which profile is spoken is an assumption everywhere.
    """

    vendor: int
    product: int | None
    name: dict[str, str]
    speaks: tuple[str, ...]
    source: str
    confidence: str


@functools.cache
def usb_ids() -> dict[tuple[int, int | None], UsbId]:
    """Every row, by vendor and product."""
    text = (resources.files("protocols") / "profiles" / "usb" / "ids.toml").read_text("utf-8")
    rows = [UsbId(**{"product": None, **row, "speaks": tuple(row["speaks"])}) for row in tomllib.loads(text)["ids"]]
    return {(row.vendor, row.product): row for row in rows}


def usb_id(vendor: int | None, product: int | None) -> UsbId | None:
    """The row of a device; None when nothing is known of its ids."""
    if vendor is None:
        return None
    return usb_ids().get((vendor, product)) or usb_ids().get((vendor, None))


def speaks(ids: str) -> tuple[str, ...]:
    """The profiles that a device may speak by its ids, ``2FB8:2116``; empty when they say nothing."""
    vendor, _, product = ids.partition(":")
    found = usb_id(int(vendor, 16), int(product, 16)) if vendor and product else None
    return found.speaks if found is not None else ()
