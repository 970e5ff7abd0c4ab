"""A line whose profile is `auto`: what it speaks is found by listening, and nothing heard meanwhile is lost.

Bytes are kept in memory, with their times, until the verdict (`protocols.detect`); then
the profile's own recorders get them from the first byte. What is too much to keep
becomes noise records: length, keyed digest, no bytes. Nothing is ever written to the
line for its detection; before the verdict a receiving line stays silent.

Touched by the committer thread alone; others read ``profile`` and ``shown``.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ingest.records import Direction, Kind, PendingRecord
from ingest.settings import AUTO
from ingest.speeds import LineSetting, Trial
from protocols.detect import Detector
from protocols.errors import FrameError
from protocols.profile import Profile
from protocols.verdict import Verdict

if TYPE_CHECKING:
    from ingest.handover import Tell
    from ingest.lines import Recording

MOST_BYTES = 65536
"""What is kept of a line, both directions together: about a minute of unbroken speech at 9600 baud."""
ROOM = MOST_BYTES // 8
"""How much is given up at a time when that is full."""


_HINT = "`tillwatch ports --listen 60` tells the speed and shows what each profile made of it"
_UNDETECTED = FrameError(
    "what the line speaks was not found out",
    protocol=AUTO,
    layer="link",
    code="undetected",
    expected="frames that a profile can read",
    got="none, or too few",
    hint="name the line's profile instead of auto; tillwatch describe --profiles lists them",
)


@dataclass(frozen=True, slots=True)
class Heard:
    """Bytes as they were read; none: a silence, or a break."""

    direction: Direction
    data: bytes = field(repr=False)
    wall_ns: int
    mono_ns: int


class Detection:
    """One line's.

    Args:
        line: the line's name.
        profiles: the candidates.
        settings: the port's settings to try, the likeliest first; one alone is never left.
        record: makes a recorder of the profile found.
        digest: the keyed digest of bytes that may not be kept.
        likely: USB ids (``2FB8:2116``) -> the profiles they speak for.
        tell: where events go.
    """

    def __init__(
        self,
        line: str,
        profiles: Sequence[Profile],
        settings: Sequence[LineSetting],
        *,
        record: "Callable[[Profile], Recording]",
        digest: Callable[[bytes], bytes],
        likely: Callable[[str], Sequence[str]],
        tell: "Tell",
    ) -> None:
        self.line = line
        self.shown = AUTO
        self._profiles = {profile.name: profile for profile in profiles}
        self._detector = Detector(profiles)
        self._trial = Trial(settings)
        self._is_fixed = len(settings) == 1
        self._wanted: LineSetting | None = None
        self._is_between = False  # the ports are being set: what comes was read with the old setting, or with both
        self._record = record
        self._digest = digest
        self._likely = likely
        self._tell = tell
        self._history: deque[Heard] = deque()
        self._size = 0
        self._taps: dict[Direction, Tap] = {}
        self._session: dict[str, Any] = {}
        self._found: Profile | None = None
        self._verdict: Verdict | None = None
        self._has_warned = False
        self._late: list[PendingRecord] = []

    @property
    def profile(self) -> str:
        """The profile found, or ``auto``."""
        return self._found.name if self._found is not None else AUTO

    def opened(self, facts: dict[str, Any]) -> dict[str, Any]:
        """A port of the line is open: the session's facts, with what was found."""
        self._session = facts
        return facts | self._detected()

    def take_setting(self) -> LineSetting | None:
        """The setting that the line's ports should have from now on; None: as it is."""
        wanted, self._wanted = self._wanted, None
        return wanted

    def take_late(self) -> list[PendingRecord]:
        """Those of the records just made that are of what was heard before the bytes that brought the verdict."""
        late, self._late = self._late, []
        return late

    def was_set(self) -> None:
        """The ports have the setting taken last: what comes from now on was read with it."""
        self._is_between = False

    def feed(self, tap: "Tap", heard: Heard) -> list[PendingRecord]:
        """Bytes or a silence before the verdict: the records that can be made now."""
        self._register(tap, heard.direction)
        if heard.data or (self._history and self._history[-1].data):
            self._history.append(heard)
        self._size += len(heard.data)
        if self._is_between:
            return self._make_room(MOST_BYTES)
        if heard.data:
            self._detector.feed(heard.direction, heard.data)
        is_over = self._trial.hear(len(heard.data)) or not heard.data
        if is_over:
            self._detector.pause(heard.direction)
        found = self._detector.verdict(likely=self._named(), baud=self._trial.setting.baud)
        if found.is_sure:
            return self._conclude(found, heard.wall_ns, heard.mono_ns)
        if is_over:
            self._judge_setting()
        return self._make_room(MOST_BYTES)

    def recorder(self) -> "Recording | None":
        """A fresh recorder of the profile found; None before the verdict."""
        return None if self._found is None else self._record(self._found)

    def pending(self, direction: Direction) -> int:
        """Bytes of one direction that wait for the verdict."""
        return sum(len(heard.data) for heard in self._history if heard.direction == direction)

    def close(self, wall_ns: int, mono_ns: int) -> list[PendingRecord]:
        """The line ends: what waits is read with the likeliest profile, if one read anything; else it is noise."""
        if self._found is not None or not self._history:
            return []
        for direction in self._taps:
            self._detector.pause(direction)
        best = self._detector.verdict(likely=self._named(), baud=self._trial.setting.baud)
        if best.profile is not None and not best.rivals:
            return self._conclude(best, wall_ns, mono_ns)
        self._tell(self.line, "not-detected", bytes=self._size, hint=_HINT)
        return self._make_room(0)

    def _register(self, tap: "Tap", direction: Direction) -> None:
        """A new tap of a direction comes after a failure: what the old one held was counted as lost."""
        known = self._taps.setdefault(direction, tap)
        if known is not tap:
            self._taps[direction] = tap
            self._history = deque(heard for heard in self._history if heard.direction != direction)
            self._size = sum(len(heard.data) for heard in self._history)
            self._detector.reset()

    def _named(self) -> list[str]:
        """Profiles that the USB ids of the line's devices speak for."""
        return [name for side in self._session.get("sides", ()) for name in self._likely(side.get("usb", ""))]

    def _detected(self) -> dict[str, Any]:
        if self._verdict is None:
            return {}
        return {"detected": {**self._verdict.as_dict(), "setting": str(self._trial.setting)}}

    def _judge_setting(self) -> None:
        promising = self._detector.is_promising
        if self._trial.pause(promising=promising):
            self._detector.reset()
            self._wanted, self._is_between = self._trial.setting, True
            self._tell(self.line, "trying", setting=self._wanted)
        elif self._is_fixed and not promising and self._size and not self._has_warned:
            self._has_warned = True
            self._tell(self.line, "unknown", setting=self._trial.setting, hint=_HINT)

    def _conclude(self, verdict: Verdict, wall_ns: int, mono_ns: int) -> list[PendingRecord]:
        """The session with what was found, and all that was heard, read with it."""
        assert verdict.profile is not None  # noqa: S101  the callers looked
        self._verdict = verdict
        self._found = found = self._profiles[verdict.profile]
        how = verdict.evidence.speaks_for
        self.shown = f"{AUTO} -> {found.name} ({how})"
        self._tell(
            self.line,
            "found",
            profile=self.shown,
            sure=None if verdict.is_sure else "no, by all that was heard before the end",
            equal=", ".join(verdict.ties),
            setting=self._trial.setting,
        )
        link = found.link
        if not self._is_fixed and (self._trial.setting.stopbits, 1) != (link.stopbits, 1):
            setting = self._trial.setting
            self._wanted = LineSetting(setting.baud, setting.bytesize, setting.parity, link.stopbits)
        facts = self.opened(self._session)
        records = [PendingRecord(Kind.SESSION, self.line, found.name, wall_ns, mono_ns, facts=facts)]
        late = 0
        for heard in self._history:
            late = len(records)
            records += self._taps[heard.direction].replay(heard)
        self._late = records[:late]
        self._history.clear()
        self._size = 0
        return records

    def _make_room(self, most: int) -> list[PendingRecord]:
        """What is kept, down to so many bytes; the oldest become noise: their length and keyed digest."""
        if self._size <= most:
            return []
        given_up: dict[Direction, list[Heard]] = {}
        most = max(most - ROOM, 0)
        while self._size > most:
            oldest = self._history.popleft()
            self._size -= len(oldest.data)
            given_up.setdefault(oldest.direction, []).append(oldest)
        return [self._noise(pieces) for pieces in given_up.values()]

    def _noise(self, pieces: list[Heard]) -> PendingRecord:
        data = b"".join(piece.data for piece in pieces)
        first = pieces[0]
        return PendingRecord(
            Kind.NOISE,
            self.line,
            AUTO,
            first.wall_ns,
            first.mono_ns,
            first.direction,
            digest=self._digest(data),
            length=len(data),
            error=_UNDETECTED.as_dict(),
        )


class Tap:
    """One direction of a line in search of its profile: an `ingest.lines.Recording`."""

    def __init__(self, detection: Detection) -> None:
        self._detection = detection
        self._recorder: Recording | None = None

    def feed(self, direction: Direction, data: bytes, wall_ns: int, mono_ns: int) -> list[PendingRecord]:
        """The records complete now; with the verdict, those of all that was heard before."""
        recorder = self._found()
        if recorder is not None:
            return recorder.feed(direction, data, wall_ns, mono_ns)
        return self._detection.feed(self, Heard(direction, data, wall_ns, mono_ns))

    def flush(self, direction: Direction, wall_ns: int, mono_ns: int) -> list[PendingRecord]:
        """The stream fell silent or broke off."""
        recorder = self._found()
        if recorder is not None:
            return recorder.flush(direction, wall_ns, mono_ns)
        return self._detection.feed(self, Heard(direction, b"", wall_ns, mono_ns))

    def pending(self, direction: Direction) -> int:
        """Bytes that are in no record yet."""
        return self._detection.pending(direction) + (self._recorder.pending(direction) if self._recorder else 0)

    def take_controls(self) -> bytes:
        """None: nobody asks before it is known what."""
        return b""

    def replay(self, heard: "Heard") -> list[PendingRecord]:
        """The records of what was heard before the verdict."""
        recorder = self._found()
        assert recorder is not None  # noqa: S101  replayed by the verdict
        if heard.data:
            return recorder.feed(heard.direction, heard.data, heard.wall_ns, heard.mono_ns)
        return recorder.flush(heard.direction, heard.wall_ns, heard.mono_ns)

    def _found(self) -> "Recording | None":
        if self._recorder is None:
            self._recorder = self._detection.recorder()
        return self._recorder
