"""Erasing persons from a home: the order of work, the journal, the certificate.

Belongs here: what happens when, and how a killed erasure is finished. Not here: how
each kind of file loses a person (`erasing_files`, `ingestion.privacy`), what is told of
it (`erasure_certificate`).

Before anything is removed, a journal says who goes; it alone holds ids in the clear, is
readable by its owner only, and is removed at the end. Every step may be repeated. While
a journal is there no night runs and nothing is published; the next `daybreak erase`
finishes its work first. What reads the disk itself, or a backup, is out of reach.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from dagster_project.erasing_files import kept_files, sweep, sweep_database
from dagster_project.erasure_certificate import (
    Certificate,
    write_certificate,
    write_whole,
)
from dagster_project.landing_options import erasure_key, personal_keys
from dagster_project.open_erasure import JOURNAL, refuse_open_erasure
from dagster_project.publishing import PostgresError
from dagster_project.settings import Settings
from ingestion.lake import open_lake
from ingestion.landed_tables import EVENTS, lake_tables
from ingestion.privacy.erasure import ErasurePlan, erase_from_lake, plan_erasure
from ingestion.privacy.keys import normalised
from ingestion.privacy.landing_erasure import erase_from_landing
from ingestion.privacy.linked_ids import ExpiredLinks
from ingestion.privacy.mentions import Mentions
from ingestion.privacy.remembered import check_key, remember
from ingestion.privacy.retention import first_day_kept


def preview(
    settings: Settings, asked: Sequence[str], junk: Iterable[str]
) -> Certificate:
    """Count what an erasure would remove; nothing is changed."""
    return _planned(settings, asked, junk)[1]


def _planned(
    settings: Settings, asked: Sequence[str], junk: Iterable[str]
) -> tuple[ErasurePlan, Certificate]:
    expired = _expired_links(settings)
    with open_lake(settings.lake) as lake:
        plan = plan_erasure(
            *(lake, asked, junk, personal_keys(settings)),
            expired=expired,
            landing_dir=settings.landing,
        )
        lines = erase_from_landing(
            lake, settings.landing, plan.mentions(), dry_run=True
        )
    rows, words = _swept(settings, plan.mentions(), dry_run=True)
    if _is_irreplaceable(settings):
        swept = sweep_database(settings.warehouse_path, plan.mentions(), dry_run=True)
        rows["warehouse"], words["warehouse"] = swept.rows, swept.words
    return plan, Certificate(
        *("dry run", "", "", plan.ids),
        rows={**_row_counts(plan), "landing": sum(lines.lines.values()), **rows},
        words={**_word_counts(plan), **words},
        warehouse=_fate_of_warehouse(settings),
        postgres="written anew" if settings.postgres_url else "no copy is declared",
        shared_devices=plan.shared_device_count,
        other_users=plan.other_user_count,
        unreadable=lines.unreadable,
    )


def erase(
    settings: Settings,
    asked: Sequence[str],
    clock: Callable[[], datetime],
    junk: Iterable[str] = (),
) -> Certificate:
    """Erase persons by any of their ids; the caller holds the run lock.

    `clock` tells the instants of beginning and end. Raises ErasureKeyError without the
    key, UnknownPersonError for ids that cannot be told, OpenErasureError when an
    earlier erasure is not finished.
    """
    refuse_open_erasure(settings)
    check_key(settings.lake, erasure_key(settings))
    plan, counted = _planned(settings, asked, junk)
    now = clock()
    journal = {
        "erasure_id": f"{now:%Y%m%dT%H%M%S%f}",
        "began_at": now.isoformat(timespec="seconds"),
        "asked": sorted({normalised(one) for one in asked}),
        "plan": plan.to_json(),
        "counted": asdict(counted),
        "has_postgres": settings.postgres_url is not None,
    }
    settings.erasures.mkdir(parents=True, exist_ok=True)
    write_whole(settings.erasures / JOURNAL, json.dumps(journal), mode=0o600)
    return resume(settings, clock)


def resume(settings: Settings, clock: Callable[[], datetime]) -> Certificate:
    """Carry out, or finish, the erasure of the journal.

    Raises FileNotFoundError when there is none, and PostgresError when the copy there
    cannot be replaced.
    """
    path = settings.erasures / JOURNAL
    journal: dict[str, Any] = json.loads(path.read_text("utf-8"))
    if journal["has_postgres"] and settings.postgres_url is None:
        raise PostgresError(
            "this erasure began with a copy on PostgreSQL: set DAYBREAK_POSTGRES_URL "
            "again, or the persons would stay there"
        )
    plan = ErasurePlan.from_json(journal["plan"])
    ids = sorted({*plan.ids, *journal["asked"]})
    key = erasure_key(settings)
    check_key(settings.lake, key)
    assert key is not None
    remember(settings.lake, key, journal["erasure_id"], ids, plan.spans)
    _erase_from_warehouse(settings, plan.mentions(), journal["erasure_id"])
    with open_lake(settings.lake) as lake:
        erase_from_lake(lake, plan, personal_keys(settings))
        unread = erase_from_landing(lake, settings.landing, plan.mentions()).unreadable
    _swept(settings, plan.mentions())
    if settings.postgres_url and settings.published_database.exists():
        _replace_postgres(settings)
    found_again = _found_again(settings, plan)
    certificate = replace(
        Certificate(**journal["counted"]),
        erasure_id=journal["erasure_id"],
        began_at=journal["began_at"],
        ended_at=clock().isoformat(timespec="seconds"),
        id_hashes=tuple(_hashed(key, one) for one in ids),
        unreadable=unread,
        found_again=found_again,
    )
    write_certificate(settings.erasures, certificate)
    path.unlink()
    return certificate


def _replace_postgres(settings: Settings) -> None:
    """Let the copy on PostgreSQL follow the published files."""
    from dagster_project.publishing_postgres import Roles, publish_to_postgres

    assert settings.postgres_url is not None
    publish_to_postgres(
        settings.published_database,
        settings.postgres_url.get_secret_value(),
        Roles(settings.postgres_analyst_role, settings.postgres_steward_role),
        again="daybreak erase --resume",
    )


def _erase_from_warehouse(
    settings: Settings, mentions: Mentions, erasure_id: str
) -> None:
    """Remove the warehouse: the next night builds it again from the lake.

    Where days of the lake have expired, the warehouse is all that knows them: the
    persons' rows go from it, and the next night computes every day anew from its own
    events, because every day is marked as changed, and who is who anew.
    """
    if _is_irreplaceable(settings):
        sweep_database(
            settings.warehouse_path,
            mentions,
            storage_version="latest",
            then=(
                "update warehouse.intermediate.int_event_days "
                f"set last_load_id = '{erasure_id}'",
                *(
                    f"update warehouse.intermediate.{table} set declaration_hash = ''"
                    for table in _tables_of_persons(settings)
                ),
            ),
        )
        return
    for path in sorted(settings.warehouse_path.parent.rglob("*")):
        if path.is_file():
            path.unlink()


def _tables_of_persons(settings: Settings) -> list[str]:
    """List the tables of who is who, which take in only what new loads tell.

    They are built in full where they say that they were built by other rules. Those of
    an earlier Daybreak that do not say so are built in full by the next night anyway.
    """
    with duckdb.connect(str(settings.warehouse_path), read_only=True) as connection:
        found = connection.execute(
            "select table_name from duckdb_columns() where schema_name = "
            "'intermediate' and column_name = 'declaration_hash' and table_name in "
            "('int_identity_edges', 'int_identities', 'int_identity_spans', "
            "'int_person_keys', 'int_persons')"
        ).fetchall()
    return [name for (name,) in found]


def _is_irreplaceable(settings: Settings) -> bool:
    """Say whether the warehouse knows days that the lake no longer holds."""
    has_expired = first_day_kept(settings.lake, EVENTS) is not None
    return has_expired and settings.warehouse_path.exists()


def _expired_links(settings: Settings) -> ExpiredLinks | None:
    """Read who is linked to whom from the warehouse, where it alone may know."""
    if not _is_irreplaceable(settings):
        return None
    with duckdb.connect(str(settings.warehouse_path), read_only=True) as connection:
        links = connection.sql(
            "select identity as one, linked_identity as other, linked_at, event_id, "
            "is_login from intermediate.int_identity_links where identity is not null"
        ).to_arrow_table()
        users = connection.sql(
            "select identity as id from intermediate.int_identity_sightings "
            "where is_user"
        ).to_arrow_table()
    return ExpiredLinks(links, users)


def _fate_of_warehouse(settings: Settings) -> str:
    if _is_irreplaceable(settings):
        return "written anew without them, because it alone knows the days that expired"
    if settings.warehouse_path.exists():
        return "removed; the next night builds it from what is left"
    return "there was none"


def _swept(
    settings: Settings, mentions: Mentions, *, dry_run: bool = False
) -> tuple[dict[str, int], dict[str, int]]:
    """Sweep all files that no other step has seen to; counts by top folder."""
    rows: dict[str, int] = {}
    words: dict[str, int] = {}
    for path in kept_files(settings.home, _apart(settings)):
        swept = sweep(path, mentions, dry_run=dry_run)
        parts = path.relative_to(settings.home).parts
        place = "/".join(parts[: 2 if parts[0] == "lake" else 1])
        for counts, count in ((rows, swept.rows), (words, swept.words)):
            if count:
                counts[place] = counts.get(place, 0) + count
    return rows, words


def _apart(settings: Settings) -> list[Path]:
    """Give the folders that other steps rewrite, and what holds no id in the clear."""
    loads = [settings.lake / table for table in lake_tables()]
    return [
        *(settings.landing, settings.warehouse_path.parent, *loads),
        *(settings.lake / "quarantine", settings.lake / "erased"),
        *(settings.erasures, settings.run_lock),
    ]


def _row_counts(plan: ErasurePlan) -> dict[str, int]:
    return {
        f"lake/{where}": count for where, count in plan.erased_rows.items() if count
    }


def _word_counts(plan: ErasurePlan) -> dict[str, int]:
    return {
        f"lake/{where}": count for where, count in plan.redacted_rows.items() if count
    }


def _found_again(settings: Settings, plan: ErasurePlan) -> int:
    """Look through everything once more; anything found is a fault to be told."""
    with open_lake(settings.lake) as lake:
        again = plan_erasure(lake, plan.ids, (), personal_keys(settings))
        lines = erase_from_landing(
            lake, settings.landing, plan.mentions(), dry_run=True
        )
    rows, words = _swept(settings, plan.mentions(), dry_run=True)
    if settings.warehouse_path.exists():
        swept = sweep_database(settings.warehouse_path, plan.mentions(), dry_run=True)
        rows["warehouse"] = swept.rows + swept.words
    counts = (again.erased_rows, again.redacted_rows, lines.lines, rows, words)
    return sum(sum(one.values()) for one in counts)


def _hashed(key: bytes, one: str) -> str:
    return hmac.new(key, one.encode(), hashlib.sha256).hexdigest()
