"""What a failed test leaves running must not open the next one's pseudo-terminals."""

from collections.abc import Iterator

import pytest

from tests.faults.real import STARTED


@pytest.fixture(autouse=True)
def _nobody_left_behind() -> Iterator[None]:
    """A collector that a test did not come to end is killed: it would go on opening devices by their numbers."""
    yield
    while STARTED:
        STARTED.pop().kill()
