"""Servers to fetch from, and a home that fetches and lands."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ingestion.landing_home import new_home
from tests.ingestion.origins.fetching_home import FetchingHome
from tests.servers.s3 import S3Server, running_s3


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    with running_s3() as server:
        yield server


@pytest.fixture
def home(tmp_path: Path) -> FetchingHome:
    return FetchingHome(new_home(tmp_path))
