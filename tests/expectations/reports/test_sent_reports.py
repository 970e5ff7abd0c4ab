"""Reports leave once and at their hour, and silence is told apart from breakage."""

import datetime as dt
import re
from pathlib import Path
from typing import Any

import pytest

from expectations.mail.budget import budget
from expectations.mail.send import send_alerts
from expectations.mail.timing import Hours, Sent
from expectations.reports.period import due
from ingest.alerting import Timing
from tests.expectations.mail.conftest import finding, subject
from tests.expectations.mail.postbox import Postbox
from tests.expectations.reports.reportshop import (
    MONDAY,
    judge,
    land,
    plain,
    send,
    settings_for,
    shop_week,
    store_findings,
)
from tests.expectations.shopdays import MERCHANT, ZONE


def test_a_week_without_a_fault_is_told_once_on_monday(tmp_path: Path, postbox: tuple[Postbox, int]):
    """已核对 25 笔，未发现异常: not before 09:30, once, and not again on Tuesday."""
    box, port = postbox
    settings = settings_for(tmp_path, port)
    land(settings, shop_week(16, 17, 18, 19, 20))
    assert send(settings, MONDAY - dt.timedelta(minutes=5)) == []
    assert send(settings, MONDAY) == ["weekly"]
    assert send(settings, MONDAY + dt.timedelta(minutes=5)) == []
    assert send(settings, MONDAY + dt.timedelta(days=1)) == []
    (mail,) = box.mails
    assert mail["Subject"] == "【周报】已核对 25 笔，未发现异常 | 张记小馆 | 11月16日–11月22日"


def test_a_report_that_is_late_does_not_leave_at_night(tmp_path: Path, postbox: tuple[Postbox, int]):
    """Not sent on Monday: nothing on Tuesday at 03:00, the report at 07:30."""
    box, port = postbox
    settings = settings_for(tmp_path, port)
    land(settings, shop_week(16, 17, 18, 19, 20))
    tuesday = MONDAY + dt.timedelta(days=1)
    assert send(settings, tuesday.replace(hour=3, minute=0)) == []
    assert send(settings, tuesday.replace(hour=7, minute=30)) == ["weekly"]
    assert len(box.mails) == 1


def test_a_week_whose_last_day_no_check_has_seen_waits_for_it(tmp_path: Path, postbox: tuple[Postbox, int]):
    """Landed is not judged: nothing is called well on Monday; once the check has run the report leaves."""
    box, port = postbox
    settings, till = settings_for(tmp_path, port), shop_week(16, 17, 18, 19, 20)
    land(settings, till, judged_until=dt.date(2026, 11, 19))
    assert send(settings, MONDAY) == []
    judge(settings, till)
    assert send(settings, MONDAY + dt.timedelta(minutes=5)) == ["weekly"]
    assert "未发现异常" in box.mails[0]["Subject"]


def test_a_check_that_does_not_come_is_told_in_the_report(tmp_path: Path, postbox: tuple[Postbox, int]):
    """On the third morning: two days are not checked, and nothing is said to be well."""
    box, port = postbox
    settings = settings_for(tmp_path, port)
    land(settings, shop_week(16, 17, 18, 19, 20), judged_until=dt.date(2026, 11, 18))
    assert send(settings, MONDAY + dt.timedelta(hours=35)) == []
    assert send(settings, (MONDAY + dt.timedelta(days=2)).replace(hour=7, minute=30)) == ["weekly"]
    (mail,) = box.mails
    assert mail["Subject"] == "【周报】有 2 天的交易记录还没有核对 | 张记小馆 | 11月16日–11月22日"
    assert "没有核对不等于没有问题" in plain(mail)


def test_a_week_without_records_is_not_called_well(tmp_path: Path, postbox: tuple[Postbox, int]):
    """A shop that was there before and said nothing: 数据不完整, not 未发现异常."""
    box, port = postbox
    settings = settings_for(tmp_path, port)
    land(settings, shop_week(10, 11))
    assert send(settings, MONDAY) == ["weekly"]
    assert "数据不完整" in box.mails[0]["Subject"]


def test_a_day_of_silence_is_told_the_next_morning_and_a_day_of_rest_is_not(
    tmp_path: Path, postbox: tuple[Postbox, int]
):
    """Friday without a record after two Fridays with some; Sundays never had any."""
    box, port = postbox
    settings = settings_for(tmp_path, port)
    land(settings, shop_week(2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 16, 17, 18, 19))
    friday = dt.datetime(2026, 11, 20, 9, 30, tzinfo=ZONE)
    assert send(settings, friday) == []
    saturday = friday + dt.timedelta(days=1)
    assert send(settings, saturday - dt.timedelta(minutes=1)) == []
    assert send(settings, saturday) == ["incomplete"]
    assert send(settings, saturday + dt.timedelta(hours=1)) == []
    assert send(settings, saturday + dt.timedelta(days=1)) == []  # Saturday was silent too: the same silence
    assert box.mails[0]["Subject"] == "【需处理】数据不完整：11月19日 之后没有收到终端记录 | 张记小馆"


def test_twelve_doubtful_rows_are_ten_this_week_and_two_the_next_each_once(
    tmp_path: Path, postbox: tuple[Postbox, int]
):
    """The most money first; what is proven and small stands above them under a heading of its own."""
    box, port = postbox
    settings = settings_for(tmp_path, port)
    land(settings, shop_week(16, 17, 18, 19, 20, 23, 24, 25))
    more: dict[str, Any] = {"merchant_id": MERCHANT, "business_date": dt.date(2026, 11, 18)}
    doubtful = [
        finding(
            "dup_card_amount_window", subject("SALE", 100 + n, "10:00:00", 1000 * n), severity="P2",
            certainty="POSSIBLE", **more,
        )
        for n in range(1, 13)
    ]  # fmt: skip
    store_findings(settings, doubtful)
    assert send(settings, MONDAY) == ["weekly"]
    proven = finding("fee_rate_over_contract", subject("SALE", 200, "11:00:00", 100), severity="P4", **more)
    store_findings(settings, [proven])
    assert [send(settings, MONDAY + dt.timedelta(days=days)) for days in (1, 7)] == [[], ["weekly"]]
    first, second = (plain(mail) for mail in box.mails)
    rows = [[int(stan) for stan in re.findall(r"凭证号 (\d{6})", text)] for text in (first, second)]
    assert rows == [[112, 111, 110, 109, 108, 107, 106, 105, 104, 103], [200, 102, 101]]
    assert "小事一并告知" not in first
    assert second.index("小事一并告知") < second.index("000200") < second.index("不确定") < second.index("000102")


def test_one_merchant_asked_for_sends_nothing_of_others(tmp_path: Path, postbox: tuple[Postbox, int]):
    """--merchant on a Monday: that shop's report, no table of all, no other shop's."""
    box, port = postbox
    routes = [{"to": ["finance@example.com"]}, {"to": ["ops@example.com"], "role": "operations"}]
    settings = settings_for(tmp_path, port, alerts={"smtp": f"smtp://127.0.0.1:{port}", "routes": routes})
    land(settings, shop_week(17))
    assert send_alerts(settings, MONDAY, merchant="898310058129999").outcomes == ()
    assert [each.kind for each in send_alerts(settings, MONDAY, merchant=MERCHANT).outcomes] == ["weekly"]
    assert send(settings, MONDAY) == ["fleet"]
    assert len(box.mails) == 2


@pytest.mark.parametrize(
    ("now", "names"),
    [
        (MONDAY, ["weekly:2026-11-16"]),
        (MONDAY - dt.timedelta(minutes=1), []),
        (MONDAY + dt.timedelta(days=2, minutes=-1), ["weekly:2026-11-16"]),
        (MONDAY + dt.timedelta(days=2), []),
        (dt.datetime(2026, 12, 1, 9, 30, tzinfo=ZONE), ["weekly:2026-11-23", "monthly:2026-11-01"]),
    ],
)
def test_reports_are_due_at_their_hour_and_for_two_days(now: dt.datetime, names: list[str]):
    """The week on Monday, the month on its first day; what is older than two days is not made up for."""
    periods, next_at = due(Hours(Timing(), ZONE, now))
    assert sorted(each.name for each in periods) == sorted(names)
    assert next_at > now


def test_the_budget_counts_weeks_without_a_mail_and_the_busiest_reader():
    """Three mails in one of eight shop-weeks are a median of 0; two of four urgent ones were acted on."""

    def sent(names: str, days: int, who: str = "a", kind: str = "P1") -> Sent:
        return Sent("m1", who, "en", kind, MONDAY - dt.timedelta(days=days), frozenset({names}))

    mails = [sent("f1", 1), sent("f1", 1, "b"), sent("f2", 2), sent("f3", 3), sent("f4", 20), sent("f5", 40)]
    spent = budget(mails, {"m1", "m2"}, {"f1", "f4"}, MONDAY)
    assert (spent.median_mails, spent.p1_mails, spent.p1_acted) == (0, 4, 2)
    assert not spent.holds
    assert budget(mails, {"m1"}, {"f1"}, MONDAY).median_mails == 0.5


def test_what_is_only_possible_about_operators_is_the_managers_list_once_a_week(
    tmp_path: Path, postbox: tuple[Postbox, int]
):
    """Once, without another mail; the shop's own report has none of it, and a week without such a case no list."""
    box, port = postbox
    routes = [{"to": ["finance@example.com"]}, {"to": ["manager@example.com"], "role": "manager"}]
    settings = settings_for(tmp_path, port, alerts={"smtp": f"smtp://127.0.0.1:{port}", "routes": routes})
    land(settings, shop_week(16, 17, 18, 19, 20, 23))
    doubtful = finding(
        "operator_refund_concentration", subject("REFUND", 41, "10:00:00", 1000), merchant_id=MERCHANT, severity="P3",
        certainty="POSSIBLE", business_date=dt.date(2026, 11, 18),
    )  # fmt: skip
    store_findings(settings, [doubtful])
    assert send(settings, MONDAY) == ["weekly", "weekly"]
    assert send(settings, MONDAY + dt.timedelta(hours=1)) == []
    said = {str(mail["To"]): mail for mail in box.mails}
    assert str(said["manager@example.com"]["Subject"]).startswith("【待核对】1 处与操作员有关的记录 | 张记小馆")
    assert "000041" in plain(said["manager@example.com"])
    assert "000041" not in plain(said["finance@example.com"])
    assert send(settings, MONDAY + dt.timedelta(days=7)) == ["weekly"]


def test_a_reminder_and_the_report_of_the_same_hour_are_one_mail(tmp_path: Path, postbox: tuple[Postbox, int]):
    """Told on Friday, open on Monday: who reads both has one mail, the pressing part first; who reads the report alone
    has that. Each is kept as told, and nothing follows.
    """
    box, port = postbox
    routes = [{"to": ["finance@example.com"]}, {"to": ["books@example.com"], "severities": ["P4"]}]
    settings = settings_for(tmp_path, port, alerts={"smtp": f"smtp://127.0.0.1:{port}", "routes": routes})
    land(settings, shop_week(16, 17, 18, 19, 20))
    told = finding("dup_same_atc", subject("SALE", 1, "10:00:00", 2500), merchant_id=MERCHANT,
                   business_date=dt.date(2026, 11, 20))  # fmt: skip
    store_findings(settings, [told])
    assert send(settings, MONDAY - dt.timedelta(days=3)) == ["P1"]
    assert sorted(send(settings, MONDAY)) == ["reminder", "weekly"]
    assert send(settings, MONDAY + dt.timedelta(minutes=5)) == []
    assert send(settings, MONDAY + dt.timedelta(days=1)) == []
    first, *monday = box.mails
    both, alone = sorted(monday, key=lambda mail: str(mail["To"]), reverse=True)
    assert (both["To"], alone["To"]) == ("finance@example.com", "books@example.com")
    assert both["Subject"].endswith("¥25.00，另有周报 | 张记小馆")
    assert both["In-Reply-To"] == first["Message-ID"]
    text = plain(both)
    assert text.index("【未结案件】") < text.index("【每日收款（扣除撤销与退货）】")
    assert text.count("本邮件只含卡号后四位") == 1
    assert "【未结案件】" not in plain(alone)
