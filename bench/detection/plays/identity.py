"""Terminals that are not what they say: a number that two devices bear, a clock that is far off."""

import datetime as dt

from bench.detection.population import ZONE
from bench.detection.scene import Play, Scene, fault, new_device

NEAR_S, FAR_OFF_S = 120, (1_000, 5_000)
A_DAY = 5_000
"""No till needs more trace numbers a day."""


@fault("duplicate_terminal_identity", hours=(10.0, 16.0))
def terminal_number_cloned(s: Scene) -> Play:
    """Another device bears the till's number, on a line of its own; both sell, by turns."""
    merchant, line = s.shop.merchant, f"{s.device.line}-c{s.case.number}"
    clone = new_device(s.world, merchant, 0, terminal=s.device.terminal, line=line)
    clone.now = s.now
    s.mark_number(clone.sign_in(), clone.batch)
    s.sale(s.usual(), s.card(), till=clone)
    yield s.chance.uniform(300, 3000)
    s.sale(s.usual(), s.card())
    yield s.chance.uniform(300, 3000)
    clone.now = s.now
    s.sale(s.usual(), s.card(), till=clone)
    s.mark(clone.settle())


@fault("clock_skew", hours=(0.0, 0.05))
def clock_is_far_off(s: Scene) -> Play:
    """The terminal's clock is a quarter of an hour and more ahead, or behind, all day."""
    own, batch, first = s.device.ahead_s, s.device.batch, s.device.stan
    if abs(own) > NEAR_S:
        s.drop()  # its clock is the matter of another play
        return
    off = s.chance.choice((-1, 1)) * s.chance.randrange(*FAR_OFF_S)
    s.device.ahead_s = off
    for hour in (11, 15, 19):
        yield dt.datetime.combine(s.now.date(), dt.time(hour), ZONE)
        s.sale(s.usual(), s.card())
    yield dt.datetime.combine(s.now.date(), dt.time(22), ZONE)
    if s.device.ahead_s != off:
        s.drop()  # another play has set it
        return
    s.device.ahead_s = own
    if s.device.batch != batch:
        s.drop()  # the device was replaced by another play
    told = (s.device.stan - first) % 999_999
    if told > A_DAY:
        first, told = 1, s.device.stan - 1  # the new device counts from 1
    for step in range(told):
        for each in {batch, s.device.batch}:
            s.mark_number((first + step - 1) % 999_999 + 1, each)
