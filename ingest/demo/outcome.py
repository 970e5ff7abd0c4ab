"""What a demo came to, and where each thing of it is."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from ingest.demo.airflow import DAGS, USER, Home
from ingest.demo.place import APP_URL, Place
from ingest.demo.report import Verdict


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the demo came to."""

    verdict: Verdict
    mails: list[tuple[Path, str, str]]  # file, to, subject
    newest_html: Path | None
    data_docs: list[Path]
    runs: dict[str, list[str]]  # DAG -> the states of its runs, newest first
    case: str  # the number of the case with the most money
    pack: Path | None

    @property
    def holds(self) -> bool:
        """Exactly the faults were found, every run succeeded, and mails and pack are there."""
        states = [state for dag in DAGS for state in self.runs[dag] or ["never ran"]]
        return (
            self.verdict.is_exact and bool(self.mails and self.newest_html and self.pack) and set(states) == {"success"}
        )


def show_places(outcome: Outcome, place: Place, home: Home, out: Console, *, stays: bool) -> None:
    """Print where each thing is; ``stays`` when Airflow goes on running."""
    for dag, states in outcome.runs.items():
        out.print(
            f"{dag:<20} {', '.join(f'{count} {state}' for state, count in Counter(states).items()) or 'never ran'}"
        )
    until = "" if stays else "  (stops now; --keep-airflow leaves it running)"
    rows = [
        ("tables", f"{place.lake}/<table>"),
        *(("Data Docs", str(page)) for page in outcome.data_docs),
        ("mailbox", f"{place.mailbox} ({len(outcome.mails)} mails)"),
        *(("  " + path.name, f"{to}  {subject}") for path, to, subject in outcome.mails),
        ("newest alert", str(outcome.newest_html or "no mail")),
        ("evidence pack", str(outcome.pack or "no case")),
        ("page of cases", f"tillwatch app --config {place.config}"),
        ("  then open", f"{APP_URL}/cases/{outcome.case}, or a button of a mail"),
        ("  its token", f"tillwatch app --token --config {place.config}"),
        ("truth", str(place.truth)),
        ("logs", str(place.logs)),
        ("Airflow", f"{home.url}  user {USER}  password {home.password}{until}"),
        ("Airflow's logs", str(home.directory / "logs")),
    ]
    for name, where in rows:
        out.print(f"{name:<20} {where}")
