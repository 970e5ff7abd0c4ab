"""What can be checked of the repository and of the parts it is made from: ``make audit``.

Insecure code (ruff's S rules, which are flake8-bandit's), card numbers in tracked files, a
list of all parts (CycloneDX), and known holes in them (pip-audit). pip-audit says that it
found nothing also when it could ask about nothing: here every part that was not looked up
is counted, and a run that left one out is not clean.

Exit status: 0 clean, 1 something was found, 3 nothing was found but not everything could be asked.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "requirements.lock"
BIN = Path(sys.executable).parent
OUR_PROGRAMS = "S603,S607"
"""Rules against starting programs at all: those we start are ours or the system's, by lists of words, never a shell."""
TOLD = 5
"""How many names of parts are printed."""


@dataclass(frozen=True, slots=True)
class Holes:
    """What pip-audit's report says: parts looked up, parts left out, and known holes, ``part version: id`` each."""

    asked: int
    left_out: list[str]
    known: list[str]

    @property
    def status(self) -> int:
        """1 when a hole is known, 3 when somebody was left out, 0 otherwise."""
        return 1 if self.known else 3 if self.left_out or not self.asked else 0

    def words(self) -> str:
        """One line about it."""
        if self.known:
            return f"{len(self.known)} known holes: {', '.join(self.known)}"
        looked_up = f"{self.asked} parts looked up, no known hole"
        if not self.left_out and self.asked:
            return looked_up
        names = ", ".join(self.left_out[:TOLD]) + (" …" if len(self.left_out) > TOLD else "")
        return f"{looked_up}; NOT LOOKED UP: {len(self.left_out)} parts ({names}): is the advisory service reachable?"


def holes(report: dict[str, Any]) -> Holes:
    """Read pip-audit's JSON report, its skip list first of all."""
    asked, left_out, known = 0, [], []
    for part in report["dependencies"]:
        if "skip_reason" in part:
            left_out.append(str(part["name"]))
            continue
        asked += 1
        known += [f"{part['name']} {part['version']}: {hole['id']}" for hole in part["vulns"]]
    return Holes(asked, left_out, known)


def run(*words: str) -> int:
    """Run a program of this environment."""
    return subprocess.run([str(BIN / words[0]), *words[1:]], cwd=ROOT, check=False).returncode


def parts_list(to: Path) -> tuple[int, str]:
    """Write the list of parts as CycloneDX JSON from the lock file: every locked part is in it."""
    words = ["requirements", str(LOCK), "--pyproject", "pyproject.toml", "--output-reproducible", "--short-PURLs"]
    if run("cyclonedx-py", *words, "--output-file", str(to)):
        return 1, "the list of parts could not be made"
    listed = {(part["name"], part["version"]) for part in json.loads(to.read_text("utf-8"))["components"]}
    lacking = locked(LOCK.read_text("utf-8")) - listed
    return (1, f"parts that are not in {to}: {sorted(lacking)}") if lacking else (0, f"{len(listed)} parts in {to}")


def locked(lock: str) -> set[tuple[str, str]]:
    """Name and version of each part in a lock file."""
    pins = (line.split()[0].partition("==") for line in lock.splitlines() if "==" in line and line[0].isalnum())
    return {(name.partition("[")[0], version) for name, _, version in pins}


def known_holes(to: Path) -> tuple[int, str]:
    """Ask about every part of the lock file; the report is written to ``to``."""
    to.unlink(missing_ok=True)
    words = ["-r", str(LOCK), "--require-hashes", "--disable-pip", "--progress-spinner", "off", "--timeout", "15"]
    run("pip-audit", *words, "--format", "json", "--output", str(to))
    if not to.is_file():
        return 3, "known holes: NOT LOOKED UP: pip-audit ended without a report"
    found = holes(json.loads(to.read_text("utf-8")))
    return found.status, f"known holes: {found.words()}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Every check, one after the other; what each said comes last."""
    parser = argparse.ArgumentParser(prog="make audit", description=__doc__)
    parser.add_argument("--to", type=Path, default=ROOT / "var/audit", help="folder of the reports")
    folder: Path = parser.parse_args(arguments).to
    folder.mkdir(parents=True, exist_ok=True)
    code = run("ruff", "check", "--select", "S", "--ignore", OUR_PROGRAMS, ".")
    numbers = run("pytest", "-q", "tests/test_repository.py")
    done = [
        (int(code != 0), f"insecure code: {'see above' if code else 'none'} (ruff S)"),
        (int(numbers != 0), f"card numbers: {'see above' if numbers else 'none but those allowed'}"),
        parts_list(folder / "sbom.cdx.json"),
        known_holes(folder / "known-holes.json"),
    ]
    for status, words in done:
        print(f"{'ok  ' if not status else 'fail' if status == 1 else 'open'}  {words}")
    statuses = {status for status, _ in done}
    return 1 if 1 in statuses else max(statuses)


if __name__ == "__main__":
    sys.exit(main())
