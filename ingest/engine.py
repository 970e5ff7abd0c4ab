"""Which engine lands and judges: this process, or Spark's executors."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from ingest.section import Section


class Engine(Section):
    """What lands, and what judges. Both do the same; Spark needs the extra ``spark`` and Java (docs/scale.md)."""

    land: Literal["duckdb", "spark"] = Field(
        default="duckdb", description="what lands; duckdb: this process; spark: Spark's executors"
    )
    check: Literal["duckdb", "spark"] = Field(
        default="duckdb", description="what links and judges; duckdb: this process; spark: Spark's executors"
    )
    master: str = Field(
        default="local[*]",
        pattern=r"^(local(\[[\d*]+\])?|spark://\S+:\d+|yarn|k8s://\S+)$",
        description="spark: the cluster, such as spark://127.0.0.1:7077; local[*]: every core of this machine",
    )
    executor_memory: str = Field(default="1g", pattern=r"^\d+[mg]$", description="spark: memory of one executor")
    secret_file: Path | None = Field(
        default=None,
        description="spark: file with the secret that master, workers and drivers know, mode 0600; "
        "with it everybody proves to know it, and all connections are encrypted",
    )
    options: dict[str, str] = Field(
        default={}, description="spark: further properties of Spark, written [engine.options]"
    )
