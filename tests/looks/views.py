"""Everything that is looked at: each view by a name, and how to bring it onto a sheet."""

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from expectations.app.desk import make_desk
from expectations.cases.database import database_of
from expectations.feedback.links import link_for
from expectations.feedback.record import Feedback
from expectations.mail.catalogue import LOCALES, Locale
from expectations.mail.ledger import Ledger
from ingest.settings import Settings, load_settings
from ingest.tables import Lake
from tests.expectations.app.scene import CASE, NOW, serving, with_app
from tests.expectations.mail.lettercase import LETTERS as LETTERCASE
from tests.expectations.mail.lettercase import report_page
from tests.looks.chromium import Scheme, sheet

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

LETTERS = Path(__file__).parents[1] / "expectations" / "mail" / "goldens"
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
WIDTHS = (360, 640, 1280)
LETTER_LOOKS: tuple[tuple[int, Scheme], ...] = ((360, "light"), (640, "dark"), (1280, "light"))
OTHER_LOOKS: tuple[tuple[int, Scheme], ...] = ((360, "light"), (1280, "dark"))
WIDE = frozenset({"storm", "weekly", "fleet"})
"""Letters with tables, looked at on a wide screen too."""
RETRY = "C-1121-0006"
"""The case of the alert example: one purchase perhaps charged twice."""


@dataclass(frozen=True, slots=True)
class View:
    """One thing to look at."""

    what: str
    locale: Locale
    width: int
    scheme: Scheme
    show: Callable[["Page", "Place"], object]

    @property
    def name(self) -> str:
        """Its golden's."""
        return f"{self.what}-{self.locale}-{self.width}-{self.scheme}"


@dataclass(frozen=True, slots=True)
class Place:
    """Where the pages are served, and the cookies of somebody who has logged in."""

    url: str
    settings: Settings
    cookies: tuple[Any, ...]


def _letter(locale: Locale, name: str = "example-before-cutoff") -> Callable[["Page", Place], object]:
    def show(page: "Page", place: Place) -> None:
        del place
        page.set_content((LETTERS / f"{name}.{locale}.html").read_text("utf-8"))

    return show


def enter(running: "Browser", url: str, settings: Settings) -> Place:
    """Log in, once for everything that is looked at there."""
    with sheet(running, 1280) as page:
        page.goto(f"{url}/login")
        page.fill("#token", make_desk(settings).token)
        page.click("button.main")
        page.wait_for_url(f"{url}/cases")
        kept = [each for each in page.context.cookies() if each["name"] == "tillwatch"]
    return Place(url, settings, tuple({**each, "url": url, "domain": None, "path": None} for each in kept))


def _page(path: str) -> Callable[["Page", Place], object]:
    return lambda page, place: page.goto(place.url + path)


def link_of(place: Place, number: str, answer: str, locale: Locale) -> str:
    """A mail's link to the served pages."""
    address = link_for(number, answer, with_app(place.settings, url=place.url), now=NOW, locale=locale)
    assert address is not None
    return address


def _link(locale: Locale) -> Callable[["Page", Place], object]:
    return lambda page, place: page.goto(link_of(place, RETRY, "confirmed", locale))


def _printed(page: "Page", place: Place) -> None:
    page.goto(f"{place.url}/cases/{CASE}")
    page.emulate_media(media="print")


def _report(locale: Locale) -> Callable[["Page", Place], object]:
    def show(page: "Page", place: Place) -> None:
        del place
        page.set_content(report_page(locale))

    return show


@contextlib.contextmanager
def _answered(place: Place) -> Iterator[Place]:
    """A copy of the scene in which two cases are answered; what is served stays as it was."""
    with tempfile.TemporaryDirectory(prefix="tillwatch-looks-") as folder:
        root = shutil.copytree(place.settings.app.key.parent, Path(folder) / "shop")
        settings = load_settings(root / "tillwatch.toml")
        answers = Feedback(database_of(settings), Ledger(Lake.of(settings.lake)), now=lambda: NOW)
        answers.answer(RETRY, "confirmed", "li")
        answers.answer(CASE, "two-purchases", "li")
        with serving(settings) as url:
            yield Place(url, settings, place.cookies)


def _learned(page: "Page", place: Place) -> None:
    with _answered(place) as answered:
        page.goto(f"{answered.url}/learned")


def _thanks(locale: Locale) -> Callable[["Page", Place], object]:
    def show(page: "Page", place: Place) -> None:
        with _answered(place) as answered:
            page.goto(link_of(answered, RETRY, "confirmed", locale))

    return show


def views() -> Iterator[View]:
    """All of them."""
    for locale in LOCALES:
        for scheme in SCHEMES:
            for width in WIDTHS:
                yield View("mail", locale, width, scheme, _letter(locale))
                yield View("cases", locale, width, scheme, _page("/cases"))
                yield View("case", locale, width, scheme, _page(f"/cases/{CASE}"))
        for name in LETTERCASE:
            for width, scheme in LETTER_LOOKS if name in WIDE else LETTER_LOOKS[:2]:
                yield View(f"letter.{name}", locale, width, scheme, _letter(locale, name))
        for scheme in SCHEMES:
            for width in (360, 1280):
                yield View("answer", locale, width, scheme, _link(locale))
        for width, scheme in OTHER_LOOKS:
            yield View("merchants", locale, width, scheme, _page("/merchants"))
            yield View("learned", locale, width, scheme, _learned)
            yield View("error", locale, width, scheme, _page("/cases/C-0101-0001"))
            yield View("thanks", locale, width, scheme, _thanks(locale))
            yield View("report", locale, width, scheme, _report(locale))
        yield View("print", locale, 794, "light", _printed)
        yield View("login", locale, 360, "light", lambda page, place: page.goto(f"{place.url}/login"))


def _cookies(view: View, place: Place) -> tuple[Any, ...]:
    """Those of somebody who has logged in, but for what is looked at before that."""
    return (
        ()
        if view.what in {"mail", "answer", "login", "thanks", "report"} or view.what.startswith("letter.")
        else place.cookies
    )


def shot(running: "Browser", view: View, place: Place, check: "Callable[[Page], object]" = lambda _: None) -> bytes:
    """A picture of a view; ``check`` looks at the page before it is taken."""
    with sheet(running, view.width, view.scheme, view.locale, _cookies(view, place)) as page:
        view.show(page, place)
        check(page)
        return page.screenshot(full_page=True, animations="disabled", caret="hide")
