"""What a frame means by itself: a command, a result, a list of transactions, or the host's message it carries.

A result names its transaction by receipt number, date and time, and so does each item of a
list: what is listed again, or was seen when it happened, has the same identity. The type of a
transaction is what the profile says of its code; without that it is null.
"""

import hashlib
from dataclasses import replace
from itertools import dropwhile

from protocols.batch import Uploaded
from protocols.errors import ProtocolError
from protocols.facts import Facts, mask_pan
from protocols.message import Message
from protocols.mis_df import tags
from protocols.mis_df.record import Record, read, transactions
from protocols.mis_df.said import Said, digits, first_of, number, outcome, text
from protocols.mis_df.totals import SETTLEMENT, settlement
from protocols.profile import Profile

PAIR = "mis-df"
MONEY = frozenset(
    (
        *("SALE", "VOID", "REFUND", "PREAUTH", "PREAUTH_VOID", "COMPLETION", "COMPLETION_VOID"),
        *("BALANCE", "OFFLINE_SALE", "QR_SALE", "QR_REFUND"),
    )
)
JOURNAL_LIST, REPRINT, STATUS = "JOURNAL_LIST", "REPRINT", "STATUS"
OPERATIONS = MONEY | {JOURNAL_LIST, REPRINT, SETTLEMENT, STATUS, "SIGN_IN", "TOTALS", "PARAMETERS"}
_OPERATOR = 0xDF47


def facts(profile: Profile, frame: bytes) -> Facts:
    """What a frame says first; see ``several``.

    Raises:
        ProtocolError: it cannot be read.
    """
    return several(profile, frame)[0]


def several(profile: Profile, frame: bytes) -> list[Facts]:
    """All that a frame says: of a list, the list and then each of its items.

    Raises:
        ProtocolError: it cannot be read.
    """
    record = read(profile, frame)
    if record.error is not None:
        raise record.error
    if record.message is not None:
        return [_carried(profile, frame, record.message)]
    return of_record(profile, record)


def message(profile: Profile, frame: bytes) -> Message:
    """The message for the host that a frame carries.

    Raises:
        ProtocolError: it carries none, or it cannot be read.
    """
    record = read(profile, frame)
    if record.error is not None:
        raise record.error
    start, end = record.message or record.data
    return profile.carried.decode(frame[start:end])


def uploaded(profile: Profile, frame: bytes) -> tuple[Uploaded, ...]:
    """What a batch upload that passes through lists.

    Raises:
        DecodeError: its counts do not add up.
    """
    start, end = read(profile, frame).message or (0, 0)
    lists = profile.carried.speech.uploaded
    return lists(profile.carried, frame[start:end]) if lists is not None and end else ()


def _carried(profile: Profile, frame: bytes, span: tuple[int, int]) -> Facts:
    try:
        return profile.carried.facts(frame[slice(*span)])
    except ProtocolError as wrong:
        raise shifted(wrong, profile.name, span[0]) from None


def shifted(wrong: ProtocolError, protocol: str, by: int) -> ProtocolError:
    """The error of a carried message as one of the frame that carries it."""
    wrong.protocol = protocol
    wrong.path = f"DF06.{wrong.path}" if wrong.path else "DF06"
    wrong.offset = None if wrong.offset is None else wrong.offset + by
    return wrong


def of_record(profile: Profile, record: Record) -> list[Facts]:
    """The facts of a frame that carries no message, or of the part of it that could be read."""
    said = first_of(record.items)
    outer = next((item.value for item in record.items if item.key == f"{tags.CODE:04X}"), None)
    code = outer or record.mode
    operation = profile.operations.get(code, "")
    if record.mode == tags.COMMAND:
        return [_command(said, code, operation)]
    if record.mode != tags.RESULT:
        name = "NOTICE" if record.mode == "notice" else "UNKNOWN"
        return [Facts(mti=code, is_request=False, kind="handshake", operation=name, pair=PAIR, per_line=True)]
    if said.get(0xDF89) is not None:
        return [Facts(mti=code, is_request=False, kind="handshake", operation="NOTICE", pair=PAIR, per_line=True)]
    if operation == SETTLEMENT:
        return [settlement(said, code, f"{PAIR} {SETTLEMENT}")]
    listed = [item for item in record.items if item.tag == tags.ORDER_END]
    if operation == JOURNAL_LIST or tags.LEFT in said or len(listed) > 1:
        return [_event(said, code, JOURNAL_LIST), *_items(profile, record, said)]
    result = _transaction(profile, said)
    if operation == REPRINT:
        again = replace(result, exchange=None, outcome="approved", response_code=None)
        return [_event(said, code, REPRINT), *([again] if again.identity is not None else [])]
    if operation in MONEY or (not operation and result.amount_fen is not None):
        return [result]
    return [_event(said, code, operation or "UNKNOWN")]


def _command(said: Said, code: str, operation: str) -> Facts:
    """A command. An unknown one with an amount moves money, as far as anybody can tell."""
    amount = number(said, tags.AMOUNT)
    money = operation in MONEY or (not operation and amount is not None)
    other = "settlement" if operation == SETTLEMENT else "event"
    return Facts(
        mti=code,
        is_request=True,
        kind="financial" if money else other,  # type: ignore[arg-type]  # one of the literals
        operation=operation or "UNKNOWN",
        txn_type=operation if operation in MONEY else None,
        pair=PAIR if money else f"{PAIR} {operation or code}",
        exchange=f"echo {text(said, tags.ECHO)}",
        amount_fen=amount,
        operator_no=text(said, _OPERATOR),
        orig_stan=digits(said, 0xDF19),
        orig_mmdd=text(said, 0xDF17),
        orig_auth_code=text(said, 0xDF16),
        orig_receipt_no=digits(said, 0xDF18),
        order_ref=_order(said),
        per_line=True,
    )


def _event(said: Said, code: str, operation: str) -> Facts:
    return Facts(
        mti=code,
        is_request=False,
        kind="event",
        operation=operation,
        pair=f"{PAIR} {code if operation == 'UNKNOWN' else operation}",
        exchange=f"echo {text(said, tags.ECHO)}",
        terminal_id=text(said, tags.TERMINAL),
        merchant_id=text(said, tags.MERCHANT),
        response_code=text(said, tags.RESPONSE),
        outcome=outcome(said),
        per_line=True,
    )


def _transaction(profile: Profile, said: Said) -> Facts:
    """A result, or an item of a list."""
    inner = said.get(tags.CODE)
    code = (inner.value if inner is not None else None) or ""
    operation = profile.operations.get(code, "")
    card = said.get(0xDF1E) or said.get(0xDF7B)
    amount = said.get(tags.AMOUNT)
    mmdd, clock = text(said, 0xDF1C), text(said, 0xDF1D) or text(said, 0xDF0B)
    atc = text(said, 0xDF3D)
    found = Facts(
        mti=code,
        is_request=False,
        kind="financial",
        operation=operation or "UNKNOWN",
        txn_type=operation if operation in MONEY else None,
        pair=PAIR,
        exchange=f"echo {text(said, tags.ECHO)}",
        outcome=outcome(said),
        terminal_id=text(said, tags.TERMINAL),
        merchant_id=text(said, tags.MERCHANT),
        batch_no=digits(said, tags.BATCH),
        stan=digits(said, tags.TRACE),
        amount_fen=number(said, tags.AMOUNT),
        currency=amount.currency if amount is not None else None,
        pan_masked=_pan(card.value) if card is not None and card.value else None,
        operator_no=text(said, _OPERATOR),
        host_time=(mmdd, clock) if mmdd or clock else None,
        rrn=text(said, 0xDF1A),
        auth_code=text(said, 0xDF1B),
        response_code=text(said, tags.RESPONSE),
        orig_stan=digits(said, 0xDF19),
        orig_mmdd=text(said, 0xDF17),
        orig_receipt_no=digits(said, 0xDF18),
        orig_auth_code=text(said, 0xDF16),
        atc=int(atc, 16) if atc and len(atc) == 4 and set(atc) <= set("0123456789ABCDEF") else None,
        aid=text(said, 0xDF30),
        receipt_no=digits(said, tags.RECEIPT),
        order_ref=_order(said),
        per_line=True,
    )
    return replace(found, identity=_identity(found))


def _order(said: Said) -> str | None:
    """The order number of a payment by QR; of a void or refund the original's, where it is stated."""
    return text(said, 0xDF90) or text(said, 0xDF69) or text(said, 0xDF88)


def _identity(found: Facts) -> str | None:
    """Equal for reports of the same transaction: receipt number, date and time; None when it does not state them."""
    if found.receipt_no is None or found.host_time is None or None in found.host_time:
        return None
    return hashlib.sha256(repr((PAIR, found.receipt_no, found.host_time)).encode()).hexdigest()[:32]


def _items(profile: Profile, record: Record, said: Said) -> list[Facts]:
    """Each item of a list. What stands before the first (the terminal's number) is said of all."""
    inside = [item for item in record.items if "." in item.key and item.kind != "nested"]
    closes_inside = any(item.tag == tags.ORDER_END for item in inside)
    run = inside if closes_inside or not any(item.tag == tags.ORDER_END for item in record.items) else record.items
    if any(item.tag == _OPERATOR for item in run):
        run = list(dropwhile(lambda item: item.tag != _OPERATOR, run))
    shared = {tag: said[tag] for tag in (tags.TERMINAL, tags.MERCHANT) if tag in said}
    found = []
    for group in transactions(iter(run), tags.ORDER_END):
        own = {item.tag: item for item in reversed(group)}
        if tags.RECEIPT not in own and tags.AMOUNT not in own:
            continue  # a packet's own tags behind the last item
        item = _transaction(profile, shared | own)
        told = hashlib.sha256(repr([(each.tag, each.value) for each in group]).encode()).hexdigest()[:32]
        found.append(
            replace(item, exchange=None, identity=item.identity or told, outcome="approved", response_code=None)
        )
    return found


def _pan(card: str) -> str | None:
    shown = card.strip().replace("F", "*")
    return mask_pan(shown) or (shown if "*" in shown else None)
