"""Everything that ``[[statements]]`` watches, folders first."""

from collections.abc import Iterator

from ingest.settings import Settings
from ingest.statements.folders import Taken, import_folders
from ingest.statements.prefixes import import_prefixes


def import_watched(settings: Settings) -> Iterator[Taken]:
    """Import what is new in folders and under prefixes; raises as `import_folders` and `import_prefixes` do."""
    yield from import_folders(settings)
    yield from import_prefixes(settings)
