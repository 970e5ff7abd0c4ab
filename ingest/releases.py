"""Which software the terminals of one protocol ought to run, as whoever looks after them decides."""

import datetime as dt

from pydantic import Field

from ingest.section import Section


class Release(Section):
    """A version, and from when on terminals ought to run it or a later one."""

    profile: str = Field(min_length=1, description="the lines' profile; its terminals tell their version themselves")
    version: str = Field(pattern=r"^\D*\d", description="as terminals tell it: H7062801. Numbers are compared in order")
    since: dt.date = Field(description="day on which it was handed out")
    merchants: list[str] = Field(default=["*"], min_length=1, description="merchant numbers; *: all")
    pilots: list[str] = Field(default=[], description="terminals that try something else")
    urgent: bool = Field(default=False, description="it closes a hole: what lags behind is told louder")
