"""How Chinese stands in a dossier."""

import pytest

from expectations.evidence import typeface
from expectations.evidence.dossier import paragraph

CLAUSE = "依据《收单业务管理办法》及规章；双方收单协议：凭证号（000012）与终端号有误！是否入账？是，两笔、同一张卡。"


@pytest.mark.parametrize("width", range(60, 300, 7))
def test_no_line_begins_with_a_closing_mark(width: int):
    """GB/T 15834-2011, 5.1: 句号、逗号、顿号、分号、冒号、问号、叹号 and closing brackets are not first in a line."""
    typeface.register()
    text = paragraph(CLAUSE * 4)

    text.wrap(width, 10_000)

    lines = ["".join(word.text for word in line.words) for line in text.blPara.lines]
    assert "".join(lines) == CLAUSE * 4
    assert len(lines) > 4
    assert [line[0] for line in lines if line[0] in "，。、；：！？）》"] == []
