"""Options that several commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

config_option: Callable[[Callable[..., Any]], Callable[..., Any]] = click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Configuration file; ./tillwatch.toml when it is there.",
)
json_option: Callable[[Callable[..., Any]], Callable[..., Any]] = click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print JSON lines.",
)
engine_option = click.option(
    "--engine",
    type=click.Choice(["duckdb", "spark"]),
    help="What works it out: this process, or Spark's executors; [engine] of the settings by default.",
)
