"""Settings: one TOML file, environment over it, flags over both.

``./tillwatch.toml`` or ``--config``; ``TILLWATCH_LAKE__URI`` and the like win over
the file. A relative path in the file, or left at its default, starts at the
file's own folder; one from the environment or a flag starts where you stand. An
unknown key is an error that lists the valid ones. Built once by a command and
passed down; nothing reads settings at import.
"""

import datetime as dt
import os
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import Field, ValidationError, field_validator, model_validator

from ingest.agreements import Contracts, Deposits, Notice
from ingest.alerting import Alerts
from ingest.app_settings import App
from ingest.engine import Engine
from ingest.errors import UsageError
from ingest.hotlines import Acquirer, Hotline
from ingest.issuers import Issuer
from ingest.misconfiguration import usage_error
from ingest.releases import Release
from ingest.section import Section
from ingest.storage import LakeSettings, Ship, Spool

AUTO = "auto"
"""The profile of a line whose protocol is to be found by listening."""
DEFAULT_FILE = "tillwatch.toml"
FILES_AND_FOLDERS = (
    ("spool", "directory"),
    ("spool", "mirror"),
    ("lake", "uri"),
    ("lake", "key"),
    ("keys", "pan_token"),
    ("metrics", "directory"),
    ("alerts", "password_file"),
    ("alerts", "ca_file"),
    ("alerts", "oauth", "client_secret_file"),
    ("alerts", "oauth", "refresh_token_file"),
    ("airflow", "password_file"),
    ("cases", "password_file"),
    ("app", "key"),
    ("app", "oidc_secret_file"),
    ("engine", "secret_file"),
)
SQLITE = "sqlite:///"
ENVIRONMENT_PREFIX = "TILLWATCH_"


class Keys(Section):
    """Secret keys, each in a file of its own with mode 0600."""

    pan_token: Path = Field(default=Path("var/keys/pan-token.key"), description="key of card tokens")


class Line(Section):
    """One terminal's line."""

    name: str = Field(min_length=1, max_length=64, pattern=r"^[\w.-]+$")
    device: str = Field(min_length=1, description="/dev/serial/by-id/…: a name that survives replugging")
    profile: str = Field(
        min_length=1, description="a name from `tillwatch describe --profiles`, or auto: found by listening"
    )
    mode: Literal["listen", "relay", "receive", "pull"] = Field(
        default="listen",
        description="listen: a tap, nothing is written; relay: between terminal and host; "
        "receive: the terminal sends to us and waits for our ACK; pull: we ask the terminal",
    )
    ask: str | None = Field(default=None, description="pull: what is asked; by default the profile's harmless question")
    every: float = Field(
        default=3600.0, ge=0, le=79200, description="pull: seconds between two askings, at most 22 hours; 0 asks once"
    )
    baud: int | None = Field(default=None, ge=300, le=4_000_000, description="the line's speed, not the profile's")
    peer: str | None = Field(default=None, description="relay: the host's side; listen: the tap on the other direction")
    terminal_id: str | None = Field(
        default=None, min_length=1, description="number of the terminal that belongs here: another one is told"
    )

    @model_validator(mode="after")
    def _relay_has_two_sides(self) -> "Line":
        if self.mode == "relay" and not self.peer:
            msg = "mode = 'relay' needs peer = '<device of the host side>'"
            raise ValueError(msg)
        if self.mode in {"receive", "pull"} and self.peer:
            msg = f"mode = {self.mode!r} has one device; peer belongs to relay and listen"
            raise ValueError(msg)
        if self.mode == "pull" and self.profile == AUTO:
            msg = "profile = 'auto' listens and never asks; mode = 'pull' needs the name of a profile"
            raise ValueError(msg)
        if self.ask and self.mode != "pull":
            msg = "ask belongs to mode = 'pull'"
            raise ValueError(msg)
        return self


class Health(Section):
    """What the collector says of itself, and when it raises an alarm."""

    listen: str | None = Field(
        default=None,
        pattern=r"^[^\s:]+:\d{1,5}$",
        description="HOST:PORT for /healthz, /readyz and /metrics, such as 127.0.0.1:9464; not given: nowhere",
    )
    silent_minutes: float = Field(
        default=240.0, gt=0, description="a terminal that says nothing for so long in opening hours is an alarm"
    )
    opens: dt.time = Field(default=dt.time(9, 0), description="opening hours, in the merchant's zone, begin")
    closes: dt.time = Field(default=dt.time(22, 0), description="and end")
    disk_percent: float = Field(default=90.0, gt=0, le=100, description="the spool's disk is too full from here on")


class Metrics(Section):
    """Where land, check, send and import leave what their last run did."""

    directory: Path | None = Field(
        default=None,
        description="folder of node_exporter's textfile collector; not given: nowhere",
    )


class Business(Section):
    """The shop's calendar."""

    zone: str = Field(default="Asia/Shanghai", description="the merchant's time zone")
    cutoff: dt.time = Field(default=dt.time(23, 0), description="clearing cut-off in that zone")

    @field_validator("zone")
    @classmethod
    def _zone_exists(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            msg = f"no time zone is called {value!r}; use a name like Asia/Shanghai"
            raise ValueError(msg) from None
        return value


class Merchant(Section):
    """A shop as its mails name it."""

    id: str = Field(min_length=15, max_length=15)
    name: str
    acquirer: str | None = Field(default=None, description="a name from [[acquirers]]")
    mcc: str | None = Field(
        default=None, pattern=r"^[0-9]{4}$", description="merchant category code it is registered with, 4 digits"
    )
    same_shop: list[str] = Field(default=[], description="other merchant numbers of the same shop")
    groups: list[str] = Field(default=[], description="names that [[alerts.routes]] may ask for")
    rules: dict[str, dict[str, Any]] = Field(
        default={},
        description="what differs here from [rules], written [merchants.rules.<rule>] below it",
    )


class StatementFolder(Section):
    """A folder, or a prefix of object storage, that an acquirer's files are put into."""

    acquirer: str = Field(min_length=1, description="whose files they are")
    folder: Path | None = Field(
        default=None, description="where they are put; a file that cannot be read is renamed to *.rejected"
    )
    prefix: str | None = Field(
        default=None,
        pattern=r"^s3://[^/]+",
        description="or s3://bucket/prefix; beside a file that cannot be read *.rejected.txt is put",
    )
    layout: str | None = Field(default=None, description="a built-in layout or a TOML file; the acquirer's by default")
    pattern: str = Field(default="*", min_length=1, description="which files: *.csv")

    @model_validator(mode="after")
    def _is_one_place(self) -> "StatementFolder":
        if (self.folder is None) == (self.prefix is None):
            msg = "give either folder or prefix"
            raise ValueError(msg)
        return self

    @property
    def layout_name(self) -> str:
        """The layout's name or path."""
        return self.layout or self.acquirer


class Cases(Section):
    """Where cases are kept."""

    url: str | None = Field(
        default=None,
        description="sqlite:///FILE or postgresql://user@host/name; not given: cases.db beside the lake",
    )
    password_file: Path | None = Field(default=None, description="file with PostgreSQL's password, mode 0600")

    @field_validator("url")
    @classmethod
    def _no_password(cls, value: str | None) -> str | None:
        if value is not None and urlsplit(value).password:
            msg = "holds a password; put it into a file of mode 0600 and name that in cases.password_file"
            raise ValueError(msg)
        return value


class Airflow(Section):
    """The REST API that hears of sealed segments; without it landing runs on its schedule alone."""

    url: str | None = Field(default=None, description="e.g. http://127.0.0.1:8080")
    username: str | None = None
    password_file: Path | None = None


class Settings(Section):
    """Everything tillwatch can be told."""

    spool: Spool = Spool()
    ship: Ship = Ship()
    lake: LakeSettings = LakeSettings()
    keys: Keys = Keys()
    lines: list[Line] = Field(default=[])
    business: Business = Business()
    merchants: list[Merchant] = Field(default=[])
    acquirers: list[Acquirer] = Field(default=[])
    hotlines: list[Hotline] = Field(default=[])
    issuers: list[Issuer] = Field(default=[])
    statements: list[StatementFolder] = Field(default=[])
    contracts: Contracts = Field(default=[], description="of one merchant, acquirer and day there is one contract")
    notices: list[Notice] = Field(default=[])
    deposits: Deposits = Field(default=[], description="each deposit once")
    releases: list[Release] = Field(default=[])
    licensed_payers: list[str] = Field(
        default=[], description="names that payouts may come from, of institutions licensed to pay merchants"
    )
    alerts: Alerts = Alerts()
    cases: Cases = Cases()
    app: App = App()
    airflow: Airflow = Airflow()
    health: Health = Health()
    metrics: Metrics = Metrics()
    engine: Engine = Engine()
    rules: dict[str, dict[str, Any]] = Field(
        default={},
        description="parameters of rules, written [rules.<rule>]; docs/rules.md lists them",
    )

    @model_validator(mode="after")
    def _each_is_there_once(self) -> "Settings":
        for table, key, names in (
            ("lines", "name", [line.name for line in self.lines]),
            ("merchants", "id", [merchant.id for merchant in self.merchants]),
            ("acquirers", "name", [acquirer.name for acquirer in self.acquirers]),
        ):
            if twice := next((name for name, count in Counter(names).items() if count > 1), None):
                msg = f"two [[{table}]] have the {key} {twice!r}: which of them holds is not known; leave one"
                raise ValueError(msg)
        return self

    @property
    def beside_lake(self) -> Path:
        """The folder that the lake is in; the one that the spool is in when the lake is in a bucket."""
        if self.lake.is_bucket:
            return self.spool.directory.absolute().parent
        return Path(self.lake.uri.removeprefix("file://")).absolute().parent

    @property
    def zone(self) -> ZoneInfo:
        """The merchant's time zone."""
        return ZoneInfo(self.business.zone)


def load_settings(config: Path | None = None, flags: dict[str, Any] | None = None) -> Settings:
    """Read the file, lay the environment and the flags over it, and check every key.

    Args:
        config: the file; None takes ``./tillwatch.toml`` if it is there.
        flags: nested keys from the command line, e.g. ``{"lake": {"uri": "x"}}``.

    Raises:
        UsageError: a file that is not there or not TOML, an unknown key, a value out of range.
    """
    origins = settings_layers(config, flags)
    merged: dict[str, Any] = {}
    for _, layer in origins:
        _lay_over(merged, layer)
    try:
        return Settings.model_validate(merged)
    except ValidationError as wrong:
        raise usage_error(Settings, wrong, origins) from None


def settings_layers(
    config: Path | None = None, flags: dict[str, Any] | None = None
) -> list[tuple[str, dict[str, Any]]]:
    """The layers in the order in which they win, each with where it came from."""
    layers: list[tuple[str, dict[str, Any]]] = []
    variable = os.environ.get(ENVIRONMENT_PREFIX + "CONFIG", "")
    file = config or Path(variable or DEFAULT_FILE)
    named = "--config" if config else f"{ENVIRONMENT_PREFIX}CONFIG" if variable else ""
    written = _written(file, named)
    if written is not None:
        folder = file.resolve().parent
        layers.append((f"default, beside {file}", _paths_from(folder, Settings().model_dump(mode="json"))))
        layers.append((str(file), _paths_from(folder, written, keep=True)))
    for name, value in sorted(os.environ.items()):
        if name.startswith(ENVIRONMENT_PREFIX) and name != ENVIRONMENT_PREFIX + "CONFIG":
            path = name.removeprefix(ENVIRONMENT_PREFIX).lower().split("__")
            layers.append((f"environment {name}", _nested(path, _environment_value(value))))
    if flags:
        layers.append(("command line", flags))
    return layers


def _written(file: Path, named: str) -> dict[str, Any] | None:
    """What the file says; None when nobody ``named`` it and it is not there."""
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except UnicodeDecodeError as wrong:
        raise UsageError(f"{file}: not UTF-8: byte {wrong.start}", hint="save it as UTF-8") from None
    except tomllib.TOMLDecodeError as wrong:
        raise UsageError(f"{file}: not TOML: {wrong}", hint="mend that line; strings need quotes") from None
    except (FileNotFoundError, NotADirectoryError):
        if not named:
            return None
        raise UsageError(f"{file}: no such configuration file", hint=f"check the path given with {named}") from None
    except IsADirectoryError:
        raise UsageError(f"{file}: a folder, not a configuration file", hint="name the .toml file in it") from None
    except OSError as wrong:
        raise UsageError(f"{file}: cannot be read: {wrong.strerror}", hint="check the file's owner and mode") from None


def _paths_from(folder: Path, values: dict[str, Any], *, keep: bool = False) -> dict[str, Any]:
    """The paths among the values, made to start at the folder; with ``keep``, beside all the other values."""
    result: dict[str, Any] = values if keep else {}
    for *sections, key in FILES_AND_FOLDERS:
        table: Any = values
        for section in sections:
            table = table.get(section) if isinstance(table, dict) else None
        value = table.get(key) if isinstance(table, dict) else None
        if isinstance(value, str) and value and "://" not in value:
            _lay_over(result, _nested([*sections, key], str(folder / value)))
    cases = values.get("cases")
    url = cases.get("url") if isinstance(cases, dict) else None
    if isinstance(url, str) and url.startswith(SQLITE):
        result.setdefault("cases", {})["url"] = SQLITE + str(folder / url.removeprefix(SQLITE))
    return result


def _nested(path: list[str], value: Any) -> dict[str, Any]:
    for key in reversed(path):
        value = {key: value}
    return value  # type: ignore[no-any-return]


def _environment_value(text: str) -> Any:
    """A TOML value where the text is one that only TOML can say (a list, a table); else the text itself."""
    if text[:1] in "[{":
        try:
            return tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            return text
    return text


def _lay_over(below: dict[str, Any], above: dict[str, Any]) -> None:
    for key, value in above.items():
        if isinstance(value, dict) and isinstance(below.get(key), dict):
            _lay_over(below[key], value)
        else:
            below[key] = value
