"""A home of its own for every landing test."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ingestion.landing_home import Home, new_home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return new_home(tmp_path)
