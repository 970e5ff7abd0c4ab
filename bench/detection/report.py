"""The table of figures, and the pages and plots of it."""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.detection.fees import FeeFigures
from bench.detection.figures import BASE_RATES, PROVEN_RULES, Calibration, Total
from bench.detection.match import Share, nothing

WINDOW = "dup_card_amount_window"
OURS = "tillwatch, group A"
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
class Results:
    """Everything that a run gave; what was not run is None or empty."""

    size: str
    command: str
    machine: str
    test: Total
    dev: Total
    calibration: Calibration
    perturbed: dict[str, Total]
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
        (f"{WINDOW}: precision as acted, alerts and review", "-", f"{_right(test.scores)}"),
        (f"{WINDOW}: review list, ten highest scores", ">= 0.5", f"{_right(_review(test.scores))}"),
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
        ("latency, message to mail (by schedule)", "median <= 2 min", "at most 6.5 min, median 4"),
        ("frames decoded, of those recorded", "1.000", f"{Share(test.frames - test.rejects, test.frames)}"),
    ]  # fmt: skip


def _right(scores: Iterable[tuple[int, bool]]) -> Share:
    found = [right for _, right in scores]
    return Share(sum(found), len(found))


def _review(scores: Iterable[tuple[int, bool]]) -> list[tuple[int, bool]]:
    """The ten highest scores of the review list; among equal ones the wrong first."""
    return sorted((each for each in scores if 45 <= each[0] < 70), key=lambda each: (-each[0], each[1]))[:10]


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


def _perturbed(perturbed: dict[str, Total]) -> Iterator[str]:
    yield from ("", "## With less to go by", "")
    if not perturbed:
        yield "Not run at this size."
        return
    yield from (
        "One world again, with records, clocks or files taken away. Where records are lost, recall is of the faults",
        "whose own records were all kept: of the others nobody can know; recall of all counts them as well. PROVEN and",
        "wrong is measured on what happened, recorded or not.",
        "",
        "| | recall of PROVEN rules | change | recall of all | PROVEN and wrong |",
        "|---|---|---|---|---|",
    )
    whole = perturbed.get("as it is")
    for name, each in perturbed.items():
        change = "" if whole is None else f"{100 * (each.proven.recall.value - whole.proven.recall.value):+.1f} points"
        yield f"| {name} | {each.proven.recall} | {change} | {each.proven.recall_of_all} | {each.proven_wrong} |"


def put(path: Path, figures: str) -> None:
    """Put the figures between the marks of a page; what stands around them is people's."""
    before, _, rest = path.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    path.write_text(f"{before}{BEGIN}\n{figures}{END}{after}", "utf-8")


def plots(results: Results, folder: Path) -> None:
    """Precision and recall by rule; baselines beside us; how far the score can be believed."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    rules = [(rule, count) for rule, count in sorted(results.test.rules.items()) if count.recall.of]
    figure, axes = plt.subplots(1, 2, figsize=(11, 0.22 * len(rules) + 1.2), sharey=True)
    for axis, title in zip(axes, ("recall", "precision"), strict=True):
        shares = [count.recall if title == "recall" else count.precision for _, count in rules]
        for place, share in enumerate(shares):
            if share.of:
                low, high = share.interval
                axis.plot((low, high), (place, place), color="0.6", linewidth=2)
                axis.plot(share.value, place, "o", color="#1f5fa8", markersize=4)
        axis.set(title=f"{title}, Wilson 95 %", xlim=(-0.02, 1.02))
        axis.grid(axis="x", linewidth=0.3)
    axes[0].set_yticks(range(len(rules)), [rule for rule, _ in rules], fontsize=7)
    axes[0].invert_yaxis()
    _save(figure, folder / "detection-rules.png")

    figure, axis = plt.subplots(figsize=(7, 4.5))
    marks = itertools.cycle("sv^<>D")
    for name, score in results.test.baselines.items():
        mark, color = ("o", "#1f5fa8") if name == OURS else (next(marks), None)
        axis.plot(score.recall.value, score.precision_at(200), mark, markersize=8, color=color, label=name)
    axis.legend(fontsize=7, loc="upper left")
    axis.set(xlabel="recall", ylabel="precision at 200 ppm", xlim=(0, 1.02), ylim=(0, 1.05))
    axis.set_title("a purchase debited twice")
    axis.grid(linewidth=0.3)
    _save(figure, folder / "detection-baselines.png")

    figure, axis = plt.subplots(figsize=(5, 4.5))
    axis.plot((0, 1), (0, 1), color="0.7", linewidth=1)
    for edge, expected, share in results.calibration.bins:
        low, high = share.interval
        axis.plot((expected, expected), (low, high), color="0.6", linewidth=2)
        axis.plot(expected, share.value, "o", color="#1f5fa8")
        axis.annotate(f"{edge}+", (expected, share.value), textcoords="offset points", xytext=(6, -8), fontsize=7)
    axis.set(
        xlabel="expected of that score (dev)",
        ylabel="came true (test)",
        title=WINDOW,
        xlim=(-0.02, 1.02),
        ylim=(-0.02, 1.02),
    )
    _save(figure, folder / "detection-score.png")
    plt.close("all")


def _save(figure: "object", path: Path) -> None:
    figure.tight_layout()  # type: ignore[attr-defined]  # a matplotlib Figure
    figure.savefig(path, dpi=110, metadata={"Software": ""})  # type: ignore[attr-defined]
