"""Listening to devices for a while, to say what each one speaks: what `tillwatch ports --listen` and `--ask` do.

Bounded in time and in memory. Listening writes nothing. Asking sends the first question
of each candidate that has one, which is the harmless one, and is done only when somebody
says so.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ingest.lines import LinkSettings, open_device
from ingest.ports import Port, PortError, lost
from ingest.speeds import LineSetting, Trial, settings_to_try
from ingest.waiting import Waiting, waiting_here
from protocols.deframe import Control, Frame
from protocols.detect import Detector
from protocols.dialect import Session
from protocols.errors import ProfileError
from protocols.profile import Profile
from protocols.verdict import Verdict

SILENCE = 0.3
"""Seconds without a byte that end a burst."""
ANSWER_SECONDS = 8.0
"""How long one candidate's question may take."""
HEARD = "rx"
Opener = Callable[[str, LinkSettings], Port]


@dataclass(frozen=True, slots=True)
class Listened:
    """What came of a device.

    Attributes:
        device: as it was named.
        heard: bytes that came.
        setting: how the port was set at the end.
        verdict: what they say.
        trouble: why the device could not be listened to.
        asked: the question that was answered, ``zvt last-receipt``.
    """

    device: str
    heard: int
    setting: LineSetting | None
    verdict: Verdict
    trouble: str = ""
    asked: str = ""

    def as_dict(self) -> dict[str, Any]:
        """``heard`` of the device's object in ``tillwatch ports --json``."""
        return {
            "bytes": self.heard,
            "setting": str(self.setting) if self.setting else None,
            "trouble": self.trouble or None,
            "asked": self.asked or None,
            **self.verdict.as_dict(),
        }

    def __str__(self) -> str:
        if self.trouble:
            return self.trouble
        verdict, count = self.verdict, f"{self.heard} bytes at {self.setting}"
        if not self.heard:
            return "nothing heard: nobody spoke, or not to this device"
        if verdict.profile is None:
            return f"not sure: {count}, and no profile can read them"
        told = f"{verdict.profile} ({verdict.evidence.speaks_for}; {count})"
        if verdict.ties:
            told += f"; {', '.join(verdict.ties)} would look the same"
        if verdict.is_sure:
            return told
        doubts = [*verdict.evidence.speaks_against, *(f"{name} fits too" for name in verdict.rivals)]
        return f"not sure yet, perhaps {told}: {'; '.join(doubts)}"


class _Ear:
    """One device being listened to."""

    def __init__(
        self,
        device: str,
        profiles: Sequence[Profile],
        likely: Sequence[str],
        opener: Opener,
        waiting: "Waiting[_Ear]",
    ) -> None:
        self.device = device
        self._likely = likely
        self._detector = Detector(profiles)
        self._trial = Trial(settings_to_try(profiles))
        self._heard = 0
        self._trouble = ""
        self._last: float | None = None
        self.port: Port | None = None
        self._waiting = waiting
        try:
            self._wait_on(opener(device, self._trial.setting))
        except PortError as wrong:
            self._trouble = f"{wrong.message}; {wrong.hint}" if wrong.hint else wrong.message

    def _wait_on(self, port: Port) -> None:
        try:
            self.port = self._waiting.adopt(self, port)
        except OSError as wrong:
            port.close()
            raise lost(self.device, wrong) from None

    def read(self, now: float) -> None:
        """Bytes are there."""
        if self.port is None:
            return
        try:
            data = self.port.read_some()
        except PortError as wrong:
            self._lose(wrong)
            return
        self._heard += len(data)
        self._last = now
        self._detector.feed(HEARD, data)
        if self._trial.hear(len(data)):
            self._pause()

    def look(self, now: float) -> None:
        """Whether it fell silent, or has said enough: then it is let go."""
        if self._last is not None and now - self._last >= SILENCE:
            self._last = None
            self._pause()
        if self.port is not None and self._verdict().is_sure:
            self._let_go()

    def end(self) -> Listened:
        """Let the device go; what it spoke."""
        self._detector.pause(HEARD)
        self._let_go()
        return Listened(self.device, self._heard, self._trial.setting, self._verdict(), self._trouble)

    def _verdict(self) -> Verdict:
        return self._detector.verdict(likely=self._likely, baud=self._trial.setting.baud)

    def _pause(self) -> None:
        self._detector.pause(HEARD)
        if self._trial.pause(promising=self._detector.is_promising) and self.port is not None:
            self._detector.reset()
            try:
                self.port.tune(self._trial.setting)
            except PortError as wrong:
                self._lose(wrong)

    def _lose(self, wrong: PortError) -> None:
        self._trouble = str(wrong)
        self._let_go()

    def _let_go(self) -> None:
        if self.port is not None:
            self._waiting.forget(self.port)
            self.port.close()
        self.port = None


def listen(
    devices: Sequence[tuple[str, Sequence[str]]],
    profiles: Sequence[Profile],
    seconds: float,
    *,
    opener: Opener = open_device,
) -> list[Listened]:
    """Listen to devices at once until each is sure or the time is over; nothing is written.

    Args:
        devices: each with the profiles its USB ids name.
        profiles: the candidates.
        seconds: at most.
        opener: opens a device.
    """
    waiting: Waiting[_Ear] = waiting_here()
    ears = [_Ear(device, profiles, likely, opener, waiting) for device, likely in devices]
    deadline = time.monotonic() + seconds
    while any(ear.port for ear in ears) and (left := deadline - time.monotonic()) > 0:
        ready = waiting.wait(min(left, SILENCE / 3))
        now = time.monotonic()
        for ear, _ in ready:
            if ear is not None:
                ear.read(now)
        for ear in ears:
            ear.look(now)
    found = [ear.end() for ear in ears]
    waiting.close()
    return found


def ask(
    device: str, profiles: Sequence[Profile], likely: Sequence[str] = (), *, opener: Opener = open_device
) -> Listened:
    """Ask a terminal the harmless question of each profile that has one, the likely ones first, until one answers.

    Raises:
        PortError: the device is missing, busy, denied or unfit.
    """
    answering = [profile for profile in profiles if profile.speech.questions]
    answering.sort(key=lambda profile: (profile.name not in likely, profile.name))
    heard, setting = 0, None
    for profile in answering:
        question, begin = next(iter(profile.speech.questions.items()))
        try:
            session = begin(profile)
        except ProfileError:  # it does not say how its terminals are asked this
            continue
        link = profile.link
        setting = LineSetting(link.baud, link.bytesize, link.parity, link.stopbits)
        port = opener(device, setting)
        detector = Detector(profiles)
        try:
            outcome, count = _question(port, profile, session, detector)
        finally:
            port.close()
        heard += count
        if outcome == "answered":
            verdict = replace(detector.verdict(likely=likely, baud=link.baud), profile=profile.name, is_sure=True)
            return Listened(device, count, setting, verdict, asked=f"{profile.name} {question}")
    return Listened(device, heard, setting, Verdict(None, is_sure=False), trouble="asked, and no question was answered")


def _question(port: Port, profile: Profile, session: Session, detector: Detector) -> tuple[str, int]:
    """Hold one session; its outcome and how many bytes came."""
    deframer = profile.deframer()
    start = now = time.monotonic()
    heard = 0
    words = session.start(now)
    deadline = start + ANSWER_SECONDS
    while True:
        for word in words:
            _say(port, word, deadline)
        if session.done or now >= deadline:
            return session.outcome, heard
        due = session.due if session.due is not None else now + SILENCE
        ready = port.wait_readable(max(0.0, min(due, deadline) - now))
        data = port.read_some() if ready else b""
        now = time.monotonic()
        heard += len(data)
        detector.feed(HEARD, data)
        words = []
        for event in deframer.feed(data):
            if isinstance(event, Frame):
                words += session.hear_frame(event.data, now)
            elif isinstance(event, Control):
                words += session.hear_control(event.byte, now)
            else:
                words += session.hear_noise(now)
        words += session.tick(now)


def _say(port: Port, word: bytes, deadline: float) -> None:
    while word and time.monotonic() < deadline:
        taken = port.write_some(word)
        word = word[taken:]
        if word:
            port.wait_writable(SILENCE)
