"""Terminals that do not hear three ACKs in ten, and say everything again: later, after a restart, on a new cable."""

import collections
import random
from pathlib import Path
from typing import Any

import pytest

from ingest.acknowledging import ACK
from ingest.landing import land
from ingest.settings import Settings
from ingest.tables import Lake
from tests.faults.lengths import length
from tests.faults.shop import Shop, check, sale
from tests.ingest.collecting.conftest import Wire

SALES = length(600, 10_000)
DEAF = 0.3
RESTART_EVERY, REPLUG_EVERY = SALES // 12, SALES // 30

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120 + SALES // 10)]


def test_what_is_sent_again_is_acknowledged_again_and_is_one_row(tmp_path: Path, record_property: Any) -> None:
    """Fault 3: every copy is acknowledged and recorded as one, and each sale is one row, however alike two are."""
    rng = random.Random(3)
    wire = Wire(tmp_path / "lane")
    shop = Shop(tmp_path, {"lane": wire}, seal_bytes=64 * 1024)
    sent: collections.Counter[int] = collections.Counter()
    unheard = restarts = replugs = late = 0
    shop.start()
    for stan in range(1, SALES + 1):
        frame = sale(stan)
        while True:
            wire.write(frame)
            sent[stan] += 1
            assert wire.read(1, 20) == ACK
            if rng.random() >= DEAF:
                break
            unheard += 1
            if rng.random() < 1 / RESTART_EVERY * 3:
                shop.stop()
                shop.start()
                restarts += 1
            elif rng.random() < 1 / REPLUG_EVERY * 3:
                wire.unplug()
                wire.plug()
                replugs += 1
        if stan > 5 and rng.random() < 0.01:  # an old one comes again behind newer ones
            old = stan - rng.randint(1, 5)
            wire.write(sale(old))
            sent[old] += 1
            assert wire.read(1, 20) == ACK
            late += 1
    shop.stop()
    wire.unplug()
    frames = check(shop, [sale(stan) for stan in sent], [sale(stan) for stan in sent])
    assert len(frames) == sent.total()
    firsts = [record for record in frames if record.dup_of is None]
    assert len(firsts) == SALES
    assert restarts
    assert replugs

    settings = Settings.model_validate(
        {"spool": {"directory": shop.spool_folder}, "lake": {"uri": str(tmp_path / "lake")}}
    )
    assert land(settings).damaged == []
    rows = Lake(settings.lake.uri).read("transactions", columns=["stan", "amount_fen"]).to_pylist()
    assert sorted((row["stan"], row["amount_fen"]) for row in rows) == [(stan, stan) for stan in range(1, SALES + 1)]
    record_property(
        "tried",
        f"{sent.total()} frames of {SALES} sales, {unheard} ACKs unheard, {late} late copies, "
        f"{restarts} restarts, {replugs} replugs",
    )
    record_property("lost", f"0, and 0 rows twice of {len(rows)}")
