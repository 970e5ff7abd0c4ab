"""The fault injectors that a test needs: Debian packages, installed where the run may do so."""

import os
import shutil
import subprocess


def why_without(tool: str, package: str) -> str:
    """Why a tool cannot be used; empty when it is there.

    With ``CI=true`` (and in ``make faults``) what is missing is installed; a test run on
    somebody's own machine installs nothing.
    """
    if shutil.which(tool) is None and os.environ.get("CI") == "true" and os.geteuid() == 0:
        for words in (["apt-get", "update", "-qq"], ["apt-get", "install", "-qq", "--yes", package]):
            subprocess.run(words, capture_output=True, check=False, timeout=300)
    return "" if shutil.which(tool) else f"{tool} is not installed (Debian: {package})"
