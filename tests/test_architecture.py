"""Four wings, one floor, arrows that only run down."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]
WINGS = (
    "ingestion",
    "quality_checks",
    "dagster_project.analysis",
    "dagster_project.reports",
)
PACKAGES = ("ingestion", "quality_checks", "dagster_project")


def modules() -> dict[str, Path]:
    found = {}
    for package in PACKAGES:
        for path in sorted((CHECKOUT / package).rglob("*.py")):
            parts = path.relative_to(CHECKOUT).with_suffix("").parts
            found[".".join(part for part in parts if part != "__init__")] = path
    return found


MODULES = modules()


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def wing_of(module: str) -> str | None:
    return next(
        (wing for wing in WINGS if module == wing or module.startswith(f"{wing}.")),
        None,
    )


def in_package(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


@pytest.mark.parametrize("wing", WINGS)
def test_a_wing_knows_neither_the_others_nor_the_floor(wing: str) -> None:
    strangers = [
        (name, imported)
        for name, path in MODULES.items()
        if wing_of(name) == wing
        for imported in imports(path)
        if any(in_package(imported, package) for package in PACKAGES)
        and not in_package(imported, wing)
        and imported != "dagster_project"
    ]
    assert strangers == []


@pytest.mark.parametrize("wing", WINGS)
def test_a_wing_knows_no_dagster_and_no_dbt(wing: str) -> None:
    found = [
        (name, imported)
        for name, path in MODULES.items()
        if wing_of(name) == wing
        for imported in imports(path)
        if imported.split(".")[0] in ("dagster", "dagster_dbt", "dbt")
    ]
    assert found == []


@pytest.mark.parametrize(
    ("wing", "barred"),
    [
        ("dagster_project.analysis", ("duckdb", "os", "pathlib", "time")),
        ("dagster_project.reports", ("duckdb", "os", "pathlib", "time")),
    ],
)
def test_pure_wings_touch_no_database_no_file_and_no_clock(
    wing: str, barred: tuple[str, ...]
) -> None:
    found = [
        (name, imported)
        for name, path in MODULES.items()
        if wing_of(name) == wing
        for imported in imports(path)
        if imported.split(".")[0] in barred
    ]
    assert found == []


def test_decorated_assets_stand_in_defs_only() -> None:
    decorators = ("asset", "multi_asset", "multi_asset_check", "dbt_assets", "sensor")
    found = [
        name
        for name, path in MODULES.items()
        if not in_package(name, "dagster_project.defs")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
        for decorator in node.decorator_list
        if ast.unparse(decorator).split("(")[0].split(".")[-1] in decorators
    ]
    assert found == []


def test_the_floor_does_not_know_what_stands_on_it() -> None:
    above = ("dagster_project.cli", "dagster_project.nightly")
    found = [
        (name, imported)
        for name, path in MODULES.items()
        if not any(in_package(name, package) for package in above)
        and name not in ("dagster_project.__main__",)
        for imported in imports(path)
        if any(in_package(imported, package) for package in above)
    ]
    assert found == []


def test_only_settings_read_the_environment() -> None:
    found = [
        name
        for name, path in MODULES.items()
        if name != "dagster_project.settings"
        and any(
            text in path.read_text(encoding="utf-8")
            for text in ("os.environ", "os.getenv", "getenv(")
        )
    ]
    assert found == []


def test_great_expectations_is_imported_by_the_runner_and_its_dialect_only() -> None:
    found = {
        name
        for name, path in MODULES.items()
        for imported in imports(path)
        if imported.split(".")[0] == "great_expectations"
    }
    assert found <= {"quality_checks.runner", "quality_checks.duckdb_dialect"}


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        name
        for name, path in MODULES.items()
        if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert silent == []


def test_public_imports_of_dagster_only() -> None:
    found = [
        (name, imported)
        for name, path in MODULES.items()
        for imported in imports(path)
        if imported.startswith(("dagster._", "dagster_dbt.", "dagster_shared"))
        and imported
        not in (
            "dagster_dbt.DagsterDbtTranslator",
            "dagster_dbt.DbtProject",
            "dagster_dbt.dbt_assets",
        )
    ]
    assert found == []
