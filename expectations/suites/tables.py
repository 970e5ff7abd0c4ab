"""What must hold of the decoded tables themselves: keys, value sets, lengths, amounts, clocks.

A violation here is a matter of data quality, shown in the Data Docs and in a summary; it
accuses nobody and is no finding.
"""

from expectations.laws import Length, NotAbove, NotBelow, OneOf, Present, Stated, Unique

TRANSACTION_TYPES = (
    "SALE", "VOID", "REFUND", "PREAUTH", "PREAUTH_VOID", "COMPLETION", "COMPLETION_VOID", "REVERSAL", "BALANCE",
    "OFFLINE_SALE", "ADJUST", "QR_SALE", "QR_REFUND",
)  # fmt: skip
OUTCOMES = ("approved", "declined", "unknown")
CURRENCIES = ("156", "344", "446", "840", "978")
"""ISO 4217: yuan, Hong Kong dollar, pataca, US dollar, euro."""

_SHOP = (
    Stated("ExpectTerminalNamed", "Every message says its terminal.", Present("terminal_id")),
    Stated("ExpectTerminalOfEightCharacters", "A terminal's number has 8 characters.", Length("terminal_id", 8)),
    Stated("ExpectMerchantNamed", "Every message says its merchant.", Present("merchant_id")),
    Stated("ExpectMerchantOfFifteenCharacters", "A merchant's number has 15.", Length("merchant_id", 15)),
)
_DATED = (Stated("ExpectMomentKnown", "Every row has a moment.", Present("event_at")),)

SUITES: dict[str, tuple[str, tuple[Stated, ...]]] = {
    "transactions": (
        """
        SELECT transaction_id AS key, transaction_id, terminal_id, merchant_id, txn_type, outcome, currency,
               stan, batch_no, amount_fen, event_at,
               abs(epoch(terminal_dt) - epoch(host_dt))::BIGINT AS clock_difference_s
        FROM transactions WHERE in_scope(business_date)
        """,
        (
            *_SHOP,
            *_DATED,
            Stated("ExpectOneRowPerExchange", "An exchange is one row.", Unique("transaction_id")),
            Stated("ExpectTraceNumber", "Every financial message has a trace number.", Present("stan")),
            Stated("ExpectBatchNumber", "Every financial message has a batch number.", Present("batch_no")),
            Stated("ExpectTypePresent", "Every attempt has a type.", Present("txn_type")),
            Stated("ExpectKnownType", "A type is one of the contract's.", OneOf("txn_type", TRANSACTION_TYPES)),
            Stated("ExpectKnownOutcome", "An outcome is one of three.", OneOf("outcome", OUTCOMES)),
            Stated("ExpectKnownCurrency", "A currency is one we expect.", OneOf("currency", CURRENCIES), "warning"),
            Stated("ExpectAmountNotNegative", "No amount is below zero.", NotBelow("amount_fen", 0)),
            Stated(
                "ExpectClocksToAgree",
                "Terminal and host are at most 900 seconds apart.",
                NotAbove("clock_difference_s", 900),
                "warning",
            ),
        ),
    ),
    "settlements": (
        """
        SELECT settlement_id AS key, settlement_id, terminal_id, merchant_id, batch_no, event_at,
               least(rmb_debit_amount_fen, rmb_credit_amount_fen, foreign_debit_amount_fen, foreign_credit_amount_fen,
                     rmb_debit_count, rmb_credit_count, foreign_debit_count, foreign_credit_count) AS least_total
        FROM settlements WHERE in_scope(business_date)
        """,
        (
            *_SHOP,
            *_DATED,
            Stated("ExpectOneRowPerSettlement", "A settlement is one row.", Unique("settlement_id")),
            Stated("ExpectSettledBatchNumber", "Every settlement says its batch.", Present("batch_no")),
            Stated("ExpectTotalsNotNegative", "No total is below zero.", NotBelow("least_total", 0)),
        ),
    ),
    "events": (
        """
        SELECT event_id AS key, event_id, terminal_id, operation, event_at
        FROM events WHERE in_scope(business_date)
        """,
        (
            *_SHOP[:2],
            *_DATED,
            Stated("ExpectOneRowPerEvent", "An event is one row.", Unique("event_id")),
            Stated("ExpectOperationKnown", "Every event says what it is.", Present("operation")),
        ),
    ),
}
"""For each table: the columns that are shown to the suite (never a card's), and its laws."""
