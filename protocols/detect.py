"""Which profile a line speaks, by what was heard on it: evidence, and a verdict only when it is enough.

Sans-io and passive: bytes go in, nothing is ever asked. Every candidate reads what is
heard with its own deframer and decoder; what it could read, what it could not, and
whether its link has a checksum that was verified is its evidence. "Not sure yet" is an
answer, and the usual one after few bytes.

Profiles of one dialect that read the same bytes equally well tie: nothing heard can
tell them apart. The one that the USB ids name is taken, else the one that the others
extend, and the tie is named.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace

from protocols.deframe import Control, Event, Frame, Noise
from protocols.dialect import Deframing
from protocols.envelope import Link
from protocols.errors import ProtocolError
from protocols.profile import Profile
from protocols.profile_files import CONFIDENCES
from protocols.verdict import MOST_NOISE, Evidence, Verdict

CHECKSUMS = frozenset(("lrc", "crc"))
"""Codes of a deframer's noise that say that a sum did not agree."""
REMEMBERED = 64
"""Frames that are remembered to tell whether one came before."""


class Detector:
    """Candidates listening to one line.

    Args:
        profiles: the candidates.
    """

    def __init__(self, profiles: Iterable[Profile]) -> None:
        self._profiles = tuple(profiles)
        self._ears: list[_Ear] = []
        self.reset()

    def reset(self) -> None:
        """Forget what was heard: the line was read with other settings, or another terminal is on it."""
        self._ears = []
        for profile in self._profiles:
            alike = next((ear for ear in self._ears if _sounds_like(ear.profile, profile)), None)
            if alike is None:
                self._ears.append(_Ear(profile))
            else:
                alike.also.append(profile)

    def feed(self, direction: str, data: bytes) -> None:
        """Bytes as they came; each direction is a stream of its own."""
        for ear in self._ears:
            ear.feed(direction, data)

    def pause(self, direction: str) -> None:
        """The stream fell silent or broke off: what is half there is no frame."""
        for ear in self._ears:
            ear.pause(direction)

    @property
    def is_promising(self) -> bool:
        """Whether any candidate found its frames, so that the line's speed and framing are probably right."""
        return any(ear.is_promising for ear in self._ears)

    def verdict(self, *, likely: Sequence[str] = (), baud: int | None = None) -> Verdict:
        """What the line speaks by what was heard so far.

        Args:
            likely: profiles that the USB ids name; they break ties and nothing else.
            baud: the line's speed, where it is known; a profile that says it wins a tie over one that does not.
        """
        ranked = sorted(self._ears, key=_rank, reverse=True)
        best = ranked[0] if ranked else None
        if best is None or not best.telling:
            return Verdict(None, is_sure=False, ranked=_evidence(ranked, ()))
        tied = [ear for ear in ranked if _ties(best, ear)]
        names = [profile for ear in tied for profile in (ear.profile, *ear.also)]
        names.sort(key=lambda each: _preference(each, likely, baud))
        rivals = [ear for ear in ranked if ear not in tied and _is_rival(best.evidence(), ear.evidence())]
        return Verdict(
            profile=names[0].name,
            is_sure=best.evidence().is_enough and not rivals,
            ties=tuple(each.name for each in names[1:]),
            rivals=tuple(ear.profile.name for ear in rivals),
            ranked=_evidence(ranked, names),
        )


def detect(heard: Mapping[str, bytes], profiles: Iterable[Profile], *, likely: Sequence[str] = ()) -> Verdict:
    """The verdict on bytes at hand: direction -> what was heard in it."""
    detector = Detector(profiles)
    for direction, data in heard.items():
        detector.feed(direction, data)
        detector.pause(direction)
    return detector.verdict(likely=likely)


@dataclass(slots=True)
class _Run:
    """Different telling frames of one direction, each right behind a frame or a silence."""

    is_clean: bool = True
    size: int = 0
    best: tuple[int, int] = (0, 0)
    seen: set[int] = field(default_factory=set)

    def add(self, frame: bytes) -> None:
        """One more; behind something unreadable it is only where the next one may follow."""
        known = hash(frame)
        if self.is_clean and known not in self.seen and len(self.seen) < REMEMBERED:
            self.seen.add(known)
            self.size += len(frame)
            self.best = max(self.best, (len(self.seen), self.size))
        self.is_clean = True

    def end(self) -> None:
        """Something unreadable came."""
        self.is_clean = False
        self.size = 0
        self.seen.clear()


class _Ear:
    """One candidate, and those that would hear exactly the same."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self.also: list[Profile] = []
        self.telling = 0
        self._deframers: dict[str, Deframing] = {}
        self._runs: dict[str, _Run] = {}
        self._frames = 0
        self._errors: Counter[str] = Counter()
        self._controls = 0
        self._read = 0
        self._noise = 0
        self._checksum: str | None = None  # None: not looked at yet
        self._failure = ""

    def feed(self, direction: str, data: bytes) -> None:
        self._hear(direction, lambda: self._deframer(direction).feed(data))

    def pause(self, direction: str) -> None:
        if direction in self._deframers:
            self._hear(direction, lambda: self._deframer(direction).flush())
            self._runs.setdefault(direction, _Run()).is_clean = True

    @property
    def is_promising(self) -> bool:
        """A frame whose checksum agrees, or a telling one where a frame may stand, and less noise than that."""
        told = self.evidence()
        return bool(told.frames and told.checksum) or (told.in_a_row > 0 and told.score >= 1 - MOST_NOISE)

    def evidence(self, name: str = "") -> Evidence:
        runs = self._runs.values()
        return Evidence(
            profile=name or self.profile.name,
            frames=self._frames,
            telling=self.telling,
            in_a_row=sum(run.best[0] for run in runs),
            run_bytes=sum(run.best[1] for run in runs),
            checksum=self._checksum or "",
            errors=dict(self._errors.most_common(3)),
            controls=self._controls,
            read_bytes=self._read,
            noise_bytes=self._noise,
            failure=self._failure,
        )

    def _deframer(self, direction: str) -> Deframing:
        if direction not in self._deframers:
            self._deframers[direction] = self.profile.deframer()
        return self._deframers[direction]

    def _hear(self, direction: str, take: Callable[[], list[Event]]) -> None:
        if self._failure:
            return
        try:
            for event in take():
                self._judge(self._runs.setdefault(direction, _Run()), event)
        except Exception as bug:  # noqa: BLE001  a bug in one candidate (perhaps of another package) must not deafen the others; it is told
            self._failure = type(bug).__name__

    def _judge(self, run: _Run, event: Event) -> None:
        if isinstance(event, Control):
            self._controls += 1
            self._read += 1
            return
        if isinstance(event, Noise):
            self._noise += event.length
            run.end()
            return
        try:
            said = self.profile.facts(event.data)
        except ProtocolError as wrong:
            self._errors[f"{wrong.path or wrong.layer} {wrong.code}".strip()] += 1
            self._noise += len(event.data)
            run.end()
            return
        self._frames += 1
        self._read += len(event.data)
        if self._checksum is None:
            self._checksum = checksum_of(self.profile, event.data)
        if said.kind == "handshake":
            run.is_clean = True
        else:
            self.telling += 1
            run.add(event.data)


def checksum_of(profile: Profile, frame: bytes) -> str:
    """Which checksum holds a frame together, tried out: lrc or crc when changed bits are refused for it, else empty."""
    named = ""
    for quarter in (1, 2, 3):
        changed = bytearray(frame)
        changed[len(frame) * quarter // 4] ^= 1
        deframer = profile.deframer()
        events = [*deframer.feed(bytes(changed)), *deframer.flush()]
        if any(isinstance(event, Frame) and event.data == changed for event in events):
            return ""
        noise = next((event for event in events if isinstance(event, Noise)), None)
        if noise is not None and noise.error.code in CHECKSUMS:
            named = noise.error.code
    return named


_UNHEARD = frozenset(("name", "title", "confidence", "claims", "extends", "link", "grammar"))
"""What of a profile is not in its bytes; link and field table are compared by themselves."""


def _sounds_like(one: Profile, other: Profile) -> bool:
    """Whether two profiles would make the same of any bytes."""
    told = [each.name for each in fields(one) if each.name not in _UNHEARD]
    return (
        _heard(one.link) == _heard(other.link)
        and one.grammar.table == other.grammar.table
        and all(getattr(one, name) == getattr(other, name) for name in told)
    )


def _heard(link: Link) -> Link:
    """A link without what is not in its bytes."""
    return replace(link, baud=9600, bytesize=8, parity="N", stopbits=1, inter_byte_ms=1000)


def _rank(ear: _Ear) -> tuple[bool, int, bool]:
    told = ear.evidence()
    return (bool(told.telling), told.read_bytes - told.noise_bytes, bool(told.checksum))


def _ties(best: _Ear, other: _Ear) -> bool:
    """One dialect, one evidence."""
    return other is best or (
        best.profile.dialect == other.profile.dialect
        and replace(best.evidence(), profile="") == replace(other.evidence(), profile="")
    )


def _is_rival(best: Evidence, other: Evidence) -> bool:
    """Whether another reading of the same bytes is too good to be ruled out.

    One that a checksum holds together needs another checksum to be doubted.
    """
    if not other.telling or (best.checksum and not other.checksum and other.read_bytes <= best.read_bytes):
        return False
    return bool(other.checksum and not best.checksum) or 2 * other.read_bytes > best.read_bytes


def _preference(profile: Profile, likely: Sequence[str], baud: int | None) -> tuple[bool, bool, int, int, str]:
    return (
        profile.name not in likely,
        baud is not None and profile.link.baud != baud,
        len(profile.extends),
        CONFIDENCES.index(profile.confidence),
        profile.name,
    )


def _evidence(ranked: Sequence[_Ear], first: Sequence[Profile]) -> tuple[Evidence, ...]:
    """Every profile's own, those in ``first`` in their order before the others."""
    told = {profile.name: ear.evidence(profile.name) for ear in ranked for profile in (ear.profile, *ear.also)}
    names = [profile.name for profile in first]
    return tuple(told[name] for name in (*names, *(name for name in told if name not in names)))
