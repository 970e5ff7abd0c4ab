"""The command line: verbs, each loaded only when it is called.

Data goes to stdout, talk to stderr. Exit status: 0 fine, 1 findings, 2 usage,
3 could not run. A user's error is one line and a hint, never a traceback.
"""

import difflib
import errno
import importlib
import io
import os
import sys

import click

from ingest.errors import TillwatchError
from ingest.permissions import narrow_umask
from ingest.redaction import redact, redact_output
from protocols.errors import ProtocolError

COMMANDS = {
    "alert": "expectations.commands.alert:alert",
    "app": "expectations.commands.app:app",
    "backup": "expectations.commands.backup:backup",
    "case": "expectations.commands.case:case",
    "check": "expectations.commands.check:check",
    "collect": "ingest.commands.collect:collect",
    "completion": "ingest.commands.completion:completion",
    "config": "expectations.commands.config:config",
    "demo": "ingest.commands.demo:demo",
    "describe": "ingest.commands.describe:describe",
    "doctor": "expectations.commands.doctor:doctor",
    "evidence": "expectations.commands.evidence:evidence",
    "feedback": "expectations.commands.feedback:feedback",
    "findings": "expectations.commands.findings:findings",
    "import": "ingest.commands.import_:import_",
    "install-service": "ingest.commands.install_service:install_service",
    "keys": "ingest.commands.keys:keys",
    "lake": "expectations.commands.lake:lake",
    "land": "ingest.commands.land:land",
    "ports": "ingest.commands.ports:ports",
    "replay": "ingest.commands.replay:replay",
    "report": "expectations.commands.report:report",
    "restore": "expectations.commands.backup:restore",
    "simulate": "ingest.commands.simulate:simulate",
    "spool": "ingest.commands.spool:spool",
}
SUMMARIES = {
    "alert": "Preview, send, explain and acknowledge the alert mails.",
    "app": "Serve the page of cases.",
    "backup": "Copy spool, tables and cases, with hashes.",
    "case": "List and follow cases until the money is back.",
    "check": "Run every rule and write the findings.",
    "collect": "Read terminals until stopped.",
    "completion": "Print the shell's completion script.",
    "config": "Show the settings in force and where each comes from.",
    "demo": "One simulated shop day, from terminals to mail.",
    "describe": "Say what a frame says, field by field, masked.",
    "doctor": "Check keys, spool, devices and tables; create keys.",
    "evidence": "Make and verify evidence packs.",
    "feedback": "What readers answered, what it taught; take either back.",
    "findings": "List findings.",
    "import": "Read acquirers' statements into the lake.",
    "install-service": "Write the systemd unit and the udev rule.",
    "keys": "List, rotate and destroy the keys of card tokens.",
    "lake": "Keep the tables in good order.",
    "land": "Move sealed segments into the tables.",
    "ports": "List serial devices with stable names.",
    "replay": "Read captures into the spool.",
    "report": "A week or a month as a page.",
    "restore": "Put a backup where nothing is yet.",
    "simulate": "Start simulated terminals on pseudo-terminals.",
    "spool": "List, verify, export and prune the spool.",
}


_REFUSED = {
    errno.ENOSPC: "free some space, or check what the output goes to",
    errno.EMFILE: "raise the limit of open files: ulimit -n",
}
"""What to do about what the system refuses, where no command knew better."""


class LazyGroup(click.Group):
    """A group that imports a command's module when the command is called, not before."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every verb, in order."""
        del ctx
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The verb's command, imported now."""
        if cmd_name not in COMMANDS:
            if not ctx.resilient_parsing and (close := difflib.get_close_matches(cmd_name, COMMANDS, n=1)):
                ctx.fail(f"No such command {cmd_name!r}. Did you mean {close[0]!r}?")
            return None
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def invoke(self, ctx: click.Context) -> object:
        """Run the verb. A reader that has seen enough (``| head``) ends it with 0: click's 1 says findings here."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is buffered goes nowhere
            ctx.exit(0)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of verbs, without importing any of them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(sorted(SUMMARIES.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tillwatch", prog_name="tillwatch")
def cli() -> None:
    """Read card terminals; tell, with proof, which debits were taken twice and which refunds are wrong."""


def main() -> None:
    """Run the command line and turn a user's error into a line and a hint."""
    narrow_umask()
    redact_output()
    try:
        status = cli.main(standalone_mode=False)
    except click.ClickException as wrong:
        said = io.StringIO()
        wrong.show(said)
        click.echo(redact(said.getvalue()), err=True, nl=False)
        sys.exit(wrong.exit_code)
    except click.Abort:
        click.echo("tillwatch: stopped", err=True)
        sys.exit(130)
    except (TillwatchError, ProtocolError) as wrong:
        click.echo(redact(f"tillwatch: {wrong}"), err=True)
        if wrong.hint:
            click.echo(redact(f"  try: {wrong.hint}"), err=True)
        sys.exit(getattr(wrong, "exit_status", 3))
    except OSError as wrong:
        where = f"{wrong.filename}: " if wrong.filename else ""
        click.echo(redact(f"tillwatch: {where}{wrong.strerror or wrong}"), err=True)
        click.echo(f"  try: {_REFUSED.get(wrong.errno or 0, 'check that path, its owner and mode')}", err=True)
        sys.exit(3)
    sys.exit(status if isinstance(status, int) else 0)
