"""What the READMEs and the pages of docs/ show is what the program does.

Each ``tillwatch …`` of a block is held to the options that the command has. A block ``console`` below the comment
``<!-- tested -->`` is run, in one folder for all pages of `TOLD` in their order, and what the page shows is held
against what came: ``…`` stands for anything within a line, a line that is only ``…`` for any lines. A file is what
stands below its name in backticks.
"""

import json
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import pytest

from ingest.cli import COMMANDS, cli
from ingest.settings import Settings
from protocols.profile import load_profile

ROOT = Path(__file__).parent.parent
READMES = ["README.md", "README.zh-CN.md"]
PAGES = [
    *READMES,
    *sorted(str(page.relative_to(ROOT)) for page in (ROOT / "docs").rglob("*.md") if not page.is_symlink()),
]
TRANSLATED = ("quickstart", "plugging-in", "running-airflow", "reading-the-mail")
TOLD = ["docs/quickstart.md", "docs/reading-the-mail.md", "docs/reading-the-mail.zh-CN.md", "docs/operations.md"]
TILLWATCH = Path(sys.executable).with_name("tillwatch")
BLOCK = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
TOLD_BLOCK = re.compile(r"^<!-- tested -->\n```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"^`([\w./-]+)`\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
OPERATORS = frozenset("|&;<>()")
REDIRECTION = re.compile(r"\d?>{1,2}\s*(?:&\d|\S+)")


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
    assert [link for link in links if not (ROOT / link.partition("#")[0]).exists()] == []


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


def commands(text: str) -> Iterator[list[str]]:
    """The words of every ``tillwatch`` that a page's blocks call."""
    for _, language, block in BLOCK.findall(text):
        if language not in {"", "sh", "console"}:
            continue
        for line in re.sub(r"\\\n\s*", " ", block).splitlines():
            if language == "console" and not line.startswith("$ "):
                continue
            if "tillwatch" in line:
                yield from _called(line.removeprefix("$ "))


def _called(line: str) -> Iterator[list[str]]:
    try:
        lexer = shlex.shlex(REDIRECTION.sub("", line).strip(), posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words = list(lexer)
    except ValueError:  # a quote that ends on another line: no call of ours
        return
    call: list[str] = []
    for word in [*words, ";"]:
        if set(word) <= OPERATORS:
            while call and re.fullmatch(r"\w+=.*", call[0]):
                call.pop(0)
            if call and call[0].rpartition("/")[2] == "tillwatch":
                yield call[1:]
            call = []
        else:
            call.append(word)


def hold_to_its_options(words: list[str]) -> None:
    """Raise click's own error where there is no such command, option or value of a choice."""
    command: click.Command = cli
    context = click.Context(cli, info_name="tillwatch")
    while isinstance(command, click.Group):
        if not words or words[0].startswith("-"):
            break
        name, found, words = command.resolve_command(context, words)
        assert found is not None
        command, context = found, click.Context(found, info_name=name, parent=context)
    values, rest, _ = command.make_parser(context).parse_args(list(words))
    assert not rest, f"{command.name} takes no {rest}"
    for parameter in command.params:
        given = values.get(parameter.name or "")
        if isinstance(parameter.type, click.Choice) and isinstance(given, str):
            parameter.type.convert(given, parameter, context)


@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_a_page_is_there_with_its_options(page: str):
    """What a reader copies is no usage error."""
    for words in commands((ROOT / page).read_text("utf-8")):
        try:
            hold_to_its_options(words)
        except (click.UsageError, AssertionError) as wrong:
            pytest.fail(f"tillwatch {' '.join(words)}: {getattr(wrong, 'message', wrong)}")


@pytest.mark.parametrize("page", PAGES)
def test_every_command_named_in_the_text_of_a_page_is_there(page: str):
    """`tillwatch WORD` in backticks names a command."""
    named = re.findall(r"`tillwatch ([a-z][\w-]*)", (ROOT / page).read_text("utf-8"))

    assert sorted(set(named) - set(COMMANDS)) == []


@pytest.mark.parametrize(
    "line",
    [
        "tillwatch colect --line a=b:c",
        "tillwatch spool lss",
        "tillwatch land --form s3://x",
        "tillwatch alert ack C-1121-0007 --label maybe",
        "x=1 tillwatch land extra | head",
        "make setup && tillwatch check --since 2026-11-21",
    ],
)
def test_a_wrong_command_is_noticed(line: str):
    """The law above can be broken: a command, a sub-command, an option, a choice, an argument that there is not."""
    (words,) = commands(f"```sh\n{line}\n```\n")

    with pytest.raises((click.UsageError, AssertionError)):
        hold_to_its_options(words)


@dataclass(frozen=True)
class Step:
    """A command of a page, what the page shows below it, and what came."""

    page: str
    command: str
    shown: str
    came: str


def shell(command: str, folder: Path) -> str:
    """What a reader would see of a command, both streams, in a folder."""
    environment = {"PATH": f"{TILLWATCH.parent}:/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": str(folder)}
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=240,
        check=False,
    )
    return done.stdout


def shown_as(shown: str) -> re.Pattern[str]:
    """What a page shows, as a pattern: ``…`` within a line, a line ``…``."""
    lines = (
        r"(?:[^\n]*\n)*?" if line.strip() == "…" else r"[^\n]*".join(map(re.escape, line.split("…"))) + r"\n"
        for line in shown.splitlines()
    )
    return re.compile("".join(lines))


def steps_of(text: str) -> Iterator[tuple[str, str]]:
    """Each command of the tested blocks with what is shown below it."""
    for block in TOLD_BLOCK.findall(text):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, shown = part.partition("\n")
            yield command, shown


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[Step]:
    """Every tested block of every page, run in order in one folder that has the repository's samples."""
    folder = tmp_path_factory.mktemp("told")
    (folder / "docs").symlink_to(ROOT / "docs")
    done = []
    for page in TOLD:
        text = (ROOT / page).read_text("utf-8")
        for name, content in FILE.findall(text):
            (folder / name).write_text(content, "utf-8")
        done += [Step(page, command, shown, shell(command, folder)) for command, shown in steps_of(text)]
    return done


@pytest.mark.slow
def test_the_pages_show_what_comes(told: list[Step]):
    """Every command of the tested blocks, output and all."""
    assert {step.page for step in told} == set(TOLD)
    for step in told:
        assert shown_as(step.shown).fullmatch(step.came), f"{step.page}: $ {step.command}\n{step.came}"


def test_what_differs_is_noticed():
    """``…`` stands for what is on its line, or for lines, and for nothing else."""
    pattern = shown_as("key … made\n…\n2 rows\n")

    assert pattern.fullmatch("key 0a1b made\none\ntwo\n2 rows\n")
    assert pattern.fullmatch("key 0a1b made\n2 rows\n")
    for other in ("key 0a1b lost\n2 rows\n", "key 0a1b made\n3 rows\n", "key 0a1b made\n2 rows\nTraceback\n"):
        assert not pattern.fullmatch(other)


@pytest.mark.parametrize("page", TRANSLATED)
def test_a_translated_page_shows_the_same_commands(page: str):
    """Both languages have the page, with the same parts, files and commands."""
    texts = [(ROOT / "docs" / f"{page}{suffix}.md").read_text("utf-8") for suffix in ("", ".zh-CN")]
    headings = [re.findall(r"^(#+) ", text, re.MULTILINE) for text in texts]
    calls = [list(commands(text)) for text in texts]
    blocks_and_files = [(len(BLOCK.findall(text)), [name for name, _ in FILE.findall(text)]) for text in texts]

    assert headings[0] == headings[1]
    assert calls[0] == calls[1]
    assert blocks_and_files[0] == blocks_and_files[1]
    if f"docs/{page}.zh-CN.md" not in TOLD:
        assert list(steps_of(texts[0])) == list(steps_of(texts[1]))
