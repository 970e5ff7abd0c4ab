"""Every fault that the collector promises to survive, tried at full length: ``make faults``.

Runs the tests that ``rows.toml`` names, notes in ``results.json`` after each of them how it
ended and what it counted (``record_property("tried", …)`` and ``"lost"``), and writes
``docs/faults.md`` from both. ``--rows 1,2b`` runs only these and keeps the rest as it was.
Missing injectors (strace, faketime, libfiu) are installed where this user may do so. Exit status 1
when a test failed.
"""

import argparse
import json
import os
import sys
import time
from typing import Any

import pytest

from tests.faults.document import DOCUMENT, RESULTS, ROOT, Row, read_results, read_rows, render


class Notes:
    """A pytest plugin that keeps the results file up to date after each test.

    Args:
        full: whether the run is at full length.
    """

    def __init__(self, *, full: bool) -> None:
        self._full = full
        self._fresh: dict[str, dict[str, Any]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """One phase of a test case has ended."""
        if report.when != "call" and report.outcome == "passed":
            return
        name = report.nodeid.partition("[")[0]
        found = self._fresh.setdefault(
            name, {"on": time.strftime("%Y-%m-%d", time.gmtime()), "full": self._full, "seconds": 0.0}
        )
        found["seconds"] = round(found["seconds"] + report.duration, 1)
        found[report.outcome] = found.get(report.outcome, 0) + 1
        if report.skipped and isinstance(report.longrepr, tuple):
            found["why"] = report.longrepr[2].removeprefix("Skipped: ")
        for key, value in report.user_properties:
            if key in {"tried", "lost"}:  # of a test with several cases what each of them says, once
                found[key] = "; ".join(dict.fromkeys([*filter(None, [found.get(key)]), str(value)]))
        results = read_results() | {name: found}  # another run may have written meanwhile
        RESULTS.write_text(json.dumps(results, indent=1, sort_keys=True, ensure_ascii=False) + "\n", "utf-8")


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
    rows = read_rows()
    status = 0
    if not given.write_only:
        os.environ["CI"] = "true"
        os.environ["FAULTS"] = "" if given.short else "full"
        tests = [test for test in chosen(rows, given.rows) if test not in given.deselect]
        options = ["-q", "-p", "no:cacheprovider", "--timeout=0", *(str(ROOT / test) for test in tests)]
        status = int(pytest.main(options, plugins=[Notes(full=not given.short)]))
    DOCUMENT.write_text(render(rows, read_results()), "utf-8")
    print(f"{DOCUMENT.relative_to(ROOT)} is written")
    return status


if __name__ == "__main__":
    sys.exit(main())
