"""The link with tags 9F as a value."""

from protocols.dialect import Dialect
from protocols.mis.link import deframer
from protocols.mis_9f.describe import describe
from protocols.mis_9f.facts import facts, follow
from protocols.mis_9f.secrets import secure
from protocols.mis_9f.session import CLOSING, SESSIONS
from protocols.mis_9f.terminal import Terminal

DIALECT = Dialect(
    name="mis-9f",
    envelopes=("stx",),
    deframer=deframer,
    secure=secure,
    facts=facts,
    describe=describe,
    follow=follow,
    questions=SESSIONS,
    closing=CLOSING,
    terminal=Terminal,
)
