"""What goes along with a mail about cases: their dossiers in one PDF, the letters of complaint, and what proves them.

A mail never waits for its proof: what cannot be read, or takes too long, is left out, and the mail says where
to get it.
"""

import time
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from typing import Any

from expectations.cases.book import CaseBook, case_book
from expectations.evidence.account import Account
from expectations.evidence.dossier import dossiers_pdf
from expectations.evidence.gather import Grounds, gather
from expectations.evidence.manifest import unique
from expectations.evidence.pack import complaint_text, hashes_of, proof_of
from expectations.mail.brief import is_brief
from expectations.mail.cases import Case
from expectations.mail.compose import MOST_CASES
from expectations.mail.decide import Alert
from expectations.mail.enclosed import Enclosed
from expectations.mail.figures import Figures
from ingest.errors import TillwatchError
from ingest.settings import Settings

LONGEST = 60.0
"""Seconds after which a run of mails goes on without further evidence."""
MOST_PAGES = 3
"""Pages of a case in a mail's PDF; the pack of `tillwatch evidence make` has all."""
BETWEEN = "\n\n────────────────────────────────\n\n"


class Enclosing:
    """Makes what goes along with the mails of one run; what a case rests on is read once.

    Args:
        settings: where cases, spool and lake are, and how shops are called.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._grounds: dict[str, Grounds] = {}
        self._book: CaseBook | None = None
        self._spent = 0.0

    def of(self, alert: Alert) -> Enclosed:
        """The evidence about the cases that a mail tells in full; where there is none, why."""
        if not alert.with_evidence:
            return Enclosed("none")
        if self._settings.alerts.evidence == "link":
            return Enclosed("link")
        shown = [case for case in alert.cases[:MOST_CASES] if case.number]
        if not shown or is_brief(alert):
            return Enclosed("none")
        began = time.monotonic()
        try:
            grounds = list(self._read(shown))
            if len(grounds) < len(shown):
                return Enclosed("late")
            return self._made(alert, grounds)
        except (TillwatchError, OSError):
            return Enclosed("unreadable")
        finally:
            self._spent += time.monotonic() - began

    def _read(self, cases: Sequence[Case]) -> Iterator[Grounds]:
        began = time.monotonic()
        if self._book is None:
            self._book = case_book(self._settings)
        for case in cases:
            if case.number not in self._grounds:
                if self._spent + time.monotonic() - began > LONGEST:
                    return
                self._grounds[case.number] = gather(self._book.case(case.number), self._settings)
            yield self._grounds[case.number]

    def _made(self, alert: Alert, grounds: Sequence[Grounds]) -> Enclosed:
        figures = Figures.of(alert.locale, self._settings, alert.decided_at)
        accounts = [
            Account(each, figures, self._settings, alert.decided_at, version("tillwatch"), operators=False)
            for each in grounds
        ]
        proofs = [proof_of(each) for each in grounds]
        pdf = dossiers_pdf([(each, hashes_of(proof)) for each, proof in zip(accounts, proofs, strict=True)], MOST_PAGES)
        proof: dict[str, Any] = {
            "cases": [each.record.number for each in grounds],
            "ranges": unique(item for each in proofs for item in each["ranges"]),
            "rows": unique(item for each in proofs for item in each["rows"]),
        }
        known = frozenset(name for each in grounds for name in each.identifiers)
        complaint = BETWEEN.join(complaint_text(each) for each in accounts)
        return Enclosed("whole", pdf, complaint, proof, known)
