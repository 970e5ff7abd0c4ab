"""ZVT as a value."""

from protocols.dialect import Dialect, Software
from protocols.zvt.describe import describe
from protocols.zvt.facts import facts, follow
from protocols.zvt.link import deframer
from protocols.zvt.secrets import secure
from protocols.zvt.session import CLOSING, SESSIONS
from protocols.zvt.software import MARKS, software
from protocols.zvt.terminal import Terminal

DIALECT = Dialect(
    name="zvt",
    envelopes=("dle", "apdu"),
    deframer=deframer,
    secure=secure,
    facts=facts,
    describe=describe,
    follow=follow,
    questions=SESSIONS,
    closing=CLOSING,
    terminal=Terminal,
    software=Software(MARKS, software),
)
