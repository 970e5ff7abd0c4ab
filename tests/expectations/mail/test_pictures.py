"""Doubled debits on an axis of time: each mark where its time is, and in both parts and as words the same."""

import datetime as dt

import pytest

from expectations.findings import Finding
from expectations.mail.blocks import Axis, Letter
from expectations.mail.cases import group
from expectations.mail.catalogue import texts
from expectations.mail.figures import Figures
from expectations.mail.html import render_html
from expectations.mail.moments import runs_of
from expectations.mail.pictures import time_axis
from tests.expectations.mail.conftest import (
    DAY,
    NOW,
    SHANGHAI,
    finding,
    lost_reversal,
    refund_too_high,
    retry,
    subject,
)


def axes(*found: Finding, locale: str = "en") -> list[Axis]:
    """The pictures of the one case of these findings."""
    figures = Figures(texts("zh-CN" if locale == "zh-CN" else "en"), SHANGHAI, NOW)
    (case,) = group(found, NOW)
    made = time_axis(case, runs_of(case), figures)
    assert all(isinstance(each, Axis) for each in made)
    return [each for each in made if isinstance(each, Axis)]


def test_sale_lost_answer_and_second_sale_stand_at_their_time():
    """Of 165 seconds in 20 places: 30 s is place 3, 65 s 7, 100 s 12 (30/165·19 = 3.45, 7.48, 11.5), the end 19."""
    (axis,) = axes(retry(), lost_reversal())
    assert [(each.name, each.drawn) for each in axis.lanes] == [
        ("sale 004518", "→▒▒?░░░░░░░░░░░░░░░░"),
        ("reversal 004518", "░░░?░░░?░░░░?░░░░░░░"),
        ("sale 004519", "░░░░░░░░░░░░░░░░░░░✓"),
    ]
    assert (axis.first, axis.last) == ("20:41:07", "20:43:52")
    assert axis.says == "→ sent, ? no answer from the bank, ✓ approved"


def test_without_a_reversal_nobody_knows_when_the_answer_was_given_up():
    """The sale itself is marked as unanswered; nothing is drawn that no record says."""
    (axis,) = axes(retry())
    assert [each.drawn for each in axis.lanes] == ["?" + "░" * 19, "░" * 19 + "✓"]


@pytest.mark.parametrize(
    ("locale", "alt"),
    [
        (
            "en",
            (
                "Time axis, 2 min 45 s from first to last: 20:41:07 sale 004518, no answer from the bank; "
                "20:43:52 sale 004519, approved"
            ),
        ),
        (
            "zh-CN",
            "时间轴（首尾相隔 2 分钟 45 秒）：20:41:07 消费 004518、没有收到银行结果；20:43:52 消费 004519、成功",
        ),
    ],
)
def test_the_picture_is_told_in_words(locale: str, alt: str):
    """Who cannot see it hears it: the table is an image with this as its name."""
    (axis,) = axes(retry(), locale=locale)
    assert axis.alt == alt
    page = render_html(Letter("en", "", (axis,)))
    assert f'role="img" aria-label="{alt}"' in page
    assert page.count("✓") == 2  # the mark and its meaning


def test_a_cell_is_as_wide_as_its_time():
    """In HTML the lane's cells have the drawn places' shares of the width."""
    (axis,) = axes(retry(), lost_reversal())
    assert axis.lanes[0].cells == (("→", 1), ("▒", 2), ("?", 1), ("░", 16))
    page = render_html(Letter("en", "", (axis,)))
    lane = page[page.index("sale 004518</td>") : page.index("reversal 004518</td>")]
    assert [each.partition('"')[0] for each in lane.split('width="')[1:] if "%" in each.partition('"')[0]] == [
        "100%",
        "5%",
        "10%",
        "5%",
        "80%",
    ]


def test_over_midnight_the_days_are_said():
    """Otherwise 23:59 and 00:01 would look like a day the wrong way round."""
    late = subject("SALE", 9001, "23:59:00", 5000, rrn="112123590001", day=DAY)
    early = subject("SALE", 9002, "00:01:00", 5000, rrn="112200010002", day=DAY + dt.timedelta(days=1))
    (axis,) = axes(finding("dup_card_amount_window", early, late))
    assert (axis.first, axis.last) == ("21 Nov 23:59:00", "22 Nov 00:01:00")


def test_no_picture_where_it_would_not_help():
    """A refund is no double; two debits of one second have no distance; seven records are not read at a glance."""
    assert axes(refund_too_high()) == []
    twins = [subject("SALE", n, "12:00:00", 100, rrn=f"11211200000{n}") for n in (1, 2)]
    assert axes(finding("dup_same_atc", *twins)) == []
    many = [subject("SALE", n, f"12:0{n}:00", 100, rrn=f"11211200000{n}") for n in range(1, 8)]
    assert axes(finding("dup_same_atc", *many)) == []
    assert len(axes(finding("dup_same_atc", *many[:6]))) == 1
