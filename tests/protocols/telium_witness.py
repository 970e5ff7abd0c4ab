"""Concert E+ frames as pyTeliumManager, somebody else's library, reads and makes them; values under our names."""

from telium.payment import TeliumAsk, TeliumDataException, TeliumResponse

__all__ = ["TeliumDataException", "answer", "ask", "read"]

REPORT_CHARACTERS = 55


def read(frame: bytes, *, ask: bool) -> dict[str, str]:
    """What it reads in a frame.

    Raises:
        TeliumDataException: it refuses the frame.
        ValueError: likewise, where it did not look.
    """
    theirs = (TeliumAsk if ask else TeliumResponse).decode(frame)
    found = {
        "pos": theirs.pos_number,
        "amount": f"{round(theirs.amount * 100):08d}",
        "mode": theirs.payment_mode,
        "currency": theirs.currency_numeric,
    }
    if ask:
        asked = {"answer_flag": theirs.answer_flag, "type": theirs.transaction_type}
        return found | asked | {"delay": theirs.delay, "authorisation": theirs.authorization}
    said = {"result": str(theirs.transaction_result), "private": theirs.private}
    report = theirs.repport  # codespell:ignore repport
    return found | said | ({"report": report} if report else {})


def ask(fen: int, kind: str, *, currency: str, pos: str, waits: bool, full: bool, forced: bool) -> bytes:
    """The frame of its request: ``kind`` is debit, credit or refund."""
    made = TeliumAsk.new_payment(
        fen / 100,
        payment_mode=kind,
        target_currency=currency,
        checkout_unique_id=pos,
        wait_for_transaction_to_end=waits,
        collect_payment_source_info=full,
        force_bank_verification=forced,
    )
    frame: bytes = made.encode().encode("latin-1")
    return frame


def answer(pos: str, result: str, fen: int, mode: str, currency: str, private: str, card: str | None) -> bytes:
    """The frame of its answer, with a report that begins with the card number, or without one."""
    report = card.ljust(REPORT_CHARACTERS) if card is not None else ""
    made = TeliumResponse(pos, result, fen / 100, mode, report, currency, private.ljust(10))
    frame: bytes = made.encode().encode("latin-1")
    return frame
