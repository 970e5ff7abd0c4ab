"""A signal ends a command at whatever instant it comes."""

import signal
import sys
import threading
from types import FrameType
from typing import Any

import pytest

from ingest.stopping import Stop, stopped_by_signals


def waits_with_a_signal_at(stop: Stop, place: int) -> bool:
    """Wait, and have SIGTERM come at the so-manyth byte code of it; whether there was one."""
    passed = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        del argument
        nonlocal passed
        frame.f_trace_opcodes = True
        if event == "opcode":
            passed += 1
            if passed == place:
                signal.raise_signal(signal.SIGTERM)
        return trace

    sys.settrace(trace)
    try:
        stop.wait(0.001)
    finally:
        sys.settrace(None)
    return passed >= place


@pytest.mark.timeout(60)
def test_a_signal_at_any_byte_code_of_the_wait_stops() -> None:
    """With a threading.Event the handler waits for the lock that its own thread holds: it hung for ever."""
    place = 0
    while True:
        stop, place = Stop(), place + 1
        with stopped_by_signals(stop.set):
            if not waits_with_a_signal_at(stop, place):
                break
        assert stop.is_set()
        assert stop.wait(0)
    assert place > 20


def test_all_who_wait_are_woken_and_it_stays_up() -> None:
    stop, woken = Stop(), []
    threads = [threading.Thread(target=lambda: woken.append(stop.wait(30))) for _ in range(5)]
    for thread in threads:
        thread.start()
    assert not stop.is_set()
    stop.set()
    stop.set()
    for thread in threads:
        thread.join(10)
    assert woken == [True] * 5
    assert stop.wait(30)


def test_nobody_says_so() -> None:
    assert not Stop().wait(0.001)


def test_the_handlers_of_before_are_back() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)]
    with stopped_by_signals(lambda: None):
        assert signal.getsignal(signal.SIGTERM) is not before[0]
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)] == before


def test_under_nohup_a_hung_up_terminal_stops_nothing() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stopped_by_signals(lambda: None):
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_another_thread_changes_no_handler() -> None:
    seen: list[Any] = []
    before = signal.getsignal(signal.SIGTERM)

    def run() -> None:
        with stopped_by_signals(lambda: None):
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(10)
    assert seen == [before]
