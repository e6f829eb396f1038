"""What holds for the dbt project as a whole: unit tests, docs, names, portability."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import sqlglot
from dbt.artifacts.schemas.run import RunExecutionResult

from tests.dbt_project.warehouse_of_test import WarehouseOfTest

LAYERS = ("staging", "intermediate", "marts")


@pytest.fixture(scope="module")
def manifest(_workspace: WarehouseOfTest, catalog: Path) -> dict[str, Any]:
    """Give the compiled project."""
    _workspace.reset()
    _workspace.declare(catalog)
    _workspace.dbt("--write-json", "compile")
    path = _workspace.home / "target" / "manifest.json"
    read: dict[str, Any] = json.loads(path.read_text())
    return read


@pytest.fixture(scope="module")
def models(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    nodes = manifest["nodes"].values()
    return [node for node in nodes if node["resource_type"] == "model"]


def layer_of(node: dict[str, Any]) -> int:
    return LAYERS.index(node["fqn"][1])


def test_unit_tests_and_data_tests_pass(
    warehouse: WarehouseOfTest, catalog: Path
) -> None:
    warehouse.declare(catalog)
    warehouse.dbt("run")
    result = warehouse.dbt("test").result
    assert isinstance(result, RunExecutionResult)
    kinds = [str(test.node.resource_type) for test in result.results]
    assert kinds.count("unit_test") >= 10
    assert kinds.count("test") >= 40


def test_every_model_is_described_and_marts_name_their_grain(
    models: list[dict[str, Any]],
) -> None:
    for node in models:
        assert node["description"].strip(), node["name"]
        if layer_of(node) == 2:
            assert node["description"].lstrip().startswith("One row per"), node["name"]
            assert node["config"]["contract"]["enforced"], node["name"]
            undescribed = [
                name
                for name, column in node["columns"].items()
                if not column["description"].strip()
            ]
            assert not undescribed, node["name"]


def test_arrows_run_from_staging_to_marts_only(
    manifest: dict[str, Any], models: list[dict[str, Any]]
) -> None:
    for node in models:
        for parent in node["depends_on"]["nodes"]:
            if parent.startswith("source."):
                assert layer_of(node) == 0, node["name"]
            elif parent.startswith("model."):
                assert layer_of(manifest["nodes"][parent]) <= layer_of(node), parent


def test_names_tell_the_layer(models: list[dict[str, Any]]) -> None:
    prefixes = {0: r"stg_", 1: r"int_", 2: r"(fct|dim)_"}
    for node in models:
        if "trust" not in node["fqn"]:
            assert re.match(prefixes[layer_of(node)], node["name"]), node["name"]


def test_every_mart_has_a_test_of_its_grain(manifest: dict[str, Any]) -> None:
    tested = {
        test["attached_node"]
        for test in manifest["nodes"].values()
        if test["resource_type"] == "test"
        and test.get("test_metadata", {}).get("name")
        in ("unique", "unique_combination", "unique_in_newest_days")
    }
    marts = [
        node["unique_id"]
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and layer_of(node) == 2
    ]
    # A view of the sessions, whose grain is tested where they are made.
    assert set(marts) - tested == {"model.daybreak.fct_sessions"}


def test_sql_is_sql_on_both_engines(models: list[dict[str, Any]]) -> None:
    for node in models:
        if node["language"] != "sql":
            continue
        # Where files lie is the engine's affair (external_location), not the model's.
        text = re.sub(r"read_\w+\([^()]*\)", "source_files", node["compiled_code"])
        [statement] = sqlglot.parse(text, read="duckdb")
        assert statement is not None, node["name"]
        assert sqlglot.parse_one(statement.sql(dialect="spark"), read="spark")
