"""Making a batch of frames safe to keep: the same bytes, tokens and digests as ``protocols.sanitise``.

Where it is sure what to overwrite, a loop does it for the whole batch; a row with anything unusual
(a secret tag, keys, digits that may be a card number) goes to the row sanitiser, from its original.
Without numba every row does. Tokens are made once for each distinct card of the batch.
"""

import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from protocols import mask, meaning, sweep
from protocols.columnar import compiled, faults, loading
from protocols.columnar.arrays import bits, plain, spread, texts
from protocols.columnar.chaining import Keyed
from protocols.columnar.decoder import as_batch
from protocols.columnar.places import Fault, Walked
from protocols.columnar.walk import Batch
from protocols.envelope import STX
from protocols.errors import ProtocolError
from protocols.private_tlv import elements
from protocols.profile import Profile
from protocols.sanitise import DIGEST_BYTES, TOKEN_BYTES, TOKEN_CHARACTERS, CardKeys, Sanitiser
from protocols.sweep import LONGEST
from protocols.tlv import MOST_DEPTH, TEMPLATES
from protocols.unionpay import TOTALS_DIGITS
from protocols.walk import HEAD_BYTES

if TYPE_CHECKING:
    import pyarrow as pa

_CONTROL, _TRACK_3, _PRIVATE, _ORIGINAL = 53, 36, 59, 61
_CONTROL_BYTES = 8
_BASE32 = b"abcdefghijklmnopqrstuvwxyz234567"


@dataclass(frozen=True, slots=True)
class SafeColumns:
    """A batch of frames that may be kept.

    Attributes:
        frames: as long as the originals; null where a frame cannot be parsed and so not made safe.
        card_token: null where the frame names no whole card number.
        digest: of the original message; of the whole frame where it cannot be parsed.
        errors: why a row has no frame, as ``Columns.errors``.
    """

    frames: "pa.BinaryArray"
    card_token: "pa.StringArray"
    digest: "pa.BinaryArray"
    errors: "pa.RecordBatch"


class ColumnSanitiser:
    """Makes batches of one profile's frames safe, with one installation's keys."""

    def __init__(self, profile: Profile, keys: CardKeys) -> None:
        self._profile = profile
        self._keys = keys
        self._row = Sanitiser(profile, keys)

    def sanitise(self, frames: "pa.BinaryArray") -> SafeColumns:
        """The safe form of a batch.

        Raises:
            ValueError: a frame is null, or the batch has more than 512 MB.
        """
        batch = as_batch(frames)
        if not loading.available():
            return self._by_row(batch)
        return self._by_column(batch)

    def _by_row(self, batch: Batch) -> SafeColumns:
        safe: list[bytes | None] = []
        tokens: list[str | None] = []
        digests: list[bytes] = []
        wrong: list[tuple[int, ProtocolError]] = []
        for row in range(batch.rows):
            frame = _frame(batch, row)
            try:
                found = self._row.sanitise(frame)
            except ProtocolError as error:
                wrong.append((row, error))
                safe.append(None)
                tokens.append(None)
                digests.append(self._row.digest(frame))
            else:
                safe.append(found.frame)
                tokens.append(found.card_token)
                digests.append(found.digest)
        return _columns(safe, tokens, digests, wrong)

    def _by_column(self, batch: Batch) -> SafeColumns:
        import numpy as np
        import pyarrow as pa

        walked = compiled.walk(self._profile.link, self._profile.grammar.walk, batch)
        work = _Masking(self._profile, batch, walked)
        work.mask()
        good = walked.fault == Fault.NONE
        tokens, which = _tokens(self._keys, work)
        digests = self._digests(batch, walked, work.ends, good)
        for row in np.flatnonzero(good & (work.slow != 0)).tolist():
            found = self._row.sanitise(_frame(batch, row))
            work.out[batch.starts[row] : batch.ends[row]] = np.frombuffer(found.frame, np.int8)
            which[row] = -1 if found.card_token is None else len(tokens)
            tokens += [found.card_token] if found.card_token is not None else []
            digests[row] = np.frombuffer(found.digest, np.uint8)
        wrong = []
        for row in np.flatnonzero(~good).tolist():
            frame = _frame(batch, row)
            wrong.append((row, faults.fault(self._profile, walked, row, frame)))
            which[row], digests[row] = -1, np.frombuffer(self._row.digest(frame), np.uint8)
            work.out[batch.starts[row] : batch.ends[row]] = 0
        offsets = np.append(batch.starts, batch.ends[-1:]).astype(np.int32)
        there = bits(good)
        buffers = [None if there is None else pa.py_buffer(there), pa.py_buffer(offsets), pa.py_buffer(work.out)]
        safe = pa.Array.from_buffers(pa.binary(), batch.rows, buffers) if batch.rows else pa.array([], pa.binary())
        named = texts(tokens).take(spread(which, bits(which >= 0)))
        places = np.arange(0, digests.size + 1, DIGEST_BYTES, dtype=np.int32)
        digest = pa.Array.from_buffers(pa.binary(), batch.rows, [None, pa.py_buffer(places), pa.py_buffer(digests)])
        return SafeColumns(safe, named, digest, faults.as_batch(wrong))

    def _digests(self, batch: Batch, walked: Walked, ends: Any, good: Any) -> Any:
        """The keyed digest of each message that was found, a line for each; of every other row nothing yet."""
        import numpy as np

        found = np.zeros((batch.rows, DIGEST_BYTES), np.uint8)
        rows = np.flatnonzero(good)
        hashing = Keyed.of(self._keys.digest, DIGEST_BYTES)
        found[rows] = hashing.hashes(batch.data.view(np.int8), (batch.starts + walked.message)[rows], ends[rows])
        return found


def _tokens(keys: CardKeys, work: "_Masking") -> tuple[list[str], Any]:
    """The token of each distinct card, counted once; and which of them is each row's, -1 for none."""
    import numpy as np
    import pyarrow as pa

    which = np.full(work.batch.rows, -1, np.int32)
    rows = np.flatnonzero(work.card_size)
    if not rows.size:
        return [], which
    sizes = work.card_size[rows]
    width = (LONGEST + 1) // 2
    places = work.card_at[rows, None].astype(np.int64) + np.arange(width)
    packed = work.batch.data[np.minimum(places, work.batch.data.size - 1)]
    packed[np.arange(width) >= (sizes[:, None] + 1) // 2] = 0
    numbers = np.hstack([sizes[:, None].astype(np.uint8), packed])
    kind = pa.binary(width + 1)
    told = pa.Array.from_buffers(kind, rows.size, [None, pa.py_buffer(numbers)]).dictionary_encode()
    which[rows] = plain(told.indices, np.int32)
    digits = [number[1:].hex()[: number[0]].encode("ascii") for number in told.dictionary.to_pylist()]
    macs = b"".join(hmac.digest(keys.pan, number, "sha256")[:TOKEN_BYTES] for number in digits)
    fives = np.packbits(np.unpackbits(np.frombuffer(macs, np.uint8)).reshape(-1, 5), axis=1)[:, 0] >> 3
    letters = np.frombuffer(_BASE32, np.uint8)[fives].tobytes().decode("ascii")
    line = TOKEN_BYTES * 8 // 5
    return [f"t{keys.key_id}.{letters[at : at + TOKEN_CHARACTERS]}" for at in range(0, len(letters), line)], which


class _Masking:
    """One batch being masked: the copy that is written to, and the rows that need the row sanitiser."""

    def __init__(self, profile: Profile, batch: Batch, walked: Walked) -> None:
        import numpy as np

        self.profile, self.batch, self.walked = profile, batch, walked
        self.data = batch.data.view(np.int8)
        self.out = self.data.copy()
        self.slow = np.zeros(batch.rows, np.int8)
        self.card_at = np.zeros(batch.rows, np.int32)
        self.card_size = np.zeros(batch.rows, np.int32)
        self.loops = loading.loops()
        self.enclosed = self._enclosed()
        self.ends = batch.ends - 2 * self.enclosed

    def _enclosed(self) -> Any:
        """Which frames stand between STX and ETX; what starts with STX and is not sure to be such a frame is slow."""
        import numpy as np

        starts = np.minimum(self.batch.starts, self.data.size - 1)
        stx = (self.data[starts] == STX) & (self.batch.ends > self.batch.starts)
        sure = np.isin(self.walked.message, (3, 14)) & (self.profile.link.envelope == "stx")
        self.slow[stx & ~sure] = 1
        return stx & sure

    def mask(self) -> None:
        """Overwrite what is sure, field by field in their order, as ``protocols.mask.mask`` does."""
        for number, spec in sorted(self.profile.grammar.table.items()):
            place = self.walked.places.get(number)
            if place is not None and spec.mask != "none":
                self._field(number, spec.mask, place)
        begins = self.batch.starts + self.walked.message + HEAD_BYTES
        self.loops.seek_cards(self.data, self.out, begins, self.ends, self.card_at, self.card_size, self.slow)
        self._sums()

    def _field(self, number: int, kind: str, place: Any) -> None:
        import numpy as np

        step = self.profile.grammar.walk.steps[number]
        widths = (place.counts + 1) >> 1 if step.digits else place.counts
        nibbles = place.counts if step.digits else 2 * place.counts
        where = (place.rows, place.starts)
        cards = (self.slow, self.card_at, self.card_size)
        if kind == "pan":
            self.loops.mask_pans(self.data, self.out, *where, nibbles, *cards)
        elif kind == "track":
            control = np.full(self.batch.rows, -1, np.int32)
            said = self.walked.places.get(_CONTROL)
            if said is not None:
                control[said.rows] = said.starts
                self.slow[said.rows[said.counts != _CONTROL_BYTES]] = 1
            self.loops.mask_tracks(self.data, self.out, *where, nibbles, control, *cards)
        elif kind == "overwrite" and number != _TRACK_3:
            self.loops.fill(self.out, place.starts, widths, mask.filler_of(step.codec))
        elif kind == "control":
            self._control(place, widths, mask.filler_of(step.codec))
        elif kind == "sweep":
            digits = np.empty(2 * int(widths.max(initial=0)) + 2, np.int32)
            self.loops.sweep(self.data, *where, widths, digits, *_networks(), self.slow)
            if number == _PRIVATE:
                self._factors(place, widths)
        elif kind == "tlv":
            ends = np.zeros(MOST_DEPTH + 1, np.int32)
            self.loops.screen_tags(self.data, *where, widths, _tag_kinds(), MOST_DEPTH, ends, self.slow)
        elif kind == "totals":
            self.slow[place.rows[nibbles != TOTALS_DIGITS]] = 1
        elif kind == "references" and step.digits:
            types, networks = _references()
            self.loops.screen_references(
                self.data, *where, nibbles, types, networks, int(number == _ORIGINAL), self.slow
            )
        else:
            self.slow[place.rows] = 1

    def _control(self, place: Any, widths: Any, filler: int) -> None:
        """F53 as control information stays: four digits and zeros; anything else may be a key."""
        import numpy as np

        keys = widths != _CONTROL_BYTES
        whole = np.flatnonzero(~keys)
        value = self.batch.data[place.starts[whole, None] + np.arange(_CONTROL_BYTES)]
        digits = (value[:, :2] >> 4 < 10).all(axis=1) & (value[:, :2] & 15 < 10).all(axis=1)
        keys[whole] = ~digits | (value[:, 2:] != 0).any(axis=1)
        self.loops.fill(self.out, place.starts[keys], widths[keys], filler)

    def _factors(self, place: Any, widths: Any) -> None:
        """F59 that holds the end of a card number: few messages do, so these go one by one."""
        import numpy as np

        width = self.profile.grammar.table[_PRIVATE].tag_digits
        begins = np.flatnonzero((self.batch.data[:-1] == ord("A")) & (self.batch.data[1:] == ord("2")))
        ends = place.starts + widths
        holds = np.searchsorted(begins, place.starts) < np.searchsorted(begins, ends)
        for row, start, end in zip(place.rows[holds], place.starts[holds], ends[holds], strict=True):
            if mask.factors(elements(self.batch.data[start:end].tobytes(), width)):
                self.slow[row] = 1

    def _sums(self) -> None:
        """A new LRC: the old one would be a sum over the secrets."""
        import numpy as np

        rows = np.flatnonzero(self.enclosed & (self.walked.fault == Fault.NONE))
        if rows.size:
            covered = np.stack([self.batch.starts[rows] + 1, self.batch.ends[rows] - 1], axis=1).ravel()
            self.out[self.batch.ends[rows] - 1] = np.bitwise_xor.reduceat(self.out, covered)[::2]


def _networks() -> tuple[Any, Any, Any]:
    """By the first two digits of a card number: a bit for each length, the least and the greatest first four."""
    import numpy as np

    lengths, lowest, highest = np.zeros(100, np.int32), np.zeros(100, np.int32), np.full(100, 9999, np.int32)
    for head, sizes in sweep.NETWORKS.items():
        lengths[int(head)] = sum(1 << size for size in sizes)
    for head, (low, high) in sweep.NARROWER.items():
        lowest[int(head)], highest[int(head)] = int(low), int(high)
    return lengths, lowest, highest


def _tag_kinds() -> Any:
    import numpy as np

    kinds = np.zeros(65536, np.int8)
    kinds[list(TEMPLATES)] = 1
    kinds[list(mask.SECRET_TAGS)] = 2
    return kinds


def _references() -> tuple[Any, Any]:
    import numpy as np

    types, networks = np.zeros(100, np.int8), np.zeros(1000, np.int8)
    types[[int(code) for code in meaning.TRANSACTION_TYPES]] = 1
    networks[[int(code) for code in meaning.NETWORK_CODES]] = 1
    return types, networks


def _frame(batch: Batch, row: int) -> bytes:
    return bytes(memoryview(batch.data)[int(batch.starts[row]) : int(batch.ends[row])])


def _columns(
    safe: list[bytes | None], tokens: list[str | None], digests: list[bytes], wrong: list[tuple[int, ProtocolError]]
) -> SafeColumns:
    import pyarrow as pa

    columns = pa.array(safe, pa.binary()), pa.array(tokens, pa.string()), pa.array(digests, pa.binary())
    return SafeColumns(*columns, faults.as_batch(wrong))
