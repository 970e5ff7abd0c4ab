"""Programs of the demo: stopped for certain, and never silent about why they ended."""

import os
import sys
import time
from pathlib import Path

import pytest

from ingest.demo.processes import Program, ProgramError, clean_environment, members

FAMILY = """
import os, signal, subprocess, sys, time
for arguments in (["60"], ["61"]):
    subprocess.Popen(["sleep", *arguments], preexec_fn=os.setpgrp if arguments == ["61"] else None)
print("up", flush=True)
time.sleep(60)
"""
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("up", flush=True)
time.sleep(60)
"""


def start(tmp_path: Path, script: str) -> Program:
    """A Python program that has said it is up."""
    program = Program(
        "it", [sys.executable, "-c", script], env=dict(os.environ), log=tmp_path / "logs" / "it.log", cwd=tmp_path
    )
    end = time.monotonic() + 10
    while "up" not in program.tail() and time.monotonic() < end:
        time.sleep(0.02)
    return program


def test_children_end_too_also_those_in_groups_of_their_own(tmp_path):
    """Airflow's tasks leave the process group; they cannot leave the session."""
    program = start(tmp_path, FAMILY)
    assert len(members(program.session)) == 3

    assert program.stop(grace=10)

    assert members(program.session) == []


def test_who_does_not_listen_is_forced(tmp_path):
    """SIGTERM is ignored; the program is gone all the same, and stop says that it had to be forced."""
    program = start(tmp_path, STUBBORN)

    assert not program.stop(grace=0.3)

    assert members(program.session) == []


def test_stopping_what_has_ended_does_nothing(tmp_path):
    """A program that ended by itself can be stopped any number of times."""
    program = start(tmp_path, "print('up')")
    assert program.wait(60) == 0

    assert program.stop()
    assert program.stop()


def test_a_program_that_ends_too_early_is_quoted(tmp_path):
    """The error carries the last lines and where the rest is."""
    program = start(tmp_path, "print('up'); raise SystemExit('no such device')")
    program.wait(60)

    with pytest.raises(ProgramError, match=r"status 1(.|\n)*no such device") as wrong:
        program.must_run()

    assert "it.log" in wrong.value.hint


def test_a_program_that_is_not_there_is_a_user_s_error(tmp_path):
    """No traceback for a missing program."""
    with pytest.raises(ProgramError, match="nosuch: No such file"):
        Program("it", ["nosuch"], env={"PATH": "/nowhere"}, log=tmp_path / "it.log", cwd=tmp_path)


def test_the_user_s_airflow_does_not_leak_in(monkeypatch):
    """What steers the user's Airflow or tillwatch stays outside; the rest of the environment comes along."""
    monkeypatch.setenv("AIRFLOW__CORE__DAGS_FOLDER", "/elsewhere")
    monkeypatch.setenv("TILLWATCH_LAKE__URI", "/elsewhere")
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")

    env = clean_environment(AIRFLOW_HOME="/here")

    assert "AIRFLOW__CORE__DAGS_FOLDER" not in env
    assert "TILLWATCH_LAKE__URI" not in env
    assert (env["LANG"], env["AIRFLOW_HOME"]) == ("zh_CN.UTF-8", "/here")
