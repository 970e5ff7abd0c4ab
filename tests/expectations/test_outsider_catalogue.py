"""The catalogue's sentences, acted by an outsider's terminals over a New Year, and landed in more than one way."""

import datetime as dt
import json
from pathlib import Path

import pytest

from tests.expectations import outsidercredits, outsiderdebits
from tests.expectations.outsider import Till, capture, card
from tests.expectations.outsidernewyear import BOB, NOON, after, alice, stage
from tests.expectations.outsiderstage import judged, landed, run

pytestmark = pytest.mark.slow

plays = stage()


# --- holds


@plays.finds(("dup_completion", "PROVEN", 50000))
def completed_online_and_by_advice(till: Till) -> None:
    hold = till.go(NOON, "PREAUTH", 50000, alice(till))
    till.go(after(100), "COMPLETION", 50000, alice(till), of=hold)
    till.go(after(104), "COMPLETION_ADVICE", 50000, alice(till), of=hold)


@plays.finds()
def completed_again_after_a_void(till: Till) -> None:
    hold = till.go(NOON, "PREAUTH", 50000, alice(till))
    first = till.go(after(100), "COMPLETION", 50000, alice(till), of=hold)
    till.go(after(102), "COMPLETION_VOID", 50000, alice(till), of=first)
    till.go(after(104), "COMPLETION", 50000, alice(till), of=hold)


@plays.finds(("completion_plus_sale", "PROBABLE", 50000))
def completed_and_sold(till: Till) -> None:
    hold = till.go(NOON, "PREAUTH", 50000, alice(till))
    till.go(after(100), "COMPLETION", 50000, alice(till), of=hold)
    till.go(after(140), "SALE", 50000, alice(till))


@plays.finds()
def a_hold_that_was_added_to(till: Till) -> None:
    hold = till.go(NOON, "PREAUTH", 50000, alice(till))
    till.go(after(60), "PREAUTH", 30000, alice(till), asks={38: hold.auth})
    till.go(after(600), "COMPLETION", 85000, alice(till), of=hold)


@plays.finds()
def a_hold_voided_at_the_next_till(till: Till) -> list[Till]:
    other = plays.second(till)
    hold = till.go(NOON, "PREAUTH", 36840, alice(till))
    other.go(after(4), "PREAUTH_VOID", 36840, alice(till), of=hold)
    return [other]


@plays.finds(("preauth_void_after_completion", "PROVEN", 50000))
def a_hold_voided_after_its_completion(till: Till) -> None:
    hold = till.go(NOON, "PREAUTH", 50000, alice(till))
    till.go(after(100), "COMPLETION", 50000, alice(till), of=hold)
    till.go(after(160), "PREAUTH_VOID", 50000, alice(till), of=hold)


@plays.finds(("completion_void_amount", "PROVEN", 10000))
def a_completion_voided_for_less(till: Till) -> None:
    hold = till.go(NOON, "PREAUTH", 50000, alice(till))
    done = till.go(after(100), "COMPLETION", 50000, alice(till), of=hold)
    till.go(after(120), "COMPLETION_VOID", 40000, alice(till), of=done)


@plays.finds(("preauth_mislabelled", "PROBABLE", 50000))
def held_and_sold(till: Till) -> None:
    till.go(NOON, "PREAUTH", 50000, alice(till))
    till.go(after(10), "SALE", 50000, alice(till))


# --- numbers and clocks


@plays.finds()
def trace_numbers_that_wrap(till: Till) -> None:
    till.stan = 999_997
    for number in range(6):
        till.go(after(10 * number), "SALE", 5000 + 7 * number, card(930_000 + number))


@plays.finds(("batch_gap", "PROBABLE", 0))
def three_batches_that_nobody_saw(till: Till) -> None:
    till.go(NOON, "SALE", 30000, alice(till))
    till.settle(after(90), (30000, 1))
    till.batch += 3
    till.go(after(200), "SALE", 5500, BOB)


@plays.finds(("clock_skew", "PROVEN", 0))
def a_clock_five_hours_fast(till: Till) -> None:
    for number in range(8):
        told = after(10 * number) + dt.timedelta(hours=5)
        asks = {12: f"{told:%H%M%S}", 13: f"{told:%m%d}"}
        till.go(after(10 * number), "SALE", 5000 + 7 * number, card(940_000 + number), asks=asks)


def shop(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """A folder with keys."""
    folder.mkdir(exist_ok=True)
    monkeypatch.chdir(folder)
    run("doctor", "--create-keys")


def test_the_catalogue_is_judged_by_what_happened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """At each merchant what is wrong is found, and nothing else anywhere; in whatever parts the captures land."""
    shop(monkeypatch, tmp_path)
    everything = outsiderdebits.plays + outsidercredits.plays + plays
    lines = list(capture(everything.tills()))
    landed([lines])

    whole = judged()

    assert everything.wrong(whole) == {}
    shop(monkeypatch, tmp_path / "in parts")
    days = [[each for each in lines if json.loads(each)["t"][:10] == day] for day in ("2025-12-30", "2026-01-01")]
    noon = [each for each in lines if json.loads(each)["t"][:10] == "2025-12-31"]
    middle = len(noon) // 2  # in the middle of an exchange or not: the same
    landed([noon[middle:], days[1], noon[:middle]])
    judged()
    landed([days[0], noon])  # a day late, and half of another once more

    assert judged() == whole
