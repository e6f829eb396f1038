"""By which code each standing table was built, so that an upgrade builds what differs.

A table that takes in only what is new keeps what other code made of its history. Its
own comment in the warehouse holds a hash of the code that built it: the hash goes where
the table goes (a backup, the copy of an erasure), and a table that other hands made has
none. Catalog and settings are no code: rows by definition carry their declaration.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from dagster_project.receipts import fingerprints
from dagster_project.record import CODE_CHANGED
from dagster_project.settings import Settings
from dagster_project.warehouse import Warehouse
from ingestion.landed_tables import EVENTS
from ingestion.privacy.retention import first_day_irreplaceable

EVENTS_SOURCE = "source.daybreak.raw.events"
OWN_STATE = "macro.daybreak.state_of_last_run"
# What of a model's configuration says what its rows are, or how they come in.
CONFIGURED = ("materialized", "incremental_strategy", "unique_key", "meta")
# A layout is no code: comments of the template, lines of comment, the margin.
_COMMENT = re.compile(r"\{#.*?#\}|^\s*--[^\n]*$", re.DOTALL | re.MULTILINE)
_QUOTED = re.compile(r"""['"](\w+)['"]""")


@dataclass(frozen=True)
class Upgrade:
    """What a change of the code asks for.

    `in_full` are tables to build anew; `kept` those that stay as other code built them,
    because the lake no longer holds the events before `first_day`.
    """

    in_full: frozenset[str] = frozenset()
    kept: frozenset[str] = frozenset()
    first_day: date | None = None

    def tell(self, log: logging.Logger) -> None:
        """Log what is built in full, and what cannot be."""
        if self.in_full:
            log.info(f"Built in full, as their code changed: {_names(self.in_full)}")
        if self.kept:
            log.warning(
                f"Their code changed, but what they know of days before "
                f"{self.first_day} stays as other code built it, because the lake no "
                f"longer holds the events of those days: {_names(self.kept)}"
            )

    def metadata_of(self, unique_id: str) -> dict[str, bool]:
        """Return what the record of a table says of this."""
        return {CODE_CHANGED: True} if unique_id in self.in_full else {}

    def cure_of(self, unique_id: str) -> str:
        """Say what to do where a kept table cannot take in what the code now gives."""
        if unique_id not in self.kept:
            return ""
        return (
            "\nIts code changed, so it would have to be built in full; but the lake "
            f"no longer holds events before {self.first_day}: all that the warehouse "
            "knows of earlier days would be lost. Go back to the Daybreak that built "
            "it; to go on without those days: daybreak retain --forget"
        )


def upgrade_of(
    due: Collection[str],
    manifest: Mapping[str, Any],
    warehouse: Warehouse,
    settings: Settings,
) -> Upgrade:
    """Compare the code of models that are due with that of their standing tables.

    A table whose code is unknown counts as changed.
    """
    changed = _unlike(due, manifest, warehouse)
    first_day = first_day_irreplaceable(settings.lake, EVENTS) if changed else None
    kept: set[str] = set()
    if first_day:
        kept = changed.keys() & _above_the_lake(manifest)
        kept -= _built_whole_so_far(kept, manifest, warehouse)
    return Upgrade(frozenset(changed.keys() - kept), frozenset(kept), first_day)


def vouch_for_code(
    built: Collection[str], manifest: Mapping[str, Any], warehouse: Warehouse
) -> None:
    """Write into tables that stand by which code they were built."""
    warehouse.comment_on(
        {
            _table(unique_id, manifest): comment
            for unique_id, comment in _unlike(built, manifest, warehouse).items()
        }
    )


def code_hashes(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Return, by model that builds on a table of an earlier night, a hash of its code.

    With the code of everything it is built from: rows that another code gave have no
    mark by which a table below could know them as new.
    """
    models = _models(manifest)
    macros = _Macros(manifest)
    parents = {
        unique_id: [one for one in node["depends_on"]["nodes"] if one in models]
        for unique_id, node in models.items()
    }
    own = {unique_id: macros.code_of(node) for unique_id, node in models.items()}
    found = fingerprints(parents, own, {})
    return {one: found[one] for one, node in models.items() if _reads_its_past(node)}


def _models(manifest: Mapping[str, Any]) -> dict[str, Any]:
    return {
        unique_id: node
        for unique_id, node in manifest["nodes"].items()
        if node["resource_type"] == "model"
    }


def _reads_its_past(node: Mapping[str, Any]) -> bool:
    return (
        node["config"]["materialized"] == "incremental"
        or OWN_STATE in node["depends_on"]["macros"]
    )


class _Macros:
    """The macros of the project: their code, and which each of them calls."""

    def __init__(self, manifest: Mapping[str, Any]) -> None:
        project = manifest["metadata"]["project_name"]
        self._macros = {
            unique_id: macro
            for unique_id, macro in manifest["macros"].items()
            if macro["package_name"] == project
        }
        self._code = {
            unique_id: plain_code(macro["macro_sql"])
            for unique_id, macro in self._macros.items()
        }
        self._by_name = {it["name"]: one for one, it in self._macros.items()}

    def code_of(self, node: Mapping[str, Any]) -> str:
        """Return the code of a model: configuration, columns, SQL and macros."""
        config = {name: node["config"].get(name) for name in CONFIGURED}
        strategy = f"get_incremental_{config['incremental_strategy']}_sql"
        code = plain_code(node["raw_code"])
        told = json.dumps([config, node["contract"]["checksum"]], sort_keys=True)
        open_ones = [
            *node["depends_on"]["macros"],
            *self._named(f'{told} "{strategy}" {code}'),
        ]
        reached: set[str] = set()
        while open_ones:
            one = open_ones.pop()
            if one in self._macros and one not in reached:
                reached.add(one)
                open_ones += self._macros[one]["depends_on"]["macros"]
                open_ones += self._named(self._code[one])
        return "\n".join([told, code, *(self._code[one] for one in sorted(reached))])

    def _named(self, code: str) -> Iterable[str]:
        """Return macros that are named in quotes: dbt does not see those calls."""
        names = (match[1] for match in _QUOTED.finditer(code))
        return [self._by_name[name] for name in names if name in self._by_name]


def plain_code(code: str) -> str:
    """Return code without comments, margins and empty lines."""
    lines = (line.strip() for line in _COMMENT.sub("", code).splitlines())
    return "\n".join(line for line in lines if line)


def _above_the_lake(manifest: Mapping[str, Any]) -> set[str]:
    """Return the models that take in the lake's events, and all above them."""
    models = _models(manifest)
    open_ones = [
        one
        for one, node in models.items()
        if node["config"]["materialized"] == "incremental"
        and _reads_the_lake(one, models)
    ]
    reached: set[str] = set()
    while open_ones:
        one = open_ones.pop()
        if one in models and one not in reached:
            reached.add(one)
            open_ones += models[one]["depends_on"]["nodes"]
    return reached


def _built_whole_so_far(
    unique_ids: Collection[str], manifest: Mapping[str, Any], warehouse: Warehouse
) -> set[str]:
    """Return the models whose tables were built anew each night, without the lake.

    They lack the hash of declarations that their models now keep with what they know.
    """
    with warehouse.connect() as connection:
        found = connection.execute(
            "select schema_name || '.' || table_name from duckdb_columns() "
            "where column_name = 'declaration_hash'"
        ).fetchall()
    keeping = {table for (table,) in found}
    return {
        one
        for one in unique_ids
        if "declared_by" in manifest["nodes"][one]["config"]["meta"]
        and _table(one, manifest) not in keeping
    }


def _reads_the_lake(unique_id: str, models: Mapping[str, Any]) -> bool:
    """Say whether a model reads the lake's events: itself, or through views."""
    above = models[unique_id]["depends_on"]["nodes"]
    return EVENTS_SOURCE in above or any(
        models[one]["config"]["materialized"] in ("view", "ephemeral")
        and _reads_the_lake(one, models)
        for one in above
        if one in models
    )


def _unlike(
    unique_ids: Collection[str], manifest: Mapping[str, Any], warehouse: Warehouse
) -> dict[str, str]:
    """Return the comments due to those models whose tables stand with another one."""
    due = {
        unique_id: f"built by code {code}"
        for unique_id, code in code_hashes(manifest).items()
        if unique_id in unique_ids
    }
    standing = warehouse.table_comments() if due else {}
    tables = {unique_id: _table(unique_id, manifest) for unique_id in due}
    return {
        unique_id: comment
        for unique_id, comment in due.items()
        if standing.get(tables[unique_id], comment) != comment
    }


def _names(unique_ids: Iterable[str]) -> str:
    return ", ".join(sorted(one.rpartition(".")[2] for one in unique_ids))


def _table(unique_id: str, manifest: Mapping[str, Any]) -> str:
    node = manifest["nodes"][unique_id]
    return f"{node['schema']}.{node['alias']}"
