"""The serial devices of this machine: stable names, what is plugged in, who has it, which profile fits.

Reads sysfs, /dev/serial and /proc only. It never opens a device: opening raises DTR,
and some terminals reset on that.
"""

import os
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from serial.tools.list_ports_linux import SysFS

from protocols.usb_ids import UsbId, usb_id

if sys.platform == "win32":
    from serial.tools.list_ports_windows import comports
else:
    from serial.tools.list_ports_linux import comports

BY_ID = Path("/dev/serial/by-id")
BY_PATH = Path("/dev/serial/by-path")


@dataclass(frozen=True)
class Device:
    """One serial device, as `tillwatch ports` shows it."""

    device: str
    stable: str
    by_id: str | None
    by_path: str | None
    usb: str | None
    serial_number: str | None
    manufacturer: str | None
    product: str | None
    terminal: str | None
    model: dict[str, str] | None
    profile: str | None
    why: str
    busy: bool
    held_by: tuple[str, ...]
    there: bool = True

    def as_dict(self) -> dict[str, Any]:
        """The object of ``tillwatch ports --json``."""
        return asdict(self)


def list_devices() -> list[Device]:
    """Every serial device here, in the order of its names. Built-in ports that lead nowhere are left out by sysfs."""
    by_id, by_path = _names(BY_ID), _names(BY_PATH)
    return [_device(port, by_id, by_path) for port in sorted(comports(), key=lambda each: each.device)]


def one_device(name: str) -> Device:
    """A device by a name that the list does not have: a link of one's own, a pseudo-terminal."""
    known: Any = SysFS(str(Path(name).resolve()))
    found = _device(known, _names(BY_ID), _names(BY_PATH))
    return replace(found, device=name, stable=name if found.stable == found.device else found.stable)


def _device(port: Any, by_id: dict[str, str], by_path: dict[str, str]) -> Device:
    """What sysfs and /proc know of a port."""
    path = str(Path(port.device).resolve())
    who = holders(port.device)
    known = usb_id(port.vid, port.pid)
    return Device(
        device=port.device,
        stable=_stable(port.device, by_id.get(path), by_path.get(path), port.serial_number),
        by_id=by_id.get(path),
        by_path=by_path.get(path),
        usb=f"{port.vid:04X}:{port.pid:04X}" if port.vid is not None else None,
        serial_number=port.serial_number,
        manufacturer=port.manufacturer,
        product=port.product,
        terminal=known.name["en"] if known else None,
        model=known.name if known else None,
        profile=known.speaks[0] if known and known.speaks else None,
        why=_why(known),
        busy=bool(who) or is_locked(port.device),
        held_by=tuple(who),
        there=Path(port.device).exists(),
    )


def _why(known: UsbId | None) -> str:
    """What the profile stands on, in words."""
    if known is None:
        return "these ids are not known: listen to it"
    if not known.speaks:
        return "an adapter: its terminal says what it speaks, listen to it"
    others = f", or {' or '.join(known.speaks[1:])}" if known.speaks[1:] else ""
    return f"by its USB ids alone ({known.source}); assumed{others}: listen to it"


def _stable(device: str, by_id: str | None, by_path: str | None, serial_number: str | None) -> str:
    """The name to configure: by serial number when there is one (cheap adapters share a by-id name), else by socket."""
    return (by_id if serial_number else None) or by_path or by_id or device


def _names(folder: Path) -> dict[str, str]:
    """Path behind each stable name -> the name."""
    try:
        links = sorted(folder.iterdir())
    except OSError:
        return {}
    return {str(link.resolve()): str(link) for link in links}


def usb_identity(device: str) -> dict[str, str]:
    """What sysfs knows of a device: path behind the name, VID:PID, serial, maker, product, socket.

    Only reads sysfs: opening a port resets some terminals.
    """
    path = str(Path(device).resolve())
    facts = {"device": device, "path": path}
    known: Any = SysFS(path)
    if known.vid is not None:
        facts["usb"] = f"{known.vid:04X}:{known.pid:04X}"
    for name in ("serial_number", "manufacturer", "product", "interface", "location"):
        value = getattr(known, name, None)
        if value:
            facts[name] = str(value)
    return facts


def holders(device: str) -> list[str]:
    """Who has the device open, as ``name (pid n)``; only programs that this user may look at. Windows does not say."""
    if sys.platform == "win32":
        return []
    try:
        wanted = Path(device).stat().st_rdev
    except OSError:
        return []
    found: list[str] = []
    for process in sorted(Path("/proc").glob("[0-9]*"), key=lambda entry: int(entry.name)):
        if _holds(process, wanted):
            try:
                name = (process / "comm").read_text("utf-8", "replace").strip()
            except OSError:
                continue
            found.append(f"{name} (pid {process.name})")
    return found


def _holds(process: Path, rdev: int) -> bool:
    if sys.platform == "win32":
        return False
    try:
        descriptors = list((process / "fd").iterdir())
    except OSError:
        return False
    for descriptor in descriptors:
        try:
            target = str(descriptor.readlink())
            if target.startswith("/dev/") and descriptor.stat().st_rdev == rdev:
                return True
        except OSError:
            continue
    return False


def is_locked(device: str) -> bool:
    """Whether somebody holds a flock on the device, whoever they are (/proc/locks shows every user's)."""
    if sys.platform == "win32":
        return False
    try:
        info = Path(device).stat()
        table = Path("/proc/locks").read_text("ascii")
    except OSError:
        return False
    wanted = f"{os.major(info.st_dev):02x}:{os.minor(info.st_dev):02x}:{info.st_ino}"
    return any(wanted in line.split() for line in table.splitlines())
