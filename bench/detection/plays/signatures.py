"""Group I: electronic signatures that are missing, empty, or another sale's.

Each play has a till of its own that asks for signatures: five sales are signed, and then comes the one of the play.
"""

import datetime as dt
import random
from functools import cache
from itertools import pairwise

from bench.detection.attempt import Attempt
from bench.detection.device import Device
from bench.detection.scene import Play, Scene, fault, negative
from tests.protocols.jbig_encoder import encode

WIDTH, HEIGHT = 56, 28
STROKES = 4
GRAVE_FEN = 100_000
"""From 1000 yuan on a missing signature weighs more."""
Ink = frozenset[tuple[int, int]]


def _ink(seed: int) -> Ink:
    """A signature as nobody else writes it: strokes between points drawn by chance."""
    chance = random.Random(f"signature {seed}")
    found = set()
    for _ in range(STROKES):
        points = [(chance.uniform(2, WIDTH - 3), chance.uniform(2, HEIGHT - 3)) for _ in range(3)]
        for (x, y), (to_x, to_y) in pairwise(points):
            for step in range(WIDTH):
                at_x, at_y = x + (to_x - x) * step / WIDTH, y + (to_y - y) * step / WIDTH
                found |= {(round(at_x), round(at_y)), (round(at_x) + 1, round(at_y))}
    return frozenset(found)


@cache
def _picture(ink: Ink) -> bytes:
    """As F62 has it: a JBIG1 image."""
    rows = [[int((x, y) in ink) for x in range(WIDTH)] for y in range(HEIGHT)]
    return encode(rows, stripe_lines=HEIGHT)


def _signed(s: Scene, till: Device, ink: Ink | None, low: int) -> Attempt:
    """A sale by chip, without PIN, and its picture; None: nobody signs."""
    sale = s.sale(s.odd(low, low + 80_000), s.card(), till=till, pin=False)
    if ink is not None and sale.approved:
        till.sign(sale, _picture(ink))
    till.now = max(till.now, s.now)
    return sale


def _five(s: Scene, till: Device, low: int) -> Play:
    """Five customers who sign, each as nobody did before at this merchant."""
    for _ in range(5):
        _signed(s, till, _own(s), low)
        yield s.chance.uniform(60, 600)
        till.now = max(till.now, s.now)


def _own(s: Scene) -> Ink:
    """A signature that is new at this merchant; the same at others spares drawing."""
    s.shop.signatures += 1
    return _ink(s.shop.signatures)


@fault("sig_missing", hours=(9.0, 18.0))
def nobody_signed(s: Scene) -> Play:
    """The pad was broken: the sixth sale has no picture."""
    till, low = s.own_till(), s.chance.choice((10_000, GRAVE_FEN + 1))
    yield from _five(s, till, low)
    _signed(s, till, None, low)
    s.mark(till.settle())
    s.loses(0)


@fault("sig_blank", hours=(9.0, 18.0))
def signed_with_nothing(s: Scene) -> Play:
    """The customer pressed OK without writing."""
    till = s.own_till()
    yield from _five(s, till, 10_000)
    _signed(s, till, frozenset(), 10_000)
    s.mark(till.settle())
    s.loses(0)


@fault("sig_reused_exact", hours=(9.0, 18.0))
def another_sale_s_picture(s: Scene) -> Play:
    """The till's software sent an earlier sale's picture for a sale of another card."""
    till, ink = s.own_till(), _own(s)
    _signed(s, till, ink, 10_000)
    yield from _five(s, till, 10_000)
    sale = _signed(s, till, ink, 10_000)
    s.mark(till.settle())
    s.loses(sale.amount)


@fault("sig_reused_near", hours=(9.0, 18.0))
def another_sale_s_picture_touched_up(s: Scene) -> Play:
    """The same, touched up: one dot less."""
    till, ink = s.own_till(), _own(s)
    _signed(s, till, ink, 10_000)
    yield from _five(s, till, 10_000)
    _signed(s, till, ink - {sorted(ink)[len(ink) // 2]}, 10_000)
    s.mark(till.settle())
    s.loses(0)


@fault("sig_upload_failed", hours=(9.0, 18.0))
def picture_refused(s: Scene) -> Play:
    """The host refused the picture, nobody sent it again, and the settlement wiped it."""
    till = s.own_till()
    yield from _five(s, till, 10_000)
    sale = s.sale(s.odd(10_000, 90_000), s.card(), till=till, pin=False)
    if sale.approved:
        till.sign(sale, _picture(_own(s)), code="96")
    s.mark(till.settle())
    s.loses(0)


@fault("sig_code_mismatch", hours=(9.0, 18.0))
def code_of_the_day_before(s: Scene) -> Play:
    """The pad's day had not turned: the code beside the picture is made of yesterday's date."""
    till = s.own_till()
    yield from _five(s, till, 10_000)
    sale = s.sale(s.odd(10_000, 90_000), s.card(), till=till, pin=False)
    if sale.approved:
        till.sign(sale, _picture(_own(s)), day=sale.at.date() - dt.timedelta(days=1))
    s.mark(till.settle())
    s.loses(0)


@fault("nopin_over_limit", hours=(9.0, 18.0), also=("sig_missing",))
def tapped_above_the_limit(s: Scene) -> Play:
    """A tap of more than 1000 yuan went through without PIN, and nobody signed."""
    till = s.own_till()
    yield from _five(s, till, 10_000)
    sale = s.sale(s.odd(GRAVE_FEN + 1, GRAVE_FEN + 90_000), s.card(), till=till, entry="contactless", pin=False)
    s.mark(till.settle())
    s.loses(sale.amount)


@negative(40, hours=(9.0, 18.0), also=("sig_blank",))
def blank_pictures_alike(s: Scene) -> Play:
    """Two blank pictures are alike by construction: each is blank, and none is the other's copy."""
    till = s.own_till()
    yield from _five(s, till, 10_000)
    for _ in range(2):
        _signed(s, till, frozenset(), 10_000)
        yield 90
        till.now = max(till.now, s.now)
    s.mark(till.settle())
