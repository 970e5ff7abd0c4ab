"""What mkdocs is told beyond mkdocs.yml: the front page is README.md, and a file of the repository is no page."""

import posixpath
import re
from typing import Any

FRONT = re.compile(r"index(\.zh-CN)?\.md")
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")
PICTURE = re.compile(r'<img src="([^"]+)" alt="([^"]+)" width="(\d+)">')
READMES = {"README.md": "index.md", "README.zh-CN.md": "index.zh-CN.md"}
OTHER_LANGUAGE = re.compile(r"^\[[^\]]+\]\(README[^)]*\).*\n", re.MULTILINE)
FOLDERS = {"decisions": "decisions/0001-flat-package-names.md"}


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Links as they hold in the repository become links that hold in the site."""
    source = page.file.src_uri
    front = FRONT.fullmatch(source) is not None
    if front:
        markdown = OTHER_LANGUAGE.sub("", markdown)  # the site's own switch does it
        markdown = PICTURE.sub(r"![\2](\1){ width=\3 }", markdown)
    folder = "" if front else posixpath.join("docs", posixpath.dirname(source))
    english = page.file.locale_alternate_of == "en"
    return LINK.sub(lambda link: _link(link, folder, source, english=english), markdown)


def _link(link: re.Match[str], folder: str, source: str, *, english: bool) -> str:
    """A page's address seen from this page; of any other file of the repository only the words are left."""
    picture, words, target = link.groups()
    if ":" in target or target.startswith("#"):
        return link[0]
    path, _, anchor = target.partition("#")
    path = posixpath.normpath(posixpath.join(folder, path))
    if path in READMES:
        page = READMES[path]
        anchor = anchor if english else ""  # the Chinese README has headings of its own
    elif path.startswith("docs/"):
        page = path.removeprefix("docs/")
        page = FOLDERS.get(page, page)
    else:
        return words
    seen = posixpath.relpath(page, posixpath.dirname(source) or ".")
    return f"{picture}[{words}]({seen}{'#' + anchor if anchor else ''})"
