"""A scenario played in memory: the same machines, no bytes and no wires.

What the wires then carry is known beforehand, so the truth can be written before
the first frame, and a run on the wires that differs is a fault of the simulator.
"""

import datetime as dt
import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field

from ingest.simulator.draft import Draft
from ingest.simulator.host import Host
from ingest.simulator.scenario import Record, Scenario, Seat, Step
from ingest.simulator.terminal import Terminal


@dataclass(frozen=True, slots=True)
class Sent:
    """One message on a line: what an ear on that line would hear."""

    seat: Seat
    draft: Draft
    is_request: bool


@dataclass(slots=True)
class Rehearsal:
    """A scenario's whole play in memory."""

    heard: list[Sent] = field(default_factory=list)
    records: dict[str, Record] = field(default_factory=dict)
    terminals: dict[str, Terminal] = field(default_factory=dict)
    host: Host = field(default_factory=Host)


def rehearse(scenario: Scenario) -> Rehearsal:
    """Play a scenario that ends, step by step in the order of its clock.

    Raises:
        ValueError: the scenario has no end.
    """
    if scenario.total is None:
        msg = f"{scenario.name} has no end"
        raise ValueError(msg)
    play = Rehearsal()
    agenda = []
    for order, seat in enumerate(scenario.seats):
        play.terminals[seat.line] = Terminal(seat, play.records)
        agenda.append(_numbered(scenario, seat, order))
    for _, order, _, step in heapq.merge(*agenda, key=lambda entry: entry[:3]):
        seat = scenario.seats[order]
        play.host.order(seat.terminal_id, step.orders)
        terminal = play.terminals[seat.line]
        draft = terminal.start(step)
        while draft is not None:
            play.heard.append(Sent(seat, draft, is_request=True))
            reply = play.host.handle(draft)
            answer = reply.answer if reply.delivered else None
            if answer is not None:
                play.heard.append(Sent(seat, answer, is_request=False))
            draft = terminal.receive(answer)
    return play


def _numbered(scenario: Scenario, seat: Seat, order: int) -> Iterator[tuple[dt.datetime, int, int, Step]]:
    return ((step.at, order, index, step) for index, step in enumerate(scenario.steps(seat)))
