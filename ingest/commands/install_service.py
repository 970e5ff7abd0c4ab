"""``tillwatch install-service``: the collector as a service of this machine."""

from pathlib import Path

import click

from ingest.errors import UsageError


@click.command("install-service")
@click.option("--user", default="tillwatch", show_default=True, help="Who the collector runs as; not root.")
@click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("/etc/tillwatch.toml"),
    show_default=True,
    help="The configuration it reads.",
)
@click.option(
    "--state",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("/var/lib/tillwatch"),
    show_default=True,
    help="Its own folder; relative paths of the configuration start at the configuration's.",
)
@click.option(
    "--root",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("/"),
    show_default=True,
    help="Write below this folder instead: to look at the files, or for an image.",
)
@click.option("--force", is_flag=True, help="Replace files that are there and differ.")
def install_service(*, user: str, config: Path, state: Path, root: Path, force: bool) -> None:
    """Write the systemd unit (hardened, with watchdog) and the udev rule for terminals; start nothing.

    Exit status: 0 written or there already, 2 refused.
    """
    from ingest.service.install import service_files, write

    if user == "root":
        raise UsageError("the collector does not run as root", hint="an exclusive port does not keep root out")
    if not config.is_absolute() or not state.is_absolute():
        raise UsageError("a service has no folder of its own to start from", hint="give --config and --state from /")
    written = write(service_files(root, user=user, config=config, state=state), force=force)
    for path in written:
        click.echo(path)
    if not written:
        click.echo("nothing to change", err=True)
        return
    for step in (
        f"id {user} || useradd --system --home-dir {state} --shell /usr/sbin/nologin {user}",
        "udevadm control --reload && udevadm trigger --subsystem-match=tty",
        "systemctl daemon-reload && systemctl enable --now tillwatch-collector",
    ):
        click.echo(f"next: {step}", err=True)
