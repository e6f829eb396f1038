"""The dbt manifest: prepared once, before Dagster loads; parsed anew only when stale.

Also what the manifest knows that others ask for: descriptions, columns, layers.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dagster_project.publishing import Descriptions
from dagster_project.settings import DBT_PROJECT, Settings

# What dbt reads when it parses. The catalog is not parsed: it comes as tables.
PARSED_SUFFIXES = (".sql", ".yml", ".yaml", ".md", ".csv")
NOT_PARSED = ("target", "logs", "catalog")

LAYERS = ("staging", "intermediate", "marts")


class ManifestError(RuntimeError):
    """The dbt project does not parse."""


def prepare_manifest(settings: Settings) -> Path:
    """Return the manifest's path, after a `dbt parse` where the project changed.

    Raises `ManifestError` with dbt's own words when it does not parse.
    """
    settings.dbt_target.mkdir(parents=True, exist_ok=True)
    stamp = settings.dbt_target / "manifest.stamp"
    with _exclusive(settings.dbt_target / "manifest.lock"):
        state = project_state(settings)
        fresh = (
            settings.manifest.exists()
            and stamp.exists()
            and stamp.read_text(encoding="utf-8") == state
        )
        if not fresh:
            stamp.unlink(missing_ok=True)
            parse(settings)
            stamp.write_text(state, encoding="utf-8")
    return settings.manifest


def project_state(settings: Settings) -> str:
    """Return a hash of everything the manifest depends on."""
    digest = hashlib.sha256()
    for path in sorted(DBT_PROJECT.rglob("*")):
        relative = path.relative_to(DBT_PROJECT)
        if path.suffix in PARSED_SUFFIXES and relative.parts[0] not in NOT_PARSED:
            stat = path.stat()
            digest.update(f"{relative}|{stat.st_size}|{stat.st_mtime_ns}\n".encode())
    for name, value in sorted(settings.environment().items()):
        if name.startswith(("DAYBREAK_", "DBT_")):
            digest.update(f"{name}={value}\n".encode())
    return digest.hexdigest()


def parse(settings: Settings) -> None:
    """Run `dbt parse` in this process."""
    from dagster_project.dbt_build import DbtError, invoke

    try:
        invoke(["parse"], settings)
    except DbtError as error:
        raise ManifestError(f"dbt cannot parse {DBT_PROJECT}:\n{error}") from error


def load_manifest(settings: Settings) -> dict[str, Any]:
    """Read the manifest."""
    manifest: dict[str, Any] = json.loads(settings.manifest.read_bytes())
    return manifest


def descriptions(manifest: Mapping[str, Any]) -> dict[str, Descriptions]:
    """Return the meaning of every model and its columns, by `schema.table`."""
    return {
        f"{node['schema']}.{node['alias']}": Descriptions(
            table=" ".join(node["description"].split()),
            columns={
                name: " ".join(column["description"].split())
                for name, column in node["columns"].items()
            },
        )
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model"
    }


def person_tables(manifest: Mapping[str, Any]) -> set[str]:
    """Return the models that are about single persons, as `schema.table`."""
    return {
        f"{node['schema']}.{node['alias']}"
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model"
        and node["config"].get("meta", {}).get("sensitivity") == "person"
    }


def owner_of_test(node: Mapping[str, Any], manifest: Mapping[str, Any]) -> str | None:
    """Return the model that a test judges when dagster-dbt knows none, else None."""
    inputs = [one for one in node["depends_on"]["nodes"] if one in manifest["nodes"]]
    if node.get("attached_node") or len(node["depends_on"]["nodes"]) < 2 or not inputs:
        return None
    return str(
        max(inputs, key=lambda one: LAYERS.index(manifest["nodes"][one]["fqn"][1]))
    )


@contextmanager
def _exclusive(path: Path) -> Iterator[None]:
    with path.open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
