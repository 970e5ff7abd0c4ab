"""The mail server of reports."""

from collections.abc import Iterator

import pytest

from tests.expectations.mail.postbox import Postbox, serving


@pytest.fixture
def postbox() -> Iterator[tuple[Postbox, int]]:
    """A mail server and its port."""
    box = Postbox()
    with serving(box) as port:
        yield box, port
