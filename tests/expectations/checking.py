"""A lake for whole checks, and a judge whose import takes no seconds."""

from importlib.resources import files
from pathlib import Path

from ingest.settings import Settings
from ingest.tables import Lake
from tests.expectations.plainlaws import PlainBench
from tests.expectations.shopdays import Till, tables


class Bench(PlainBench):
    """Plain verdicts, and a page where the Data Docs would be."""

    def build_data_docs(self, folder: Path, _: object = None) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "index.html").write_text("judged")
        return folder / "index.html"


def fill(settings: Settings, *tills: Till) -> Lake:
    """What terminals did, landed."""
    lake = Lake(settings.lake.uri)
    for name, rows in tables(*tills).items():
        lake.append(name, rows, app_id=f"test-{name}-{len(tills)}")
    return lake


def sql_of(rule: str) -> str:
    """A rule's view, as its file has it."""
    return files("expectations.rules").joinpath(f"{rule}.sql").read_text("utf-8")
