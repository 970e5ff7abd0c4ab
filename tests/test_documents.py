"""What the READMEs show is what the program does."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from ingest.cli import COMMANDS
from ingest.settings import Settings
from protocols.profile import load_profile

ROOT = Path(__file__).parent.parent
READMES = ["README.md", "README.zh-CN.md"]
TILLWATCH = Path(sys.executable).with_name("tillwatch")


def blocks(readme: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", (ROOT / readme).read_text("utf-8"), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("readme", READMES)
@pytest.mark.parametrize("verb", sorted(COMMANDS))
def test_every_command_is_in_the_readme(readme: str, verb: str):
    """A command nobody can read of is not there."""
    assert f"`tillwatch {verb}" in (ROOT / readme).read_text("utf-8")


@pytest.mark.parametrize("readme", READMES)
def test_every_file_a_readme_points_at_is_there(readme: str):
    """Links to the repository's own files lead somewhere."""
    links = re.findall(r"\]\(([^)]+)\)", (ROOT / readme).read_text("utf-8"))

    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


@pytest.mark.parametrize("readme", READMES)
def test_settings_in_the_readme_are_valid(readme: str):
    """Each example can be copied into tillwatch.toml."""
    examples = [tomllib.loads(block) for block in blocks(readme, "toml") if "extends" not in block]

    assert len(examples) == 2
    for example in examples:
        Settings.model_validate(example)


@pytest.mark.parametrize("readme", READMES)
def test_the_brand_in_the_readme_loads(readme: str, tmp_path: Path):
    """Adding a brand is the one TOML shown."""
    (brand,) = (block for block in blocks(readme, "toml") if "extends" in block)
    file = tmp_path / "mybrand.toml"
    file.write_text(brand, "utf-8")

    profile = load_profile(str(file))

    assert profile.name == "mybrand"
    assert profile.link.ack
    assert profile.confidence == "measured"


@pytest.mark.parametrize("readme", READMES)
def test_both_readmes_have_the_same_parts(readme: str):
    """One language does not know what the other hides."""
    headings = [re.findall(r"^(#+) ", (ROOT / name).read_text("utf-8"), re.MULTILINE) for name in (readme, READMES[0])]

    assert headings[0] == headings[1]


@pytest.mark.slow
def test_the_query_in_the_readme_shows_the_real_messages(tmp_path: Path):
    """replay, land, and the README's own DuckDB query, on the capture that it names."""
    (replayed,) = (block for block in blocks("README.md", "sh") if "replay" in block)
    (query,) = (block for block in blocks("README.md", "sh") if "duckdb" in block)
    (tmp_path / "tests").symlink_to(ROOT / "tests")
    script = f"set -e\ntillwatch doctor --create-keys || true\n{replayed}\n{query}"

    done = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env={"PATH": f"{TILLWATCH.parent}:/usr/bin:/bin", "LANG": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )

    shown = {tuple(re.findall(r"[^│\s]+", line)) for line in done.stdout.splitlines() if "│" in line}
    stated = json.loads((ROOT / "tests/vectors/unionpay_pos.json").read_text("utf-8"))
    fen = [int(m["fields"]["4"]) for m in stated if m["mti"] == "0210" and m["fields"]["3"] == "000000"]
    assert ("SALE", "approved", str(len(fen)), str(sum(fen) / 100)) in shown
    assert ("REVERSAL", "unknown", "2", "10021.11") in shown
