"""``docs/faults.md`` says what the table of faults and the noted results say, and the table names tests that exist."""

import re

from tests.faults.document import DOCUMENT, laws, read_results, read_rows, render


def test_every_fault_has_its_row():
    """Each number of the specification's table is there, in its order, and the two disks of a mirrored spool (4c)."""
    expected = ["1", "2", "2b", "3", "4", "4b", "4c", "5", "6", "6b", *map(str, range(7, 26)), "all"]
    assert [row.number for row in read_rows()] == expected


def test_every_test_of_the_table_exists_and_states_its_law():
    """A test that was renamed or removed no longer stands for a fault."""
    for row in read_rows():
        assert row.tests or row.untested, f"fault {row.number}: neither tried nor said why not"
        for test in row.tests:
            path, _, name = test.partition("::")
            assert laws(path).get(name), f"{test}: no such test, or no docstring"


def test_the_page_is_what_the_run_noted():
    """Nobody writes a figure into it by hand."""
    assert DOCUMENT.read_text("utf-8") == render(read_rows(), read_results())


def test_a_result_that_is_not_there_is_said():
    """Nothing that was not run looks as if it had been."""
    page = render(read_rows(), {})
    assert len(re.findall(r"\*\*not run\*\*", page)) == sum(len(row.tests) for row in read_rows())
