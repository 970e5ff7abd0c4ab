"""Lands one segment after the other, and says each once it has landed.

Run as a process of its own, so that it can be killed: ``python -m
tests.faults.landing_writer SPOOL LAKE FIRST synced|unsynced``.
What the n-th segment holds, one sale, follows from n alone.
"""

import itertools
import os
import sys
from pathlib import Path

from ingest.landing import land
from tests.faults.spool_writer import KEYS
from tests.ingest.landingshop import Shop, sale


def main(spool: Path, lake: Path, first: int) -> None:
    """Seal and land until killed; the spool is on a disk whose power stays on."""
    shop = Shop(spool, KEYS, uri=lake)
    for number in itertools.count(first):
        shop.seal(sale(number, 10.0 * number))
        land(shop.settings)
        os.write(1, b"%d\n" % number)


if __name__ == "__main__":
    if sys.argv[4] == "unsynced":
        os.fsync = lambda fd: None  # noqa: ARG005  the negative control: it says that it synced
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
