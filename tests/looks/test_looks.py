"""Mails and pages in a real browser: they look as they did, nothing sticks out, everybody can use them.

``python -m tests.looks --goldens`` makes the goldens anew; look at each before it is committed.
"""

import re
from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.sync_playwright import Axe

from expectations.cases.book import case_book
from expectations.feedback.record import feedback_of
from tests.expectations.app.scene import CASE
from tests.looks.chromium import sheet
from tests.looks.compare import GOLDENS, broken_laws, difference
from tests.looks.views import RETRY, Place, link_of, shot, views

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.slow
VIEWS = {each.name: each for each in views()}


@pytest.mark.parametrize("name", VIEWS)
def test_it_looks_as_it_did_and_all_can_use_it(running: "Browser", place: Place, name: str):
    """The picture against its golden; nothing sticks out, is cut off or lies on another; axe finds nothing serious."""
    broken: list[str] = []

    def look(page: "Page") -> None:
        broken.extend(broken_laws(page))
        broken.extend(serious_faults(page))

    png = shot(running, VIEWS[name], place, look)
    assert broken == []
    assert difference(name, png) == ""


def serious_faults(page: "Page") -> list[str]:
    """What axe-core calls serious or critical."""
    return [
        f"{each['id']} ({each['impact']}): {[node['html'][:120] for node in each['nodes'][:3]]}"
        for each in Axe().run(page).response["violations"]
        if each["impact"] in {"serious", "critical"}
    ]


def test_every_golden_is_of_a_view():
    """Nothing lies about unused, and all of it is light."""
    assert {each.stem for each in GOLDENS.glob("*.png")} == set(VIEWS)
    assert sum(each.stat().st_size for each in GOLDENS.glob("*.png")) < 2_000_000


SPOILT = {
    "no-style": "document.querySelectorAll('style,link[rel=stylesheet]').forEach(e => e.remove())",
    "half-as-wide": "document.querySelector('main').style.width = '55%'",
    "no-colour": "document.body.style.filter = 'invert(1)'",
    "blocks-gone": "document.querySelectorAll('.card').forEach((e, i) => { if (i % 2) e.style.visibility = 'hidden' })",
    "moved": "document.querySelector('main').style.transform = 'translateX(120px)'",
    "taller": "document.querySelectorAll('.card').forEach(e => e.style.marginBottom = '80px')",
}


@pytest.mark.parametrize("how", SPOILT)
def test_a_broken_layout_is_noticed(running: "Browser", place: Place, how: str):
    """The comparison can fail: styles lost, columns squeezed, colours turned, blocks gone, moved or pushed apart."""
    name = "cases-en-1280-light"
    png = shot(running, VIEWS[name], place, lambda page: page.evaluate(SPOILT[how]))
    assert difference(name, png) != ""


GONE = {
    "the-signature": (("case", "print"), "document.querySelector('#signatures figure').style.visibility = 'hidden'"),
    "what-is-highlighted": (
        ("case", "print"),
        "document.querySelectorAll('.hex .t0, .hex .t1').forEach(e => e.style.background = 'none')",
    ),
    "what-differs": (
        ("case", "print"),
        "document.querySelectorAll('tr.marked').forEach(e => e.classList.remove('marked'))",
    ),
    "the-acquirers-lines": (("print",), "document.querySelector('#acquirer').style.visibility = 'hidden'"),
    "the-acquirers-card": (("case-zh-CN",), "document.querySelector('#acquirer').style.visibility = 'hidden'"),
    "what-was-ruled-out": (("case", "print"), "document.querySelector('#ruled_out').style.visibility = 'hidden'"),
    "the-red-of-the-head": (
        ("mail",),
        "document.querySelector('.head').style.cssText += ';background:#eaf7ee;border-color:#2d7a4b'",
    ),
}
LOOKED_AT = ("case-en-360-light", "case-zh-CN-1280-light", "print-zh-CN-794-light", "print-en-794-light",
             "mail-zh-CN-360-light", "mail-en-1280-light")  # fmt: skip
SPOILT_VIEWS = [(name, how) for how, (where, _) in GONE.items() for name in LOOKED_AT if name.startswith(where)]


@pytest.mark.parametrize(("name", "how"), SPOILT_VIEWS)
def test_what_a_view_is_for_is_missed(running: "Browser", place: Place, name: str, how: str):
    """On a tall page too: a signature, a tint, a card or the colour of a warning that is gone is another picture."""
    png = shot(running, VIEWS[name], place, lambda page: page.evaluate(GONE[how][1]))
    assert " of the places look different" in difference(name, png)


WIDE_NOTE = "() => { document.querySelector('main p').style.width = '900px' }"


def test_what_sticks_out_is_noticed(running: "Browser", place: Place):
    """The laws of layout can fail."""
    broken: list[str] = []

    def spoil(page: "Page") -> None:
        page.evaluate(WIDE_NOTE)
        broken.extend(broken_laws(page))

    shot(running, VIEWS["cases-en-360-light"], place, spoil)
    assert any("sticks out" in each for each in broken)


def test_axe_can_find_a_fault(running: "Browser", place: Place):
    """A picture without a word for it is noticed."""
    with sheet(running, 360, cookies=place.cookies) as page:
        page.goto(f"{place.url}/cases/{CASE}")
        page.evaluate("document.querySelector('img').removeAttribute('alt')")
        assert [each for each in serious_faults(page) if each.startswith("image-alt")]


def test_the_buttons_of_a_mail_answer(running: "Browser", own_place: Place):
    """From the link to the thanks on a phone: following it changes nothing, the button does, and all without script."""
    settings = own_place.settings
    context = running.new_context(viewport={"width": 360, "height": 740}, java_script_enabled=False, locale="zh-CN")
    page = context.new_page()
    page.goto(link_of(own_place, RETRY, "two-purchases", "zh-CN"))
    assert feedback_of(settings).answers() == []
    page.click("button:has-text('确定：是两笔消费')")
    assert page.inner_text("[role=status]") == "✓ 谢谢，已记录：是两笔消费。"
    page.goto(link_of(own_place, RETRY, "done", "en"))
    page.click("button:has-text('Yes: Done')")
    assert page.inner_text("[role=status]") == "✓ Thank you. Recorded: Done."
    context.close()
    assert [each.answer for each in feedback_of(settings).answers(standing=True)] == ["done"]


def test_a_case_is_followed_in_the_browser(running: "Browser", own_place: Place):
    """Answer, take back, write down a contact, download the pack; by keyboard one gets past the head of the page."""
    with sheet(running, 1280, locale="en", cookies=own_place.cookies) as page:
        page.goto(f"{own_place.url}/cases/{CASE}")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        page.click("button:has-text('Two purchases')")
        page.click("button:has-text('Take the answer back')")
        page.click("summary:has-text('Contact')")
        page.fill("#contact", "acquirer, phone")
        page.fill("#contact-text", "refund within 3 days")
        page.select_option("#outcome", "promised")
        page.fill("#contact-amount", "128.00")
        page.click("details[open] button:has-text('Save')")
        assert "The contact is written down." in page.inner_text("[role=status]")
        with page.expect_download() as waiting:
            page.click("a:has-text('Evidence pack')")
        assert waiting.value.suggested_filename == f"evidence-{CASE}.zip"
    record = case_book(own_place.settings).case(CASE)
    assert [each.kind for each in record.log] == ["opened", "answered", "withdrawn", "promised"]
    assert record.state == "promised"


@pytest.mark.parametrize("locale", ["zh-CN", "en"])
def test_the_printed_case_can_be_read(running: "Browser", place: Place, locale: str, tmp_path):
    """As PDF: every part, no form and no button, on a handful of pages, its text extractable."""
    import pypdfium2

    with sheet(running, 1280, locale=locale, cookies=place.cookies) as page:
        page.goto(f"{place.url}/cases/{CASE}")
        page.pdf(path=tmp_path / "case.pdf", format="A4", print_background=True)
    document = pypdfium2.PdfDocument(tmp_path / "case.pdf")
    text = "\n".join(each.get_textpage().get_text_range() for each in document)
    assert len(document) <= 6
    numbered = re.findall(r"^(\d+)\. ", text, re.MULTILINE)
    assert [n for n in map(str, range(1, 13)) if n not in numbered] == []
    for gone in ("退出", "Log out", "保存", "Save", "撤回反馈", "证据包（ZIP）"):
        assert gone not in text
    assert ("很可能" if locale == "zh-CN" else "likely") in text.lower()
