"""A real S3-compatible store for a benchmark: SeaweedFS on loopback, its keys and address in the environment."""

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterable, Iterator
from pathlib import Path

import obstore

from ingest.objectstore import open_store

_STEP = 10_000
"""SeaweedFS takes the port so much above each of its own as well."""


@contextlib.contextmanager
def store(folder: Path, bucket: str) -> Iterator[str]:
    """Run a store with a bucket, whose files lie in a folder: its address. Every process started meanwhile finds it.

    Raises:
        RuntimeError: it did not answer.
    """
    ports = [_free() for _ in range(4)]
    url = f"http://127.0.0.1:{ports[3]}"
    keys = {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench"}
    names = ("-master.port", "-volume.port", "-filer.port", "-s3.port")
    words = [
        *("server", f"-dir={folder}", "-ip=127.0.0.1", "-volume.max=0", "-master.volumeSizeLimitMB=1024"),
        *("-s3", "-s3.ip.bind=127.0.0.1", "-s3.port.iceberg=0", "-s3.port.lance=0"),
        *(f"{name}={port}" for name, port in zip(names, ports, strict=True)),
    ]
    folder.mkdir(parents=True, exist_ok=True)
    running = subprocess.Popen(
        [Path(sys.executable).with_name("weed"), *words],
        env=os.environ | keys, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder,
    )  # fmt: skip
    ours = keys | {"AWS_ENDPOINT_URL": url, "AWS_REGION": "us-east-1"}
    theirs = {name: os.environ.pop(name, None) for name in ours}
    os.environ.update(ours)
    try:
        _wait_for(f"{url}/healthz")
        obstore.put(open_store(f"s3://{bucket}"), "README.txt", b"a benchmark's")  # the store makes the bucket
        yield url
    finally:
        running.send_signal(signal.SIGTERM)
        running.wait(60)
        remove_sockets(ports)
        for name, value in theirs.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


def remove_sockets(ports: Iterable[int]) -> None:
    """Remove what a store that has ended leaves in /tmp: sockets of its ports, of which no option moves all."""
    for port in ports:
        for each in (port, port + _STEP):
            for socket_file in Path("/tmp").glob(f"seaweedfs-*-{each}.sock"):  # noqa: S108 - where SeaweedFS puts them
                socket_file.unlink(missing_ok=True)


def _wait_for(url: str) -> None:
    for _ in range(600):
        with contextlib.suppress(OSError):
            urllib.request.urlopen(url, timeout=5).close()  # noqa: S310  our own server
            return
        time.sleep(0.2)
    raise RuntimeError(f"{url} does not answer")


def _free() -> int:
    """A port below those that the system gives to connections, with the one above it that SeaweedFS takes too."""
    while True:
        port = random.randrange(11_000, 22_000)
        with contextlib.suppress(OSError), socket.socket() as one, socket.socket() as other:
            one.bind(("127.0.0.1", port))
            other.bind(("127.0.0.1", port + _STEP))
            return port
