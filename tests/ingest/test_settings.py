"""Settings: file, environment, flags, and every mistake in them."""

from pathlib import Path

import pytest

from ingest.errors import UsageError
from ingest.settings import load_settings


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "shop" / "tillwatch.toml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(text, "utf-8")
    return file


def test_without_a_file_the_defaults_hold():
    """No file is needed to begin."""
    settings = load_settings()

    assert str(settings.spool.directory) == "var/spool"
    assert settings.business.zone == "Asia/Shanghai"


def test_the_environment_wins_over_the_file_and_a_flag_over_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """File < environment < flag."""
    file = written(tmp_path, '[lake]\nuri = "from-file"\n[alerts]\nsender = "file@example.com"\n')
    monkeypatch.setenv("TILLWATCH_LAKE__URI", "from-environment")
    monkeypatch.setenv("TILLWATCH_ALERTS__SENDER", "environment@example.com")

    settings = load_settings(file, {"lake": {"uri": "from-flag"}})

    assert settings.lake.uri == "from-flag"
    assert settings.alerts.sender == "environment@example.com"


def test_a_relative_path_in_the_file_starts_at_the_files_folder(tmp_path: Path):
    """A scheduler that runs elsewhere finds the same folders as the shop's own shell."""
    file = written(tmp_path, '[spool]\ndirectory = "data/spool"\n')

    settings = load_settings(file)

    assert settings.spool.directory == tmp_path / "shop" / "data" / "spool"
    assert settings.lake.uri == str(tmp_path / "shop" / "var" / "lake")


def test_an_address_of_object_storage_is_left_alone(tmp_path: Path):
    """Only paths are made absolute."""
    file = written(tmp_path, '[lake]\nuri = "s3://bucket/prefix"\n')

    assert load_settings(file).lake.uri == "s3://bucket/prefix"


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        (
            '[lake]\nurl = "x"\n',
            "unknown key lake.url",
            "did you mean 'uri'? valid keys here: keep_days, key, key_service, take_from, uri",
        ),
        ("[spol]\n", "unknown key spol", "did you mean 'spool'?"),
        ('[[lines]]\nname="a"\ndevice="/dev/x"\nprofil="p"\n', "lines.0", "profil"),
        ('[[lines]]\nname="a"\ndevice="/dev/x"\nprofile="p"\nmode="relay"\n', "peer", ""),
        ('[business]\nzone = "Asia/Shanghia"\n', "no time zone", ""),
        ("[spool]\nseal_seconds = 0\n", "spool.seal_seconds", ""),
        ('[[alerts.routes]]\nto = ["nobody"]\n', "'nobody' is not a mail address", ""),
        ("[lake\n", "not TOML", "quotes"),
        (
            'lake = "x"\n',
            "lake: should be a table of keys",
            "write [lake] and its keys below it: keep_days, key, key_service, take_from, uri",
        ),
        ('[lines]\nname = "a"\n', "lines: should be a list", "write [[lines]], with two brackets"),
        ('[[lines]]\nname = "a"\n', "lines.0.device: is not given", "a name that survives replugging"),
        ('[[lines]]\nname = "a b"\ndevice = "/dev/x"\nprofile = "p"\n', "lines.0.name", "without blanks"),
        ("[alerts]\nsmtp = 25\n", "alerts.smtp: should be a text in quotes", "smtp: smtp[s]://"),
        ('[[alerts.routes]]\nto = "a@b.c"\n', "alerts.routes.0.to: should be a list", 'write to = ["…", "…"]'),
        ('[lake]\nuri = ""\n', "lake.uri", "uri: folder"),
    ],
)
def test_a_mistake_names_the_file_the_key_and_what_to_do(tmp_path: Path, text: str, message: str, hint: str):
    """Where, what, and the way out."""
    file = written(tmp_path, text)

    with pytest.raises(UsageError) as wrong:
        load_settings(file)

    said = f"{wrong.value.message} | {wrong.value.hint}"
    assert str(file) in said
    assert message in said
    assert hint in said
    assert wrong.value.exit_status == 2
    assert "config show" not in said, "it would fail in the same way"


@pytest.mark.parametrize("named", [True, False])
def test_a_folder_in_the_place_of_the_file_is_not_passed_over(tmp_path: Path, named: bool):
    """Nobody is left with the defaults who thinks to have a file."""
    (tmp_path / "tillwatch.toml").mkdir()

    with pytest.raises(UsageError, match=r"tillwatch\.toml: a folder"):
        load_settings(tmp_path / "tillwatch.toml" if named else None)


def test_a_file_in_another_encoding_says_where(tmp_path: Path):
    """The first byte that is not UTF-8 is named."""
    file = written(tmp_path, "")
    file.write_bytes('[alerts]\nsender = "张 <a@example.com>"\n'.encode("gb18030"))

    with pytest.raises(UsageError, match="not UTF-8: byte 19"):
        load_settings(file)


def test_an_unset_variable_names_no_file(monkeypatch: pytest.MonkeyPatch):
    """An empty TILLWATCH_CONFIG, as a container passes it on, is none; a wrong one is named."""
    monkeypatch.setenv("TILLWATCH_CONFIG", "")
    load_settings()
    monkeypatch.setenv("TILLWATCH_CONFIG", "absent.toml")
    with pytest.raises(UsageError) as wrong:
        load_settings()
    assert "TILLWATCH_CONFIG" in wrong.value.hint


def test_a_named_file_must_exist(tmp_path: Path):
    """A typing error in --config is not silently the defaults."""
    with pytest.raises(UsageError, match="no such configuration file"):
        load_settings(tmp_path / "absent.toml")


def test_two_lines_of_one_name_are_refused(tmp_path: Path):
    """A line's name is what its records are filed under."""
    line = '[[lines]]\nname="lane-1"\ndevice="/dev/x"\nprofile="unionpay"\n'
    with pytest.raises(UsageError, match=r"two \[\[lines\]\] have the name 'lane-1'"):
        load_settings(written(tmp_path, line + line))
