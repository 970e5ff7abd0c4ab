"""Another user of the machine reads nothing of what is kept, whatever the umask was."""

import datetime as dt
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from expectations.evidence import pack
from expectations.mail.preview import Preview, write_preview
from ingest.checkup import check_lake, check_spool
from ingest.cli import cli
from ingest.keys import create_keys
from ingest.lake import Lake
from ingest.landing import land
from ingest.permissions import narrow_umask
from ingest.records import Kind, PendingRecord
from ingest.rotation import rotate
from ingest.settings import load_settings
from ingest.spool import Spool
from ingest.storage import LakeSettings

VECTORS = Path(__file__).parents[1] / "vectors" / "unionpay_pos.capture.jsonl"
SHOW = 'for file in "$@"; do { ls "$file" && head -c 1 "$file"; } > /dev/null 2>&1 && echo "$file"; done; true'


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that everybody may enter, entered with a umask that closes nothing."""
    folder = Path(tempfile.mkdtemp(prefix="shop-"))
    folder.chmod(0o755)
    monkeypatch.chdir(folder)
    before = os.umask(0)
    yield folder
    os.umask(before)
    shutil.rmtree(folder)


def seen_by_nobody(files: list[Path]) -> list[Path]:
    """Which of the files another user can list or read."""
    words = ["sh", "-c", SHOW, "sh", *map(str, files)]
    done = subprocess.run(words, user="nobody", group="nogroup", extra_groups=[], capture_output=True, check=True)
    return [Path(line) for line in done.stdout.decode().splitlines()]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can look with another user's eyes")
def test_another_user_reads_nothing(shop: Path):
    """Keys, retired keys, spool, tables and their log: replayed, landed and rotated, nobody else lists or reads one."""
    create_keys(Path("var/keys/pan-token.key"))
    assert CliRunner().invoke(cli, ["replay", str(VECTORS), "--profile", "unionpay"]).exit_code == 0
    land(load_settings())
    rotate(Path("var/keys/pan-token.key"))
    control = shop / "open to everybody"
    control.write_text("x")

    files = [path for path in shop.rglob("*") if path.is_file()]

    kinds = {path.suffix for path in files}
    assert {".key", ".seg", ".parquet", ".json"} <= kinds
    assert seen_by_nobody(files) == [control]


def test_modes_of_the_lake(shop: Path):
    """Folders 0750, data files 0640: the group of the reports reads, others do not, whatever the umask."""
    lake = Lake(shop / "deep" / "lake")
    lake.append("acks", [], app_id="a")
    with Spool(shop / "spool", create_keys(Path("k2"))) as spool:
        spool.append_many([PendingRecord(Kind.NOISE, "a", "unionpay", 1, digest=bytes(16), length=1)])
    (shop / "tillwatch.toml").write_text('[lake]\nuri = "deep/lake"\n[spool]\ndirectory = "spool"\n')
    land(load_settings())
    folders = {path for path in (shop / "deep/lake").rglob("*") if path.is_dir() and path.name != "_delta_log"}
    data = list((shop / "deep/lake").rglob("*.parquet"))

    assert data
    assert {stat.S_IMODE(path.stat().st_mode) for path in (shop / "deep/lake", *folders)} == {0o750}
    assert {stat.S_IMODE(path.stat().st_mode) for path in data} == {0o640}


def test_a_lake_that_was_there_keeps_its_mode(shop: Path):
    """Who may read an old folder is its owner's choice; doctor says when it is everybody."""
    (shop / "lake").mkdir(mode=0o755)
    Lake(shop / "lake").append("acks", [], app_id="a")

    assert stat.S_IMODE((shop / "lake").stat().st_mode) == 0o755
    check = check_lake(LakeSettings(uri=str(shop / "lake")))
    assert (check.state, check.hint) == ("warn", f"chmod -R o= {shop / 'lake'}")
    subprocess.run(check.hint.split(), check=True)
    assert check_lake(LakeSettings(uri=str(shop / "lake"))).state == "ok"


def test_doctor_mends_a_spool_that_is_open(shop: Path):
    """The hint is a command, and after it nothing is said any more."""
    keys = create_keys(shop / "k")
    with Spool(shop / "spool", keys) as spool:
        spool.append_many([PendingRecord(Kind.EVENT, "a", "p", 1)])
    assert [check.state for check in check_spool(shop / "spool", keys)] == ["ok", "ok"]
    (shop / "spool").chmod(0o755)
    [bad] = [check for check in check_spool(shop / "spool", keys) if check.state == "fail"]
    subprocess.run(bad.hint.split(), check=True)
    assert [check.state for check in check_spool(shop / "spool", keys)] == ["ok", "ok"]


def test_a_previewed_mail_is_its_owners(shop: Path):
    """It names a shop and its money: 0600, also where an older preview lay open."""
    mail = EmailMessage()
    mail.set_content("text")
    alert: Any = SimpleNamespace(business_date=dt.date(2026, 11, 22), merchant_id="m", locale="en", alert_id="a" * 32)
    for _ in range(2):
        paths = write_preview(Preview(alert, mail, told_already=False), shop / "out")
        assert {stat.S_IMODE(path.stat().st_mode) for path in paths.values()} == {0o600}
        for path in paths.values():
            path.chmod(0o644)
    assert stat.S_IMODE((shop / "out").stat().st_mode) == 0o700


def test_the_files_of_a_pack_are_their_owners(shop: Path):
    """Evidence names people and money: 0600."""
    pack._write(shop / "pack" / "case.pdf", b"x")
    assert stat.S_IMODE((shop / "pack" / "case.pdf").stat().st_mode) == 0o600


@pytest.mark.usefixtures("shop")
def test_the_umask_is_only_ever_narrowed():
    """Others lose everything; somebody's stricter choice stays."""
    for before, after in ((0, 0o027), (0o022, 0o027), (0o077, 0o077), (0o007, 0o027)):
        os.umask(before)
        narrow_umask()
        assert os.umask(0) == after
    done = subprocess.run(
        [sys.executable, "-c", "import os; from ingest.cli import main\ntry: main()\nfinally: print(oct(os.umask(0)))"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "0o27" in done.stdout
