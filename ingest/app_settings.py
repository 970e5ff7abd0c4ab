"""What the page of cases can be told: where it listens, how readers reach it, who may see what."""

from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from ingest.section import Section

Role = Literal["finance", "manager", "operations"]


def _origin(value: str) -> None:
    """Refuse what is no address of a web server."""
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment or parts.username:
        msg = f"{value!r} is not https://host[:port][/path]"
        raise ValueError(msg)


class Person(Section):
    """Who may see which merchants' cases, as what."""

    who: list[str] = Field(min_length=1, description="mail addresses, or groups that the log-in server names")
    role: Role
    merchants: list[str] = Field(default=["*"], min_length=1, description='merchant numbers; ["*"] is all')


class App(Section):
    """The page of cases."""

    listen: str = Field(
        default="127.0.0.1:8734", pattern=r"^[^\s:]+:\d{1,5}$", description="HOST:PORT that `tillwatch app` serves"
    )
    url: str | None = Field(
        default=None,
        description="address that readers of mails reach it at, such as https://cases.example.com; "
        "not given: mails carry no links",
    )
    key: Path = Field(default=Path("var/keys/app.key"), description="key that signs links and log-ins, mode 0600")
    link_days: int = Field(default=30, ge=1, le=365, description="a mail's link works for so many days")
    session_hours: int = Field(default=12, ge=1, le=720, description="a log-in holds for so long")
    framed_by: list[str] = Field(default=[], description="origins that may show it in a frame: Airflow's")
    oidc_issuer: str | None = Field(
        default=None, description="log-in server (OpenID Connect); not given: one token for one user"
    )
    oidc_client: str | None = Field(default=None, description="our name at the log-in server")
    oidc_secret_file: Path | None = Field(default=None, description="file with our secret there, mode 0600")
    oidc_groups: str = Field(default="groups", min_length=1, description="the claim that lists a person's groups")
    people: list[Person] = Field(default=[], description="who may see what, when one logs in at the log-in server")

    @field_validator("url", "oidc_issuer")
    @classmethod
    def _addresses(cls, value: str | None) -> str | None:
        if value is None:
            return None
        _origin(value)
        return value.rstrip("/")

    @field_validator("framed_by")
    @classmethod
    def _origins(cls, value: list[str]) -> list[str]:
        for each in value:
            _origin(each)
            if urlsplit(each).path or any(c.isspace() or c in ";,'" for c in each):
                msg = f"{each!r} is not an origin: https://host[:port] and no more"
                raise ValueError(msg)
        return value

    @model_validator(mode="after")
    def _whole_log_in(self) -> "App":
        if self.oidc_issuer and not (self.oidc_client and self.oidc_secret_file and self.url and self.people):
            msg = "oidc_issuer needs oidc_client, oidc_secret_file, url and at least one [[app.people]] too"
            raise ValueError(msg)
        return self
