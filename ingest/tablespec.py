"""What a table is: named and typed columns with their meanings, how it is cut into folders, and how it is sorted."""

from dataclasses import dataclass
from typing import Literal

Type = Literal["string", "int32", "int64", "double", "boolean", "date", "timestamp", "binary"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, its type and what a value of it says."""

    name: str
    type: Type
    meaning: str


@dataclass(frozen=True, slots=True)
class TableSpec:
    """One table.

    ``partition_by`` columns stand in the folders' names, not in the files; ``statistics``
    are the columns whose least and greatest value the Delta log keeps for each file;
    ``order_by`` is how the rows of a file are sorted.
    """

    name: str
    meaning: str
    partition_by: tuple[str, ...]
    statistics: tuple[str, ...]
    order_by: tuple[str, ...]
    columns: tuple[Column, ...]
