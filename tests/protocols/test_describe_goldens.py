"""What ``describe`` says of one frame of each protocol, as text and as JSON: stable, named, masked.

After a change that is meant: ``GOLDENS=write pytest tests/protocols/test_describe_goldens.py``, then read the diff.
"""

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from ingest.commands.describe import describe as command
from protocols.describe import describe
from protocols.dump import Line, columns, lines
from protocols.profile import available_profiles, load_profile
from tests.protocols.conftest import load_vectors
from tests.secretframes import JOURNALS, SAMPLES
from tests.seededsecrets import SEEDED

GOLDENS = Path(__file__).parent / "goldens"
LANGUAGES = ("zh-CN", "en")
VECTORS = {"sign-in": 9, "sign-in-answer": 12, "aid": 18, "capk": 20, "totals": 17, "end": 22, "f59": 27, "image": 26}
"""Public messages by their place; what each is for."""


def longest(name: str) -> bytes:
    """The frame of a profile's sample that says most."""
    profile = load_profile(name)
    return max((frame for _, frame in SAMPLES[profile.dialect](profile, SEEDED)), key=len)


def batch_list() -> bytes:
    """The sample's list of magnetic transactions."""
    profile = load_profile("unionpay")
    said = SAMPLES["unionpay"](profile, SEEDED)
    return next(frame for _, frame in said if describe(profile, frame)["fields"].get("48.8.pan"))


FRAMES = {
    **{name: (name, longest(name)) for name in available_profiles()},
    **{f"unionpay-{what}": ("unionpay", bytes.fromhex(load_vectors()[at]["hex"])) for what, at in VECTORS.items()},
    "unionpay-batch-list": ("unionpay", batch_list()),
}


def hold(name: str, said: str) -> None:
    """The text is the golden's; written where that is asked for."""
    path = GOLDENS / name
    if os.environ.get("GOLDENS") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_text(said, "utf-8")
    assert path.exists(), f"{name}: GOLDENS=write makes it"
    assert said == path.read_text("utf-8")


def said(*words: str) -> str:
    """The command's stdout."""
    done = CliRunner().invoke(command, list(words))
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.mark.parametrize("name", FRAMES)
def test_a_frame_is_described_as_before(name: str) -> None:
    """The object of ``--json``, and the lines for people in both languages."""
    profile, frame = FRAMES[name]
    whole = json.loads(said(frame.hex(), "--profile", profile, "--json"))
    hold(f"{name}.json", json.dumps(whole, ensure_ascii=False, indent=1) + "\n")
    for language in LANGUAGES:
        hold(f"{name}.{language}.txt", said(frame.hex(), "--profile", profile, "--locale", language))


@pytest.mark.parametrize("name", JOURNALS)
def test_a_journal_is_described_as_before(name: str, tmp_path: Path) -> None:
    """Each record's object, and its lines in both languages."""
    given = tmp_path / "said"
    given.mkdir()
    path = str(JOURNALS[name](given, SEEDED))
    whole = [json.loads(each) for each in said(path, "--profile", name, "--json").splitlines()]
    hold(f"{name}.json", json.dumps(whole[0], ensure_ascii=False, indent=1) + "\n")
    for language in LANGUAGES:
        text = CliRunner().invoke(command, [path, "--profile", name, "--locale", language]).stdout
        hold(f"{name}.{language}.txt", text)


@pytest.mark.parametrize("name", available_profiles())
def test_every_value_has_its_names_and_its_place(name: str) -> None:
    """Both titles, bytes that lie in the frame, a confidence no surer than the profile's own."""
    profile = load_profile(name)
    sure = ("measured", "public", "assumed")
    for _, frame in SAMPLES[profile.dialect](profile, SEEDED):
        found = describe(profile, frame)
        assert found["error"] is None
        for key, row in found["fields"].items():
            assert row["zh"], key
            assert row["en"], key
            assert any(ord(char) > 0x2E7F for char in row["zh"]) or row["zh"].isupper(), (key, row["zh"])
            assert 0 <= row["offset"] <= row["offset"] + row["length"] <= len(frame), key
            assert sure.index(row["confidence"]) >= sure.index(profile.confidence), key


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("language", LANGUAGES)
def test_no_line_is_wider_than_the_screen(width: int, language: str) -> None:
    """Titles are cut, values go on below; no character of a value is lost."""
    rows = [
        Line("1", "300", "F62", "自定义域" * 9, "卡A" * 200),
        Line("400", "2", "  60.1", "transaction type", "22", unsure=True),
    ]
    text = list(lines(rows, language=language, width=width))
    assert all(columns(each) <= width for each in text[:-1])
    body = "".join(text)
    assert (body.count("卡"), body.count("A")) == (200, 200)
