"""What holds for every test: speed is not asserted (bench/ does that), and CI judges a change by the same examples."""

import os

from hypothesis import settings

settings.register_profile("tillwatch", deadline=None, derandomize=os.environ.get("CI") == "true")
settings.load_profile("tillwatch")
