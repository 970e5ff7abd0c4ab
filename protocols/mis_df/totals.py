"""What a settlement's result says: the terminal's totals, of all and by card organisation.

Which organisations are domestic, and whether codes scanned are among them, is not public: so
debits and credits of domestic and foreign cards stay null, and what is stated stands in
``card_totals``.
"""

import json

from protocols.facts import Facts
from protocols.mis_df import tags
from protocols.mis_df.said import Said, digits, number, outcome, text

SETTLEMENT = "SETTLEMENT"


def settlement(said: Said, code: str, pair: str) -> Facts:
    """The terminal's totals: of all, and by card organisation; debits less credits where one figure is wanted."""
    rows: list[dict[str, str | int]] = []
    for org, (debit, debits, credit, credits_) in tags.TOTALS.items():
        figures = [number(said, tag) for tag in (debit, debits, credit, credits_)]
        if all(figure is None for figure in figures):
            continue
        debit_fen, debit_count, credit_fen, credit_count = (figure or 0 for figure in figures)
        rows.append(
            {
                "card_org": org,
                "count": debit_count + credit_count,
                "amount_fen": debit_fen - credit_fen,
                "debit_count": debit_count,
                "debit_amount_fen": debit_fen,
                "credit_count": credit_count,
                "credit_amount_fen": credit_fen,
            }
        )
    total = next((row for row in rows if not row["card_org"]), None)
    cards = [row for row in rows if row["card_org"]]
    return Facts(
        mti=code,
        is_request=False,
        kind="settlement",
        operation=SETTLEMENT,
        pair=pair,
        exchange=f"echo {text(said, tags.ECHO)}",
        terminal_id=text(said, tags.TERMINAL),
        merchant_id=text(said, tags.MERCHANT),
        batch_no=digits(said, tags.BATCH),
        host_time=(text(said, 0xDF1C), text(said, 0xDF1D)) if 0xDF1C in said else None,
        response_code=text(said, tags.RESPONSE),
        outcome=outcome(said),
        card_totals=json.dumps(cards, separators=(",", ":")) if cards else None,
        total_count=int(total["count"]) if total else None,
        total_amount_fen=int(total["amount_fen"]) if total else None,
        per_line=True,
    )
