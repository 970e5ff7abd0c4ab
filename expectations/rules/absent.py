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
    Unjudged("fee_rate_over_contract", "F", "A fee is what the contract says.", CONTRACT, "S"),
    Unjudged("fee_rate_step_change", "F", "A rate changes only after notice.", CONTRACT, "S,G"),
    Unjudged("fee_fixed_surcharge", "F", "No fixed sum is added to a fee.", CONTRACT, "S"),
    Unjudged("fee_debit_cap_missed", "F", "A debit card's fee is capped.", CONTRACT, "G"),
    Unjudged("fee_card_class_wrong", "F", "A debit card is charged the debit rate.", CONTRACT, "L"),
    Unjudged("fee_qr_concession_missed", "F", "A concession in the contract is applied.", CONTRACT, "P"),
    Unjudged("fee_not_returned_on_void", "F", "A void returns the fee.", STATEMENT, "P"),
    Unjudged("fee_not_returned_on_refund", "F", "A refund returns the fee where the contract says so.", CONTRACT, "P"),
    Unjudged("fee_on_dead_txn", "F", "What was declined or reversed bears no fee.", STATEMENT, "P"),
    Unjudged("d0_fee_without_optin", "F", "A fee for instant payout is agreed.", CONTRACT, "P"),
    Unjudged("hidden_periodic_fee", "F", "Every deduction is agreed.", ("payouts", "contract"), "S"),
    Unjudged("fee_below_cost_floor", "F", "A rate is not below its cost.", STATEMENT, "S"),
    Unjudged("agent_profit_mismatch", "F", "An agent's share is fee less cost.", STATEMENT, "L"),
    Unjudged("deposit_charged", "G", "A deposit that is taken is registered.", CONTRACT, "S"),
    Unjudged("deposit_condition_met", "G", "A deposit's condition is watched.", CONTRACT, "S"),
    Unjudged("deposit_due_not_returned", "G", "A deposit is returned in time.", CONTRACT, "S"),
    Unjudged("deposit_double_charged", "G", "A deposit is taken once.", CONTRACT, "S"),
    Unjudged("deposit_terms_changed", "G", "A deposit's terms stay as signed.", CONTRACT, "S"),
    Unjudged("terminal_software_outdated", "J", "A terminal runs the fleet's software.", ("software_version",), "S"),
)
"""In the catalogue's order."""
