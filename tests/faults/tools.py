"""The fault injectors that a test needs: Debian packages, installed where the run may do so."""

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def alone() -> Iterator[None]:
    """One process of this machine's test runs installs at a time: packages' tools give up where another is at it."""
    with (Path(tempfile.gettempdir()) / "tillwatch-tests-install.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def why_without(tool: str, package: str) -> str:
    """Why a tool cannot be used; empty when it is there.

    With ``CI=true``, which ``make test`` and ``make faults`` set, what is missing is installed; a
    bare pytest installs nothing.
    """
    if shutil.which(tool) is None and os.environ.get("CI") == "true" and os.geteuid() == 0:
        with alone():
            for words in (["apt-get", "update", "-qq"], ["apt-get", "install", "-qq", "--yes", package]):
                if shutil.which(tool) is None:  # else another process has installed it meanwhile
                    subprocess.run(words, capture_output=True, check=False, timeout=300)
    return "" if shutil.which(tool) else f"{tool} is not installed (Debian: {package})"


def unpacked(package: str, folder: Path) -> str:
    """Unpack a Debian package beside the run, installing and starting nothing; why not, or empty.

    Only with ``CI=true``, as root, like everything that is fetched.
    """
    if os.environ.get("CI") != "true" or os.geteuid() != 0 or shutil.which("apt-get") is None:
        return f"{package} is fetched with CI=true, as root, on Debian alone"
    folder.mkdir(parents=True, exist_ok=True)
    with alone():
        for words in (["apt-get", "update", "-qq"], ["apt-get", "download", "-qq", package]):
            done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
    for file in folder.glob(f"{package}_*.deb"):
        subprocess.run(["dpkg-deb", "--extract", file, folder], check=True, timeout=60)
        return ""
    return f"{package} cannot be fetched: {done.stderr.strip()[:200]}"
