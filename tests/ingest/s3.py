"""A real S3 API on loopback, and a wire to it that loses answers."""

import re
import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import boto3  # type: ignore[import-untyped]  # it ships none
import httpx
from moto.server import ThreadedMotoServer


def bucket_at(url: str, name: str) -> Any:
    """A bucket, by somebody else's client."""
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    return boto3.resource("s3", endpoint_url=url, **keys).Bucket(name)


@contextmanager
def s3_server(*buckets: str) -> Iterator[str]:
    """Its address; the buckets are there, and empty: moto's are the process's, whichever server made them."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        for bucket in buckets:
            made = bucket_at(f"http://{host}:{port}", bucket)
            made.create()
            made.objects.delete()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


class LossyWire:
    """A relay of TCP connections that swallows the answers to the first so many uploads: they succeed, unheard.

    Args:
        target: the server's address, ``http://host:port``.
        lost: how many answers.
    """

    def __init__(self, target: str, lost: int) -> None:
        url = httpx.URL(target)
        self._target = (url.host, url.port or 80)
        self.lost = lost
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._pass, args=(client,), daemon=True).start()

    def _pass(self, client: socket.socket) -> None:
        uploading = False
        with suppress(OSError), client, socket.create_connection(self._target) as server:
            while ready := select.select([client, server], [], [], 30)[0]:
                for side in ready:
                    data = side.recv(65536)
                    if not data:
                        return
                    if side is client:
                        uploading = uploading or data.startswith(b"PUT ")
                        server.sendall(data)
                        continue
                    if uploading and self.lost > 0:
                        self.lost -= 1
                        return
                    uploading = False
                    client.sendall(data)


class Gate:
    """A relay of TCP connections that can be shut: what asks to put a file of a table then waits, and is counted.

    Args:
        target: the port of the server on loopback.
        table: the table; its data files alone are held up, not its log.
    """

    def __init__(self, target: int, table: str) -> None:
        self._target = target
        self._mark = re.compile(rb"PUT \S+/" + table.encode() + rb"/[^_ ]\S* HTTP")
        self._open = threading.Event()
        self._open.set()
        self._arrived = threading.Condition()
        self._waiting = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def shut(self) -> None:
        """From now on such a file waits."""
        self._open.clear()

    def wait_for(self, count: int, seconds: float) -> bool:
        """Wait until so many files wait; False when they do not come in time."""
        with self._arrived:
            return self._arrived.wait_for(lambda: self._waiting >= count, seconds)

    def open(self) -> None:
        """Let everybody through."""
        self._open.set()

    def close(self) -> None:
        """Listen no more."""
        self._open.set()
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._pass, args=(client,), daemon=True).start()

    def _pass(self, client: socket.socket) -> None:
        with suppress(OSError), client, socket.create_connection(("127.0.0.1", self._target)) as server:
            while ready := select.select([client, server], [], [], 120)[0]:
                for side in ready:
                    data = side.recv(65536)
                    if not data:
                        return
                    if side is client and not self._open.is_set() and self._mark.match(data):
                        with self._arrived:
                            self._waiting += 1
                            self._arrived.notify_all()
                        self._open.wait()
                    (server if side is client else client).sendall(data)
