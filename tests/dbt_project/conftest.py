"""One dbt workspace for all model tests: parsing once is what makes them quick."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

HERE = Path(__file__).resolve().parent

if TYPE_CHECKING:
    from tests.dbt_project.warehouse_of_test import WarehouseOfTest


@pytest.fixture(scope="session")
def _workspace(tmp_path_factory: pytest.TempPathFactory) -> WarehouseOfTest:
    from tests.dbt_project.warehouse_of_test import WarehouseOfTest

    return WarehouseOfTest(tmp_path_factory.mktemp("dbt"))


@pytest.fixture
def warehouse(_workspace: WarehouseOfTest) -> WarehouseOfTest:
    """Give an empty warehouse with an empty lake."""
    _workspace.reset()
    return _workspace


@pytest.fixture(scope="session")
def catalog() -> Path:
    """Give a small catalog with every type of metric."""
    return HERE / "catalog"
