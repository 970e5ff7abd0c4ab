"""The package of docs/adding-a-protocol.md, taken from the document, installed and used; and wrong packages."""

import json
import os
import re
import shutil
import subprocess
import sys
from functools import reduce
from operator import xor
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
TILLWATCH = Path(sys.executable).with_name("tillwatch")
DOCUMENT = (ROOT / "docs" / "adding-a-protocol.md").read_text("utf-8")
FILES = dict(re.findall(r"^`([\w./]+)`\n\n```\w+\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL))


def counted(kind: str, stan: int, fen: int) -> str:
    """A frame of the document's machine, made from its words alone."""
    covered = f"{kind}{stan:06d}{fen:012d}".encode("ascii") + b"\x03"
    return (b"\x02" + covered + bytes((reduce(xor, covered),))).hex()


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The document's package, built and installed without a network."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("target")
    for name, text in FILES.items():
        (source / name).parent.mkdir(exist_ok=True)
        (source / name).write_text(text, "utf-8")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--target", str(target), str(source)], check=True, timeout=120)
    return target


def run(folder: Path, packages: Path, *words: str, statuses: tuple[int, ...] = (0,)) -> Any:
    environment = {**os.environ, "PYTHONPATH": str(packages)}
    done = subprocess.run([TILLWATCH, *words], cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode in statuses, done.stderr
    assert "Traceback" not in done.stderr
    return done


def test_the_example_is_short() -> None:
    """A whole protocol in under 60 lines, blank ones left out."""
    assert set(FILES) == {"pyproject.toml", "tillwatch_counter/counter.toml", "tillwatch_counter/__init__.py"}
    assert sum(bool(line.strip()) for text in FILES.values() for line in text.splitlines()) < 60


@pytest.mark.slow
def test_the_example_is_used_by_its_name(installed: Path, tmp_path: Path) -> None:
    """Described, listed, replayed and landed: one sale asked and approved, one declined, one damaged frame."""
    (shown,) = re.findall(r"tillwatch describe ([0-9a-f]+) --profile counter", DOCUMENT)
    told = json.loads(run(tmp_path, installed, "describe", shown, "--profile", "counter", "--json").stdout)
    assert told["fields"]["amount"]["value"] == 550
    for locale, word in (("zh-CN", "售货机"), ("en", "Vending machine")):
        words = run(tmp_path, installed, "describe", shown, "--profile", "counter", "--locale", locale).stdout
        assert word in words
        assert "550" in words
    damaged = run(tmp_path, installed, "describe", shown[:-2] + "00", "--profile", "counter", statuses=(1,)).stdout
    assert "byte 21" in damaged
    listed = run(tmp_path, installed, "describe", "--profiles", "--json").stdout.splitlines()
    assert "counter" in {json.loads(line)["name"] for line in listed}
    assert "counter" in run(tmp_path, installed, "describe", "00", "--profile", "counter2", statuses=(2,)).stderr

    run(tmp_path, installed, "doctor", "--create-keys", statuses=(0, 3))
    said = [counted("S", 1, 550), counted("A", 1, 550), counted("S", 2, 1200), counted("D", 2, 1200)]
    lines = [
        {"t": f"2026-11-21T10:00:{second:02}+08:00", "line": "lane", "dir": "rx", "frame": frame}
        for second, frame in enumerate([*said, said[0][:-2] + "00"])
    ]
    (tmp_path / "day.capture.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    run(tmp_path, installed, "replay", "day.capture.jsonl", "--profile", "counter", statuses=(0, 1))
    run(tmp_path, installed, "land")
    query = (
        'import duckdb; print(duckdb.sql("SELECT stan, amount_fen, outcome FROM '
        "read_parquet('var/lake/transactions/**/*.parquet') ORDER BY stan\").fetchall())"
    )
    done = subprocess.run([sys.executable, "-c", query], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[(1, 550, 'approved'), (2, 1200, 'declined')]"


def package(folder: Path, name: str, value: str, files: dict[str, str]) -> Path:
    """A package as an installer leaves it."""
    info = folder / f"{name.replace('-', '_')}-2.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 2.0\n", "utf-8")
    (info / "entry_points.txt").write_text(f"[tillwatch.protocols]\n{value}\n", "utf-8")
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, "utf-8")
    return folder


PROFILE = FILES["tillwatch_counter/counter.toml"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("value", "files", "asked", "message"),
    [
        ("x = acme", {"acme/__init__.py": "", "acme/lakala.toml": PROFILE}, "lakala", "has a name of tillwatch's own"),
        ("x = acme", {"acme/__init__.py": "", "acme/acme.toml": PROFILE}, "acme", "acme.toml has another name"),
        (
            "counter = acme:DIALECT",
            {"acme/__init__.py": "raise ZeroDivisionError('no')", "acme/counter.toml": PROFILE},
            "counter",
            "acme:DIALECT cannot be loaded: ZeroDivisionError: no",
        ),
        (
            "counter = acme:DIALECT",
            {"acme/__init__.py": "DIALECT = 7", "acme/counter.toml": PROFILE},
            "counter",
            "is no Dialect with the name 'counter'",
        ),
        (
            "unionpay = acme:DIALECT",
            {"acme/__init__.py": "", "acme/counter.toml": PROFILE},
            "counter",
            "no such dialect",
        ),
    ],
)
def test_a_wrong_package_is_one_clear_line(
    value: str, files: dict[str, str], asked: str, message: str, tmp_path: Path
) -> None:
    """It names the package and what is wrong; profiles that have nothing to do with it go on working."""
    packages = package(tmp_path / "site", "acme-terminals", value, files)
    done = run(tmp_path, packages, "describe", "00", "--profile", asked, statuses=(2,))

    assert message in done.stderr
    assert "package acme-terminals 2.0" in done.stderr
    assert run(tmp_path, packages, "describe", "00", "--profile", "unionpay", statuses=(1,)).stdout
    shown = run(tmp_path, packages, "describe", "--profiles")
    assert "unionpay" in shown.stdout
    assert "package acme-terminals 2.0" in shown.stderr
    checked = run(tmp_path, packages, "doctor", statuses=(0, 1, 3))
    assert "acme-terminals 2.0" in checked.stdout + checked.stderr


@pytest.mark.slow
def test_two_packages_with_one_name_are_refused(installed: Path, tmp_path: Path) -> None:
    """Neither wins by chance."""
    both = tmp_path / "both"
    shutil.copytree(installed, both)
    package(both, "acme-terminals", "x = acme", {"acme/__init__.py": "", "acme/counter.toml": PROFILE})

    done = run(tmp_path, both, "describe", "00", "--profile", "counter", statuses=(2,))

    assert "acme-terminals 2.0" in done.stderr
    assert "tillwatch-counter 1.0" in done.stderr
