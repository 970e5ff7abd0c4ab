"""Looking for frames in a stream, for dialects whose candidates are judged in one look.

The laws are those of ``protocols.deframe``: frames, controls and noise add up to the
bytes read, a corrupt candidate loses one byte, memory is bounded, and the same bytes
give the same events however they are cut.
"""

from collections.abc import Callable

from protocols.deframe import NOISE_RUN, Control, Event, Frame, Noise
from protocols.errors import FrameError
from protocols.walk import Wrong

Judge = Callable[[bytearray, int], int | Wrong | None]
"""(buffer, where) -> the candidate's end, why it is none, or None when more bytes must come."""


class Search:
    """One direction of one line.

    Args:
        judge: looks at one candidate.
        error: makes the error of noise.
        room: most bytes taken at a time; the judge bounds what is kept.
        controls: bytes that mean something alone between frames.
        closes: whether silence makes a frame of what waits, where frames do not say where they end.
    """

    def __init__(
        self,
        judge: Judge,
        *,
        error: Callable[[Wrong], FrameError],
        room: int,
        controls: frozenset[int],
        closes: Callable[[bytearray], bool] | None = None,
    ) -> None:
        self._closes = closes
        self._judge = judge
        self._error = error
        self._room = room
        self._controls = controls
        self._buffer = bytearray()
        self._base = 0  # stream offset of the buffer's first byte
        self._noise = 0
        self._noise_at = 0
        self._noise_wrong: Wrong | None = None

    @property
    def pending(self) -> int:
        """Bytes read and not yet handed out."""
        return len(self._buffer) + self._noise

    def feed(self, data: bytes) -> list[Event]:
        """Take bytes as they come; hand out what they complete."""
        events: list[Event] = []
        for start in range(0, len(data), self._room):
            self._buffer += data[start : start + self._room]
            self._drain(events)
        return events

    def flush(self) -> list[Event]:
        """End of stream, or a pause inside a frame: what cannot become a frame any more is noise."""
        events: list[Event] = []
        while self._buffer:
            if self._closes is not None and self._closes(self._buffer):
                self._end_noise(events)
                events.append(Frame(bytes(self._buffer), self._base))
                self._cut(len(self._buffer))
                break
            self._drop(events, Wrong("cut", 0, 0, "the rest of the frame", "silence"), 0)
            self._cut(1)
            self._drain(events)
        self._end_noise(events)
        return events

    def _drain(self, events: list[Event]) -> None:
        at = 0
        buffer = self._buffer
        while at < len(buffer):
            verdict = self._judge(buffer, at)
            if verdict is None:
                break
            if not isinstance(verdict, Wrong):
                self._end_noise(events)
                events.append(Frame(bytes(buffer[at:verdict]), self._base + at))
                at = verdict
            elif buffer[at] in self._controls and not self._noise:
                events.append(Control(buffer[at], self._base + at))
                at += 1
            else:
                self._drop(events, verdict, at)
                at += 1
        self._cut(at)

    def _cut(self, count: int) -> None:
        del self._buffer[:count]
        self._base += count

    def _drop(self, events: list[Event], wrong: Wrong, at: int) -> None:
        if not self._noise:
            self._noise_at = self._base + at
            self._noise_wrong = wrong._replace(offset=max(wrong.offset - at, 0))
        self._noise += 1
        if self._noise == NOISE_RUN:
            self._end_noise(events)

    def _end_noise(self, events: list[Event]) -> None:
        if self._noise and self._noise_wrong is not None:
            events.append(Noise(self._noise, self._noise_at, self._error(self._noise_wrong)))
        self._noise = 0
        self._noise_wrong = None
