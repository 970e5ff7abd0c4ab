"""The pictures of the page of figures."""

import itertools
from pathlib import Path

from bench.detection.baselines import OURS
from bench.detection.figures import WINDOW
from bench.detection.report import Results


def plots(results: Results, folder: Path) -> None:
    """Precision and recall by rule; baselines beside us; how far the score can be believed."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    rules = [(rule, count) for rule, count in sorted(results.test.rules.items()) if count.recall.of]
    figure, axes = plt.subplots(1, 2, figsize=(11, 0.22 * len(rules) + 1.2), sharey=True)
    for place, (_, count) in enumerate(rules):
        if count.reviewed:
            told = (count.found + count.reviewed) / count.recall.of
            axes[0].plot(told, place, "o", color="#1f5fa8", markersize=5, fillstyle="none")
    for axis, title in zip(axes, ("recall", "precision"), strict=True):
        shares = [count.recall if title == "recall" else count.precision for _, count in rules]
        for place, share in enumerate(shares):
            if share.of:
                low, high = share.interval
                axis.plot((low, high), (place, place), color="0.6", linewidth=2)
                axis.plot(share.value, place, "o", color="#1f5fa8", markersize=4)
        axis.set(title=f"{title}, Wilson 95 %", xlim=(-0.02, 1.02), ylim=(-1, len(rules)))
        axis.grid(axis="x", linewidth=0.3)
    axes[0].set_yticks(range(len(rules)), [rule for rule, _ in rules], fontsize=7)
    axes[0].invert_yaxis()
    axes[0].set_xlabel("open circles: with what is for review", fontsize=8)
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
