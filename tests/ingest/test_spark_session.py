"""What the engine Spark needs and has not: one line each, with what to do, before anything is started."""

import importlib.util
import socket
import stat
from pathlib import Path

import pytest

from ingest.engine import Engine
from ingest.errors import KeyFileError, UsageError
from ingest.settings import load_settings
from ingest.spark.session import properties, session, write_properties


@pytest.fixture
def packages(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra's packages, as far as is looked."""
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: find("json") if name in {"pyspark", "sqlglot"} else find(name)
    )


@pytest.fixture
def java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program that says of itself what Java 17 says."""
    program = tmp_path / "bin" / "java"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho 'openjdk version \"17.0.15\" 2025-04-15' >&2\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    return program


def refused(engine: Engine) -> UsageError:
    with pytest.raises(UsageError) as told, session(engine):
        pass
    assert "\n" not in told.value.message
    return told.value


@pytest.mark.parametrize("package", ["pyspark", "sqlglot"])
def test_a_missing_package_names_the_extra(package: str, monkeypatch: pytest.MonkeyPatch):
    """The package, and the command that installs it."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == package else object())

    told = refused(Engine(check="spark"))

    assert told.message == f"engine spark: {package} is not installed"
    assert ".[spark]" in told.hint


@pytest.mark.usefixtures("packages")
def test_no_java_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Neither JAVA_HOME nor the path has one."""
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "nowhere"))

    told = refused(Engine(check="spark"))

    assert told.message == "engine spark: Java is not installed"
    assert "openjdk-17-jre-headless" in told.hint


@pytest.mark.usefixtures("packages")
@pytest.mark.parametrize(("says", "number"), [('java version "1.8.0_452"', 8), ('openjdk version "11.0.27"', 11)])
def test_an_old_java_is_told(java: Path, says: str, number: int):
    """Java 8 calls itself 1.8."""
    java.write_text(f"#!/bin/sh\necho '{says}' >&2\n")

    assert refused(Engine(check="spark")).message == f"engine spark: Java {number} is too old"


@pytest.mark.usefixtures("packages", "java")
def test_a_master_that_does_not_answer_is_told():
    """Spark itself would try for a minute, and end in a traceback."""
    with socket.socket() as some:
        some.bind(("127.0.0.1", 0))  # bound, and nobody listens
        port = some.getsockname()[1]

        told = refused(Engine(check="spark", master=f"spark://127.0.0.1:{port}"))

    assert told.message == f"engine.master: nobody answers at spark://127.0.0.1:{port}: Connection refused"


@pytest.mark.usefixtures("packages", "java")
@pytest.mark.parametrize("content", [None, "", "\n"])
def test_a_secret_that_cannot_be_read_is_told(content: str | None, tmp_path: Path):
    """A file that is not there, or has nothing in it."""
    file = tmp_path / "spark-secret"
    if content is not None:
        file.write_text(content)

    with pytest.raises(KeyFileError) as told, session(Engine(secret_file=file)):
        pass

    assert told.value.message == f"{file}: the secret of Spark cannot be read"


def test_no_command_line_shows_the_secret(tmp_path: Path):
    """Properties, which become words of a command, say that there is one; a file, as Java reads it, what it is."""
    secret = tmp_path / "spark-secret"
    secret.write_text("of master: and\\workers\n")
    engine = Engine(secret_file=secret)

    assert "of master" not in str(properties(engine))
    assert properties(engine)["spark.authenticate"] == properties(engine)["spark.network.crypto.enabled"] == "true"
    lines = write_properties(engine, tmp_path).read_text().splitlines()
    assert lines[-1] == "spark.authenticate.secret=of\\ master\\:\\ and\\\\workers"


@pytest.mark.parametrize(
    "key", ["land = 'polars'", "check = 'polars'", "master = 'nowhere'", "executor_memory = 'much'"]
)
def test_a_wrong_setting_names_its_key(key: str, tmp_path: Path):
    """An engine, a master or a size that there is not."""
    file = tmp_path / "tillwatch.toml"
    file.write_text(f"[engine]\n{key}\n")

    with pytest.raises(UsageError, match=rf"engine[.\]: ]+{key.split(maxsplit=1)[0]}"):
        load_settings(file)
