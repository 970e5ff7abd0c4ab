"""``tillwatch completion``: the shell's completion script."""

import click
from click.shell_completion import get_completion_class

from ingest.cli import cli
from ingest.errors import UsageError


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of SHELL.

    \b
    bash:  tillwatch completion bash > ~/.local/share/bash-completion/completions/tillwatch
    zsh:   tillwatch completion zsh  > ~/.zfunc/_tillwatch
    fish:  tillwatch completion fish > ~/.config/fish/completions/tillwatch.fish
    """  # noqa: D301 - click wants the backspace itself, not its two letters
    kind = get_completion_class(shell)
    if kind is None:
        raise UsageError(f"no completion for {shell}", hint="use bash, zsh or fish")
    try:
        click.echo(kind(cli, {}, "tillwatch", "_TILLWATCH_COMPLETE").source())
    except RuntimeError as wrong:
        raise UsageError(f"{shell}: {wrong}", hint="completion needs bash 4.4 or newer") from None
