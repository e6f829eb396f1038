"""The manifest: parsed when the project changed, and not otherwise."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from dagster_project import dbt_build, dbt_manifest
from dagster_project.dbt_manifest import (
    ManifestError,
    descriptions,
    load_manifest,
    prepare_manifest,
    project_state,
)
from dagster_project.settings import DBT_PROJECT, Settings


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    copy = tmp_path / "dbt_project"
    shutil.copytree(DBT_PROJECT, copy, ignore=shutil.ignore_patterns("target", "logs"))
    monkeypatch.setattr(dbt_manifest, "DBT_PROJECT", copy)
    monkeypatch.setattr(dbt_build, "DBT_PROJECT", copy)
    return copy


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


def touch(path: Path) -> None:
    stat = path.stat()
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1_000_000_000))


def test_any_change_of_what_dbt_reads_changes_the_state(
    project: Path, settings: Settings
) -> None:
    states = [project_state(settings)]
    touch(project / "models" / "staging" / "_staging__models.yml")
    states.append(project_state(settings))
    (project / "macros" / "new.sql").write_text("-- nothing\n")
    states.append(project_state(settings))
    states.append(project_state(settings.model_copy(update={"memory_limit": "1GB"})))
    assert len(set(states)) == 4


def test_what_dbt_does_not_read_changes_nothing(
    project: Path, settings: Settings
) -> None:
    before = project_state(settings)
    touch(project / "catalog" / "metrics.yml")
    (project / "target").mkdir()
    (project / "target" / "x.sql").write_text("select 1")
    assert project_state(settings) == before


def test_it_is_parsed_once_and_again_after_a_change(
    project: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    parses: list[Path] = []
    parse = dbt_manifest.parse

    def counted(given: Settings) -> None:
        parses.append(given.home)
        parse(given)

    monkeypatch.setattr(dbt_manifest, "parse", counted)
    prepare_manifest(settings)
    prepare_manifest(settings)
    assert len(parses) == 1
    meaning = descriptions(load_manifest(settings))
    assert meaning["marts.fct_metrics"].columns["value"]
    broken = project / "models" / "marts" / "broken.sql"
    broken.write_text("select * from {{ ref('nowhere') }}")
    with pytest.raises(ManifestError, match="nowhere"):
        prepare_manifest(settings)
    broken.unlink()
    prepare_manifest(settings)
    assert len(parses) == 3
