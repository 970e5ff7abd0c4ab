"""Settlements that state one total of all cards, or none: compared where the sum is defined, else UNVERIFIABLE."""

import datetime as dt
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from expectations.coverage import Blind, blind
from expectations.lifecycle import link
from expectations.lifecycle.reading import COLUMNS
from expectations.mail.cases import group
from expectations.mail.catalogue import LOCALES, Locale, texts
from expectations.mail.figures import Figures
from expectations.mail.values import case_values
from expectations.parameters import Parameters
from expectations.run import judge
from ingest.cli import main
from ingest.keys import create_keys
from ingest.tables import Lake
from tests.expectations.conftest import SHOP, Findings
from tests.expectations.plainlaws import PlainBench
from tests.expectations.shopdays import ZONE, Row, Till, tables
from tests.ingest import test_mis_df_landing as df
from tests.ingest import test_mis_landing as mis
from tests.ingest import test_zvt_landing as zvt

TOTALS = ("batch_total_amount_mismatch", "batch_total_count_mismatch")
FIRST, LAST = dt.date(2026, 11, 1), dt.date(2026, 12, 31)


class Day(Till):
    """A terminal without batches, which states one total."""

    def attempt(self, txn_type: str, amount_fen: int | None = None, **told: Any) -> Row:
        return super().attempt(txn_type, amount_fen, batch_no=None, **told)

    def close(self, count: int | None, amount_fen: int | None, **told: Any) -> Row:
        sides = dict.fromkeys(self.totals()) | {"rmb_flag": None, "foreign_flag": None, "batch_no": None}
        return self.settle(**sides | {"total_count": count, "total_amount_fen": amount_fen} | told)


@pytest.fixture
def till() -> Day:
    """A terminal whose last day was closed and is known."""
    till = Day(signed_in=False)
    till.close(0, 0)
    return till


def verdicts(findings: Findings, till: Till) -> dict[str, tuple[str, int]]:
    """Certainty and money at risk of what the two rules find."""
    found = [each for each in findings(till) if each.rule in TOTALS]
    return {each.rule.split("_")[2]: (each.certainty, each.amount_at_risk_fen) for each in found}


def test_a_day_is_compared_since_the_one_before_with_voids_netted(till: Day, findings: Findings):
    """Sale 1000, sale 2000 taken back: 1 and 1000; the day after counts by itself."""
    till.sale(1000)
    wrong = till.sale(2000)
    till.void(wrong)
    till.sale(700, code="51")
    till.attempt("PREAUTH", 90000)
    till.close(1, 1000)
    till.sale(400)
    till.close(1, 400)
    assert verdicts(findings, till) == {}


def test_a_status_that_was_lost_or_doubled_is_found(till: Day, findings: Findings):
    """The terminal counts two sales of 1500, one was seen: both totals are named; PROBABLE at most."""
    till.sale(1000)
    till.close(2, 1500)
    found = {each.rule: each for each in findings(till) if each.rule in TOTALS}
    amount = found["batch_total_amount_mismatch"]
    assert (amount.severity, amount.certainty, amount.amount_at_risk_fen) == ("P2", "PROBABLE", 500)
    assert (amount.evidence["reported_fen"]["total"], amount.evidence["counted_fen"]["total"]) == (1500, 1000)
    assert amount.completeness["missing"] == []
    assert found["batch_total_count_mismatch"].evidence["counted_counts"]["total"] == 1


def test_a_void_that_the_terminal_does_not_net_is_found(till: Day, findings: Findings):
    """A total with its count takes a voided sale off: one that still has it is wrong."""
    till.void(till.sale(1000))
    till.close(1, 1000)
    assert verdicts(findings, till) == {"amount": ("PROBABLE", 1000), "count": ("PROBABLE", 0)}


def test_a_settlement_without_a_currency_has_its_terminals(till: Day, findings: Findings):
    """ZVT's end of day says none, and its terminal takes euros."""
    till.sale(1000, currency="978")
    till.close(1, 1500, currency=None)
    [found] = [each for each in findings(till) if each.rule in TOTALS]
    assert found.currency == "978"


@pytest.mark.parametrize(("count", "amount"), [(2, 700), (1, 1000)], ids=["taken off", "told apart"])
def test_a_refund_may_be_in_the_total_or_not(till: Day, findings: Findings, count: int, amount: int):
    """Which, no public document says: both are right, anything else is not, and the finding says what is not known."""
    till.refund(till.sale(1000), 300)
    till.close(count, amount)
    till.refund(till.sale(1000), 300)
    till.close(3, 1300)
    found = {each.rule: each for each in findings(till) if each.rule in TOTALS}
    assert {each.subjects[0].stan for each in found.values()} == {till.stan}
    amount_found = found["batch_total_amount_mismatch"]
    assert (amount_found.certainty, amount_found.amount_at_risk_fen) == ("PROBABLE", 300)
    assert amount_found.completeness["missing"] == ["totals_definition"]


def test_an_amount_without_a_count_may_have_voided_sales_in_it(till: Day, findings: Findings):
    """The amount alone is judged, by either definition."""
    till.sale(500)
    till.void(till.sale(1000))
    till.close(None, 1500)
    till.sale(500)
    till.void(till.sale(1000))
    till.close(None, 500)
    till.sale(500)
    till.close(None, 600)
    assert verdicts(findings, till) == {"amount": ("PROBABLE", 100)}


def test_before_the_first_close_nothing_is_proved(findings: Findings):
    """Nobody knows when the day began: UNVERIFIABLE."""
    till = Day(signed_in=False)
    till.sale(1000)
    till.close(3, 4000)
    assert {each[0] for each in verdicts(findings, till).values()} == {"UNVERIFIABLE"}


def test_a_close_of_unknown_outcome_ends_no_day(till: Day, findings: Findings):
    """It may have been accepted, or not: UNVERIFIABLE."""
    till.sale(1000)
    till.close(None, None, outcome="unknown", response_code=None)
    till.sale(2000)
    till.close(2, 3000)
    assert {each[0] for each in verdicts(findings, till).values()} == {"UNVERIFIABLE"}


def test_what_is_a_sale_or_a_refund_nobody_knows(till: Day, findings: Findings):
    """A record without a type may be either: UNVERIFIABLE, and said."""
    till.sale(1000)
    till.attempt(None, 300)  # type: ignore[arg-type]  # a row without a type
    till.close(2, 700)
    assert {each[0] for each in verdicts(findings, till).values()} == {"UNVERIFIABLE"}
    told = next(each for each in findings(till) if each.rule in TOTALS)
    assert told.completeness["missing"] == ["transaction_types"]


def test_what_could_not_be_read_may_be_what_is_missing(till: Day, findings: Findings):
    """A frame of the line was rejected that day: UNVERIFIABLE. One of the day before is nothing to it."""
    till.reject()
    till.at("2026-11-22 08:00:00").sale(1000)
    till.close(1, 1000)
    till.at("2026-11-23 08:00:00").sale(1000)
    till.close(2, 1500)
    till.at("2026-11-24 08:00:00").sale(1000)
    till.reject()
    till.close(2, 1500)
    found = [each for each in findings(till) if each.rule == "batch_total_amount_mismatch"]
    assert [(each.business_date.day, each.certainty, each.completeness["missing"]) for each in found] == [
        (23, "PROBABLE", []),
        (24, "UNVERIFIABLE", ["unread_records"]),
    ]


def needs(till: Till) -> set[tuple[str, str]]:
    """What the two rules lack at the terminal's merchant."""
    return lacking(link(tables(till), SHOP, FIRST, LAST))


def lacking(linked: Any) -> set[tuple[str, str]]:
    lacks: list[Blind] = blind(linked, Parameters())
    return {(each.rule, each.needs) for each in lacks if each.needs.startswith("settled_")}


COUNT = ("batch_total_count_mismatch", "settled_count")
AMOUNT = ("batch_total_amount_mismatch", "settled_amount")
BATCH = ("settle_unbalanced_no_upload", "settled_batch")
PAID_TWICE = ("double_settlement", "settled_batch")


def test_what_a_settlement_does_not_say_is_a_need(till: Day):
    """No total, only an amount, only in the host's answer; and nothing where nothing was settled."""
    till.sale()
    till.settlements.clear()
    assert needs(till) == set()
    till.close(None, None)
    assert needs(till) == {COUNT, AMOUNT, BATCH, PAID_TWICE}
    till.close(None, 36800)
    assert needs(till) == {COUNT, BATCH, PAID_TWICE}
    till.close(1, 36800)
    assert needs(till) == {BATCH, PAID_TWICE}
    answered = Till()
    answered.sale()
    answered.settle(**dict.fromkeys(answered.totals()), rmb_host_debit_amount_fen=1, rmb_host_debit_count=1)
    assert needs(answered) == set()


# --- each protocol, from its frames


def zvt_day(number: int, total: int) -> list[tuple[str, str]]:
    """Two sales of 10.00, one taken back; the end of day says one sale of `total`."""
    trace, clock, date = 10 * number, "0C1015", f"0D112{number}"

    def status(nth: int, amount: int, *more: str) -> str:
        head = ("2700", f"04{amount:012d}", f"0B{trace + nth:06d}", f"{clock}{nth:02d}", date, "2952523535", "490978")
        return zvt.apdu("040F", *head, *more)

    def asked(command: str, answer: str) -> list[tuple[str, str]]:
        return [("tx", command), ("rx", "800000"), ("rx", answer), zvt.OK, ("rx", "060F00"), zvt.OK]

    sums = "60F0F5F3" + "00010002" + f"01{total:012d}" + "00" * 42
    return [
        *asked(zvt.SALE, status(1, 1000)),
        *asked(zvt.SALE, status(2, 1000)),
        *asked(zvt.apdu("0630", "000000", "870002"), status(3, 1000, f"37{trace + 2:06d}")),
        *asked(zvt.apdu("0650", "000000"), status(4, total, sums)),
    ]


def df_day(number: int, total: int) -> list[tuple[str, str]]:
    """A sale of 1.20 and one of 3.00 taken back: debits of `total`, credits of 3.00."""
    receipt, batch = 10 * number, (0xDF11, f"13091{number}".encode())
    same = ((0xDF12, df.TERMINAL), (0xDF13, df.MERCHANT), batch)

    def done(code: int, nth: int, amount: bytes) -> list[tuple[str, str]]:
        digits = amount.decode().strip("RMB -").replace(".", "")
        echo = f"{1000 + receipt + nth}"
        said = [
            each for each in df.receipt(code, receipt + nth, amount, f"112{number}10{nth:02d}00") if each[0] != 0xDF11
        ]
        original = ((0xDF18, bytes.fromhex(f"{receipt + nth - 1:06d}")),) if code == 0x81 else ()
        asked = df.command(code, echo, (0xDF03, bytes.fromhex(f"{digits:0>12}")), *original)
        return [("tx", asked.hex()), ("rx", df.result(code, echo, *said, *same, *original).hex())]

    sums = [(0xDF25, f"RMB{total / 100:6.2f}".encode()), (0xDF26, b"\0\0\2")]
    sums += [(0xDF27, b"RMB  3.00"), (0xDF28, b"\0\0\1")]
    echo = f"{2000 + number}"
    clock = ((0xDF1C, f"112{number}".encode()), (0xDF1D, b"220000"))
    closed = df.result(0x83, echo, *sums, *same, *clock)
    return [
        *done(0x80, 1, b"RMB  1.20"),
        *done(0x80, 2, b"RMB  3.00"),
        *done(0x81, 3, b"RMB -3.00"),
        ("tx", df.command(0x83, echo).hex()),
        ("rx", closed.hex()),
    ]


def said_9f(number: int, kind: int, nth: int, amount: int, **more: str) -> tuple[str, str]:
    told = {"t9F04": mis.MERCHANT, "t9F05": mis.TERMINAL, "t9F0D": f"{number:06d}", "t9F0E": f"{10 * number + nth:06d}"}
    told |= {"t9F11": f"2026112{number}", "t9F12": f"1015{nth:02d}", "t9F10": f"112{number}{nth:08d}"}
    return "rx", mis.frame_9f(kind, t9F02=f"{amount:012d}", t9F14="00", **told, **more)


def mis_9f_day(number: int, total: int) -> list[tuple[str, str]]:
    """Two sales of 10.00, one taken back; the settlement says `total`."""
    original = f"{10 * number + 2:06d}"
    same = {"t9F14": "00", "t9F04": mis.MERCHANT, "t9F05": mis.TERMINAL, "t9F0D": f"{number:06d}"}
    return [
        ("tx", mis.frame_9f(2, t9F02="000000001000")),
        said_9f(number, 2, 1, 1000),
        ("tx", mis.frame_9f(2, t9F02="000000001000")),
        said_9f(number, 2, 2, 1000),
        ("tx", mis.frame_9f(3, t9F02="000000001000", t9F20=original)),
        said_9f(number, 3, 3, 1000, t9F20=original),
        ("tx", mis.frame_9f(14)),
        ("rx", mis.frame_9f(14, t9F1D=f"{total:012d}", **same)),
    ]


def records_day(number: int, _: int) -> list[tuple[str, str]]:
    """A sale, and a settlement whose answer has no total."""
    sale, close = f"1{number}0", f"1{number}1"
    return [
        mis.asked("00", sale, 1000),
        mis.answered(sale, 10 * number, 1000, f"10{number:02d}00"),
        mis.asked("06", close),
        mis.answered(close),
    ]


@pytest.fixture
def landed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Lake]:
    """The lake that days of frames make."""
    monkeypatch.chdir(tmp_path)
    create_keys(Path("var/keys/pan-token.key"))

    def run(*words: str) -> None:
        monkeypatch.setattr(sys, "argv", ["tillwatch", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        assert not ended.value.code, words

    def make(profile: str, *days: list[tuple[str, str]]) -> Lake:
        said = [
            {"t": f"2026-11-2{number}T10:15:{at:02d}+08:00", "line": "till", "dir": way, "frame": frame}
            for number, day in enumerate(days, 1)
            for at, (way, frame) in enumerate(day)
        ]
        Path("days.capture.jsonl").write_text("".join(json.dumps(each) + "\n" for each in said), "utf-8")
        run("replay", "days.capture.jsonl", "--profile", profile)
        run("land")
        return Lake("var/lake")

    return make


@pytest.mark.slow
@pytest.mark.parametrize(
    ("profile", "day", "right", "unverifiable", "accused"),
    [
        ("zvt-tcp", zvt_day, 1000, {BATCH, PAID_TWICE}, ["amount PROBABLE 100"]),
        ("ingenico-mis-example", df_day, 420, set(), ["amount PROBABLE 100"]),
        ("allinpay", mis_9f_day, 1000, {COUNT}, ["amount PROBABLE 100"]),
        ("chinaums-bankall", records_day, 0, {COUNT, AMOUNT}, []),
    ],
)
def test_each_protocols_settlement(landed, profile, day, right, unverifiable, accused):
    """Two days closed truly, the third with 1.00 more: that one alone is accused; what cannot be judged is said."""
    lake = landed(profile, day(1, right), day(2, right), day(3, right + 100))
    assert lake.read("rejects").num_rows == 0
    read = {name: lake.read(name) for name in COLUMNS}
    out = judge(read, SHOP, FIRST, LAST, bench=PlainBench())
    assert out.could_not_run == []
    found = [each for each in out.findings if each.rule in TOTALS]
    assert [f"{each.rule.split('_')[2]} {each.certainty} {each.amount_at_risk_fen}" for each in found] == accused
    assert {each.business_date for each in found} <= {dt.date(2026, 11, 23)}
    assert {(each.rule, each.needs) for each in out.blind if each.needs.startswith("settled_")} == unverifiable


@pytest.mark.parametrize("locale", LOCALES)
def test_a_mail_says_it_without_a_batch(till: Day, findings: Findings, locale: Locale):
    """Terminal, both totals and what is at stake; nothing is said to be missing from the record."""
    till.sale(1000)
    till.close(2, 1500)
    words = texts(locale)
    figures = Figures(words, ZONE, till.now)
    for found in (each for each in findings(till) if each.rule in TOTALS):
        [case] = group([found], till.now)
        values = case_values(case, found, figures)
        rule = words.rules[found.rule]
        said = [words.fill(rule.why, values)]
        for closed in (True, False):
            said += [
                words.fill(each, values) for each in (*rule.act.at(is_open=closed), *rule.steps.at(is_open=closed))
            ]
        assert all(words.phrase("not_recorded") not in each for each in said), said
        assert till.terminal in said[0]
        assert str(words.word("totals", "total")) in said[0]
