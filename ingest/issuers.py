"""Which bank issued a card, by the first digits of its number: kept by the operator.

No table is shipped (docs/decisions/0011): who has one by contract registers what its shops need.
"""

from typing import Annotated

from pydantic import Field

from ingest.section import Section

Prefix = Annotated[str, Field(pattern=r"^[0-9]{2,6}$")]
"""The first digits of a card's number; more than six are never kept."""


class Issuer(Section):
    """A bank, as mails name it beside a card's last four digits."""

    name: str = Field(min_length=1, max_length=20, description="the bank's name")
    name_en: str | None = Field(default=None, min_length=1, max_length=20, description="its name in English mails")
    prefixes: list[Prefix] = Field(min_length=1, description="first digits of its cards' numbers; the longest decides")
