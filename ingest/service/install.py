"""The files that make the collector a service: a systemd unit and a udev rule."""

import os
import shutil
import sys
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from ingest.errors import UsageError
from protocols.usb_ids import usb_ids

UNIT = Path("etc/systemd/system/tillwatch-collector.service")
RULES = Path("etc/udev/rules.d/70-tillwatch.rules")


@dataclass(frozen=True, slots=True)
class ServiceFile:
    """One file: where it belongs, and what is in it."""

    path: Path
    text: str


def service_files(root: Path, *, user: str, config: Path, state: Path) -> list[ServiceFile]:
    """The files, not yet written.

    Args:
        root: ``/``, or a folder that stands for it.
        user: who the collector runs as; not root, whom an exclusive port does not keep out.
        config: the configuration file.
        state: the service's own folder, for spool, keys and tables.
    """
    installed = Path(sys.executable).with_name("tillwatch")
    command = installed if installed.exists() else Path(shutil.which("tillwatch") or installed)
    unit = _template("tillwatch-collector.service").format(command=command, config=config, user=user, state=state)
    vendors = sorted({vendor for (vendor, _), row in usb_ids().items() if row.speaks})
    awake = (
        'ACTION=="add", SUBSYSTEM=="usb", ATTR{{idVendor}}=="{:04x}", TEST=="power/control", ATTR{{power/control}}="on"'
    )
    rules = _template("70-tillwatch.rules").format(devices="\n".join(awake.format(vendor) for vendor in vendors))
    return [ServiceFile(root / UNIT, unit), ServiceFile(root / RULES, rules)]


def write(files: list[ServiceFile], *, force: bool) -> list[Path]:
    """Write what differs; the paths written.

    Raises:
        UsageError: a file is there and differs and ``force`` is not given, or it cannot be written.
    """
    changed = [file for file in files if not _holds(file)]
    for file in changed:
        if file.path.exists() and not force:
            raise UsageError(
                f"{file.path}: there already, and different",
                hint="--force replaces it; `systemctl edit tillwatch-collector` keeps changes beside it",
            )
    for file in changed:
        try:
            file.path.parent.mkdir(parents=True, exist_ok=True)
            file.path.write_text(file.text, "utf-8")
            file.path.chmod(0o644)
        except OSError as wrong:
            hint = "run it as root: sudo" if os.geteuid() else "is the file system read-only?"
            raise UsageError(f"{file.path}: cannot be written: {wrong.strerror}", hint=hint) from None
    return [file.path for file in changed]


def _holds(file: ServiceFile) -> bool:
    try:
        return file.path.read_text("utf-8") == file.text
    except (OSError, UnicodeDecodeError):
        return False


def _template(name: str) -> str:
    return (resources.files("ingest.service") / name).read_text("utf-8")
