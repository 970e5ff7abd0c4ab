"""Decoders side by side: messages a second of one core, each peer in a process of its own, taking turns.

    make bench            # or: python -m bench.columns [--rounds 7] [--seconds 0.5]

Rates are by processor time, so that a busy machine disturbs them less; ratios are medians of the ratios
within one round. A peer that is not on the machine is named and left out; tshark is installed where that may be
done. Then the growth of time and memory (``bench.growth``). Writes ``bench/results/latest.json`` and the pictures
``docs/decoding.png`` and ``docs/growth.png``.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench import corpus, growth, tshark
from bench.peers import PEERS, AbsentError

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "bench" / "results" / "latest.json"
OURS, PARQUET = "columns, compiled", "Parquet, zstd"
PACKAGES = ("numpy", "numba", "pyarrow", "construct", "pyiso8583")
RATIOS = {
    "decode over Parquet, time": (PARQUET, OURS),
    "decode over compiled construct, rate": (OURS, "construct, compiled"),
    "decode over row decoder, rate": (OURS, "row decoder"),
    "decode over tshark, rate": (OURS, "tshark"),
    "memcpy over decode, rate": ("memcpy", OURS),
    "validation, time": ("columns, compiled, unchecked", OURS),
    "journal decode over Parquet, time": ("journal: Parquet, zstd", "journal: columns, compiled"),
}
"""Name -> the rates divided."""
_LONG = [count for count in growth.COUNTS if count >= 10**5]
"""Growth is told from a hundred thousand frames on."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.5, help="processor time of each peer in each round")
    parser.add_argument("--out", type=Path, default=RESULTS, help="where the results go")
    parser.add_argument("--only", nargs="+", choices=PEERS, default=list(PEERS), help="leave the other peers out")
    parser.add_argument("--most", type=int, choices=_LONG, default=_LONG[-1], help="frames at the end of the growth")
    parser.add_argument("--peer", help=argparse.SUPPRESS)
    parser.add_argument("--corpus", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.peer:
        _serve(given.peer, given.corpus, given.seconds)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "corpus.arrow"
        print("writing the corpus", file=sys.stderr)
        corpus.write(path)
        tshark.install()
        load = os.getloadavg()[0]
        rates, absent = _measure(path, given.only, given.rounds, given.seconds)
        grown = _grow(path, given.most)
    found = _results(rates) | {"absent": absent, "growth": grown}
    found["machine"]["load"] = {"before": load, "after": os.getloadavg()[0]}
    found["metrics"] |= {
        "growth of time with frames": _one(growth.exponent(grown), "exponent"),
        "most memory, all frames over 100 k": _one(grown[-1]["peak_mib"] / _peak(grown, _LONG[0]), "times"),
    }
    given.out.parent.mkdir(exist_ok=True)
    given.out.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", "utf-8")
    for name, metric in found["metrics"].items():
        print(f"{name:<40}{metric['value']:>16,.2f} {metric['unit']}")
    for name, reason in absent.items():
        print(f"{name:<40} not run: {reason}")
    if given.out == RESULTS:
        _draw(found)
        growth.draw(grown, ROOT / "docs" / "growth.png")


def _one(value: float, unit: str) -> dict[str, Any]:
    return {"value": value, "unit": unit, "samples": [value]}


def _peak(grown: list[dict[str, float]], frames: int) -> float:
    return next(each["peak_mib"] for each in grown if each["frames"] == frames)


def _grow(path: Path, most: int) -> list[dict[str, float]]:
    """What ``bench.growth`` measures, in a process of its own."""
    print(f"growing to {most:,} frames", file=sys.stderr)
    command = [sys.executable, "-m", "bench.growth", str(path), "--most", str(most)]
    said = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=False)
    if said.returncode:
        sys.exit(f"bench.growth could not run:\n{said.stderr}")
    found: list[dict[str, float]] = json.loads(said.stdout)
    return found


def _serve(peer: str, path: Path, seconds: float) -> None:
    """One peer's process: measures once for each line it is given."""
    import pyarrow as pa

    pa.set_cpu_count(1)
    try:
        run = PEERS[peer](corpus.read(path))
    except AbsentError as reason:
        print(f"absent: {reason}", flush=True)
        return
    run()
    print("ready", flush=True)
    for _ in sys.stdin:
        done, begin = 0, _spent()
        while (spent := _spent() - begin) < seconds:
            done += run()
        print(done / spent, flush=True)


def _spent() -> float:
    """Processor time of this process and of those it ran."""
    below = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + below.ru_utime + below.ru_stime


def _measure(
    path: Path, peers: list[str], rounds: int, seconds: float
) -> tuple[dict[str, list[float]], dict[str, str]]:
    """The rates of each peer, a sample a round; and why a peer is not there."""
    command = [sys.executable, "-m", "bench.columns", "--corpus", str(path), "--seconds", str(seconds), "--peer"]
    workers = {
        name: subprocess.Popen([*command, name], cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for name in peers
    }
    try:
        absent: dict[str, str] = {}
        for name, worker in workers.items():
            said = _line(worker)
            if said.startswith("absent: "):
                absent[name] = said.removeprefix("absent: ")
            elif said != "ready":
                sys.exit(f"{name} could not start")
        rates: dict[str, list[float]] = {name: [] for name in workers if name not in absent}
        for turn in range(rounds):
            for name, samples in rates.items():
                samples.append(_go(workers[name]))
            print(f"\rround {turn + 1} of {rounds}", end="", file=sys.stderr)
        print(file=sys.stderr)
    finally:
        for worker in workers.values():
            worker.kill()
            worker.wait()
    return rates, absent


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
        if above not in rates or below not in rates:
            continue
        samples = [one / other for one, other in zip(rates[above], rates[below], strict=True)]
        metrics[name] = {"value": statistics.median(samples), "unit": "times", "samples": samples}
    machine: dict[str, Any] = {"processor": _processor(), "cores": os.cpu_count()}
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

    names = [name for name in PEERS if ":" not in name and name in found["metrics"]]
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
