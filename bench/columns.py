"""Decoders side by side: messages a second of one core, each peer in a process of its own, taking turns.

    make bench            # or: python -m bench.columns [--rounds 9] [--seconds 0.5]

Rates are by processor time, so that a busy machine disturbs them less; ratios are medians of the ratios
within one round. Writes ``bench/results/latest.json`` and the picture ``docs/decoding.png``.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench import corpus
from bench.peers import PEERS

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "bench" / "results" / "latest.json"
OURS, PARQUET = "columns, compiled", "Parquet, zstd"
PACKAGES = ("numpy", "numba", "pyarrow", "construct", "pyiso8583")
RATIOS = {
    "decode over Parquet, time": (PARQUET, OURS),
    "decode over compiled construct, rate": (OURS, "construct, compiled"),
    "decode over row decoder, rate": (OURS, "row decoder"),
    "memcpy over decode, rate": ("memcpy", OURS),
    "validation, time": ("columns, compiled, unchecked", OURS),
    "journal decode over Parquet, time": ("journal: Parquet, zstd", "journal: columns, compiled"),
}
"""Name -> the rates divided."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.5, help="processor time of each peer in each round")
    parser.add_argument("--peer", help=argparse.SUPPRESS)
    parser.add_argument("--corpus", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.peer:
        _serve(given.peer, given.corpus, given.seconds)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "corpus.arrow"
        corpus.write(path)
        rates = _measure(path, given.rounds, given.seconds)
    found = _results(rates)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", "utf-8")
    for name, metric in found["metrics"].items():
        print(f"{name:<40}{metric['value']:>16,.2f} {metric['unit']}")
    _draw(found)


def _serve(peer: str, path: Path, seconds: float) -> None:
    """One peer's process: measures once for each line it is given."""
    import pyarrow as pa

    pa.set_cpu_count(1)
    run = PEERS[peer](corpus.read(path))
    run()
    print("ready", flush=True)
    for _ in sys.stdin:
        done, begin = 0, time.process_time()
        while (spent := time.process_time() - begin) < seconds:
            done += run()
        print(done / spent, flush=True)


def _measure(path: Path, rounds: int, seconds: float) -> dict[str, list[float]]:
    """The rates of each peer, a sample a round."""
    command = [sys.executable, "-m", "bench.columns", "--corpus", str(path), "--seconds", str(seconds), "--peer"]
    workers = {
        name: subprocess.Popen([*command, name], cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for name in PEERS
    }
    try:
        for name, worker in workers.items():
            if _line(worker) != "ready":
                sys.exit(f"{name} could not start")
        rates: dict[str, list[float]] = {name: [] for name in workers}
        for turn in range(rounds):
            for name, worker in workers.items():
                rates[name].append(_go(worker))
            print(f"\rround {turn + 1} of {rounds}", end="", file=sys.stderr)
        print(file=sys.stderr)
    finally:
        for worker in workers.values():
            worker.kill()
            worker.wait()
    return rates


def _line(worker: "subprocess.Popen[str]") -> str:
    return worker.stdout.readline().strip() if worker.stdout else ""


def _go(worker: "subprocess.Popen[str]") -> float:
    if worker.stdin:
        worker.stdin.write("go\n")
        worker.stdin.flush()
    return float(_line(worker))


def _results(rates: dict[str, list[float]]) -> dict[str, Any]:
    """Metric -> value, unit and samples; the machine and the versions beside them."""
    metrics: dict[str, Any] = {}
    for name, samples in rates.items():
        unit = "records/s" if name.startswith("journal") else "messages/s"
        metrics[name] = {"value": statistics.median(samples), "unit": unit, "samples": samples}
    for name, (above, below) in RATIOS.items():
        samples = [one / other for one, other in zip(rates[above], rates[below], strict=True)]
        metrics[name] = {"value": statistics.median(samples), "unit": "times", "samples": samples}
    machine = {"processor": _processor(), "cores": os.cpu_count(), "load": os.getloadavg()[0]}
    versions = {name: importlib.metadata.version(name) for name in PACKAGES} | {"python": platform.python_version()}
    return {"metrics": metrics, "machine": machine, "versions": versions}


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _draw(found: dict[str, Any]) -> None:
    """The rates as bars, on a scale of powers of ten."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    names = [name for name in PEERS if ":" not in name]
    values = [found["metrics"][name]["value"] for name in names]
    figure, axes = plt.subplots(figsize=(8, 4.2), layout="constrained")
    bars = axes.barh(names, values, color=["#2f6f9f" if name.startswith("columns") else "#b0b7bd" for name in names])
    axes.bar_label(bars, [f"{value:,.0f}" for value in values], padding=4, fontsize=8)
    axes.set_xscale("log")
    axes.set_xlim(right=max(values) * 6)
    axes.invert_yaxis()
    axes.set_xlabel("UnionPay messages a second, one core")
    figure.savefig(ROOT / "docs" / "decoding.png", dpi=120)


if __name__ == "__main__":
    main()
