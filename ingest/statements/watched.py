"""Everything that ``[[statements]]`` watches, folders first."""

import itertools
from collections.abc import Iterator

from ingest.batch_metrics import batch_run
from ingest.settings import Settings
from ingest.statements.folders import Taken, import_folders
from ingest.statements.prefixes import import_prefixes


def import_watched(settings: Settings) -> Iterator[Taken]:
    """Import what is new in folders and under prefixes; raises as `import_folders` and `import_prefixes` do."""
    states = dict.fromkeys(("imported", "known", "refused"), 0)
    with batch_run(settings, "import") as run:
        for taken in itertools.chain(import_folders(settings), import_prefixes(settings)):
            new = taken.imported is not None and taken.imported.is_new
            states["imported" if new else "refused" if taken.imported is None else "known"] += 1
            yield taken
        for state, count in states.items():
            run.tell("import_files", count, state)
        run.failed = bool(states["refused"])
