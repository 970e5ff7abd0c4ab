"""Finding a line's speed: garbage moves it on, silence and frames do not."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.commands.ports import ports
from ingest.errors import UsageError
from ingest.lines import LinkSettings
from ingest.listening import ask, listen
from ingest.ports import Port, open_port
from ingest.speeds import BAUDS, LineSetting, Trial, settings_to_try
from protocols.profile import available_profiles, load_profile
from tests.ingest.collecting.test_asking import Played
from tests.ingest.collecting.uart import Uart, sampled, waveform
from tests.protocols.spoken import TERMINAL, spoken

PROFILES = [load_profile(name) for name in available_profiles()]
USUAL = LineSetting()


@settings(deadline=None)
@given(st.binary(max_size=60), st.sampled_from(BAUDS), st.sampled_from([(8, "N", 1), (8, "N", 2), (7, "E", 1)]))
def test_the_stand_in_hears_what_is_sent_at_its_own_speed(
    data: bytes, baud: int, framing: tuple[int, str, int]
) -> None:
    """The stand-in is a UART: equal settings carry the bytes, and the number of stop bits does not matter."""
    setting = LineSetting(baud, *framing)
    low = bytes(byte & ((1 << setting.bytesize) - 1) for byte in data)

    assert bytes(sampled(waveform(low, setting), setting, setting)) == low
    if framing == (8, "N", 2):
        assert bytes(sampled(waveform(low, setting), setting, LineSetting(baud))) == low


def test_at_another_speed_the_stand_in_hears_garbage() -> None:
    """A known case by hand: 0x55 at 9600 is a square wave; at 4800 each second level is sampled, so all bits agree."""
    bits = waveform(b"\x55", LineSetting(9600))

    assert bits == [0, 1, 0, 1, 0, 1, 0, 1, 0, 1]
    assert bytes(sampled(bits, LineSetting(9600), LineSetting(4800)))[:1] != b"\x55"
    assert bytes(sampled(waveform(b"\x00", USUAL), USUAL, LineSetting(115200)))[:1] == b"\x00"
    assert len(list(sampled(waveform(b"\xa5" * 96, LineSetting(115200)), LineSetting(115200), USUAL))) <= 9


def test_the_settings_tried_are_the_profiles_own_first() -> None:
    """9600 8N1 first, every usual speed once, the framings of the profiles; a known speed alone where it is known."""
    settings = settings_to_try(PROFILES)

    assert settings[0] == USUAL
    assert {each.baud for each in settings} >= set(BAUDS)
    assert len(settings) == len(set(settings))
    assert settings_to_try(PROFILES, 57600) == (LineSetting(57600),)


def test_silence_and_glitches_move_nothing_and_garbage_does() -> None:
    """A silent line stays where it is; a burst without a frame is tried at the next setting; round and round."""
    trial = Trial([LineSetting(9600), LineSetting(115200)])

    assert not any(trial.pause(promising=False) for _ in range(100))
    trial.hear(3)
    assert not trial.pause(promising=False)
    trial.hear(40)
    assert not trial.pause(promising=True)
    trial.hear(40)
    assert trial.pause(promising=False)
    assert trial.setting.baud == 115200
    trial.hear(40)
    assert trial.pause(promising=False)
    assert trial.setting.baud == 9600


def test_unbroken_babble_is_judged_without_a_silence() -> None:
    """A line that never pauses does not hold the search up; one setting alone is never left."""
    trial = Trial([LineSetting(9600), LineSetting(115200)])

    assert any(trial.hear(64) for _ in range(17))
    alone = Trial([USUAL])
    assert alone.hear(4096)
    assert not alone.pause(promising=False)


@pytest.fixture
def talking(wires: Any) -> Iterator[Callable[..., Any]]:
    """Terminals that say the same few frames again and again, with pauses, each at a speed of its own."""
    stop = threading.Event()
    threads: list[threading.Thread] = []

    def start(name: str, frames: list[bytes], pause: float = 0.5) -> Any:
        wire = wires(name)

        def talk() -> None:
            while not stop.is_set():
                for frame in frames:
                    wire.write(frame)
                stop.wait(pause)

        threads.append(threading.Thread(target=talk, daemon=True))
        threads[-1].start()
        return wire

    yield start
    stop.set()
    for thread in threads:
        thread.join()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("unionpay", LineSetting(9600)),
        ("leshua", LineSetting(115200)),
        ("leshua", LineSetting(4800)),
        ("lakala", LineSetting(57600)),
        ("zvt", LineSetting(38400, 8, "N", 2)),
        ("telium", LineSetting(19200)),
        ("allinpay", LineSetting(2400)),
    ],
)
def test_the_speed_is_found_with_the_profile(name: str, sent: LineSetting, talking: Any) -> None:
    """At each wrong speed the bytes are garbage and nobody is sure; at the right one the profile is."""
    wire = talking(name, spoken(name)[TERMINAL][:3])

    def opener(device: str, link: LinkSettings) -> Port:
        heard = LineSetting(link.baud, link.bytesize, link.parity, link.stopbits)
        return Uart(open_port(device), sent, heard)

    (found,) = listen([(str(wire.name), ())], PROFILES, 60.0, opener=opener)

    assert found.verdict.is_sure
    assert name in {found.verdict.profile, *found.verdict.ties}
    assert found.setting is not None
    assert found.setting.baud == sent.baud


def test_a_silent_line_is_left_at_the_likeliest_setting(wires: Any) -> None:
    """Nobody speaks: nothing is concluded, nothing is tried, and the time is kept."""
    opened: list[Uart] = []

    def opener(device: str, link: LinkSettings) -> Port:
        opened.append(Uart(open_port(device, baud=link.baud), USUAL, USUAL))
        return opened[-1]

    start = time.monotonic()
    (found,) = listen([(str(wires("silent").name), ())], PROFILES, 1.0, opener=opener)

    assert time.monotonic() - start < 3
    assert found.verdict.profile is None
    assert not found.verdict.is_sure
    assert found.setting == USUAL
    assert not opened[0].tuned
    assert "nothing heard" in str(found)


def test_a_device_that_cannot_be_opened_is_said_so(tmp_path: Path) -> None:
    """What is missing or no device is named; the others are listened to all the same."""
    (gone,) = listen([(str(tmp_path / "gone"), ())], PROFILES, 5.0)

    assert "not there" in str(gone)
    assert gone.as_dict()["trouble"]
    assert gone.heard == 0


def test_asking_writes_the_harmless_question_and_reads_the_answer(wires: Any) -> None:
    """A terminal that answers is found by its answer; nothing but the first question of a profile is asked."""
    wire = wires("asked")
    played = Played("zvt", wire.master)
    try:
        found = ask(str(wire.name), [load_profile("unionpay"), load_profile("zvt")])
    finally:
        played.stop()

    assert found.asked == f"zvt {next(iter(load_profile('zvt').speech.questions))}"
    assert found.verdict.is_sure
    assert found.verdict.profile == "zvt"
    assert found.setting is not None
    assert str(found.setting) == "9600 8N2"


def test_a_terminal_that_does_not_answer_is_no_verdict(wires: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked in vain: not sure, in bounded time."""
    monkeypatch.setattr("ingest.listening.ANSWER_SECONDS", 0.3)
    start = time.monotonic()
    found = ask(str(wires("mute").name), PROFILES)

    assert time.monotonic() - start < 10
    assert not found.verdict.is_sure
    assert "no question was answered" in str(found)


def test_ports_listens_to_the_devices_named_and_says_what_it_heard(talking: Any) -> None:
    """In words and in JSON: the profile, the evidence, the ties; the device is used by its own name."""
    wire = talking("lane", spoken("lakala")[TERMINAL])
    name = str(wire.name)

    words = CliRunner().invoke(ports, [name, "--listen", "5"])
    assert words.exit_code == 0
    assert f"{name}: unionpay (" in words.stdout
    assert "lakala, shengpay would look the same" in words.stdout
    assert f"--line lane-1={name}:unionpay" in words.stderr

    (row,) = CliRunner().invoke(ports, [name, "--listen", "5", "--json"]).stdout.splitlines()
    heard = json.loads(row)["heard"]
    assert heard["profile"] == "unionpay"
    assert heard["sure"]
    assert heard["ties"] == ["lakala", "shengpay"]
    assert heard["candidates"][0]["score"] == 1.0
    assert heard["setting"] == "9600 8N1"


@pytest.mark.parametrize("words", [["--ask"], ["--ask", "--listen", "5", "/dev/x"]])
def test_nothing_is_asked_of_a_device_that_is_not_named(words: list[str]) -> None:
    """Writing needs a name: without one it is a mistake of the words."""
    done = CliRunner().invoke(ports, words)

    assert isinstance(done.exception, UsageError)
