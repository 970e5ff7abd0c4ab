"""The collector as a service: files that systemd and udev take."""

import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from ingest.cli import cli
from ingest.errors import UsageError
from ingest.service.install import RULES, UNIT
from protocols.usb_ids import usb_ids


def install(root: Path, *words: str) -> None:
    """The command, its files below ``root``."""
    done = CliRunner().invoke(cli, ["install-service", "--root", str(root), *words])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output


def test_the_unit_runs_unprivileged_and_says_when_it_is_ready(tmp_path: Path):
    """Type=notify with a watchdog, an own user, no capability, its state alone writable, serial devices alone open."""
    install(tmp_path, "--config", "/etc/shop.toml", "--user", "pos")

    unit = (tmp_path / UNIT).read_text()
    for line in ("Type=notify", "WatchdogSec=30", "User=pos", "CapabilityBoundingSet=", "ProtectSystem=strict"):
        assert f"\n{line}\n" in unit
    assert "collect --config /etc/shop.toml\n" in unit
    assert "{" not in unit
    rules = (tmp_path / RULES).read_text()
    assert "{{" not in rules
    terminals = {vendor for (vendor, _), row in usb_ids().items() if row.speaks}
    assert all(f'ATTR{{idVendor}}=="{vendor:04x}"' in rules for vendor in terminals)
    assert 'ENV{ID_MM_DEVICE_IGNORE}="1"' in rules


def test_installing_again_changes_nothing_and_a_changed_file_is_kept(tmp_path: Path):
    """What a person changed is not written over without being told to."""
    install(tmp_path)
    unit = tmp_path / UNIT
    before = unit.stat().st_mtime_ns
    install(tmp_path)
    assert unit.stat().st_mtime_ns == before
    unit.write_text("mine")
    with pytest.raises(UsageError, match="there already, and different"):
        install(tmp_path)
    assert unit.read_text() == "mine"
    install(tmp_path, "--force")
    assert unit.read_text() != "mine"


@pytest.mark.parametrize("words", [("--user", "root"), ("--config", "shop.toml")])
def test_a_service_that_could_not_work_is_refused(tmp_path: Path, words: tuple[str, str]):
    """Root, whom no exclusive port keeps out; a path that depends on where somebody stands."""
    with pytest.raises(UsageError):
        install(tmp_path, *words)


@pytest.mark.slow
def test_systemd_reads_the_unit_without_a_word(tmp_path: Path):
    """``systemd-analyze verify`` has nothing to say, and ``security`` finds little exposure."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("NOT VERIFIED BY SYSTEMD: systemd-analyze is not installed")
    install(tmp_path)
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / UNIT)], capture_output=True, text=True, check=False
    )
    words = [line for line in verified.stderr.splitlines() if "tillwatch" in line]
    assert words == []
    judged = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", str(tmp_path / UNIT)],
        capture_output=True,
        text=True,
        check=False,
    )
    [overall] = [line for line in judged.stdout.splitlines() if "Overall exposure level" in line]
    assert float(overall.split(":")[1].split()[0]) < 3.0, overall
