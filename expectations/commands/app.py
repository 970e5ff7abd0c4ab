"""`tillwatch app`: serve the page of cases."""

from pathlib import Path

import click

from ingest.commands.options import config_option
from ingest.errors import UsageError
from ingest.settings import Settings, load_settings

HIGHEST_PORT = 65535


@click.command()
@click.option("--listen", metavar="HOST:PORT", help="Instead of app.listen.")
@click.option("--token", "show_token", is_flag=True, help="Print the token that logs in, and serve nothing.")
@config_option
def app(listen: str | None, show_token: bool, config: Path | None) -> None:
    """Serve the page of cases until stopped: list, case, answers, evidence.

    On loopback by default; docs/app.md says how a reverse proxy brings it to others.
    """
    settings = load_settings(config, {"app": {"listen": listen}} if listen else None)
    if show_token:
        _print_token(settings)
        return
    host, port = _place(settings.app.listen)
    from expectations.app.server import create_app

    served = create_app(settings)
    import uvicorn

    click.echo(f"tillwatch: serving {settings.app.url or f'http://{host}:{port}'}; stop with Ctrl-C", err=True)
    if settings.app.oidc_issuer is None:
        click.echo("tillwatch: the token that logs in: `tillwatch app --token`", err=True)
    server = uvicorn.Server(
        uvicorn.Config(served, host=host, port=port, log_level="warning", access_log=False, server_header=False)
    )
    try:
        server.run()
    except SystemExit as ended:
        if ended.code:
            raise UsageError(f"app.listen: {settings.app.listen}: cannot be listened on", hint=_TAKEN) from None
        raise
    except KeyboardInterrupt:
        return


_TAKEN = "another program is there; name another with --listen 127.0.0.1:PORT"


def _print_token(settings: Settings) -> None:
    if settings.app.oidc_issuer is not None:
        raise UsageError("app.oidc_issuer: people log in there; there is no token", hint="take oidc_issuer out")
    from expectations.app.desk import login_token
    from ingest.keys import read_master

    click.echo(login_token(read_master(settings.app.key)[1]))


def _place(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    if not 0 < int(port) <= HIGHEST_PORT:
        raise UsageError(f"app.listen: {port} is no port", hint="a number from 1 to 65535")
    return host.strip("[]"), int(port)
