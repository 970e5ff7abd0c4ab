"""The software that terminals say they run: read from their frames, in the reports, and silent where none tells it."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from expectations.commands.report import report
from expectations.mail.catalogue import LOCALES, Locale
from expectations.mail.html import render_html
from expectations.mail.text import render_text
from expectations.reports.figures import ShopFigures, figures
from expectations.reports.letter import report_letter
from ingest.cli import cli
from ingest.keys import create_keys
from ingest.settings import Settings
from ingest.tables import Lake
from protocols.profile import load_profile
from tests.expectations.mail.lettertexts import seen, words
from tests.expectations.reports.reportshop import MONDAY, WEEK, land, settings_for, shop_week
from tests.expectations.shopdays import MERCHANT
from tests.protocols.conftest import load_vectors
from tests.protocols.zvt.test_foreign_frames import INGENICO, VERSION

UNIONPAY = load_profile("unionpay")
DAY = dt.date(2026, 11, 19)
HEARD = bytes.fromhex(load_vectors()[27]["hex"])
"""A sale of a public message whose F59 says, in A2.05, H7062801; its terminal is 10000019."""
PUBLIC = UNIONPAY.speech.secure(UNIONPAY, HEARD).frame
"""As it is recorded."""


def frames(
    settings: Settings, *told: tuple[str, bytes], profile: str = "unionpay", line: str = "lane-1", day: dt.date = DAY
) -> None:
    """Records of these hours of a day, as landing leaves them."""
    rows: list[dict[str, Any]] = [
        {
            "segment_id": f"{line}-{profile}",
            "seq": seq,
            "line": line,
            "profile": profile,
            "direction": "rx",
            "kind": "frame",
            "seen_at": dt.datetime.fromisoformat(f"{day}T{hour}:00+08:00"),
            "frame": frame,
            "length": len(frame),
            "day": day,
        }
        for seq, (hour, frame) in enumerate(told)
    ]
    Lake(settings.lake.uri).append("raw_frames", rows, app_id=f"{line}-{profile}")


def shop_of(settings: Settings) -> ShopFigures:
    """The week's figures of the shop."""
    lake = Lake(settings.lake.uri)
    return figures(settings, lake, [], [], WEEK, money_back=[], now=MONDAY)[MERCHANT]


def shop(folder: Path, *, profile: str = "unionpay", terminal: str = "10000019") -> Settings:
    """A week of one terminal, which was heard on the 17th and the 19th."""
    settings = settings_for(folder)
    till = shop_week(17, 19)
    for row in till.attempts:
        row.update(profile=profile, terminal_id=terminal)
    land(settings, till)
    return settings


def test_the_newest_version_of_the_last_day_is_told(tmp_path: Path):
    """The public message says H7062801 after an earlier one; an answer's A2 is not the terminal's."""
    settings = shop(tmp_path)
    older = PUBLIC.replace(b"H7062801", b"H7062700")
    answer = bytearray(PUBLIC.replace(b"H7062801", b"HOSTS001"))
    answer[answer.index(bytes.fromhex("02007024"))] = 0x02
    answer[answer.index(bytes.fromhex("02007024")) + 1] = 0x10
    frames(settings, ("09:00", older), ("10:00", PUBLIC), ("11:00", bytes(answer)))
    assert shop_of(settings).software == {"10000019": "H7062801"}

    padded = PUBLIC.replace(b"H7062801", b"V1.2    ")
    frames(settings, ("12:00", padded), profile="lakala")  # what another profile read on that line: another device
    assert shop_of(settings).software == {"10000019": "H7062801"}


def test_blanks_behind_a_version_are_none_of_it(tmp_path: Path):
    """It has eight characters on the line, whatever it is; and a later frame counts more than an earlier one."""
    settings = shop(tmp_path)
    frames(settings, ("09:00", PUBLIC), ("09:01", PUBLIC.replace(b"H7062801", b"V1.2    ")))
    assert shop_of(settings).software == {"10000019": "V1.2"}


def test_a_frame_of_another_terminal_or_day_or_none_that_tells_it_names_nothing(tmp_path: Path):
    """Of a line with two terminals a frame speaks for the one that it names; what tells nothing is left out."""
    settings = shop(tmp_path, terminal="10000020")
    frames(settings, ("10:00", PUBLIC), ("11:00", b"A2 is no frame"))
    assert shop_of(settings).software == {}
    assert "软件版本" not in render_text(report_letter(shop_of(settings), WEEK, (), "zh-CN", settings, now=MONDAY))


def test_a_terminal_on_another_line_is_what_it_was_last(tmp_path: Path):
    """On the 17th on one line, on the 19th on another: the version of the 19th, though the other tells one too."""
    settings = settings_for(tmp_path)
    till = shop_week(17, 19)
    for row in till.attempts:
        row.update(terminal_id="10000019", line=f"lane-{row['business_date'].day}")
    land(settings, till)
    older = PUBLIC.replace(b"H7062801", b"H7062700")
    frames(settings, ("23:00", older), line="lane-17", day=dt.date(2026, 11, 17))
    frames(settings, ("10:00", PUBLIC), line="lane-19")
    assert shop_of(settings).software == {"10000019": "H7062801"}


@pytest.mark.parametrize(
    ("frame", "version"),
    [(VERSION, "2.14.15"), (INGENICO, "GER-APP-v2.0.9;cR02.01.01-00.09-2-2;CC26"), ("060F00", None)],
)
def test_a_zvt_completion_speaks_for_its_lines_terminal(tmp_path: Path, frame: str, version: str | None):
    """It names no terminal: the only one of the line is meant; what others published states these versions."""
    settings = shop(tmp_path, profile="zvt")
    frames(settings, ("10:00", bytes.fromhex(frame)), profile="zvt")
    assert shop_of(settings).software == ({"10000019": version} if version else {})


@pytest.mark.parametrize("locale", LOCALES)
def test_reports_show_it(tmp_path: Path, locale: Locale):
    """In the letter, both parts alike, and in the figures for programs."""
    settings = shop(tmp_path)
    frames(settings, ("10:00", PUBLIC))
    letter = report_letter(shop_of(settings), WEEK, (), locale, settings, now=MONDAY)
    text, page = render_text(letter), render_html(letter)
    assert words(text) == words(seen(page))
    assert {"zh-CN": "软件版本", "en": "Software"}[locale] in text
    assert "H7062801" in text
    config = tmp_path / "tillwatch.toml"
    config.write_text(f'[lake]\nuri = "{tmp_path / "lake"}"\n')
    printed = CliRunner().invoke(report, ["--config", str(config), "--week", "2026-W47", "--json"])
    assert json.loads(printed.output)["software"] == {"10000019": "H7062801"}


def test_a_capture_of_the_public_message_leads_to_the_report(tmp_path: Path):
    """From a file through spool and landing, as from a line."""
    config = tmp_path / "tillwatch.toml"
    config.write_text(
        f'[spool]\ndirectory = "{tmp_path / "spool"}"\n[lake]\nuri = "{tmp_path / "lake"}"\n'
        f'[keys]\npan_token = "{tmp_path / "keys" / "pan-token.key"}"\n'
    )
    heard = {"t": "2026-11-19T10:00:00+08:00", "line": "lane-1", "dir": "rx", "frame": HEARD.hex()}
    capture = tmp_path / "day.capture.jsonl"
    capture.write_text(json.dumps(heard) + "\n")

    def run(*words: str) -> str:
        done = CliRunner().invoke(cli, [*words, "--config", str(config)])
        assert done.exit_code == 0, (words, done.output, done.exception)
        return done.output

    create_keys(tmp_path / "keys" / "pan-token.key")
    run("replay", str(capture), "--profile", "unionpay")
    run("land")
    (told,) = map(json.loads, run("report", "--week", "2026-W47", "--json").splitlines())
    assert told["software"] == {"10000019": "H7062801"}
