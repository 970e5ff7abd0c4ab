"""The table of figures, and the page of it."""

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.detection.fees import FeeFigures
from bench.detection.figures import BASE_RATES, PROVEN_RULES, WINDOW, Calibration, Total, World
from bench.detection.match import DELAY, HANDLED, SEALED, Share, Weighed, nothing
from bench.detection.paired import Paired

IDENTITY = frozenset((21, 22, 23, 38))
"""Hard negatives that are one thing said twice: silence is owed to every one."""
BEGIN, END = "<!-- figures: written by make bench-detection -->", "<!-- end of figures -->"
NEGATIVES = {
    1: "two identical coffees", 2: "declined, then approved", 3: "reversed (00), then paid",
    4: "reversal answered 25, then paid",
    5: "voided, and sold again", 6: "void reversed, and voided again", 7: "three refunds that make up the sale",
    8: "equal refunds on two days", 9: "completion of exactly 115 %", 10: "completion below the hold",
    11: "uploaded twice after 不平",
    12: "RMB and foreign totals", 13: "trace number wraps", 14: "host jumps the batch number",
    15: "code closed, then card",
    16: "test sale of 0.01", 17: "tip", 18: "partial approval", 19: "split bill", 20: "gift cards", 21: "reprint",
    22: "one dump read twice", 23: "statement file came twice", 24: "payout came back and was made again",
    25: "phone and plastic", 26: "announced fee change", 27: "promotion ends as dated", 28: "mix of cards shifts",
    29: "payout after the holiday", 30: "sold 10 s before the cut", 31: "leap day, year's end", 32: "terminal replaced",
    33: "clock 7 min fast", 34: "offline rows told next day", 35: "same amount every week", 36: "fuel hold of 1.00",
    37: "many small payments in hospital", 38: "told at least once", 39: "goods for 99.00",
    40: "blank signatures alike", 41: "small tap unsigned",
    42: "refund ten past midnight",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Lessened:
    """Worlds that something was taken from, and the same ones as they are."""

    less: Total
    whole: Total


@dataclass(frozen=True, slots=True)
class Results:
    """Everything that a run gave; what was not run is None or empty."""

    size: str
    command: str
    machine: str
    test: Total
    dev: Total
    calibration: Calibration
    perturbed: dict[str, Lessened]
    worlds: list[World]
    paired: dict[str, Paired]
    fees: FeeFigures


def table(results: Results) -> list[tuple[str, str, str]]:
    """What is measured, what is aimed at, what came out: Wilson's 95 % interval behind each share."""
    test = results.test
    window = test.rules[WINDOW]
    silent = sum((share for number, share in test.negatives.items() if number not in IDENTITY), nothing())
    same = sum((share for number, share in test.negatives.items() if number in IDENTITY), nothing())
    return [
        ("PROVEN rules of P1: precision", ">= 0.995", f"{test.proven.precision}"),
        ("PROVEN rules of P1: recall", ">= 0.99", f"{test.proven.recall}"),
        ("accusations called PROVEN that are wrong", "<= 0.005", f"{test.proven_wrong}"),
        (f"{WINDOW}: recall, alerts", ">= 0.88", f"{window.recall}"),
        (f"{WINDOW}: recall, alerts and review", "-", f"{Share(window.found + window.reviewed, window.recall.of)}"),
        (f"{WINDOW}: precision as acted", "-", f"{window.precision}"),
        (f"{WINDOW}: precision as acted, alerts and review", "-", f"{_right(_told(test.scores))}"),
        (f"{WINDOW}: review list, ten highest scores", ">= 0.5", f"{_right(_review(test.scores)[:10])}"),
        (f"{WINDOW}: review list, and all equal to the tenth", "-", f"{_right(_equals(_review(test.scores)))}"),
        *(
            (f"{WINDOW}: precision at {ppm} ppm", aim, f"{test.precision_at(WINDOW, ppm):.3f}")
            for ppm, aim in zip(BASE_RATES, ("-", ">= 0.92", "-"), strict=True)
        ),
        ("hard negatives met with silence, all classes", ">= 0.995 each", f"{silent}"),
        ("hard negatives that are one thing twice (21, 22, 23, 38)", "1.000", f"{same}"),
        ("money recall (yuan of loss accused, P1 and P2)", ">= 0.99", f"{test.money[0] / max(1, test.money[1]):.4f}"),
        ("voidable faults told 20 min before 23:00", ">= 0.95", f"{test.in_time}"),
        ("gravest finding names the cause", ">= 0.90", f"{test.cause}"),
        ("fee changes in the worlds: first transaction exact", ">= 0.97", f"{test.first_fee}"),
        ("fee changes by themselves: first transaction exact", ">= 0.97", f"{results.fees.exact}"),
        ("fee changes by themselves: error of the overcharge, fen", "0", f"{results.fees.error_fen}"),
        *(
            (f"false breaks, {way}, of {share.of:,} fees", "0", f"{share.hits}")
            for way, share in results.fees.breaks.items()
        ),
        ("score: Brier", "-", f"{results.calibration.brier:.3f}"),
        ("score: ECE, bins of dev on test", "<= 0.03", f"{results.calibration.ece:.3f}"),
        (
            "accusations (P1, P2) per healthy merchant-week", "<= 0.2",
            f"{test.healthy_mails / max(0.1, test.merchant_weeks):.3f}",
        ),
        (
            "latency, message to mail (by schedule)", "median <= 2 min",
            f"at most {_minutes(DELAY)} min, median {_minutes(SEALED / 2 + HANDLED)}",
        ),
        ("findings with every field of the contract, as the lake has it", "1.000", f"{test.dossiers.told}"),
        ("findings whose records verify in lake and spool", "1.000", f"{test.dossiers.proven}"),
        ("evidence packs, of cases by chance, that are whole and verify", "1.000", f"{test.dossiers.packs}"),
        ("faults that share a record with another fault", "-", f"{test.overlap.shared}"),
        ("faults with a second one at most 3 trace numbers away", ">= 0.05", f"{test.overlap.second}"),
        ("faults with a hard negative at most 3 trace numbers away", ">= 0.05", f"{test.overlap.beside}"),
        ("frames decoded, of those recorded", "1.000", f"{Share(test.frames - test.rejects, test.frames)}"),
    ]  # fmt: skip


def _minutes(long: dt.timedelta) -> str:
    return f"{long / dt.timedelta(minutes=1):.1f}"


def _right(scores: Iterable[Weighed]) -> Share:
    found = [each.right for each in scores]
    return Share(sum(found), len(found))


def _told(scores: Iterable[Weighed]) -> list[Weighed]:
    """Pairs that are accused or for review; of the others nothing is said but that it cannot be seen."""
    return [each for each in scores if each.certainty != "UNVERIFIABLE"]


def _review(scores: Iterable[Weighed]) -> list[Weighed]:
    """The review list, the highest scores first; among equal ones the wrong first."""
    return sorted((each for each in scores if 45 <= each.score < 70), key=lambda each: (-each.score, each.right))


def _equals(listed: Sequence[Weighed]) -> list[Weighed]:
    """The first ten, and all that have the tenth's score: nothing says which of these comes first."""
    return [each for each in listed if each.score >= listed[:10][-1].score]


def text(results: Results) -> str:
    """The table, as a terminal shows it."""
    rows = table(results)
    wide = [max(len(row[column]) for row in rows) for column in (0, 1)]
    return "\n".join(f"{a:<{wide[0]}}  {b:<{wide[1]}}  {c}" for a, b, c in rows)


def page(results: Results) -> str:
    """The figures as Markdown: what stands between the marks of docs/detection.md."""
    test = results.test
    lines = [
        (
            f"`{results.command}`, {results.machine}: {test.worlds} test worlds, {test.frames:,} frames, "
            f"{test.attempts:,} attempts, {sum(share.of for share in test.plays.values()):,} expected findings, "
            f"{sum(share.of for share in test.negatives.values()):,} hard negatives; {results.dev.worlds} dev worlds."
        ),
        "",
        "| measured | aim | came out |",
        "|---|---|---|",
        *(f"| {' | '.join(row)} |" for row in table(results)),
        "",
        *_seeds(results.worlds),
        "",
        "## Rule by rule",
        "",
        "Faults that the rule must find; a case counts once. Precision is that of these packed worlds; at 200 ppm it",
        "is what the same wrong accusations per sale make of it.",
        "",
        "| rule | faults | recall | for review | wrong | precision | at 200 ppm |",
        "|---|---|---|---|---|---|---|",
        *_rules(test),
        "",
        "## Hard negatives",
        "",
        "| no. | what | silent |",
        "|---|---|---|",
        *(f"| {number} | {NEGATIVES.get(number, '')} | {share} |" for number, share in sorted(test.negatives.items())),
        "",
        "## Beside others",
        "",
        "Faults are purchases debited twice, whatever the cause; a baseline has found one when it pairs its sales.",
        "",
        "| | recall | precision as acted | at 20 ppm | at 200 ppm | at 2000 ppm |",
        "|---|---|---|---|---|---|",
        *(
            f"| {name} | {score.recall} | {score.flagged} | "
            + " | ".join(f"{score.precision_at(ppm):.3f}" for ppm in BASE_RATES)
            + " |"
            for name, score in test.baselines.items()
        ),
        *_paired(results.paired),
        *_perturbed(results.perturbed),
    ]
    if test.could_not_run:
        lines += ["", "Could not run: " + "; ".join(sorted(test.could_not_run))]
    return "\n".join(lines) + "\n"


def _rules(test: Total) -> Iterator[str]:
    for rule, count in sorted(test.rules.items()):
        if not (count.recall.of or count.wrong):
            continue
        at = f"{test.precision_at(rule, 200):.3f}" if count.recall.of else "-"
        mark = "" if rule in PROVEN_RULES else " ¹"
        yield (
            f"| `{rule}`{mark} | {count.recall.of} | {count.recall} | {count.reviewed} | {count.wrong} | "
            f"{count.precision} | {at} |"
        )
    yield ""
    yield "¹ not counted among the PROVEN rules of P1."


def _seeds(worlds: list[World]) -> Iterator[str]:
    """The worst, the middle and the best world by each figure; all of them are in the file of results."""
    named: dict[str, Callable[[World], Share]] = {
        "PROVEN precision": lambda each: each.proven_precision,
        "PROVEN recall": lambda each: each.proven_recall,
        "window recall": lambda each: each.window_recall,
        "money recall": lambda each: each.money,
    }
    told = []
    for name, share in named.items():
        ranked = sorted((share(each).value, each.order.seed) for each in worlds if share(each).of)
        if ranked:
            three = (ranked[0], ranked[(len(ranked) - 1) // 2], ranked[-1])
            told.append(f"{name} " + ", ".join(f"{value:.3f} (seed {seed})" for value, seed in three))
    yield "World by world, the lowest, the median and the highest; every seed is in `bench/results/detection.json`:"
    yield "; ".join(told) + "."


def _paired(paired: dict[str, Paired]) -> Iterator[str]:
    yield from (
        "",
        "Ours less theirs, 95 % by a bootstrap that draws merchants and takes the difference within each draw:",
        "",
        "| | recall | precision as acted | precision at 200 ppm |",
        "|---|---|---|---|",
    )
    for name, each in paired.items():
        yield f"| {name} | {each.recall} | {each.precision} | {each.at_200_ppm} |"


def _perturbed(perturbed: dict[str, Lessened]) -> Iterator[str]:
    yield from ("", "## With less to go by", "")
    if not perturbed:
        yield "Not run at this size."
        return
    yield from (
        "Worlds again, with records, clocks or files taken away; the change is from the same worlds as they are. Where",
        "records are lost, recall is of the faults whose own records were all kept: of the others nobody can know;",
        "recall of all counts them as well. PROVEN and wrong, of so many accusations, is measured on what happened,",
        "recorded or not.",
        "",
        "| | worlds | recall of PROVEN rules | change | recall of all | accusations | PROVEN and wrong |",
        "|---|---|---|---|---|---|---|",
    )
    for name, each in perturbed.items():
        less = each.less
        change = 100 * (less.proven.recall.value - each.whole.proven.recall.value)
        yield (
            f"| {name} | {less.worlds} | {less.proven.recall} | {change:+.1f} points | {less.proven.recall_of_all} | "
            f"{less.proven_wrong.of} | {less.proven_wrong} |"
        )


def put(path: Path, figures: str) -> None:
    """Put the figures between the marks of a page; what stands around them is people's."""
    before, _, rest = path.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    path.write_text(f"{before}{BEGIN}\n{figures}{END}{after}", "utf-8")
