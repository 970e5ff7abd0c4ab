"""The database of cases: opened by URL, brought to the current schema, written in whole transactions.

SQLite takes its write lock when a transaction begins, so two writers wait for each other.
On PostgreSQL unique keys hold the law; the transaction that comes second is done anew.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import IntegrityError, NoSuchModuleError, OperationalError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from ingest.errors import CaseError, UsageError
from ingest.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy.engine import URL, Connection, Engine

REVISION = "0005"
"""The newest migration; a test holds it to the files."""
MIGRATIONS = Path(__file__).parent / "migrations"
TRIES = 12
LOCK_SECONDS = 30
ADVISORY_LOCK = 0x7469_6C6C
"""PostgreSQL's advisory lock that one migration at a time holds."""

Result = TypeVar("Result")


class Database:
    """Cases in one database; nothing is opened before the first transaction.

    Args:
        url: ``sqlite:///folder/cases.db`` or ``postgresql://user@host/name``.
        password: of the PostgreSQL user.

    Raises:
        UsageError: not such a URL, or its driver is not installed.
    """

    def __init__(self, url: str, password: str | None = None) -> None:
        self.url = _parsed(url, password)
        self._engine = _engine(self.url)
        self._is_current = False

    @property
    def name(self) -> str:
        """The URL without the password."""
        return self.url.render_as_string(hide_password=True)

    @property
    def is_new(self) -> bool:
        """Whether it is a file that nobody has made yet."""
        return self.url.get_backend_name() == "sqlite" and not Path(self.url.database or "").exists()

    def run(self, work: "Callable[[Connection], Result]") -> Result:
        """Do some work in one transaction; anew when another writer was faster.

        Raises:
            CaseError: the database cannot be reached, or others keep writing all the time.
        """
        wrong: Exception | None = None
        for attempt in range(TRIES):
            try:
                self._bring_up()
                with self._engine.begin() as connection:
                    return work(connection)
            except (IntegrityError, OperationalError) as lost:
                wrong = lost
                if isinstance(lost, OperationalError) and not _is_contention(lost):
                    break
                time.sleep(min(0.5, 0.01 * 2**attempt))
            except SQLAlchemyError as other:
                wrong = other
                break
        raise CaseError(
            f"{self.name}: {_reason(wrong)}", hint="check cases.url, that the database runs and whom it belongs to"
        ) from wrong

    def _bring_up(self) -> None:
        """Run the migrations that are lacking, once and by one process."""
        if self._is_current:
            return
        if self.url.get_backend_name() == "sqlite" and self.url.database:
            folder = Path(self.url.database).parent
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as refused:
                raise CaseError(
                    f"{folder}: cannot be made: {refused.strerror}", hint="check cases.url and the folder's owner"
                ) from None
        with self._engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(ADVISORY_LOCK)))
            found = _revision(connection)
            if found != REVISION:
                _migrate(connection, found)
        self._is_current = True


def database_of(settings: Settings) -> Database:
    """The database that the settings name; ``cases.db`` beside the lake when they name none.

    Raises:
        UsageError: the URL cannot be used; or the lake is in a bucket, and nothing says where cases are.
        KeyFileError: the password file cannot be used.
    """
    if settings.cases.url is None and settings.lake.is_bucket:
        raise UsageError(
            f"cases.url: not given, and beside {settings.lake.uri} there is no folder for a database",
            hint='name one that every machine reaches, such as "postgresql://tillwatch@db/cases"',
        )
    url = settings.cases.url or f"sqlite:///{settings.beside_lake}/cases.db"
    password = None
    if settings.cases.password_file is not None:
        from expectations.mail.server import read_secret

        password = read_secret(settings.cases.password_file, "cases.password_file")
    return Database(url, password)


def _parsed(url: str, password: str | None) -> "URL":
    try:
        parsed = sa.make_url(url)
    except SQLAlchemyError:
        raise UsageError("cases.url: not a database URL", hint='for example "sqlite:///var/cases.db"') from None
    backend = parsed.get_backend_name()
    if backend not in {"sqlite", "postgresql"}:
        raise UsageError(f"cases.url: {backend} is not supported", hint="use sqlite:/// or postgresql://")
    if backend == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
        return parsed.set(password=password) if password else parsed
    if not parsed.database or parsed.database == ":memory:":
        raise UsageError("cases.url: names no file", hint='for example "sqlite:///var/cases.db"')
    return parsed


def _engine(url: "URL") -> "Engine":
    arguments: dict[str, Any] = {"timeout": LOCK_SECONDS} if url.get_backend_name() == "sqlite" else {}
    try:
        engine = sa.create_engine(url, connect_args=arguments, poolclass=NullPool)
    except (NoSuchModuleError, ModuleNotFoundError):
        raise UsageError(
            "cases.url: the driver of PostgreSQL is not installed", hint="pip install 'psycopg[binary]'"
        ) from None
    if url.get_backend_name() == "sqlite":
        event.listen(engine, "connect", _plain_sqlite)
        event.listen(engine, "begin", _begin_immediate)
    return engine


def _plain_sqlite(connection: Any, record: object) -> None:
    """Python's own BEGINs off (they leave DDL outside), foreign keys on."""
    del record
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys = ON")


def _begin_immediate(connection: "Connection") -> None:
    """Take the write lock at once: a reader that comes to write later could find its lock refused."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _revision(connection: "Connection") -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
    return None if found is None else str(found)


def _migrate(connection: "Connection", found: str | None) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    known = {each.revision for each in ScriptDirectory.from_config(config).walk_revisions()}
    if found is not None and found not in known:
        raise CaseError(
            f"the database's schema {found} is newer than {REVISION}, which this version knows",
            hint="update tillwatch, or point cases.url at another database",
        )
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _is_contention(wrong: OperationalError) -> bool:
    """Another writer: SQLite's lock, PostgreSQL's serialisation failure or deadlock (class 40)."""
    state = getattr(wrong.orig, "sqlstate", None) or ""
    return "locked" in str(wrong.orig) or state.startswith("40")


def _reason(wrong: Exception | None) -> str:
    said = str(getattr(wrong, "orig", wrong)).strip()
    return said.splitlines()[0] if said else "others keep writing to it"
