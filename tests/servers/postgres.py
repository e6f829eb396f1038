"""A real PostgreSQL for tests: a cluster of its own in a temporary folder.

Needs the server's binaries on the machine (Debian: `apt-get install postgresql`);
without them `find_binaries` gives None, and the fixture `postgres` skips.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from adbc_driver_postgresql import dbapi

SUPERUSER = "daybreak_tests"
# A cluster for an hour: nothing here has to survive a power cut.
OPTIONS = (
    *("-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="),
    *("-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off"),
    *("-c", "shared_buffers=32MB", "-c", "max_connections=60"),
)
WAIT_SECONDS = 20


def find_binaries() -> Path | None:
    """Give the folder of `initdb` and `postgres`, the newest version first."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    debian = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"),
        key=lambda path: int(path.parts[-3]),
    )
    return debian[-1].parent if debian else None


def unprivileged_user() -> str | None:
    """Give the user that runs the server where the tests run as root, else None."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


@dataclass
class PostgresServer:
    """A running cluster. Any password is accepted from this machine."""

    binaries: Path
    folder: Path
    port: int
    user: str | None
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    databases: int = 0

    def url(self, database: str = "postgres", user: str = SUPERUSER) -> str:
        """Give the address of a database for a user."""
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """Make an empty database; give its address."""
        self.databases += 1
        name = f"test_{self.databases}"
        self.run(self.url(), f"create database {name}")
        return self.url(name)

    def run(self, url: str, *statements: str) -> None:
        """Execute statements, each in a transaction of its own."""
        with (
            dbapi.connect(url, autocommit=True) as connection,
            connection.cursor() as cursor,
        ):
            for statement in statements:
                cursor.execute(statement)

    def rows(self, url: str, query: str) -> list[tuple[object, ...]]:
        """Answer a query."""
        with dbapi.connect(url) as connection, connection.cursor() as cursor:
            cursor.execute(query)
            return list(cursor.fetchall())

    def start(self) -> None:
        """Start the server and wait until it answers."""
        command = [str(self.binaries / "postgres"), "-D", str(self.folder / "data")]
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "-p", str(self.port), *OPTIONS],
                **self._as_user(),
                cwd=self.folder,
                stdout=log,
                stderr=log,
            )
        end = time.monotonic() + WAIT_SECONDS
        while not self._answers():
            if time.monotonic() > end or self.process.poll() is not None:
                raise RuntimeError((self.folder / "server.log").read_text())
            time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End the server: SIGINT cuts connections off; SIGQUIT leaves it as a crash."""
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(WAIT_SECONDS)
            self.process = None

    def initialise(self) -> None:
        """Make the files of the cluster."""
        command = [str(self.binaries / "initdb"), "-D", str(self.folder / "data")]
        subprocess.run(
            [
                *command,
                "-U",
                SUPERUSER,
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--locale=C",
                "-N",
            ],
            **self._as_user(),
            cwd=self.folder,
            check=True,
            capture_output=True,
        )

    def _answers(self) -> bool:
        try:
            self.rows(self.url(), "select 1")
        except dbapi.Error:
            return False
        return True

    def _as_user(self) -> dict[str, str | int | list[str]]:
        if self.user is None:
            return {}
        entry = pwd.getpwnam(self.user)
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


@contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    """Give a running server; skips the test where no server is installed."""
    binaries = find_binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL server here: apt-get install postgresql")
    # Not below pytest's folder, which the server's user may not enter.
    folder = Path(tempfile.mkdtemp(prefix="daybreak-postgres-"))
    user = unprivileged_user()
    if user is not None:
        shutil.chown(folder, user)
    server = PostgresServer(binaries, folder, _free_port(), user)
    try:
        server.initialise()
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
