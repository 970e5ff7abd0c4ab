"""How long the fault tests go on: ``FAULTS=full``, which ``make faults`` sets, goes as far as the project promises."""

import os

FULL = os.environ.get("FAULTS") == "full"


def length(short: int, full: int) -> int:
    """How often, or how many seconds, this run."""
    return full if FULL else short
