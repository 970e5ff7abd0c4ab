"""Another terminal on the same cable, behind the same port: nothing of it is taken for the first one's."""

from pathlib import Path
from typing import Any

import pytest

from ingest.occupant import CHANGED, UNEXPECTED, Occupant, told
from ingest.records import Kind, PendingRecord
from ingest.spool import Spool
from tests.faults.real import Collect, records_of
from tests.faults.shop import PROFILE, Shop, check, deliver, sale
from tests.faults.spool_writer import KEYS, record_of
from tests.ingest.collecting.conftest import Wire

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("pulled", [True, False])
def test_a_terminal_that_takes_anothers_place_is_told_and_kept_apart(
    tmp_path: Path, *, pulled: bool, record_property: Any
) -> None:
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
    record_property("lost", f"0 of {len(sent)} acknowledged")


def run(folder: Path, wire: Wire, terminal: str, stan: int) -> list[str]:
    """The real command with this terminal on the line, for one sale; what it told of the terminal."""
    collect = Collect(folder, [], opens=1)
    deliver(wire, sale(stan, terminal))
    assert collect.stop()[0] == 0
    return [" ".join(line.split()[1:]) for line in collect.said if " terminal-" in line]


def test_a_terminal_that_was_swapped_while_nobody_looked_is_told(tmp_path: Path, record_property: Any) -> None:
    """What was on the line is what the spool says, across restarts; a terminal that belongs elsewhere is told as such.

    The numbers are those of the two terminals, 10000001 and 10000002.
    """
    wire = Wire(tmp_path / "lane")
    words = f"[[lines]]\nname = 'lane'\nmode = 'receive'\ndevice = '{wire.name}'\nprofile = '{PROFILE.name}'\n"
    config = tmp_path / "tillwatch.toml"
    config.write_text(words, "utf-8")
    swapped = "lane terminal-changed now=10000002 before=10000001"
    assert run(tmp_path, wire, "10000001", 1) == []
    assert run(tmp_path, wire, "10000001", 2) == []
    assert run(tmp_path, wire, "10000002", 1) == [swapped]
    assert run(tmp_path, wire, "10000002", 2) == []
    config.write_text(words + "terminal_id = '10000001'\n", "utf-8")
    assert run(tmp_path, wire, "10000002", 3) == ["lane terminal-unexpected now=10000002 expected=10000001"]
    assert run(tmp_path, wire, "10000001", 3) == []  # put back: it is one of those that were here
    wire.unplug()
    records = records_of(tmp_path)
    assert len({record.digest for record in records if record.kind is Kind.FRAME}) == 6
    events = [record.facts["event"] for record in records if record.kind is Kind.EVENT]
    assert [each for each in events if each.startswith("terminal")] == [CHANGED, UNEXPECTED]
    record_property("lost", "0 of 6 acknowledged")


def test_a_swap_is_told_where_the_profile_is_looked_for_too(tmp_path: Path, record_property: Any) -> None:
    """A line whose profile is auto: swapped in one run, and between two, by what frames of the profile found say."""
    wire = Wire(tmp_path / "lane")
    words = f"[[lines]]\nname = 'lane'\nmode = 'receive'\ndevice = '{wire.name}'\nprofile = 'auto'\n"
    (tmp_path / "tillwatch.toml").write_text(words + "terminal_id = '10000002'\n", "utf-8")
    expected = "expected=10000002"
    collect = Collect(tmp_path, [], opens=1)
    for terminal in ("10000001", "10000002"):
        deliver(wire, sale(1, terminal))
        wire.read_nothing(1.1)  # whoever swaps cables takes longer
    assert collect.stop()[0] == 0
    said = [" ".join(line.split()[1:]) for line in collect.said if " terminal-" in line]
    assert said == [
        f"lane terminal-unexpected now=10000001 {expected}",
        "lane terminal-changed now=10000002 before=10000001",
    ]
    assert run(tmp_path, wire, "10000002", 2) == []
    assert run(tmp_path, wire, "10000003", 1) == [
        f"lane terminal-unexpected now=10000003 {expected}",
        "lane terminal-changed now=10000003 before=10000002",
    ]
    wire.unplug()
    records = records_of(tmp_path)
    assert len({record.digest for record in records if record.kind is Kind.FRAME}) == 4
    events = [record.facts["event"] for record in records if record.kind is Kind.EVENT]
    assert [each for each in events if each.startswith("terminal")] == [UNEXPECTED, CHANGED, UNEXPECTED, CHANGED]
    record_property("lost", "0 of 4 acknowledged")


@pytest.mark.parametrize(
    ("before", "now", "words"),
    [
        ({"usb": "11CA:0201", "serial_number": "A1"}, {"usb": "11CA:0201", "serial_number": "A1"}, None),
        (
            {"usb": "11CA:0201", "serial_number": "A1"},
            {"usb": "11CA:0201", "serial_number": "B2"},
            {"now": "11CA:0201/B2", "before": "11CA:0201/A1"},
        ),
        ({"usb": "1A86:7523"}, {"usb": "0403:6001"}, {"now": "0403:6001", "before": "1A86:7523"}),
        ({"usb": "1A86:7523"}, {"usb": "1A86:7523"}, None),
        ({}, {"usb": "1A86:7523"}, None),
    ],
)
def test_another_usb_device_behind_the_same_name_is_told(
    tmp_path: Path, before: dict[str, str], now: dict[str, str], words: dict[str, str] | None
) -> None:
    """Its ids or its serial number differ from those of the line's last session in the spool."""

    def session(identity: dict[str, str]) -> PendingRecord:
        facts = {"mode": "listen", "sides": [{"role": "terminal", "open": True, "device": "/dev/x", **identity}]}
        return PendingRecord(Kind.SESSION, "lane", PROFILE.name, 10**18, 1, facts=facts)

    with Spool(tmp_path, KEYS) as spool:
        spool.append_many([session(before), record_of(1)])
    with Spool(tmp_path, KEYS) as spool:
        occupant = Occupant([PROFILE])
        occupant.remember(spool.lanes["lane"])
    events = occupant.opened(session(now))
    assert [told(each.facts) for each in events] == ([] if words is None else [words])
    assert occupant.opened(session(now)) == []
