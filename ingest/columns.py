"""Every table's columns: name, type and meaning. ``docs/tables.md`` is made from them.

A type is one of ``string int32 int64 double boolean date timestamp binary``: dates are local days of
the merchant's zone, timestamps are microseconds in UTC, amounts are fen. Columns are
only ever added.
"""

from ingest.check_columns import COVERAGE, LIFE_CYCLES
from ingest.finding_columns import ACKS, ALERTS, FINDINGS, SHOP
from ingest.statement_columns import PAYOUTS, PROFIT_LINES, STATEMENT_LINES, STATEMENTS
from ingest.tablespec import Column, TableSpec, Type

_LINE = (
    Column("profile", "string", "the profile the line was read with"),
    Column("line", "string", "the line's name in the settings"),
)
_SEEN = (
    Column("requested_at", "timestamp", "when the collector saw the request; null = never seen"),
    Column("responded_at", "timestamp", "when the collector saw the answer; null = never seen"),
    Column("event_at", "timestamp", "best clock there is: host_dt, else terminal_dt, else requested_at, responded_at"),
)
_JOURNAL = (
    Column("journal_segment_id", "string", "segment that holds the terminal's own record of it; null = none was read"),
    Column("journal_seq", "int64", "number of that record in the spool"),
    Column("journal_digest", "string", "keyed hash of the whole original record, hex"),
    Column("journal_dt", "timestamp", "the clock that the terminal's own record states"),
)
_DAYS = (
    Column("business_date", "date", "local day of event_at"),
    Column("seen_date", "date", "local day of the first frame seen of this row"),
)
_PROOF = (
    Column(
        "segment_id",
        "string",
        "segment that holds the request (the answer, when no request was seen; null, when neither was)",
    ),
    Column("request_seq", "int64", "number of the request's record in the spool; null = no request seen"),
    Column("response_segment_id", "string", "segment that holds the answer; null = no answer seen"),
    Column("response_seq", "int64", "number of the answer's record in the spool; null = no answer seen"),
    Column("request_digest", "string", "keyed hash of the whole original request, hex"),
    Column("response_digest", "string", "keyed hash of the whole original answer, hex"),
    Column(
        "attempts",
        "int32",
        "how often this request was sent; 0 = only its answer was seen; null = only a journal's record",
    ),
)
_CLOCKS = (
    Column("terminal_dt", "timestamp", "the terminal's clock, fields 13 and 12 of the request, year inferred"),
    Column("host_dt", "timestamp", "the host's clock, fields 13 and 12 of the answer, year inferred"),
    Column("settlement_date", "date", "field 15 of the answer, year inferred"),
)
_OUTCOME = (
    Column("response_code", "string", "field 39 of the answer; null = no answer seen, or one without a code"),
    Column("outcome", "string", "approved, declined or unknown"),
)

RAW_FRAMES = TableSpec(
    "raw_frames",
    "What the collector recorded, as it was recorded: one row a record of the spool.",
    ("day",),
    ("seq", "seen_at", "line"),
    ("seq",),
    (
        Column("segment_id", "string", "the spool segment the record stands in"),
        Column("seq", "int64", "the record's number in the spool, without gaps"),
        *reversed(_LINE),
        Column("direction", "string", "rx = from the terminal, tx = to the terminal, empty when it is neither"),
        Column(
            "kind", "string", "frame, noise (bytes that are no frame), gap (not recorded, or damaged), session, event"
        ),
        Column(
            "seen_at",
            "timestamp",
            "when the collector saw it, wall clock; if wrong, what its neighbours tell",
        ),
        Column("mono_ns", "int64", "the same moment on the machine's monotonic clock, nanoseconds; 0 = none"),
        Column("boot_id", "int64", "the boot that mono_ns belongs to; 0 = none"),
        Column("frame", "binary", "the whole link frame, card data overwritten; null for noise and gaps"),
        Column("length", "int32", "bytes on the line"),
        Column("digest", "string", "keyed hash of the original message, hex; equal for equal messages"),
        Column("card_token", "string", "keyed hash of the whole card number"),
        Column(
            "error",
            "string",
            "JSON: why the bytes are no frame; what is missing; what happened; clock: what it said if it was wrong",
        ),
        Column("day", "date", "local day of seen_at; of a journal's record the day it is about, by its own clock"),
    ),
)

TRANSACTIONS = TableSpec(
    "transactions",
    "Money attempts: one row for each exchange of request and answer.",
    ("business_date", "seen_date"),
    ("event_at", "terminal_id", "stan", "amount_fen"),
    ("event_at", "terminal_id", "stan", "transaction_id"),
    (
        Column("transaction_id", "string", "made from the messages' content: the same exchange always has the same id"),
        *_LINE,
        *SHOP,
        Column("batch_no", "int32", "batch number, 60.2"),
        Column("stan", "int32", "system trace number (凭证号), field 11; a reversal carries its original's"),
        Column(
            "txn_type",
            "string",
            "SALE VOID REFUND PREAUTH PREAUTH_VOID COMPLETION COMPLETION_VOID REVERSAL BALANCE OFFLINE_SALE ADJUST "
            "QR_SALE QR_REFUND; null = the message says none of these",
        ),
        Column("amount_fen", "int64", "field 4, minor units of currency; the approved amount where the answer says 10"),
        Column("currency", "string", 'ISO 4217 number, "156" is the yuan'),
        Column(
            "tip_fen",
            "int64",
            "tip in fen: field 48 of a tip adjustment, or the terminal's own record; null = none said",
        ),
        Column("pan_masked", "string", "card number: first 6, stars, last 4"),
        Column("card_token", "string", "keyed hash of the whole card number: equal for equal cards"),
        Column("card_org", "string", "card organisation, 63.1"),
        Column("entry_mode", "string", "field 22, 3 digits"),
        Column("operator_no", "string", "operator, field 63 of the request"),
        *_SEEN,
        *_CLOCKS,
        Column("rrn", "string", "retrieval reference number, field 37 of the answer"),
        Column("auth_code", "string", "field 38 of the answer"),
        *_OUTCOME,
        Column(
            "reason_code", "string", "field 39 of a reversal's request: 98 no answer, 96 fault, A0 bad MAC, 06 other"
        ),
        Column("orig_batch_no", "int32", "batch of the original, 61.1"),
        Column("orig_stan", "int32", "trace number of the original, 61.2; of a reversal its own, field 11"),
        Column("orig_date", "date", "day of the original, 61.3, year inferred: the latest that is not after the event"),
        Column("orig_rrn", "string", "field 37 of the request"),
        Column("orig_auth_code", "string", "field 38 of the request"),
        Column("reversed_type", "string", "of a reversal: the type of what it takes back"),
        Column("atc", "int32", "EMV application transaction counter, tag 9F36"),
        Column("aid", "string", "EMV application, tag 84 or 9F06, hex"),
        Column("mti", "string", "message type of the request"),
        Column("processing_code", "string", "field 3"),
        Column("receipt_no", "int32", "number of the terminal's receipt; null = the protocol has none"),
        Column("orig_receipt_no", "int32", "receipt of the original that a void names; null = the protocol has none"),
        Column(
            "order_ref", "string", "the order's number: the till's, or a QR payment's (field 59, A4); null = not known"
        ),
        *_PROOF,
        *_JOURNAL,
        Column("journal_amount_fen", "int64", "amount in the terminal's own record"),
        Column(
            "journal_state", "string", "by the terminal's own record since: voided, adjusted, refunded; null = neither"
        ),
        *_DAYS,
    ),
)

_TOTAL: tuple[tuple[str, Type, str], ...] = (
    ("debit_amount_fen", "int64", "sum of debits as the terminal reports it"),
    ("debit_count", "int32", "count of debits as the terminal reports it"),
    ("credit_amount_fen", "int64", "sum of credits as the terminal reports it"),
    ("credit_count", "int32", "count of credits as the terminal reports it"),
    ("flag", "string", "the host's word: 1 balanced, 2 not balanced, 3 error; null = no answer seen"),
    ("host_debit_amount_fen", "int64", "sum of debits in the host's answer"),
    ("host_debit_count", "int32", "count of debits in the host's answer"),
    ("host_credit_amount_fen", "int64", "sum of credits in the host's answer"),
    ("host_credit_count", "int32", "count of credits in the host's answer"),
)
_TOTALS = tuple(
    Column(f"{card}_{name}", kind, f"{owner}: {meaning}")
    for card, owner in (("rmb", "domestic cards"), ("foreign", "foreign cards"))
    for name, kind, meaning in _TOTAL
)

SETTLEMENTS = TableSpec(
    "settlements",
    "Batch settlements: the totals a terminal reported and what the host said to them.",
    ("business_date", "seen_date"),
    ("event_at", "terminal_id", "batch_no"),
    ("event_at", "terminal_id", "stan", "settlement_id"),
    (
        Column("settlement_id", "string", "made from the messages' content"),
        *_LINE,
        *SHOP,
        Column("batch_no", "int32", "the batch that is settled, 60.2"),
        Column("stan", "int32", "trace number of the settlement, field 11"),
        *_SEEN,
        *_CLOCKS,
        Column("currency", "string", "ISO 4217 number"),
        *_TOTALS,
        Column(
            "total_amount_fen",
            "int64",
            "debits less credits of all cards, where domestic and foreign ones are not apart",
        ),
        Column("total_count", "int32", "count of all cards, likewise"),
        Column(
            "card_totals",
            "string",
            "JSON list of card_org, count, amount_fen, where the terminal reports them; with debit_ and credit_ "
            "count and amount_fen where it tells them apart",
        ),
        *_OUTCOME,
        *_PROOF,
        *_JOURNAL,
        *_DAYS,
    ),
)

EVENTS = TableSpec(
    "events",
    "Everything that is neither money nor settlement: sign-in, parameters, echo, batch upload, signature.",
    ("business_date", "seen_date"),
    ("event_at", "terminal_id", "operation"),
    ("event_at", "terminal_id", "stan", "event_id"),
    (
        Column("event_id", "string", "made from the messages' content"),
        *_LINE,
        *SHOP,
        Column("operation", "string", "what the message asks for: SIGN_IN, SIGN_OFF, ECHO, PARAMETERS, BATCH_UPLOAD …"),
        Column("mti", "string", "message type of the request"),
        Column("network_code", "string", "network management code, 60.3"),
        Column("batch_no", "int32", "batch number, 60.2"),
        Column("stan", "int32", "system trace number, field 11"),
        Column("batch_count", "int32", "number of records, field 48 of a batch upload's end"),
        *_OUTCOME,
        *_SEEN,
        *_CLOCKS,
        *_PROOF,
        *_DAYS,
    ),
)

SIGNATURES = TableSpec(
    "signatures",
    "Electronic signatures (电签): one row for each picture a terminal sent, in one message or in parts.",
    ("business_date", "seen_date"),
    ("event_at", "terminal_id", "stan"),
    ("event_at", "terminal_id", "stan", "signature_id"),
    (
        Column("signature_id", "string", "made from the messages' content; the event_id of its first message"),
        Column(
            "transaction_id",
            "string",
            "the transaction it signs: same terminal, batch and stan, and no other reference number; else the same "
            "reference number; of a pad's picture, the only one with its feature code; seen on the same local day or "
            "the one before; null = none such was seen",
        ),
        *_LINE,
        *SHOP,
        Column("batch_no", "int32", "batch number, 60.2"),
        Column("stan", "int32", "trace number of what is signed, field 11"),
        Column("rrn", "string", "reference number of what is signed, field 37"),
        Column("width", "int32", "pixels across; null = the picture could not be read"),
        Column("height", "int32", "pixels down; null = the picture could not be read"),
        Column("image", "binary", "the picture as PNG, black on white; null = it could not be read"),
        Column("sha256", "string", "SHA-256 of size and pixels, hex: equal for equal pictures, however coded"),
        Column("phash", "string", "difference hash (dHash) of the inked part, 64 bits, hex: few bits differ = alike"),
        Column("ink_ratio", "double", "black pixels by all pixels, 0 to 1"),
        Column("strokes", "int32", "strokes of a pen at the least: 0 no ink, 1 a dot or a plain line, 2 more"),
        Column("box_ratio", "double", "the smallest upright box around all ink by the whole picture, 0 to 1"),
        Column("cells", "string", "which of 15 x 15 cells of the inked part have ink: four hex digits a row"),
        Column(
            "feature_code",
            "string",
            "特征码, 8 hex digits, worked out from fields 15 and 37 of this message; of a pad's picture, as told "
            "when signing began",
        ),
        Column(
            "transaction_feature_code",
            "string",
            "特征码 worked out from fields 15 and 37 of the signed transaction's answer; null = not known",
        ),
        Column("parts", "int32", "how many messages carry the picture; 0 = only the answer was seen"),
        Column("upload_state", "string", "sent (all parts accepted), refused (one was), or unanswered"),
        Column("response_code", "string", "field 39 of the last part's answer; null = no answer seen"),
        Column("details", "string", "JSON: field 55 by tag, value and names; what is secret left out or masked"),
        Column("error", "string", "JSON: why the picture could not be read, and from which byte on; null = it could"),
        Column("proofs", "string", "JSON: for each part its number and where request and answer are recorded"),
        *_SEEN,
        *_PROOF,
        *_DAYS,
    ),
)

BATCH_UPLOADS = TableSpec(
    "batch_uploads",
    "Batch upload (批上送): one row for each transaction a terminal sent once more when it settled, as a second proof.",
    ("business_date", "seen_date"),
    ("event_at", "terminal_id", "batch_no", "stan"),
    ("event_at", "terminal_id", "stan", "upload_id"),
    (
        Column("upload_id", "string", "event_id of the message, and the row's place in it"),
        Column("event_id", "string", "the message in `events`"),
        Column(
            "transaction_id",
            "string",
            "the transaction it is: same terminal, batch and stan, seen on the same local day or up to 3 before; "
            "null = none such was seen",
        ),
        *_LINE,
        *SHOP,
        Column("batch_no", "int32", "batch number, 60.2"),
        Column("network_code", "string", "network management code, 60.3"),
        Column("reason", "string", "what is uploaded, by 60.3: list (magnetic, offline, refund) or chip records"),
        Column("place", "int32", "its place in the list, from 1; 0 = a full record"),
        Column("card_type", "string", "00 = UnionPay's own card, 01 = foreign; null = not said"),
        Column("stan", "int32", "trace number of the transaction"),
        Column("amount_fen", "int64", "its amount, as the terminal uploaded it"),
        Column("transaction_amount_fen", "int64", "the amount of transaction_id's row; null = none such was seen"),
        Column("currency", "string", "ISO 4217 number; null = not said"),
        Column("pan_masked", "string", "card number: first 6, stars, last 4"),
        Column("card_token", "string", "keyed hash of the card number; a message keeps one: its first card's"),
        Column("response_code", "string", "field 39 of the upload's answer; null = no answer seen"),
        Column("outcome", "string", "whether the upload was taken: approved, declined or unknown"),
        *_SEEN,
        *_PROOF,
        *_DAYS,
    ),
)

REJECTS = TableSpec(
    "rejects",
    "What could not be read, where, and why; never its bytes.",
    ("business_date", "seen_date"),
    ("seq", "line"),
    ("seen_at", "segment_id", "seq"),
    (
        Column("segment_id", "string", "the spool segment the record stands in"),
        Column("seq", "int64", "the record's number in the spool; the first missing one of a gap"),
        *reversed(_LINE),
        Column("direction", "string", "rx = from the terminal, tx = to the terminal"),
        Column("kind", "string", "frame (not decoded), noise (not a frame) or gap (not recorded, or damaged since)"),
        Column("seen_at", "timestamp", "when the collector saw it"),
        Column("length", "int32", "bytes on the line"),
        Column("digest", "string", "keyed hash of the original bytes, hex"),
        Column("layer", "string", "link, header, bitmap, field, profile or spool"),
        Column("field", "string", "the field's path, for example F55.9F02"),
        Column("offset", "int64", "first byte of the failing part, from the first byte of the link frame"),
        Column("code", "string", "stable short name of the error"),
        Column("expected", "string", "what should have been there"),
        Column("got", "string", "what was there; a length or a place, never the bytes"),
        Column("hint", "string", "what to check next"),
        *_DAYS,
    ),
)

TABLES: dict[str, TableSpec] = {
    spec.name: spec
    for spec in (
        *(RAW_FRAMES, TRANSACTIONS, SETTLEMENTS, SIGNATURES, BATCH_UPLOADS, EVENTS, REJECTS),
        *(LIFE_CYCLES, COVERAGE),
        *(STATEMENTS, STATEMENT_LINES, PAYOUTS, PROFIT_LINES),
        *(LIFE_CYCLES, COVERAGE, FINDINGS, ALERTS, ACKS),
    )
}
