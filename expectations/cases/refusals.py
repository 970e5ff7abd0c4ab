"""Why a step of a case was refused, by a code: the command line says it in English, the page in its reader's words."""

from typing import Literal, TypeAlias

from ingest.errors import UsageError

Code: TypeAlias = Literal[
    "no_case", "state", "changed", "no_amount", "fraction", "card_number", "no_answer", "no_price"
]

REFUSALS: dict[Code, tuple[str, str]] = {
    "no_case": ("no case is called {number}", "`tillwatch case ls` lists them"),
    "state": (
        "{number}: is {before} and cannot become {after}",
        "`tillwatch case show {number}` shows how it came there",
    ),
    "changed": ("{number}: somebody else has just changed it", "look at it and try again"),
    "no_amount": ("{number}: there is no amount to claim", "name it with --amount 368.00"),
    "fraction": ("{number}: its amounts are in {currency}, which has no such fraction", "write it as {example}"),
    "card_number": (
        "{number}: what was written holds a whole card number; name its last four digits only",
        "nothing was written down; write it again without the rest of the number",
    ),
    "no_answer": ("{number}: no answer stands", "`tillwatch feedback ls` lists those that do"),
    "no_price": ("{amount} is no price point of merchant {merchant}", "`tillwatch feedback prices` lists them"),
}
"""Code -> what the command line says, and what to do; the page's words are ``refused_<code>`` in its texts."""


class StepRefusedError(UsageError):
    """A step that a case cannot take.

    Attributes:
        code: which refusal it is.
        values: what its words name; ``before`` and ``after`` are states.
    """

    def __init__(self, code: Code, **values: str) -> None:
        message, hint = (text.format(**values) for text in REFUSALS[code])
        super().__init__(message, hint=hint)
        self.code, self.values = code, values
