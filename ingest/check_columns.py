"""Columns of what a check keeps beside its findings: life cycles, and what could not be judged."""

from ingest.tablespec import Column, TableSpec

LIFE_CYCLES = TableSpec(
    "life_cycles",
    "What became of each attempt: linked to what undoes, repeats or completes it. Written by `tillwatch check`.",
    ("business_date",),
    ("moment", "merchant_id", "terminal_id"),
    ("moment", "terminal_id", "transaction_id"),
    (
        Column("transaction_id", "string", "the attempt; the same id as in transactions"),
        Column("merchant_id", "string", "merchant, 15 characters"),
        Column("terminal_id", "string", "terminal, 8 characters; of a line that names none, the line"),
        Column("txn_type", "string", "as in transactions"),
        Column("state", "string", "approved, declined, or open: it may have been debited without the terminal knowing"),
        Column("amount_fen", "int64", "what counts: the amount, as adjusted since"),
        Column("moment", "timestamp", "event_at, put right where only a terminal's wrong clock tells it"),
        Column("clearing_day", "date", "the clearing day, from one cut-off to the next"),
        Column("batch_no", "int32", "batch number"),
        Column("batch_epoch", "int32", "how often that batch number has come round"),
        Column("stan", "int32", "system trace number"),
        Column("original_id", "string", "the attempt that this void, refund or completion refers to; null = not found"),
        Column("linked_by", "string", "what named it: number, reference, order, authorisation or card"),
        Column("original_date", "date", "business day of that attempt"),
        Column("original_year_inferred", "boolean", "its date came without a year (MMDD); null = it states no date"),
        Column("reversal_sendings", "int64", "how often a reversal of it was sent"),
        Column("reversals_confirmed", "int64", "how many reversals of its trace number were answered 00, 25 or 12"),
        Column("is_reversed", "boolean", "whether one of those took it back"),
        Column("voids", "int64", "voids of it that stand"),
        Column("void_id", "string", "the first of them"),
        Column("refunded_fen", "int64", "sum of the refunds of it that stand"),
        Column("hold_fen", "int64", "of an approved pre-authorisation: what it holds, additions included"),
        Column("completed_fen", "int64", "of an approved pre-authorisation: sum of the completions that stand"),
        Column("stands", "boolean", "approved and not reversed"),
        Column("live", "boolean", "approved, not reversed, not voided"),
        Column("exposed", "boolean", "live and not refunded in full"),
        Column("gap_later", "boolean", "records are missing after it that may have undone it"),
        Column("settled_at", "timestamp", "when the host accepted the settlement of its batch; null = not yet"),
        Column("act_by", "timestamp", "until when the terminal can undo it; null = its batch is settled"),
        Column("clock_ahead_s", "int64", "the terminal's clock against its host's that day, seconds; null = not known"),
        Column("business_date", "date", "as in transactions"),
    ),
)

COVERAGE = TableSpec(
    "coverage",
    "Rules that cannot be judged at a merchant, and for want of what. Written by `tillwatch check`, said once.",
    ("needs",),
    ("merchant_id", "rule"),
    ("merchant_id", "rule"),
    (
        Column("merchant_id", "string", "merchant"),
        Column("rule", "string", "the rule's name; it accuses nobody here until the need is met"),
        Column("since", "date", "first business day of the check that found it so"),
        Column("rules_version", "string", "version of the rules"),
        Column("needs", "string", "what is missing: a code of docs/rules.md"),
    ),
)
