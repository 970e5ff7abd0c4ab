"""What a record of a journal says, in the field's own terms."""

from dataclasses import dataclass

from protocols.facts import Facts


@dataclass(frozen=True, slots=True)
class Said:
    """One record's facts.

    Attributes:
        facts: as a request's; ``rrn``, ``auth_code`` and ``response_code`` are the host's words the terminal kept.
        date: the record's own day, YYYYMMDD or MMDD; None when it has none.
        time: hhmmss; None when it has none.
        outcome: approved, declined or unknown.
        state: what became of it since, by the journal's flags: ``voided``, ``adjusted``, ``refunded``, or two of them.
        tip_fen: tip in fen.
    """

    facts: Facts
    date: str | None = None
    time: str | None = None
    outcome: str = "unknown"
    state: str | None = None
    tip_fen: int | None = None
