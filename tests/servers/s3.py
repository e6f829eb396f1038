"""A real S3 server for tests: moto's, with buckets in memory, in a thread."""

from __future__ import annotations

import logging
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from moto.server import ThreadedMotoServer
from obstore.store import S3Store


@dataclass
class S3Server:
    """A running server; any key is let in."""

    port: int
    server: ThreadedMotoServer = field(repr=False)

    @property
    def endpoint(self) -> str:
        """Give its address."""
        return f"http://127.0.0.1:{self.port}"

    def new_bucket(self, name: str) -> S3Store:
        """Make a bucket; give a store to fill it."""
        asked = urllib.request.Request(f"{self.endpoint}/{name}", method="PUT")
        urllib.request.urlopen(asked).close()
        return S3Store(
            name,
            endpoint=self.endpoint,
            region="us-east-1",
            access_key_id="key",
            secret_access_key="secret",
            client_options={"allow_http": True},
        )


@contextmanager
def running_s3() -> Iterator[S3Server]:
    """Give a running server."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        _, port = server.get_host_and_port()
        yield S3Server(port, server)
    finally:
        server.stop()
