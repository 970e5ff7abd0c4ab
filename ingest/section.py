"""What every table of the configuration file is: frozen, and with no key that it does not know."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A table of the configuration file: frozen, and no key it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)
