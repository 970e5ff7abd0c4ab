"""Columns of what was found, who was told of it, and what they said; and the two that name a shop everywhere."""

from ingest.tablespec import Column, TableSpec

SHOP = (
    Column("merchant_id", "string", "merchant, field 42, 15 characters"),
    Column("terminal_id", "string", "terminal, field 41, 8 characters"),
)

FINDINGS = TableSpec(
    "findings",
    "What is wrong: the finding of `tillwatch findings --json`, lists and objects as JSON text.",
    ("business_date",),
    ("rule", "merchant_id", "amount_at_risk_fen"),
    ("merchant_id", "rule", "finding_id"),
    (
        Column("finding_id", "string", "the same fault always has the same id"),
        Column("rule", "string", "the rule's name"),
        Column("severity", "string", "P1 (money wrong, provable or due today) to P4 (information)"),
        Column("certainty", "string", "PROVEN, PROBABLE, POSSIBLE or UNVERIFIABLE"),
        *SHOP,
        Column("amount_at_risk_fen", "int64", "money at stake"),
        Column("subjects", "string", "JSON: the attempts concerned, the offending one first"),
        Column("evidence", "string", "JSON: the rule's facts"),
        Column("ruled_out", "string", "JSON: harmless explanations that were tested"),
        Column("completeness", "string", "JSON: what data was missing"),
        Column("act_by", "timestamp", "deadline; null = none"),
        Column("rules_version", "string", "version of the rules"),
        Column("decoder_version", "string", "version of the decoder"),
        Column("business_date", "date", "local day of the offending attempt"),
    ),
)

ALERTS = TableSpec(
    "alerts",
    "The ledger of alert mails: one row each time one was handed over, or could not be.",
    ("business_date",),
    ("decided_at", "merchant_id"),
    ("at", "alert_id"),
    (
        Column("alert_id", "string", "the same merchant, moment and findings always have the same id"),
        Column("merchant_id", "string", "merchant"),
        Column("decided_at", "timestamp", "the decision moment"),
        Column("locale", "string", "zh-CN or en"),
        Column("recipients", "string", "JSON: mail addresses"),
        Column("subject", "string", "the mail's subject"),
        Column("message_id", "string", "the mail's Message-ID"),
        Column("finding_ids", "string", "JSON: the findings in it, or the names of what else it tells"),
        Column("review_ids", "string", "JSON: the findings it lists for review only"),
        Column(
            "state",
            "string",
            "claimed (somebody is sending this merchant's mails), handing (it is about to be handed over), sent, "
            "failed (tried again) or dead (refused for good, or for two days)",
        ),
        Column("error", "string", "why it could not be handed over"),
        Column("at", "timestamp", "when this row was written"),
        Column("business_date", "date", "local day of the findings"),
        Column(
            "kind",
            "string",
            "P1, P2 or P3 of a mail of cases; else closing, reminder, escalation, storm, notice, incomplete, weekly, "
            "monthly or fleet",
        ),
    ),
)

ACKS = TableSpec(
    "acks",
    "What people said to findings.",
    (),
    ("at",),
    ("at", "finding_id"),
    (
        Column("finding_id", "string", "the finding"),
        Column("label", "string", "what they said of it"),
        Column("by", "string", "who"),
        Column("at", "timestamp", "when"),
    ),
)
