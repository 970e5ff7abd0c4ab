"""How Chinese stands in a dossier."""

import pytest

from expectations.evidence import typeface
from expectations.evidence.paragraphs import paragraph

CLAUSE = "依据《收单业务管理办法》；协议：凭证号（12）、（终端号）；有误！是否入账（“是”）？是，两笔、同一张卡。"


@pytest.mark.parametrize("width", range(60, 300, 7))
def test_no_line_begins_with_a_closing_mark(width: int):
    """GB/T 15834-2011, 5.1: 句号、逗号、顿号、分号、冒号、问号、叹号 and closing brackets are not first in a line."""
    typeface.register()
    text = paragraph(CLAUSE * 4)

    text.wrap(width, 10_000)

    lines = ["".join(word.text for word in line.words) for line in text.blPara.lines]
    assert "".join(lines) == CLAUSE * 4
    assert len(lines) > 4
    assert [line[0] for line in lines if line[0] in "，。、；：！？）》”"] == []


@pytest.mark.parametrize("width", range(40, 120, 5))
@pytest.mark.parametrize("clause", ["核验于（某日）；", "（甲）》”。乙丙", "一二三四五！！！"])
def test_nor_with_the_second_of_several(clause: str, width: int):
    """The same of Chinese alone, which ReportLab breaks in another way; no line is left empty, none is lost."""
    typeface.register()
    text = paragraph(clause * 8)

    text.wrap(width, 10_000)

    broken = text.blPara
    lines = ["".join(word.text for word in each.words) if broken.kind else each[1][0] for each in broken.lines]
    assert "".join(lines) == clause * 8
    assert [line for line in lines if not line or line[0] in typeface.NO_LINE_BEGINS] == []
