"""The codes that findings speak in, each with its meaning; the mail's catalogue holds the people's texts.

``RULED_OUT``: harmless explanations that were tested and found not to hold.
``MISSING``: data that was not there and might have changed the verdict.
"""

RULED_OUT: dict[str, str] = {
    "same_record_read_twice": "one record read twice, or one answer seen twice",
    "reversed": "it was reversed, and the reversal confirmed",
    "voided": "it was voided",
    "refunded": "it was paid back in full",
    "declined_first": "the first attempt had been declined",
    "other_batch": "the same trace number in another batch",
    "offline_upload": "an offline sale and its own upload",
    "common_price_point": "the amount is one of the merchant's usual prices",
    "repeat_purchase_run": "one of several purchases alike, as of gift cards or in a canteen",
    "different_orders": "two orders",
    "log_gap": "the original was not collected",
    "void_reversed": "the void was itself reversed",
    "tip_adjusted": "the sale had been adjusted by a tip",
    "partial_refunds": "part refunds that add up to no more than the sale",
    "declined_refund_retried": "a declined refund made again",
    "wallet_or_plastic": "a phone's card number and the plastic of the same account",
    "terminal_registered_anew": "the terminal itself had changed its merchant number",
    "one_settlement_date": "the host put both into one settlement date",
    "declined_or_reserved": "declined attempts, balance inquiries and pre-authorisations",
    "management_messages": "numbers spent on sign-in, balance inquiries and other messages",
    "batch_number_jump": "the host gave the batch another number",
    "number_wrap": "numbers that ran past 999999 and started again",
}

MISSING: dict[str, str] = {
    "acquirer_file": "no acquirer's statement: what was posted is not known",
    "signature": "signatures are not compared yet",
    "slip": "whether a slip was printed is not known",
    "order_ref": "no order number from the till",
    "operator": "no operator number",
    "price_history": "fewer than 100 sales in 90 days: usual prices are not known",
    "card_token": "no token of the card: cards are compared by first six and last four digits",
    "application_id": "no EMV application identifier",
    "payment_account_reference": "no reference that ties a phone's card number to the plastic card",
    "merchant_map": "no list of merchant numbers that belong together",
    "stan_gap": "trace numbers are missing where the explanation could lie",
    "original_not_named": "the message does not name its original",
    "original_not_collected": "the original is not among the collected records",
    "original_day_not_collected": "the original's day was not collected, or not from its start",
    "older_than_335_days": "the original is older than the 335 days that are searched",
    "batch_start": "the batch may have begun before collection did",
    "unknown_outcomes": "attempts without an answer: the terminal may have counted them",
}
