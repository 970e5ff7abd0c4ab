"""The lines that ``tillwatch collect`` is given, on its command line or in the settings, and ``tillwatch ports``."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from ingest.commands.collect import parse_line
from ingest.commands.ports import ports
from ingest.devices import Device
from ingest.errors import UsageError

pytestmark = pytest.mark.slow  # the real command, a process a test


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a=/dev/ttyUSB0:lakala", {"name": "a", "device": "/dev/ttyUSB0", "profile": "lakala"}),
        ("a=/dev/x,/dev/y:p", {"name": "a", "device": "/dev/x", "peer": "/dev/y", "profile": "p"}),
        (
            "lane-1=/dev/serial/by-path/pci-0000:00:14.0-usb-0:1:1.0-port0:unionpay",
            {
                "name": "lane-1",
                "device": "/dev/serial/by-path/pci-0000:00:14.0-usb-0:1:1.0-port0",
                "profile": "unionpay",
            },
        ),
    ],
)
def test_a_line_on_the_command_line(text: str, words: dict[str, str]) -> None:
    """By-path names have colons in them: the profile follows the last one."""
    assert parse_line(text, "listen") == {**words, "mode": "listen"}


@pytest.mark.parametrize("text", ["", "a", "a=/dev/x", "=/dev/x:p", "a=:p", "a=/dev/x:", "a=/dev/x,:p"])
def test_a_wrong_line_shows_the_right_shape(text: str) -> None:
    """The error shows what was given and what belongs there."""
    with pytest.raises(UsageError, match="NAME=DEVICE"):
        parse_line(text, "listen")


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        ([], 2, "no line to read"),
        (["--line", "a=/dev/x:lakla"], 2, "telium, unionpay, zvt"),
        (["--line", "a=/dev/x:lakala", "--line", "b=/dev/x:lakala"], 2, "used twice"),
        (["--relay", "a=/dev/x:lakala"], 2, "peer"),
        (["--receive", "a=/dev/x,/dev/y:lakala"], 2, "one device"),
        (["--line", "a=/dev/null:lakala"], 3, "not a serial device"),
    ],
)
def test_wrong_words_end_at_once(collector: Any, words: list[str], status: int, message: str) -> None:
    """One line with what is wrong, one with what to do, no traceback, the right status, nothing left behind."""
    process = collector(*words)
    said = process.process.communicate(timeout=60)[1]

    assert process.process.returncode == status
    assert message in said
    assert said.count("\n") == 2
    assert "  try: " in said


def test_lines_of_the_file_and_of_the_command(collector: Any, wires: Any, tmp_path: Path) -> None:
    """[[lines]] are read; a line given on the command line wins over one of the same name."""
    one, two, three = wires("one"), wires("two"), wires("three")
    (tmp_path / "tillwatch.toml").write_text(
        f"""
[[lines]]
name = "a"
device = "{one.name}"
profile = "lakala"
[[lines]]
name = "b"
device = "{two.name}"
profile = "lakala"
"""
    )
    process = collector("--receive", f"b={three.name}:leshua")
    said = process.until("open") + process.until("open")

    assert f"a open side=terminal device={one.name}" in said
    assert f"b open side=terminal device={three.name}" in said
    assert process.end() == 0


def test_a_profile_of_ones_own_in_a_word_alone_is_said(collector: Any, wires: Any, tmp_path: Path) -> None:
    """It is collected with; that landing will not know it is said first, with what to do."""
    own = tmp_path / "mine.toml"
    own.write_text(
        'name = "mine"\nextends = "unionpay"\nsource = "a test"\nconfidence = "assumed"\n'
        'title = { zh-CN = "我的", en = "Mine" }\n'
    )
    process = collector("--line", f"a={wires('one').name}:{own}")

    assert process.until("will not land").startswith(f"{own}: no line of the settings has this profile")
    assert f'profile = "{own}" of a line in tillwatch.toml' in process.until("try:")
    assert "a open side=terminal" in process.until("open")
    assert process.end() == 0


def test_no_device_is_a_helpful_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty list says what to do, on stderr, and is no failure."""
    monkeypatch.setattr("ingest.devices.list_devices", list)
    done = CliRunner().invoke(ports, [])

    assert done.exit_code == 0
    assert done.stdout == ""
    assert "plug the terminal" in done.stderr


def test_a_device_that_is_not_there_is_not_free(tmp_path: Path) -> None:
    """A wrong name is said so, and is not offered to be collected from."""
    name = str(tmp_path / "ttyUSB7")
    told = CliRunner().invoke(ports, [name])
    assert "not there" in told.stdout
    assert "free" not in told.stdout
    assert "try:" not in told.stderr
    assert json.loads(CliRunner().invoke(ports, [name, "--json"]).stdout)["there"] is False


def test_ports_in_words_and_in_json(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both show the stable name, who has it, and the profile that fits."""
    device = Device(
        device="/dev/ttyACM0",
        stable="/dev/serial/by-id/usb-PAX_A920-if00",
        by_id="/dev/serial/by-id/usb-PAX_A920-if00",
        by_path=None,
        usb="2FB8:2116",
        serial_number="0820",
        manufacturer="PAX",
        product="A920",
        terminal="PAX A920",
        model={"zh-CN": "百富 A920", "en": "PAX A920"},
        profile="unionpay",
        why="by its USB ids alone",
        busy=True,
        held_by=("tillwatch (pid 7)",),
    )
    monkeypatch.setattr("ingest.devices.list_devices", lambda: [device])

    table = CliRunner().invoke(ports, []).stdout
    assert all(word in table for word in (device.stable, "PAX A920", "unionpay", "busy: tillwatch (pid 7)"))
    [row] = CliRunner().invoke(ports, ["--json"]).stdout.splitlines()
    assert json.loads(row)["stable"] == device.stable
    assert json.loads(row)["busy"] is True
