"""The dossier: a case as a PDF, in the order in which somebody who doubts it would ask.

The same case, data and moment always give the same bytes.
"""

import datetime as dt
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from expectations.cases.wording import entry_text, words
from expectations.evidence import typeface
from expectations.evidence.gather import Frame, Grounds, Row
from expectations.evidence.raw import dump
from expectations.findings import Subject
from expectations.mail.cases import Case, happened
from expectations.mail.figures import Figures, number
from expectations.mail.section import missing_codes
from expectations.mail.wording import certainty, listed, rule_texts, sentence, words_for
from ingest.settings import Merchant, Settings

if TYPE_CHECKING:
    from reportlab.platypus import Flowable

COMPARED = 4
"""Transactions side by side; more do not fit a page."""
MOST_FRAMES = 12
TINTS = ("#fff2a8", "#cfe8ff")
"""Grounds of neighbouring fields in the hex dump."""


@dataclass(frozen=True, slots=True)
class Dossier:
    """What is drawn, and in whose language.

    ``made_at`` is stamped on the page; ``decoder`` is the version that reads the bytes now.
    """

    grounds: Grounds
    figures: Figures
    settings: Settings
    made_at: dt.datetime
    decoder: str

    @property
    def say(self) -> dict[str, str]:
        """The dossier's words."""
        return dict(words(self.figures.locale)["dossier"])

    @property
    def case(self) -> Case:
        """The case as mails tell it."""
        return self.grounds.record.told(self.made_at)

    @property
    def place(self) -> str:
        """The shop's name, or its number."""
        merchant = merchant_of(self)
        return merchant.name if merchant else self.grounds.record.merchant_id


def merchant_of(dossier: Dossier) -> Merchant | None:
    """The shop as the settings know it."""
    wanted = dossier.grounds.record.merchant_id
    return next((each for each in dossier.settings.merchants if each.id == wanted), None)


def dossier_pdf(dossier: Dossier, hashes: Sequence[tuple[str, str]]) -> bytes:
    """The PDF.

    Args:
        dossier: what to draw.
        hashes: (what, SHA-256 hex) of what the manifest proves.
    """
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.units import mm
    from reportlab.platypus import SimpleDocTemplate

    typeface.register()
    out = io.BytesIO()
    title = dossier.say["title"].format(number=dossier.grounds.record.number)
    page = SimpleDocTemplate(
        out, pagesize=A4, leftMargin=16 * mm, rightMargin=16 * mm, topMargin=14 * mm, bottomMargin=16 * mm,
        title=title, author="tillwatch", subject=dossier.place, invariant=1, lang=dossier.figures.locale,
    )  # fmt: skip
    draw = partial(_foot, dossier=dossier)
    page.build(list(_story(dossier, hashes)), onFirstPage=draw, onLaterPages=draw)
    return out.getvalue()


def _story(dossier: Dossier, hashes: Sequence[tuple[str, str]]) -> "Iterable[Flowable]":
    from reportlab.platypus import Spacer

    say = dossier.say
    yield _paragraph(say["title"].format(number=dossier.grounds.record.number), size=17)
    parts = (
        ("h_claim", [_paragraph(_claim(dossier), size=12)]),
        ("h_who", _who(dossier)),
        ("h_timeline", _timeline(dossier)),
        ("h_fields", _side_by_side(dossier)),
        ("h_raw", _raw(dossier)),
        ("h_signatures", _signatures(dossier)),
        ("h_acquirer", _acquirer_lines(dossier)),
        ("h_ruled_out", _ruled_out(dossier)),
        ("h_complete", _completeness(dossier)),
        ("h_basis", _basis(dossier)),
        ("h_hashes", _hashes(dossier, hashes)),
        ("h_contacts", _contacts(dossier)),
    )
    for place, (heading, blocks) in enumerate(parts, 1):
        head = _paragraph(f"{place}. {say[heading]}", size=11.5, space_before=9)
        head.keepWithNext = True
        yield head
        yield from blocks
    yield Spacer(1, 8)
    yield _paragraph(say["footer"], size=8)


def _claim(dossier: Dossier) -> str:
    case, figures = dossier.case, dossier.figures
    form = dossier.say["claim" if case.amount_fen else "claim_free"]
    return form.format(
        place=dossier.place,
        certainty=certainty(case.lead, figures),
        title=rule_texts(case.lead, figures).title,
        amount=figures.money(case.amount_fen),
    )


def _who(dossier: Dossier) -> "list[Flowable]":
    say, record = dossier.say, dossier.grounds.record
    merchant = merchant_of(dossier)
    terminals = sorted({each.terminal_id for each in dossier.case.subjects})
    missing = say["not_recorded"]
    states = words(dossier.figures.locale)["states"]
    rows = [
        (say["merchant"], f"{dossier.place}  {record.merchant_id}"),
        (say["terminal"], " ".join(terminals) or missing),
        (say["serial"], missing),
        (say["acquirer"], (merchant.acquirer if merchant else None) or missing),
        (say["case"], record.number),
        (say["state"], states[record.state]),
        (say["risk"], dossier.figures.money(record.amount_fen)),
    ]
    return [_grid(rows, (38, 140), heading=False)]


def _timeline(dossier: Dossier) -> "list[Flowable]":
    say, figures = dossier.say, dossier.figures
    rows = [tuple(say[name] for name in ("f_time", "f_type", "f_amount", "f_stan", "f_code"))]
    rows += [
        (
            _moment(happened(each), figures, say["not_recorded"]),
            figures.texts.word("types", each.txn_type or "") or "",
            "" if each.amount_fen is None else figures.money(each.amount_fen, each.currency),
            number(each.stan),
            each.response_code or say["not_recorded"],
        )
        for each in dossier.case.subjects
    ]
    return [_grid(rows, (44, 40, 34, 30, 30))]


def _side_by_side(dossier: Dossier) -> "list[Flowable]":
    """The accused transaction beside the others of its finding; cells that differ have a ground."""
    say, figures = dossier.say, dossier.figures
    shown = dossier.case.lead.subjects[:COMPARED]
    rows_of = {row.values["transaction_id"]: row.values for row in dossier.grounds.of("transactions")}
    names = ("f_time", "f_type", "f_amount", "f_card", "f_batch", "f_stan", "f_rrn", "f_auth", "f_code", "f_entry",
             "f_operator", "f_order", "f_atc")  # fmt: skip
    columns = [_facts(each, rows_of.get(each.transaction_id or "", {}), figures) for each in shown]
    head = (say["field"], *(say["accused" if place == 0 else "related"] for place in range(len(shown))))
    rows, marked = [head], []
    for name, values in zip(names, zip(*columns, strict=True), strict=True):
        if not any(values):
            continue
        if len(set(values)) > 1:
            marked.append(len(rows))
        rows.append((say[name], *(each or say["not_recorded"] for each in values)))
    width = 138 / max(1, len(shown))
    return [_grid(rows, (40, *([width] * len(shown))), marked=marked)]


def _facts(subject: Subject, row: dict[str, Any] | Any, figures: Figures) -> tuple[str, ...]:
    return (
        _moment(happened(subject), figures, ""),
        figures.texts.word("types", subject.txn_type or "") or "",
        "" if subject.amount_fen is None else figures.money(subject.amount_fen, subject.currency),
        subject.pan_masked or "",
        number(subject.batch_no),
        number(subject.stan),
        (subject.rrn or "").strip(),
        (row.get("auth_code") or "").strip(),
        subject.response_code or "",
        row.get("entry_mode") or "",
        row.get("operator_no") or "",
        row.get("order_ref") or "",
        "" if row.get("atc") is None else str(row["atc"]),
    )


def _raw(dossier: Dossier) -> "list[Flowable]":
    say, frames = dossier.say, dossier.grounds.frames
    if not frames:
        return [_paragraph(say["none"])]
    blocks = [_paragraph(say["raw_note"].format(decoder=dossier.decoder), size=8)]
    for frame in frames[:MOST_FRAMES]:
        blocks += _frame(frame, dossier)
    return blocks


def _frame(frame: Frame, dossier: Dossier) -> "list[Flowable]":
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.platypus import Paragraph

    say, values = dossier.say, frame.row.values
    head = say["raw_head"].format(
        side=say[frame.side],
        line=values["line"],
        at=_moment(values["seen_at"], dossier.figures, ""),
        segment=values["segment_id"][:8],
        seq=values["seq"],
    )
    place = say["raw_gone"]
    if frame.place is not None:
        named = {name: getattr(frame.place, name) for name in ("file", "offset", "length", "sha256")}
        place = say["raw_place"].format_map(named)
    shown = dump(values["profile"], values["frame"] or b"")
    ground = {each.number: TINTS[place % 2] for place, each in enumerate(shown.fields)}
    code = ParagraphStyle("code", fontName="Courier", fontSize=7, leading=9)
    lines = [
        f"{start:04x}&nbsp;&nbsp;" + " ".join(_pair(pair, ground.get(owner)) for pair, owner in pairs)
        for start, pairs in shown.lines()
    ]
    fields = [
        (
            each.number,
            each.zh if dossier.figures.locale == "zh-CN" else each.en,
            _clip(each.value),
            f"{each.offset}+{each.length}",
        )
        for each in shown.fields
    ]
    first = _paragraph(head, size=8.5, space_before=5)
    first.keepWithNext = True
    blocks = [first, _paragraph(place, size=6.5), Paragraph("<br/>".join(lines), code)]
    if fields:
        half = (len(fields) + 1) // 2
        right = [*fields[half:], ("", "", "", "")][:half]
        pairs = [(*left, *other) for left, other in zip(fields[:half], right, strict=True)]
        blocks.append(_grid(pairs, (7, 27, 42, 13) * 2, heading=False, size=6))
    return blocks


def _pair(pair: str, ground: str | None) -> str:
    return pair if ground is None else f'<font backColor="{ground}">{pair}</font>'


def _clip(text: str) -> str:
    return text if len(text) <= 60 else text[:59] + "…"


def _signatures(dossier: Dossier) -> "list[Flowable]":
    say = dossier.say
    blocks: list[Flowable] = []
    for row in dossier.grounds.of("signatures"):
        stan = number(row.values["stan"])
        if row.values["image"] is None:
            blocks.append(_paragraph(say["signature_unread"].format(stan=stan)))
            continue
        blocks.append(_watermarked(row, say["copy"]))
        blocks.append(_paragraph(say["signature"].format(stan=stan, sha256=row.values["sha256"]), size=8))
    return blocks or [_paragraph(say["none"])]


def _watermarked(row: Row, copy: str) -> "Flowable":
    """The picture with the word for copy across it, as one drawing."""
    from reportlab.graphics.shapes import Drawing, Image, Rect, String
    from reportlab.lib.colors import Color
    from reportlab.lib.utils import ImageReader

    width, height = 220.0, 220.0 * row.values["height"] / max(1, row.values["width"])
    height = min(height, 120.0)
    drawing = Drawing(width, height)
    picture = ImageReader(io.BytesIO(row.values["image"]))
    drawing.add(Image(0, 0, width, height, picture._image.convert("RGB")))  # noqa: SLF001  what its Image shape takes
    drawing.add(Rect(0, 0, width, height, fillColor=None, strokeColor=Color(0.6, 0.6, 0.6), strokeWidth=0.5))
    font = next(iter(typeface.runs(copy)))[0]
    for place in range(3):
        mark = String(20 + 68 * place, height / 2 - 6, copy, fontName=font, fontSize=16)
        mark.fillColor = Color(0.8, 0.1, 0.1, alpha=0.45)
        drawing.add(mark)
    return drawing


def _acquirer_lines(dossier: Dossier) -> "list[Flowable]":
    say, figures = dossier.say, dossier.figures
    found = [
        say["line"].format(
            acquirer=row.values["acquirer"],
            date=figures.full_date(row.values["business_date"]),
            type=figures.texts.word("types", row.values["txn_type"] or "") or row.values["txn_type"] or "",
            amount=figures.money(row.values["amount_fen"] or 0, row.values["currency"]),
            rrn=row.values["rrn"] or say["not_recorded"],
            status=row.values["status"] or say["not_recorded"],
            statement=(row.values["statement_id"] or "")[:12],
        )
        for row in dossier.grounds.of("statement_lines")
    ]
    return [_paragraph(text) for text in found or [say["none"]]]


def _ruled_out(dossier: Dossier) -> "list[Flowable]":
    say, case, figures = dossier.say, dossier.case, dossier.figures
    blocks = []
    for each in case.findings:
        why = sentence(figures, rule_texts(each, figures).why, case, each)
        blocks.append(_paragraph(f"{rule_texts(each, figures).title}  {say['why'].format(why=why)}"))
    out = words_for((code for each in case.findings for code in each.ruled_out), "ruled_out", figures, most=30)
    said = say["ruled_out"].format(what=listed(out, figures)) if out else say["nothing_ruled_out"]
    return [*blocks, _paragraph(said)]


def _completeness(dossier: Dossier) -> "list[Flowable]":
    say, figures = dossier.say, dossier.figures
    gone = words_for(missing_codes([dossier.case]), "missing", figures, most=30)
    blocks = [_paragraph(say["missing"].format(what=listed(gone, figures)) if gone else say["complete"])]
    days = {
        " · ".join(f"{name} {value}" for name, value in day.items() if value is not None)
        for each in dossier.case.findings
        if isinstance(day := each.completeness.get("terminal_day"), dict)
    }
    return [*blocks, *(_paragraph(say["terminal_day"].format(said=each), size=7.5) for each in sorted(days))]


def _basis(dossier: Dossier) -> "list[Flowable]":
    return [
        _paragraph(dossier.say["basis"].format(rule=each.rule, version=each.rules_version))
        for each in {each.rule: each for each in dossier.case.findings}.values()
    ]


def _hashes(dossier: Dossier, hashes: Sequence[tuple[str, str]]) -> "list[Flowable]":
    say = dossier.say
    rows = [(say["hash_what"], say["hash_value"]), *hashes]
    return [_paragraph(say["hash_note"], size=8.5), _grid(rows, (70, 108), size=6.5)]


def _contacts(dossier: Dossier) -> "list[Flowable]":
    say = dossier.say
    kinds = words(dossier.figures.locale)["kinds"]
    rows = [tuple(say[name] for name in ("contact_at", "contact_who", "contact_text", "contact_by"))]
    rows += [
        (
            _moment(each.at, dossier.figures, ""),
            each.contact,
            " ".join(
                part
                for part in (
                    kinds[each.kind],
                    "" if each.amount_fen is None else dossier.figures.money(each.amount_fen),
                    entry_text(each.kind, each.text, dossier.figures.locale),
                )
                if part
            ),
            each.by,
        )
        for each in dossier.grounds.record.log
    ]
    rows += [("\u00a0", "", "", "")] * 3  # to be filled in by hand
    return [_grid(rows, (38, 42, 72, 26), size=8)]


def _moment(when: dt.datetime | None, figures: Figures, missing: str) -> str:
    return f"{when.astimezone(figures.zone):%Y-%m-%d %H:%M:%S}" if when else missing


def _paragraph(text: str, *, size: float = 9.5, space_before: float = 2) -> Any:
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.platypus import Paragraph

    style = ParagraphStyle(
        f"p{size}", fontName=typeface.LATIN, fontSize=size, leading=size * 1.4, spaceBefore=space_before, wordWrap="CJK"
    )
    return Paragraph(typeface.markup(text), style)


def _grid(
    rows: Sequence[Sequence[str]],
    widths: Sequence[float],
    *,
    heading: bool = True,
    marked: Sequence[int] = (),
    size: float = 8.5,
) -> "Flowable":
    """A table with thin rules; widths are millimetres."""
    from reportlab.lib import colors
    from reportlab.lib.units import mm
    from reportlab.platypus import LongTable, TableStyle

    cells = [[_paragraph(str(cell), size=size, space_before=0) for cell in row] for row in rows]
    style: list[Any] = [
        ("GRID", (0, 0), (-1, -1), 0.3, colors.HexColor("#9aa0a6")),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("TOPPADDING", (0, 0), (-1, -1), 1.5),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 2.5),
    ]
    if heading:
        style.append(("BACKGROUND", (0, 0), (-1, 0), colors.HexColor("#eef0f2")))
    style += [("BACKGROUND", (1, row), (-1, row), colors.HexColor(TINTS[0])) for row in marked]
    return LongTable(cells, [width * mm for width in widths], style=TableStyle(style), repeatRows=int(heading))


def _foot(canvas: Any, page: Any, *, dossier: Dossier) -> None:
    """The page's last line."""
    text = dossier.say["page"].format(number=dossier.grounds.record.number, page=page.page)
    at = 45.0
    for font, stretch in typeface.runs(text):
        canvas.setFont(font, 7)
        canvas.drawString(at, 24, stretch)
        at += canvas.stringWidth(stretch, font, 7)
