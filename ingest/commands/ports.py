"""``tillwatch ports``: the serial devices here, and which profile fits each."""

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from ingest.commands.options import json_option

if TYPE_CHECKING:
    from rich.console import Console

    from ingest.devices import Device

WIDEST = 10_000


@click.command()
@json_option
def ports(as_json: bool) -> None:
    """List serial devices with stable names, what is plugged in, and the profile that fits.

    Devices are only looked at, never opened: some terminals reset when a port is opened.
    """
    from ingest.devices import list_devices

    found = list_devices()
    if as_json:
        for device in found:
            click.echo(json.dumps(device.as_dict(), ensure_ascii=False))
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
    free = next((device for device in found if not device.busy), None)
    if free is not None:
        click.echo(f"try: tillwatch collect --line lane-1={free.stable}:{free.profile or 'unionpay'}", err=True)


def print_devices(found: "Sequence[Device]", console: "Console") -> None:
    """A table; where that would cut off a name that has to be copied, the names as lines of their own."""
    from rich.measure import Measurement
    from rich.table import Table

    table = Table("device", "stable name (use this)", "USB", "what", "profile", "state")
    rows = []
    for device in found:
        what = device.terminal or " ".join(filter(None, (device.manufacturer, device.product))) or "?"
        state = f"busy: {', '.join(device.held_by) or 'another user'}" if device.busy else "free"
        rows.append((device.device, device.stable, device.usb or "", what, device.profile or "by its terminal", state))
        table.add_row(*rows[-1])
    if Measurement.get(console, console.options.update(max_width=WIDEST), table).maximum <= console.width:
        console.print(table)
        return
    for name, stable, usb, what, profile, state in rows:
        facts = (f"device {name}", f"USB {usb}" if usb else "", f"what {what}", f"profile {profile}", state)
        console.print(stable, soft_wrap=True, markup=False, highlight=False)
        console.print("  " + ", ".join(filter(None, facts)), soft_wrap=True, markup=False, highlight=False)
