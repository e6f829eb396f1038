"""What the README says of settings, commands and files is true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer.main

from dagster_project.cli.app import app
from dagster_project.settings import settings_table
from ingestion.catalog.reference import parameter_tables

CHECKOUT = Path(__file__).resolve().parents[1]
README = (CHECKOUT / "README.md").read_text(encoding="utf-8")


def test_settings_table_is_that_of_the_settings() -> None:
    begin, end = "<!-- settings: begin -->\n", "<!-- settings: end -->"
    assert README.split(begin)[1].split(end)[0] == settings_table()


def test_parameter_table_is_that_of_the_catalog() -> None:
    """Mend it by `daybreak catalog parameters`."""
    begin, end = "<!-- parameters: begin -->\n", "<!-- parameters: end -->"
    assert README.split(begin)[1].split(end)[0] == parameter_tables()


def test_commands_exist() -> None:
    named = set(re.findall(r"`?daybreak ([a-z]+)", README))
    group = typer.main.get_command(app)
    commands = set(group.commands)  # type: ignore[attr-defined]
    assert named
    assert named <= commands


@pytest.mark.parametrize("picture", re.findall(r"!\[[^\]]*\]\(([^)]+)\)", README))
def test_pictures_are_there(picture: str) -> None:
    assert (CHECKOUT / picture).stat().st_size > 10_000


def test_make_targets_exist() -> None:
    makefile = (CHECKOUT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"(?:^|`)make ([a-z]+)", README, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target
