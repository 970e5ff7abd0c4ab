"""A coverage-guided run over everything that reads bytes: ``python -m tests.fuzz --runs 10000000`` or ``make fuzz``.

Goes round the targets, some ten thousand inputs each, one process at a time. What was
found worth keeping and how many inputs ran lie in ``var/fuzz``; a run that was stopped goes
on there. An input that breaks a law is kept in ``var/fuzz/findings`` and ends the run of
its target; ``python -m tests.fuzz.again FILE`` shows it again. Exit status 1 when one was found.

Needs atheris (Linux, x86-64).
"""

import argparse
import hashlib
import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.fuzz.seeds import largest, seeds
from tests.fuzz.targets import TARGETS

KEPT = Path(__file__).parent / "corpus"
ROUND, ROUND_SECONDS = 200_000, 60
PARTS = {
    "tlv": 4,
    "private-tlv": 2,
    "text": 2,
    "build": 2,
    "message": 2,
    "jbig": 0.3,
    "bmp": 0.3,
    "journal": 0.3,
    "deframe-fixed-record": 0.1,
}
"""Target -> its part of the whole, where it is not 1; the dear ones less."""
MOST_MEGABYTES = 512
"""A process that takes more has broken the law of bounded memory; numba and its compiler alone need 300."""
_STATUS = re.compile(r"cov: (\d+) ft: (\d+) corp: (\d+)")
_FINAL = re.compile(r"stat::(number_of_executed_units|peak_rss_mb):\s+(\d+)")


def plant(folder: Path, target: str) -> Path:
    """The working corpus of a target, with its seeds and the committed inputs in it."""
    corpus = folder / "corpus" / target
    corpus.mkdir(parents=True, exist_ok=True)
    committed = [path.read_bytes() for path in (KEPT / target).glob("*")]
    for data in (*seeds(target), *committed):
        (corpus / hashlib.sha1(data, usedforsecurity=False).hexdigest()).write_bytes(data)
    return corpus


def one_round(folder: Path, target: str, *, runs: int, seconds: int) -> dict[str, Any]:
    """Some inputs of one target in a process of its own; what it said at its end."""
    corpus = plant(folder, target)
    findings = folder / "findings"
    findings.mkdir(exist_ok=True)
    start = time.monotonic()
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tests.fuzz.one", *(["compiled"] if target == "jbig" else []), target),
            *(f"-runs={runs}", f"-max_total_time={seconds}", f"-max_len={largest(target)}", "-timeout=30"),
            *(f"-rss_limit_mb={MOST_MEGABYTES}", f"-artifact_prefix={findings / target}-", "-print_final_stats=1"),
            str(corpus),
        ],
        capture_output=True,
        check=False,
    )
    said = done.stderr.decode("utf-8", "replace") + done.stdout.decode("utf-8", "replace")
    final = {name: int(value) for name, value in _FINAL.findall(said)}
    status = _STATUS.findall(said)
    if done.returncode or not final:
        print(said[-4000:], file=sys.stderr)
    return {
        "runs": final.get("number_of_executed_units", 0),
        "seconds": time.monotonic() - start,
        "peak_mb": final.get("peak_rss_mb", 0),
        "coverage": int(status[-1][0]) if status else 0,
        "corpus": int(status[-1][2]) if status else 0,
        "broken": bool(done.returncode) or not final,
    }


def main() -> int:
    """Run and report."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="fuzz everything that reads bytes")
    parser.add_argument("--runs", type=int, default=10_000_000, help="inputs in total, earlier runs counted")
    parser.add_argument("--seconds", type=int, default=0, help="stop after so long, instead of after --runs")
    parser.add_argument("--folder", type=Path, default=Path("var/fuzz"), help="where the run's state lies")
    parser.add_argument("--target", action="append", choices=TARGETS, help="only this one; may be given again")
    asked = parser.parse_args()
    targets = asked.target or list(TARGETS)
    asked.folder.mkdir(parents=True, exist_ok=True)
    ledger = asked.folder / "executed.json"
    state: dict[str, dict[str, Any]] = json.loads(ledger.read_text()) if ledger.exists() else {}
    broken: set[str] = set()
    parts = sum(PARTS.get(name, 1) for name in targets)
    shares = {name: asked.runs * PARTS.get(name, 1) / parts for name in targets}
    slice_s = max(asked.seconds // len(targets), 1) if asked.seconds else ROUND_SECONDS
    while True:
        due = [name for name in targets if name not in broken and state.get(name, {}).get("runs", 0) < shares[name]]
        for name in sorted(due, key=lambda name: state.get(name, {}).get("runs", 0) / shares[name]):
            had = state.get(name, {"runs": 0, "seconds": 0.0, "peak_mb": 0})
            left = min(int(shares[name] - had["runs"]) + 1, ROUND)
            now = one_round(asked.folder, name, runs=-1 if asked.seconds else left, seconds=slice_s)
            state[name] = now | {
                "runs": had["runs"] + now["runs"],
                "seconds": had["seconds"] + now["seconds"],
                "peak_mb": max(had["peak_mb"], now["peak_mb"]),
            }
            ledger.write_text(json.dumps(state, indent=1))
            if now["broken"]:
                broken.add(name)
                print(f"{name}: stopped; what broke a law lies in {asked.folder / 'findings'}", file=sys.stderr)
        if asked.seconds or not due:
            break
    report({name: state[name] for name in targets if name in state}, broken)
    return 1 if broken else 0


def report(state: dict[str, dict[str, Any]], broken: set[str]) -> None:
    """A line a target, and the sum."""
    print(f"{'target':<20} {'inputs':>10} {'edges':>7} {'corpus':>7} {'seconds':>8} {'peak MB':>8}")
    for name, each in state.items():
        word = "  STOPPED" if name in broken else ""
        print(
            f"{name:<20} {each['runs']:>10,} {each['coverage']:>7,} {each['corpus']:>7,} {each['seconds']:>8.0f} "
            f"{each['peak_mb']:>8}{word}"
        )
    total = sum(each["runs"] for each in state.values())
    print(f"{'total':<20} {total:>10,}   targets stopped: {len(broken)}")


if __name__ == "__main__":
    sys.exit(main())
