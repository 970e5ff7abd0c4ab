"""Blocks as plain text: a mail of its own, not what is left of the HTML.

Lines are not wrapped: a phone's mail program does that better than we could.
"""

import unicodedata
from collections.abc import Sequence

from expectations.mail.blocks import (
    Axis,
    Bars,
    Block,
    Facts,
    Fine,
    Letter,
    Links,
    Moment,
    Note,
    Opening,
    Quote,
    Section,
    Steps,
    Table,
    Timeline,
    Verdict,
)

RULE = "─" * 32
BAR = 20
"""Characters of the longest bar."""
WIDEST = 76
"""Columns of a line of a table; a wider one would be broken by the reader's program."""


def render_text(letter: Letter) -> str:
    """The text part."""
    lines: list[str] = []
    after_section = False
    for block in letter.blocks:
        if isinstance(block, Section) or after_section:
            lines += [RULE]
        elif lines:
            lines += [""]
        after_section = isinstance(block, Section)
        lines += _block(block, letter.locale)
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _block(block: Block, locale: str) -> list[str]:
    match block:
        case Opening():
            return [f"{block.place} · {block.day}"]
        case Verdict():
            said = _comma(locale).join(part for part in (block.headline, block.amount) if part)
            return [_loud(block.label, locale) + said, block.deadline]
        case Steps():
            return [_loud(block.label, locale), *_steps(block)]
        case Section():
            certainty = f"{block.shape} {block.certainty}"
            heading = _apart(block.mark, certainty, block.title, block.amount, block.deadline)
            return [heading, *(f"   {line}" for each in block.blocks for line in _inner(each, locale))]
        case Facts():
            return ["   ".join(f"{name}{_colon(locale)}{value}" for name, value in block.pairs)]
        case Timeline():
            rows = [_moment(row) for row in block.rows]
            return [*rows, *([block.more] if block.more else [])]
        case Note():
            return [_loud(block.label, locale) + block.text]
        case Quote():
            return [f"{block.label}{_colon(locale)}“{block.text}”"]
        case Links():
            label = [f"{block.label}{_colon(locale)}"] if block.label else []
            return [*label, *(f"  [{word}] {address}" for word, address in block.links)]
        case Table():
            return [_loud(block.label, locale), *_columns(block), *([block.more] if block.more else [])]
        case Bars():
            name = max((_width(bar.name) for bar in block.bars), default=0)
            lines = [f"  {_padded(bar.name, name)}  {_bar(bar.share)}  {bar.text}".rstrip() for bar in block.bars]
            return [_loud(block.label, locale), *lines, *([block.says] if block.says else [])]
        case Axis():
            name = max(_width(lane.name) for lane in block.lanes)
            lanes = [f"  {_padded(lane.name, name)}  {lane.drawn}" for lane in block.lanes]
            ends = (
                " " * (name + 4) + block.first + " " * max(1, len(block.lanes[0].drawn) - len(block.first + block.last))
            )
            return [_loud(block.label, locale), *lanes, ends + block.last, "  " + block.says]
        case Fine():
            return list(block.lines)


def _inner(block: Block, locale: str) -> list[str]:
    """A case's own blocks are said more quietly than the mail's."""
    match block:
        case Note():
            return [f"{block.label}{_colon(locale)}{block.text}"]
        case Steps():
            return [f"{block.label}{_colon(locale)}", *_steps(block)]
        case Bars() | Axis():
            return [f"{block.label}{_colon(locale)}", *_block(block, locale)[1:]]
        case _:
            return _block(block, locale)


def _columns(block: Table) -> list[str]:
    """Rows under their headings, in columns; a Chinese character is two columns wide.

    What is too wide for a line goes on below it, in columns too.
    """
    rows = [block.columns, *block.rows]
    widths = [max(_width(row[place]) for row in rows) for place in range(len(block.columns))]
    folded, told = _folded(widths), []
    for row in rows:
        for depth, places in enumerate(folded):
            cells = "  ".join(_padded(row[place], widths[place]) for place in places).rstrip()
            if cells:
                told.append("  " * (2 if depth else 1) + cells)
    return told


def _folded(widths: Sequence[int]) -> list[list[int]]:
    """The columns of each line: as few lines as can be, and those as equally wide as can be."""
    fewest = len(_broken(widths, WIDEST))
    limits = range(max(widths, default=0), WIDEST)
    return next((lines for each in limits if len(lines := _broken(widths, each)) == fewest), _broken(widths, WIDEST))


def _broken(widths: Sequence[int], limit: int) -> list[list[int]]:
    """The columns of each line, where a line holds so much beside its indent."""
    lines: list[list[int]] = [[]]
    for place, width in enumerate(widths):
        if lines[-1] and sum(widths[each] + 2 for each in lines[-1]) + width + 2 > limit:
            lines.append([])
        lines[-1].append(place)
    return lines


def _bar(share: float) -> str:
    """Full for what it is, light for what is left to the longest; whole only where nothing is left."""
    full = BAR if share >= 1.0 else min(BAR - 1, round(BAR * max(0.0, share)))
    return "█" * full + "░" * (BAR - full)


def _padded(text: str, width: int) -> str:
    return text + " " * (width - _width(text))


def _width(text: str) -> int:
    """Columns of a text on a screen (Unicode Standard Annex 11: wide and full-width characters take two)."""
    return sum(2 if unicodedata.east_asian_width(each) in {"W", "F"} else 1 for each in text)


def _steps(block: Steps) -> list[str]:
    numbered = [f"  {place}. {item}" for place, item in enumerate(block.items, 1)]
    return [*(f"  ! {warning}" for warning in block.warnings), *numbered]


def _moment(row: Moment) -> str:
    return _apart(row.time, row.what, f"{row.shape} {row.result}", f"← {row.remark}" if row.remark else "")


def _apart(*parts: str) -> str:
    return "  ".join(part for part in parts if part)


def _loud(label: str, locale: str) -> str:
    return f"【{label}】" if locale == "zh-CN" else f"{label.upper()}  "


def _colon(locale: str) -> str:
    return "：" if locale == "zh-CN" else ": "


def _comma(locale: str) -> str:
    return "，" if locale == "zh-CN" else ", "
