"""What a user can get wrong, each with what to do about it.

TillwatchError        exit status 3: could not run
├── UsageError        exit status 2: the words of the command or the configuration are off
├── DeviceError       a port is missing, busy or went away
├── SpoolError        the spool is damaged, full, or owned by somebody else
├── LakeError         a table cannot be read or written
├── KeyFileError      a key file is missing, too open or not a key
├── StoreError        object storage refuses, cannot be reached, or holds something else
├── StatementError    an acquirer's file is not what its layout says; nothing of it was taken
├── CaseError         the database of cases cannot be used, or a case may not do that step
├── EvidenceError     an evidence pack cannot be made or opened
├── BackupError       a backup cannot be made, is damaged, or would overwrite something
└── DeliveryError     a mail could not be handed over; it stays unsent

The command line prints ``tillwatch: <message>`` and ``  try: <hint>``; never a traceback.
"""


class TillwatchError(Exception):
    """Base class of every error that is the user's to mend.

    Args:
        message: where and what, lower case, no full stop, no card data.
        hint: one thing to do next.
    """

    exit_status = 3

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(TillwatchError):
    """The command's words or the configuration are off."""

    exit_status = 2


class DeviceError(TillwatchError):
    """A port is missing, busy or went away."""


class SpoolError(TillwatchError):
    """The spool is damaged, full, or owned by somebody else."""


class LakeError(TillwatchError):
    """A table cannot be read or written."""


class KeyFileError(TillwatchError):
    """A key file is missing, readable by others, or not a key."""


class StatementError(TillwatchError):
    """An acquirer's file is not what its layout says; nothing of it was taken."""


class StoreError(TillwatchError):
    """Object storage refuses, cannot be reached, or holds something else under a name."""


class DeliveryError(TillwatchError):
    """A mail could not be handed over; the alert stays unsent."""


class CaseError(TillwatchError):
    """The database of cases cannot be used, or a case may not do that step."""


class BackupError(TillwatchError):
    """A backup cannot be made, is damaged, or would overwrite something."""


class EvidenceError(TillwatchError):
    """An evidence pack cannot be made or opened."""
