"""``tillwatch ports``: the serial devices here, and which profile fits each."""

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from ingest.commands.options import json_option
from ingest.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from ingest.devices import Device
    from ingest.listening import Listened

WIDEST = 10_000


@click.command()
@click.argument("names", nargs=-1, metavar="[DEVICE]...")
@click.option(
    "--listen", "seconds", type=click.FloatRange(0.1, 3600), metavar="SECONDS", help="Listen, and say what is spoken."
)
@click.option(
    "--ask", "asking", is_flag=True, help="Ask the DEVICEs named a harmless question of each profile that has one."
)
@json_option
def ports(names: tuple[str, ...], seconds: float | None, asking: bool, as_json: bool) -> None:
    """List serial devices with stable names, what is plugged in, and the profile that fits.

    All, or those named. Devices are only looked at, never opened: some terminals reset when a
    port is opened. With --listen the free ones are opened and heard, each for so many seconds at
    most, at one speed after the other; nothing is written. With --ask the devices named are
    written to: each profile's question that changes nothing, until one is answered.
    """
    from ingest.devices import list_devices

    if asking and not names:
        raise UsageError("--ask needs DEVICE", hint="only devices that are named are written to: `tillwatch ports`")
    if asking and seconds is not None:
        raise UsageError("--ask and --listen are two things", hint="listen first; ask where nobody speaks")
    found = list_devices()
    if names:
        found = _named(found, names)
    heard = _heard(found, names, seconds) if asking or seconds is not None else {}
    if as_json:
        for device in found:
            told = {"heard": heard[device.device].as_dict()} if device.device in heard else {}
            click.echo(json.dumps({**device.as_dict(), **told}, ensure_ascii=False))
        return
    if not found:
        click.echo(
            "no serial device here: plug the terminal or its USB adapter in, then look again "
            "(`dmesg | tail` names what was plugged in); without hardware, `tillwatch simulate` makes devices",
            err=True,
        )
        return
    from rich.console import Console

    print_devices(found, Console(file=sys.stdout, width=None if sys.stdout.isatty() else 200))
    for name, listened in heard.items():
        click.echo(f"{name}: {listened}")
    sure = {name: each.verdict.profile for name, each in heard.items() if each.verdict.is_sure}
    free = next((each for each in found if each.device in sure or (each.there and not each.busy)), None)
    if free is not None:
        click.echo(f"try: tillwatch collect --line lane-1={free.stable}:{sure.get(free.device, 'auto')}", err=True)


def _named(found: "list[Device]", names: Sequence[str]) -> "list[Device]":
    """The devices of these names; one that the system does not list as serial is looked at all the same."""
    from ingest.devices import one_device

    listed = {name: device for device in found for name in (device.device, device.by_id, device.by_path) if name}
    return [listed.get(name) or one_device(name) for name in names]


def _heard(found: "Sequence[Device]", names: Sequence[str], seconds: float | None) -> "dict[str, Listened]":
    """Device -> what it said; without a time it is asked. Busy ones are left alone unless they are named."""
    from ingest.listening import ask, listen
    from protocols.profile import usable_profiles
    from protocols.usb_ids import speaks

    profiles, unusable = usable_profiles()
    for wrong in unusable:
        click.echo(f"left out: {wrong}", err=True)
    wanted = [device for device in found if not device.busy or device.device in names]
    for device in found:
        if device not in wanted:
            click.echo(f"{device.device}: busy, not opened", err=True)
    free = [(device.device, speaks(device.usb or "")) for device in wanted]
    if seconds is not None:
        return {each.device: each for each in listen(free, profiles, seconds)}
    return {name: ask(name, profiles, likely) for name, likely in free}


def print_devices(found: "Sequence[Device]", console: "Console") -> None:
    """A table; where that would cut off a name that has to be copied, the names as lines of their own."""
    from rich.measure import Measurement
    from rich.table import Table

    table = Table("device", "stable name (use this)", "USB", "what", "profile", "state")
    rows = []
    for device in found:
        names = device.model or {}
        what = device.terminal or " ".join(filter(None, (device.manufacturer, device.product))) or "?"
        if names.get("zh-CN", what) != what:
            what += f" {names['zh-CN']}"
        state = f"busy: {', '.join(device.held_by) or 'another user'}" if device.busy else "free"
        state = state if device.there else "not there: plug it in"
        profile = f"{device.profile}, assumed" if device.profile else "by its terminal"
        rows.append((device.device, device.stable, device.usb or "", what, profile, state))
        table.add_row(*rows[-1])
    if Measurement.get(console, console.options.update(max_width=WIDEST), table).maximum <= console.width:
        console.print(table)
        return
    for name, stable, usb, what, profile, state in rows:
        facts = (f"device {name}", f"USB {usb}" if usb else "", f"what {what}", f"profile {profile}", state)
        console.print(stable, soft_wrap=True, markup=False, highlight=False)
        console.print("  " + ", ".join(filter(None, facts)), soft_wrap=True, markup=False, highlight=False)
