"""``tillwatch config show``: the settings in force and where each comes from."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from ingest.commands.options import config_option, json_option
from ingest.settings import load_settings, settings_layers


@click.group()
def config() -> None:
    """Show the settings in force and where each comes from."""


@config.command()
@config_option
@click.option("--origin", is_flag=True, help="Say behind each value where it comes from.")
@json_option
def show(config: Path | None, origin: bool, as_json: bool) -> None:
    """Print every setting in force, as TOML keys with their values."""
    settings = load_settings(config)
    from expectations.parameters import parameters

    parameters(settings)  # a misspelt one is a mistake in the settings like any other
    layers = settings_layers(config)
    for path, value in _leaves(settings.model_dump(mode="json"), ()):
        source = next((name for name, layer in reversed(layers) if _has(layer, path)), "default")
        key = ".".join(path)
        if as_json:
            click.echo(json.dumps({"key": key, "value": value, "origin": source}, ensure_ascii=False))
            continue
        text = f"{key} = {'(not set)' if value is None else json.dumps(value, ensure_ascii=False)}"
        click.echo(f"{text:<64}  # {source}" if origin else text)


def _leaves(value: dict[str, Any], path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, inner in value.items():
        if isinstance(inner, dict):
            yield from _leaves(inner, (*path, key))
        else:
            yield (*path, key), inner


def _has(layer: Any, path: tuple[str, ...]) -> bool:
    for key in path:
        if not isinstance(layer, dict) or key not in layer:
            return False
        layer = layer[key]
    return True
