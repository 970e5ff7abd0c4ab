"""Another terminal on the same cable, behind the same port: nothing of it is taken for the first one's."""

from pathlib import Path

import pytest

from ingest.occupant import CHANGED
from ingest.records import Kind
from tests.faults.shop import Shop, check, deliver, sale
from tests.ingest.collecting.conftest import Wire

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("pulled", [True, False])
def test_a_terminal_that_takes_anothers_place_is_told_and_kept_apart(tmp_path: Path, *, pulled: bool) -> None:
    """Fault 9: with equal trace numbers and amounts every frame of both is a first; one event tells of it."""
    wire = Wire(tmp_path / "lane")
    sent = []
    with Shop(tmp_path, {"lane": wire}) as shop:
        for terminal in ("10000001", "10000002"):
            for stan in range(1, 21):
                sent.append(sale(stan, terminal))
                deliver(wire, sent[-1])
            if pulled:
                wire.unplug()
                wire.plug()
            else:
                wire.read_nothing(1.1)  # whoever swaps cables takes longer
        deliver(wire, sale(20, "10000001"))  # the first is put back: it is known
        (told,) = shop.told.named(CHANGED)
    wire.unplug()
    frames = check(shop, sent, sent)
    assert [record.dup_of is None for record in frames] == [True] * 40 + [False]
    (event,) = [record for record in shop.records() if record.kind is Kind.EVENT and record.facts["event"] == CHANGED]
    assert event.facts["terminal_id"] == "10000002"
    assert event.facts["before"] == {"merchant_id": "898440300000001", "terminal_id": "10000001"}
    assert event.seq == frames[20].seq - 1
    assert told == ("lane", CHANGED, {"now": "10000002", "before": "10000001"})
