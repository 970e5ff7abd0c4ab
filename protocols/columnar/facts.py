"""What the messages of a batch say: ``protocols.facts`` for columns, equal value for value.

What hardly varies (type, codes, responses) is asked of the row function itself, once for each
combination that occurs in the batch; what is different in each message (amount, numbers, card)
is worked out column by column. So no table of meanings is written a second time.
"""

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from protocols import meaning
from protocols.columnar.cards import masked
from protocols.columnar.decoder import ColumnDecoder
from protocols.columnar.distinct import are_trimmed, chosen, distinct, mapped, numbers_read
from protocols.errors import ProfileError
from protocols.facts import OFFLINE, SettlementTotals, facts, is_approved
from protocols.message import Message
from protocols.private_tlv import ORDER
from protocols.profile import Profile

if TYPE_CHECKING:
    import pyarrow as pa

_TAGS = ("84", "9F06", "4F", "9F36")
_INT32 = range(-(2**31), 2**31)
_SAID = (
    *("is_request", "kind", "operation", "txn_type", "reversed_type", "currency", "entry_mode", "operator_no"),
    *("response_code", "reason_code", "card_org", "processing_code", "network_code"),
)
"""What the fields say that hardly vary."""
_COUNTED = ("tip_fen", "batch_count")
TOTALS = tuple(field.name for field in fields(SettlementTotals))
_DIGITS_OF = 18  # of an int64, so that every text of them fits


@dataclass(frozen=True, slots=True)
class Told:
    """What a batch says.

    Attributes:
        columns: a column for each fact of ``Facts`` that this dialect knows, and of its totals; ``pair`` and
            ``outcome`` as landing needs them; the clock as ``clock_mmdd`` and ``clock_hhmmss``.
            Of a row with an error nothing holds.
        errors: as ``Columns.errors``.
    """

    columns: "dict[str, pa.Array]"
    errors: "pa.RecordBatch"


class ColumnFacts:
    """Tells the facts of batches of one profile's frames; holds nothing between, so threads may share it.

    Args:
        profile: whose frames they are.
        compiled: whether numba's machine code decodes them, where numba is.

    Raises:
        ProfileError: the profile holds something no column can be derived from.
    """

    def __init__(self, profile: Profile, *, compiled: bool = False) -> None:
        self._decoder = ColumnDecoder(profile, _TAGS, compiled=compiled)
        self._table = profile.grammar.table
        if 55 in self._table and f"F55.{_TAGS[0]}" not in self._decoder.names:
            raise ProfileError(
                "no tags can be derived from this F55",
                protocol=profile.name,
                layer="profile",
                path="fields.55.codec",
                code="underivable",
                expected="raw bytes",
                got=self._table[55].codec,
            )

    def decode(self, frames: "pa.BinaryArray") -> Told:
        """The facts of a batch of frames.

        Raises:
            ValueError: as ``ColumnDecoder.decode``.
        """
        found = self._decoder.decode(frames)
        return Told(_Batch(found.batch, self._table).facts(), found.errors)


class _Batch:
    """One batch: its fields as the row decoder gives them, and what they say."""

    def __init__(self, batch: "pa.RecordBatch", table: Any) -> None:
        self._batch, self._names = batch, frozenset(batch.schema.names)
        self._table = table
        self._made: dict[str, pa.Array] = {}

    def facts(self) -> "dict[str, pa.Array]":
        """See ``Told.columns``."""
        import pyarrow.compute as pc

        said = self._said()
        request = said["is_request"]
        reversal = pc.equal(said["pair"], meaning.REVERSAL_MTI)
        own_auth = pc.or_(pc.invert(request), pc.is_in(said["txn_type"], _texts(OFFLINE)))
        batch, stan = _numbers(self._text("60.2")), _numbers(self._text("F11"))
        reference, auth = _words(self._text("F37")), _words(self._text("F38"))
        original = self._text("61.3")
        whole = pc.equal(pc.utf8_length(original), 4)
        return said | {
            "terminal_id": self._text("F41"),
            "merchant_id": self._text("F42"),
            "batch_no": batch,
            "stan": stan,
            "amount_fen": _numbers(self._text("F4")),
            "pan_masked": self._cards(),
            "clock_mmdd": self._text("F13"),
            "clock_hhmmss": self._text("F12"),
            "settlement_mmdd": self._text("F15"),
            "rrn": _where(pc.invert(request), reference),
            "orig_rrn": _where(request, reference),
            "auth_code": _where(own_auth, auth),
            "orig_auth_code": _where(pc.invert(own_auth), auth),
            "orig_batch_no": pc.if_else(reversal, batch, _numbers(self._text("61.1"))),
            "orig_stan": pc.if_else(reversal, stan, _numbers(self._text("61.2"))),
            "orig_mmdd": _where(pc.and_not(pc.fill_null(whole, False), reversal), original),
            "atc": self._counter(),
            "aid": self._application(),
        }

    def _text(self, name: str) -> "pa.Array":
        """A field or part as the text that ``Message.fields`` has; nulls for a field that the profile has not."""
        import pyarrow as pa

        if name not in self._made:
            column = self._batch[name] if name in self._names else pa.nulls(self._batch.num_rows, pa.string())
            self._made[name] = mapped([column], _hex, pa.string()) if column.type == pa.binary() else column
        return self._made[name]

    def _message(self, mti: str | None, said: dict[int, str | None]) -> Message:
        """A message with no more than these fields."""
        there = {number: value for number, value in said.items() if value is not None and number in self._table}
        return Message(mti or "", there, {}, {}, {}, 0, 0, False, 0, self._table)

    def _said(self) -> "dict[str, pa.Array]":
        """What the fields say that hardly vary, and the order's number of F59."""
        import pyarrow as pa
        import pyarrow.compute as pc

        order, has_order = self._order()
        card = self._text("F2").is_valid()
        names = ("mti", "F3", "F22", "F25", "F39", "F49", "60.1", "60.3", "F63")
        places, found = distinct([*(self._text(name) for name in names), card, has_order])
        wanted: dict[str, list[Any]] = {name: [] for name in ("mti", "pair", "outcome", *_SAID)}
        for mti, code, entry, condition, response, currency, kind, network, note, with_card, ordered in found:
            sixty = kind if kind is None or network is None else f"{kind}000000{network}"
            tag = ORDER.encode("ascii").hex().upper() if ordered and "raw" in self._table[59].codec else ORDER
            one = {2: "" if with_card else None, 3: code, 22: entry, 25: condition, 39: response, 49: currency}
            message = self._message(mti, one | {60: sixty, 63: note, 59: tag if ordered else None})
            told = facts(message) if mti else None
            wanted["mti"].append(mti)
            wanted["pair"].append(meaning.request_mti(mti) if mti else None)
            for name in _SAID:
                wanted[name].append(getattr(told, name) if told else None)
            wanted["outcome"].append(_outcome(told.is_request, told.response_code, None) if told else None)
        types = {"is_request": pa.bool_()}
        said = {name: chosen(each, places, types.get(name, pa.string())) for name, each in wanted.items()}
        said |= self._counted(said["mti"])
        said["is_request"] = pc.fill_null(said["is_request"], False)
        said["order_ref"] = order
        if said["rmb_flag"].null_count < len(said["rmb_flag"]):
            flagged = [said["is_request"], said["response_code"], said["rmb_flag"]]
            said["outcome"] = mapped(flagged, _outcome, pa.string())
        return said

    def _order(self) -> "tuple[pa.Array, pa.Array]":
        """The order's number in F59, and whether F59 says that there is one."""
        import pyarrow as pa

        def read(value: str | None) -> tuple[str | None, bool]:
            if value is None:
                return None, False
            message = self._message("0210", {59: value})
            private = message.private()
            word = facts(message).order_ref
            return word, ORDER in private or message.raw(59).startswith(ORDER.encode("ascii"))

        places, found = distinct([self._text("F59")])
        read_once = [read(value) for (value,) in found]
        order = chosen([word for word, _ in read_once], places, pa.string())
        return order, chosen([there for _, there in read_once], places, pa.bool_())

    def _counted(self, mti: "pa.Array") -> "dict[str, pa.Array]":
        """What F48 says: totals, a tip, a count."""
        import pyarrow as pa
        import pyarrow.compute as pc

        value = self._text("F48")
        flags = {name for name in TOTALS if name.endswith("flag")}
        types = {name: pa.string() if name in flags else pa.int64() for name in (*TOTALS, *_COUNTED)}
        if value.null_count == len(value):
            none = {kind: pa.nulls(len(value), kind) for kind in types.values()}
            return {name: none[kind] for name, kind in types.items()}
        places, found = distinct([pc.if_else(value.is_valid(), mti, None), value])
        rows = []
        for asked, digits in found:
            told = facts(self._message(asked, {48: digits})) if asked and digits is not None else None
            totals = told.totals if told else None
            rows.append(
                [*(getattr(totals, name, None) for name in TOTALS), *(getattr(told, n, None) for n in _COUNTED)]
            )
        columns = zip(*rows, strict=True)
        return {name: chosen(each, places, types[name]) for name, each in zip(types, columns, strict=True)}

    def _cards(self) -> "pa.Array":
        """First six and last four of F2's card number, else of F35's: ``protocols.facts.mask_pan``."""
        import pyarrow.compute as pc

        number, track = self._text("F2"), self._text("F35")
        if pc.any(pc.and_(number.is_null(), track.is_valid())).as_py():
            separated = pc.greater_equal(pc.find_substring(track, "D"), 0)
            before = pc.replace_substring_regex(track, pattern="D(?s:.*)", replacement="")
            number = pc.coalesce(number, _where(pc.fill_null(separated, False), before))
        if number.null_count == len(number):
            return number
        return masked(number)

    def _counter(self) -> "pa.Array":
        """Tag 9F36 as a number; one that does not fit is not one."""
        import pyarrow as pa

        def number(value: bytes | None) -> int | None:
            read = int.from_bytes(value) if value else 0
            return read if value and read in _INT32 else None

        return mapped([self._tag("9F36")], number, pa.int64())

    def _application(self) -> "pa.Array":
        import pyarrow as pa

        def first(*values: bytes | None) -> str | None:
            return next((value.hex().upper() for value in values if value), None)

        return mapped([self._tag(tag) for tag in ("84", "9F06", "4F")], first, pa.string())

    def _tag(self, tag: str) -> "pa.Array":
        import pyarrow as pa

        name = f"F55.{tag}"
        return self._batch[name] if name in self._names else pa.nulls(self._batch.num_rows, pa.binary())


def _outcome(request: bool, code: str | None, flag: str | None) -> str | None:
    """What an answer says; a settlement's answer without a code says it by its flags."""
    if request:
        return None
    if code is None:
        return None if flag is None else "approved"
    return "approved" if is_approved(code) else "declined"


def _hex(value: bytes | None) -> str | None:
    return None if value is None else value.hex().upper()


def _texts(values: "frozenset[str]") -> "pa.Array":
    import pyarrow as pa

    return pa.array(sorted(values), pa.string())


def _where(there: "pa.Array", values: "pa.Array") -> "pa.Array":
    """The values where something holds, else null."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.if_else(there, values, pa.scalar(None, values.type))


def _words(texts: "pa.Array") -> "pa.Array":
    """Fixed texts without their fill of blanks or zero bytes; null where nothing is left."""
    import pyarrow.compute as pc

    if are_trimmed(texts):
        return texts
    if pc.any(pc.match_substring(texts, "\\x00")).as_py():
        texts = pc.replace_substring(texts, "\\x00", " ")
    trimmed = pc.utf8_trim_whitespace(texts)
    return _where(pc.not_equal(trimmed, ""), trimmed)


def _numbers(texts: "pa.Array") -> "pa.Array":
    """Texts of digits as numbers; null where one is none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if (read := numbers_read(texts, _DIGITS_OF)) is not None:
        return read
    digits = pc.ascii_is_decimal(texts)
    if not pc.all(digits, min_count=0).as_py() or (pc.max(pc.binary_length(texts)).as_py() or 0) > _DIGITS_OF:
        return mapped([texts], lambda text: int(text) if text and text.isdigit() else None, pa.int64())
    return texts.cast(pa.int64())
