"""What all tests share: the shared cases and data, if they are there, and servers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from tests.servers.postgres import PostgresServer, running_postgres

CHECKOUT = Path(__file__).resolve().parents[1]

# How long an example takes says how busy the machine is, nothing of the code.
hypothesis.settings.register_profile("unhurried", deadline=None)
hypothesis.settings.load_profile("unhurried")


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """Give the folder of worked cases and real data that lies beside the checkout."""
    folder = CHECKOUT.parent / "shared"
    if not folder.is_dir():
        pytest.skip(f"needs the shared cases and data at {folder}")
    return folder


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Give a real PostgreSQL server for the length of the tests."""
    with running_postgres() as server:
        yield server
