"""Rules of the catalogue that need what no terminal tells: declared, and UNVERIFIABLE until it is there."""

from expectations.rules.declaration import Unjudged

STATEMENT, CONTRACT, PAYOUTS = ("statement",), ("statement", "contract"), ("payouts",)

UNJUDGED = (
    Unjudged("double_settlement", "A", "A batch is settled, and its money moved, once.", PAYOUTS, "C"),
    Unjudged("dup_payout", "A", "A set of transactions is paid out once.", PAYOUTS, "L"),
    Unjudged("payout_late", "E", "A payout arrives by its term.", ("payouts", "contract"), "S"),
    Unjudged("payout_short", "E", "A payout is what the statement adds up to.", ("statement", "payouts"), "L"),
    Unjudged("payout_failed_or_returned", "E", "A payout succeeds.", PAYOUTS, "L"),
    Unjudged("payout_frozen", "E", "A payout is not frozen.", PAYOUTS, "L"),
    Unjudged("payout_sender_not_licensed", "E", "A payout comes from a licensed institution.", PAYOUTS, "S"),
    Unjudged("hidden_periodic_fee", "F", "Every deduction is agreed.", ("payouts", "contract"), "S"),
    Unjudged("deposit_charged", "G", "A deposit that is taken is registered.", CONTRACT, "S"),
    Unjudged("deposit_condition_met", "G", "A deposit's condition is watched.", CONTRACT, "S"),
    Unjudged("deposit_due_not_returned", "G", "A deposit is returned in time.", CONTRACT, "S"),
    Unjudged("deposit_double_charged", "G", "A deposit is taken once.", CONTRACT, "S"),
    Unjudged("deposit_terms_changed", "G", "A deposit's terms stay as signed.", CONTRACT, "S"),
    Unjudged("terminal_software_outdated", "J", "A terminal runs the fleet's software.", ("software_version",), "S"),
)
"""In the catalogue's order."""
