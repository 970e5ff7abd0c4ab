"""Every fault that the collector promises to survive, tried at full length: ``make faults``.

Runs the tests that ``rows.toml`` names, notes in ``results.json`` after each of them how it
ended and what it counted (``record_property("tried", …)`` and ``"lost"``), and writes
``docs/faults.md`` from both. ``--rows 1,2b`` runs only these and keeps the rest as it was.
Missing injectors (strace, faketime) are installed where this user may do so. Exit status 1
when a test failed.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.faults.document import DOCUMENT, RESULTS, ROOT, Row, read_results, read_rows, render


class Notes:
    """A pytest plugin that keeps the results file up to date after each test.

    Args:
        results: what is known so far; a test that runs again replaces its old result.
        full: whether the run is at full length.
    """

    def __init__(self, results: dict[str, Any], *, full: bool) -> None:
        self._results = results
        self._full = full
        self._seen: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """One phase of a test case has ended."""
        if report.when != "call" and report.outcome == "passed":
            return
        name = report.nodeid.partition("[")[0]
        if name not in self._seen:
            self._seen.add(name)
            fresh = {"on": time.strftime("%Y-%m-%d", time.gmtime()), "full": self._full, "cases": 0, "seconds": 0.0}
            self._results[name] = fresh
        found = self._results[name]
        found["seconds"] = round(found["seconds"] + report.duration, 1)
        found[report.outcome] = found.get(report.outcome, 0) + 1
        found["cases"] += 1
        if report.skipped and isinstance(report.longrepr, tuple):
            found["why"] = report.longrepr[2].removeprefix("Skipped: ")
        found |= {key: str(value) for key, value in report.user_properties if key in {"tried", "lost"}}
        RESULTS.write_text(json.dumps(self._results, indent=1, sort_keys=True, ensure_ascii=False) + "\n", "utf-8")


def chosen(rows: list[Row], numbers: str) -> list[str]:
    """The tests of the rows asked for, each once."""
    wanted = set(numbers.split(",")) if numbers else {row.number for row in rows}
    if unknown := wanted - {row.number for row in rows}:
        raise SystemExit(f"no such row: {', '.join(sorted(unknown))}")
    return list(dict.fromkeys(test for row in rows if row.number in wanted for test in row.tests))


def main() -> int:
    """Run, note, write the page."""
    words = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    words.add_argument("--rows", default="", help="only these, 1,2b,4; all without")
    words.add_argument("--short", action="store_true", help="as long as in CI, not at full length")
    words.add_argument("--write-only", action="store_true", help="run nothing, write the page from what is noted")
    words.add_argument("--deselect", action="append", default=[], metavar="TEST", help="leave this test as it was")
    given = words.parse_args()
    rows, results = read_rows(), read_results()
    status = 0
    if not given.write_only:
        os.environ["CI"] = "true"
        os.environ["FAULTS"] = "" if given.short else "full"
        tests = [test for test in chosen(rows, given.rows) if test not in given.deselect]
        options = ["-q", "-p", "no:cacheprovider", "--timeout=0", *(str(ROOT / test) for test in tests)]
        status = int(pytest.main(options, plugins=[Notes(results, full=not given.short)]))
    DOCUMENT.write_text(render(rows, results), "utf-8")
    print(f"{Path(DOCUMENT).relative_to(ROOT)} is written")
    return status


if __name__ == "__main__":
    sys.exit(main())
