"""What can be told of where records lie: the spool, the store they are shipped to, the lake."""

import re
import socket
from pathlib import Path

from pydantic import Field, field_validator

from ingest.section import Section

LEAST_DAYS = 400
"""What rules look back, and two months in which days are still judged."""
DAY_OF = {
    "transactions": "business_date",
    "settlements": "business_date",
    "signatures": "business_date",
    "batch_uploads": "business_date",
    "events": "business_date",
    "rejects": "business_date",
    "statement_lines": "business_date",
    "payouts": "business_date",
    "profit_lines": "business_date",
}
"""Tables of which old days may go, and the column that says a row's day."""


class Spool(Section):
    """Where records wait on the collector's own disk."""

    directory: Path = Field(default=Path("var/spool"), description="folder of the spool's segments")
    mirror: Path | None = Field(
        default=None, description="a second folder on another disk: an ACK means on both; not given: none"
    )
    seal_seconds: float = Field(default=60.0, gt=0, description="a segment is sealed at this age")
    seal_mib: float = Field(default=64.0, gt=0, le=1024, description="a segment is sealed at this size")
    keep_days: float | None = Field(
        default=None, ge=1, description="`spool prune` keeps a segment so long, in the lake or not; not given: for ever"
    )


def _a_bucket(value: str | None) -> str | None:
    """Refuse what is no address of a bucket."""
    if value is not None and not re.fullmatch(r"s3://[^\s/?#]+(/[^\s?#]*)?", value):
        msg = f"{value!r} is not s3://bucket/prefix"
        raise ValueError(msg)
    return value


class Ship(Section):
    """Where sealed segments are shipped to, for a lake that is not on the collector's machine."""

    to: str | None = Field(default=None, description="s3://bucket/prefix; not given: nowhere")
    collector: str | None = Field(
        default=None,
        pattern=r"^[\w-][\w.-]{0,99}$",
        description="this collector's folder there; the machine's name when not given",
    )

    @field_validator("to")
    @classmethod
    def _in_a_bucket(cls, value: str | None) -> str | None:
        return _a_bucket(value)

    @property
    def folder(self) -> str:
        """The collector's folder in the store."""
        return self.collector or re.sub(r"[^\w.-]", "-", socket.gethostname())[:100] or "collector"


class LakeSettings(Section):
    """Where the tables live."""

    uri: str = Field(default="var/lake", min_length=1, description="folder, or s3://bucket/prefix")
    take_from: str | None = Field(
        default=None, description="s3://bucket/prefix that collectors ship to: landed from as well; not given: nowhere"
    )
    key: Path | None = Field(default=None, description="key file that data files are encrypted with; not given: none")
    key_service: str | None = Field(
        default=None, min_length=1, description="an installed key service that holds the keys instead of a file"
    )

    keep_days: dict[str, int] = Field(
        default={},
        description="days that `lake maintain` keeps of a table, at least 400, written [lake.keep_days]; "
        "not given: for ever. Days that a finding or a case stands on stay in any case",
    )

    @field_validator("keep_days")
    @classmethod
    def _kept_long_enough(cls, value: dict[str, int]) -> dict[str, int]:
        for name, days in value.items():
            if name == "raw_frames":
                msg = "raw_frames is kept for ever: every other table is made from it, and again when rules change"
                raise ValueError(msg)
            if name not in DAY_OF:
                msg = f"{name!r} is not a table that is kept by days; those are {', '.join(DAY_OF)}"
                raise ValueError(msg)
            if days < LEAST_DAYS:
                msg = (
                    f"{name} = {days}: a refund is judged by sales of up to 335 days before; keep {LEAST_DAYS} at least"
                )
                raise ValueError(msg)
        return value

    @property
    def is_bucket(self) -> bool:
        """Whether the tables lie in object storage."""
        return "://" in self.uri.removeprefix("file://")

    @field_validator("take_from")
    @classmethod
    def _from_a_bucket(cls, value: str | None) -> str | None:
        return _a_bucket(value)
