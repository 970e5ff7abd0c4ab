"""Everything that is looked at: each view by a name, and how to bring it onto a sheet."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from expectations.app.desk import make_desk
from expectations.feedback.links import link_for
from expectations.mail.catalogue import LOCALES, Locale
from ingest.settings import Settings
from tests.expectations.app.scene import CASE, NOW, with_app
from tests.expectations.mail.lettercase import LETTERS as LETTERCASE
from tests.looks.chromium import Scheme, sheet

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

LETTERS = Path(__file__).parents[1] / "expectations" / "mail" / "goldens"
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
MAIL_WIDTHS, PAGE_WIDTHS = (360, 640, 1280), (360, 1280)
LETTER_LOOKS: tuple[tuple[int, Scheme], ...] = ((360, "light"), (640, "dark"), (1280, "light"))
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


def views() -> Iterator[View]:
    """All of them."""
    for locale in LOCALES:
        for scheme in SCHEMES:
            for width in MAIL_WIDTHS:
                yield View("mail", locale, width, scheme, _letter(locale))
            for width in PAGE_WIDTHS:
                yield View("cases", locale, width, scheme, _page("/cases"))
                yield View("case", locale, width, scheme, _page(f"/cases/{CASE}"))
        for name in LETTERCASE:
            for width, scheme in LETTER_LOOKS if name in WIDE else LETTER_LOOKS[:2]:
                yield View(f"letter.{name}", locale, width, scheme, _letter(locale, name))
        for scheme in SCHEMES:
            yield View("answer", locale, 360, scheme, _link(locale))
        yield View("print", locale, 794, "light", _printed)
        yield View("login", locale, 360, "light", lambda page, place: page.goto(f"{place.url}/login"))


def _cookies(view: View, place: Place) -> tuple[Any, ...]:
    """Those of somebody who has logged in, but for what is looked at before that."""
    return () if view.what in {"mail", "answer", "login"} or view.what.startswith("letter.") else place.cookies


def shot(running: "Browser", view: View, place: Place, check: "Callable[[Page], object]" = lambda _: None) -> bytes:
    """A picture of a view; ``check`` looks at the page before it is taken."""
    with sheet(running, view.width, view.scheme, view.locale, _cookies(view, place)) as page:
        view.show(page, place)
        check(page)
        return page.screenshot(full_page=True, animations="disabled", caret="hide")
