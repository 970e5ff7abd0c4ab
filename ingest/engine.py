"""Which engine lands: this process, or Spark's executors."""

from typing import Literal

from pydantic import Field

from ingest.section import Section


class Engine(Section):
    """What works the tables out. Both make the same; Spark needs the extra ``spark`` and Java (docs/scale.md)."""

    land: Literal["duckdb", "spark"] = Field(
        default="duckdb", description="what lands; duckdb: this process; spark: Spark's executors"
    )
    master: str = Field(
        default="local[*]",
        pattern=r"^(local(\[[\d*]+\])?|spark://\S+:\d+|yarn|k8s://\S+)$",
        description="spark: the cluster, such as spark://127.0.0.1:7077; local[*]: every core of this machine",
    )
    executor_memory: str = Field(default="1g", pattern=r"^\d+[mg]$", description="spark: memory of one executor")
    options: dict[str, str] = Field(
        default={}, description="spark: further properties of Spark, written [engine.options]"
    )
