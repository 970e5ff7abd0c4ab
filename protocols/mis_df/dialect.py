"""The link as a value."""

from protocols.dialect import Dialect
from protocols.mis.link import deframer
from protocols.mis_df.describe import describe
from protocols.mis_df.facts import OPERATIONS, facts, message, several, uploaded
from protocols.mis_df.order import follow
from protocols.mis_df.secrets import secure
from protocols.mis_df.session import CLOSING, QUESTIONS, SESSIONS
from protocols.mis_df.terminal import Terminal

DIALECT = Dialect(
    name="mis-df",
    envelopes=("stx",),
    deframer=deframer,
    secure=secure,
    facts=facts,
    describe=describe,
    follow=follow,
    questions=SESSIONS,
    asked_as=QUESTIONS,
    closing=CLOSING,
    terminal=Terminal,
    several=several,
    message=message,
    uploaded=uploaded,
    operations=OPERATIONS,
)
