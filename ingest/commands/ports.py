"""``tillwatch ports``: the serial devices here, and which profile fits each."""

import json
import sys

import click

from ingest.commands.options import json_option


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
    from rich.table import Table

    table = Table("device", "stable name (use this)", "USB", "what", "profile", "state")
    for device in found:
        what = device.terminal or " ".join(filter(None, (device.manufacturer, device.product))) or "?"
        state = f"busy: {', '.join(device.held_by) or 'another user'}" if device.busy else "free"
        table.add_row(device.device, device.stable, device.usb or "", what, device.profile or "by its terminal", state)
    Console(file=sys.stdout, width=None if sys.stdout.isatty() else 200).print(table)
    free = next((device for device in found if not device.busy), None)
    if free is not None:
        click.echo(f"try: tillwatch collect --line lane-1={free.stable}:{free.profile or 'unionpay'}", err=True)
