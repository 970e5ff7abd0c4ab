"""An exception that quotes a card number reaches no log: not the collector's, not the command line's, not Airflow's."""

import io
import logging
import re
import subprocess
import sys
import traceback
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.dashboard import EventLog
from ingest.errors import SpoolError
from ingest.redaction import RedactedError, RedactedErrors, redact

PAN = "6225880000000001"
CARDS = [PAN, "4111111111111111", "378282246310005", "30569309025904", "6225 8800 0000 0001", "4111-1111-1111-1111"]
MIDDLE = re.compile("880000000|111111111|282246310|569309025")
DAGS = Path(__file__).parents[2] / "dags"


def digits(text: str) -> str:
    return re.sub(r"[ -]", "", text)


@pytest.mark.parametrize("card", CARDS)
def test_the_middle_of_a_card_number_is_starred_out(card: str) -> None:
    """First six and last four stay, as everywhere; the line keeps its length."""
    line = f"12:00:00 lane-1 bug error=ValueError value={card};"
    clean = redact(line)
    assert not MIDDLE.search(digits(clean))
    assert digits(clean).endswith(f"value={digits(card)[:6]}{'*' * (len(digits(card)) - 10)}{digits(card)[-4:]};")
    assert len(clean) == len(line)


@given(st.text())
def test_a_line_without_one_is_left_alone(text: str) -> None:
    """Any text keeps its length, and with fewer than 13 digits its characters. Cleaning twice is cleaning once."""
    clean = redact(text)
    assert len(clean) == len(text)
    assert redact(clean) == clean
    if sum(character in "0123456789" for character in text) < 13:
        assert clean == text


def test_numbers_that_are_none_stay() -> None:
    """References, times, amounts, ids and sequence numbers of a usual line."""
    line = (
        "21:40:03 lane-1 sealed segment=0f9d1c2b3a4e5d6c7b8a99aabbccddee records=120 first=00000000000000001234 "
        "rrn=112233445566 at=2026-11-22T21:40:03.123456+08:00 merchant=898411341310014"
    )
    assert redact(line) == line


def test_the_event_log_says_no_card_number() -> None:
    """In a fact, in an error's text: the line leaves, the number does not."""
    out = io.StringIO()
    events = EventLog(out)
    events.tell("lane-1", "spool-failed", error=f"invalid value {PAN} in field", hint=f"look at {CARDS[4]}")
    events.close()
    assert "spool-failed" in out.getvalue()
    assert not MIDDLE.search(digits(out.getvalue()))


def call(code: str, *words: str) -> str:
    """What the command line says when the doctor's inside does this."""
    script = (
        "import expectations.commands.doctor as doctor, ingest.errors as errors\n"
        f"def broken(*_):\n    {code}\n"
        "doctor.load_settings = broken\n"
        "from ingest.cli import main\nmain()\n"
    )
    done = subprocess.run([sys.executable, "-c", script, *words], capture_output=True, text=True, check=False)
    assert done.returncode
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    "code",
    [
        "raise ValueError('no such value: ' + '6225880000' + '000001')",
        "raise errors.SpoolError('broken at ' + '6225880000' + '000001', hint='see ' + '41111111' + '11111111')",
        "raise OSError(5, 'bad ' + '6225880000' + '000001', '41111111' + '11111111')",
        "raise __import__('click').UsageError('bad ' + '6225880000' + '000001')",
    ],
)
def test_no_error_of_the_command_line_says_one(code: str) -> None:
    """A user's error, the system's, the parser's, and a bug with its traceback."""
    said = call(code, "doctor")
    assert "622588******0001" in said
    assert not MIDDLE.search(digits(said))


def test_an_error_in_a_thread_says_none() -> None:
    """Threads end with a traceback of their own."""
    code = (
        "import threading\n    one = threading.Thread(target=int, args=('x' + '6225880000' + '000001',))\n"
        "    one.start(); one.join()\n    raise errors.UsageError('done')"
    )
    said = call(code, "doctor")
    assert "invalid literal" in said
    assert not MIDDLE.search(digits(said))


QUOTED = "'6225880000' + '000001'"


@pytest.mark.parametrize(
    "code",
    [
        f"logging.getLogger('another').warning('bad value %s in %s', {QUOTED}, 'F2')",
        f"logging.getLogger('another').warning('bad value %d %s', {QUOTED})",
        f"logging.getLogger('another').warning({QUOTED})",
        f"warnings.warn('bad value ' + {QUOTED})",
        f"try:\n        int('x' + {QUOTED})\n    except ValueError: logging.getLogger('another').exception('broken')",
        f"type('Late', (), {{'__del__': lambda self: int('x' + {QUOTED})}})()",
    ],
    ids=["arguments", "wrong-arguments", "message", "warning", "traceback", "unraisable"],
)
def test_no_librarys_log_says_one(code: str) -> None:
    """A library's record, a warning, an error in a destructor: looked through like a line of ours."""
    said = call(f"import logging, warnings\n    {code}\n    raise errors.UsageError('done')", "doctor")
    assert "622588******0001" in said
    assert not MIDDLE.search(digits(said))


def test_a_task_log_says_none() -> None:
    """Whoever logs what leaves the block, with all that stands behind it, logs no number; other errors stay."""

    def quote() -> None:
        try:
            int(f"x{PAN}")
        except ValueError as behind:
            raise SpoolError("cannot be read") from behind

    with pytest.raises(RedactedError) as raised, RedactedErrors():
        quote()
    logged = "".join(traceback.format_exception(raised.value))
    assert "SpoolError: cannot be read" in logged
    assert not MIDDLE.search(logged)

    record = logging.getLogger("another").makeRecord("a", 30, "f", 1, "bad %s", (PAN,), None)
    assert record.getMessage() == "bad 622588******0001"

    plain = SpoolError("cannot be read")
    with pytest.raises(SpoolError) as kept, RedactedErrors():
        raise plain
    assert kept.value is plain


@pytest.mark.parametrize("dag", sorted(DAGS.glob("*_*.py")), ids=lambda path: path.stem)
def test_every_task_of_the_schedule_is_such_a_block(dag: Path) -> None:
    """A task that calls the package does it inside one."""
    text = dag.read_text("utf-8")
    calls = re.findall(r"\bload_settings\(\)", text)
    assert text.count("with RedactedErrors():") == len(calls)
