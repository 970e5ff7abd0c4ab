"""What ``[alerts]`` says: the server, who gets which mails, when mails leave (``docs/alerts.md``)."""

import datetime as dt
from email.utils import parseaddr
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator, model_validator

from ingest.section import Section

Role = Literal["finance", "manager", "agent", "operations"]
"""finance: all cases and reports of a shop; manager: what is urgent at the counter, and what has waited too long;
agent: a table of its merchants; operations: storms, and the report of the mails themselves."""


def check_address(address: str) -> None:
    """Refuse what no mail server takes as an address."""
    name, at, host = address.rpartition("@")
    if not (name and at and host) or not address.isascii() or any(c.isspace() or c in "<>,;" for c in address):
        msg = f"{address!r} is not a mail address"
        raise ValueError(msg)


class Route(Section):
    """Who gets which mails: a case goes by every route whose conditions all hold."""

    name: str | None = Field(default=None, description="what `alert explain` calls it; its number when not given")
    merchants: list[str] = Field(default=["*"], min_length=1, description="merchant numbers; * stands for any digits")
    groups: list[str] = Field(default=[], description="only merchants of these groups; none: any")
    brands: list[str] = Field(default=[], description="only terminals of these profiles; none: any")
    severities: list[Literal["P1", "P2", "P3", "P4"]] = Field(default=[], description="only these; none: any")
    role: Role = Field(default="finance", description="finance, manager, agent or operations")
    to: list[str] = Field(min_length=1, description="mail addresses")
    locale: Literal["zh-CN", "en"] = Field(default="zh-CN", description="language of the mails")

    @field_validator("to")
    @classmethod
    def _addresses(cls, value: list[str]) -> list[str]:
        for address in value:
            check_address(address)
        return value


class Timing(Section):
    """When mails leave, in the merchant's zone."""

    at_once: bool = Field(default=False, description="every case as soon as it is found, at any hour")
    merge_minutes: int = Field(default=10, ge=0, le=60, description="new P1 cases wait so long after a P1 mail")
    quiet_from: dt.time = Field(default=dt.time(22, 30), description="from here on nothing leaves")
    quiet_until: dt.time = Field(default=dt.time(7, 30), description="until here; the same as quiet_from: no quiet")
    last_minutes: int = Field(
        default=5, ge=0, le=60, description="in quiet hours a P1 still leaves until so long before its deadline"
    )
    p2_per_day: int = Field(default=3, ge=1, le=24, description="most P2 mails a day to one reader of a merchant")
    digest_at: dt.time = Field(default=dt.time(9, 30), description="P3, reminders and missing data, each day")
    digest_latest: dt.time = Field(
        default=dt.time(11, 0), description="the same where the acquirer's file of yesterday is late"
    )
    weekly_day: int = Field(default=1, ge=1, le=7, description="day of the weekly report: 1 Monday to 7 Sunday")
    reminder_days: list[int] = Field(default=[3, 7, 15], description="days after which an open case is called to mind")
    escalate_days: int = Field(default=16, ge=1, description="days after which the manager hears of it")
    storm_cases: int = Field(default=20, ge=1, description="more cases of one rule in one hour are a storm")
    storm_merchants: int = Field(default=5, ge=2, description="over at least so many merchants")

    @model_validator(mode="after")
    def _days_rise(self) -> "Timing":
        if self.reminder_days != sorted(set(self.reminder_days)) or min(self.reminder_days, default=1) < 1:
            msg = f"reminder_days = {self.reminder_days}: write days that rise, from 1 on"
            raise ValueError(msg)
        if self.digest_latest < self.digest_at:
            msg = f"digest_latest = {self.digest_latest:%H:%M} is before digest_at = {self.digest_at:%H:%M}"
            raise ValueError(msg)
        return self


class OAuth(Section):
    """A log-in to the mail server by OAuth 2.0 (XOAUTH2), as Gmail and Outlook ask for."""

    token_url: str = Field(
        min_length=1,
        pattern=r"^(https://|http://(127\.0\.0\.1|localhost|\[::1\])[:/])\S+$",
        description="where tokens are given out: https://oauth2.googleapis.com/token for Gmail, "
        "https://login.microsoftonline.com/TENANT/oauth2/v2.0/token for Outlook",
    )
    client_id: str = Field(min_length=1, description="the application's id")
    client_secret_file: Path | None = Field(default=None, description="file with its secret, mode 0600; none: public")
    refresh_token_file: Path = Field(
        description="file with the refresh token, mode 0600; written anew when the server gives out another"
    )
    scope: str | None = Field(
        default=None, description="for Outlook https://outlook.office.com/SMTP.Send offline_access; Gmail needs none"
    )


class Alerts(Section):
    """How alert mails leave."""

    smtp: str = Field(default="smtp://127.0.0.1:2525", description="smtp[s]://[user@]host:port[?starttls=yes]")
    password_file: Path | None = Field(default=None, description="file with the SMTP password, mode 0600")
    ca_file: Path | None = Field(default=None, description="certificates to trust instead of the system's, PEM")
    oauth: OAuth | None = Field(default=None, description="a log-in by token instead of a password")
    sender: str = "tillwatch@example.com"
    feedback: str | None = Field(default=None, description="where readers' answers go; the sender when not given")
    data_docs: str | None = Field(default=None, description="address of the Data Docs that mails may link to")
    evidence: Literal["attach", "link"] = Field(
        default="attach", description="whether dossier and letter of complaint go along with a mail, or a link to them"
    )
    timing: Timing = Timing()
    routes: list[Route] = Field(default=[])

    @field_validator("sender", "feedback")
    @classmethod
    def _senders(cls, value: str | None) -> str | None:
        if value is not None:
            check_address(parseaddr(value)[1] if value.isprintable() else value)
        return value

    @model_validator(mode="after")
    def _one_log_in(self) -> "Alerts":
        if self.oauth is not None and self.password_file is not None:
            msg = "oauth and password_file are two ways to log in; give one of them"
            raise ValueError(msg)
        return self
