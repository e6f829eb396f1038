"""One simulated product in every vendor's format: the same events, the same marts.

What a format does not carry is listed in `NOT_CARRIED`, and nothing else may differ:
there the vendor's event has null, never another value.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

import duckdb
import pytest

from ingestion.events import column_names
from ingestion.simulator import Dirt, SimulationSpec, simulate
from ingestion.simulator.vendors import NATIVE, VENDORS
from tests.end_to_end.home_of_test import CHECKOUT, HomeOfTest
from tests.ingestion.landing_home import Home, new_home, sources_of

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SPEC: Final[dict[str, Any]] = {
    "persons": 60,
    "start": date(2026, 1, 1),
    "days": 20,
    "dirt": Dirt(malformed=0.02, clock_skew=0.01, late=0.05, out_of_order=0.05),
}

# Columns that a format has no place for, for some events at least.
NOT_CARRIED: Final[dict[str, frozenset[str]]] = {
    # Its spec has no browser, and the kind of device for nobody but phones' systems.
    "segment": frozenset({"browser", "device_type"}),
    # And its web library writes its own version where the app's would stand.
    "rudderstack": frozenset({"browser", "device_type", "app_version"}),
    # A page view has no data of its own, hence no category.
    "snowplow": frozenset({"category"}),
}
# An export without ids of events gets the hash of each event's content.
WITHOUT_IDS: Final = frozenset({"ga4"})
OF_THE_LOAD: Final = ("source", "load_id", "properties")
IDENTITY: Final = ("event_name", "occurred_at", "user_id", "anonymous_id")


def land_vendor(root: Path, vendor: str) -> Home:
    """Give a home in which the product has landed in a vendor's format."""
    home = new_home(root).with_options(now=NOW)
    declared = f"sources: [{{name: app, format: {vendor}}}]"
    home = replace(home, sources=sources_of(declared))
    result = simulate(
        SimulationSpec(**SPEC, vendor=vendor), home.options.landing_dir / "app"
    )
    landed = home.land()
    assert sum(load.landed for load in landed.loads) == result.event_count
    total = result.truth["dirt"]["total"]
    flaws = sum(
        count
        for kind, count in total.items()
        if kind.startswith(("malformed", "clock"))
    )
    assert sum(load.quarantined for load in landed.loads) == flaws
    assert flaws > 40
    return home


@pytest.fixture(scope="module")
def lakes(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Give a table of events for each format, in one database."""
    folder = tmp_path_factory.mktemp("formats")
    with duckdb.connect() as connection:
        for vendor in (NATIVE, *VENDORS):
            lake = land_vendor(folder / vendor, vendor).lake
            connection.execute(
                f"create table {vendor} as from read_parquet("
                f"'{lake}/events/load=*/date=*/*.parquet', hive_partitioning = false)"
            )
        yield connection
    shutil.rmtree(folder)


def key_of(vendor: str) -> tuple[str, ...]:
    """Give the columns by which the same event is found in both lakes."""
    return IDENTITY if vendor in WITHOUT_IDS else ("event_id",)


def pairs(vendor: str) -> str:
    """Give the same events of both lakes, as structs `ours` and `theirs`."""
    key = ", ".join(key_of(vendor))
    alone = f"qualify count(*) over (partition by {key}) = 1"
    same = " and ".join(
        f"ours.{column} is not distinct from theirs.{column}"
        for column in key_of(vendor)
    )
    return (
        f"(from {NATIVE} {alone}) as ours join (from {vendor} {alone}) as theirs "
        f"on {same}"
    )


@pytest.mark.parametrize("vendor", VENDORS)
def test_every_column_says_the_same(
    lakes: duckdb.DuckDBPyConnection, vendor: str
) -> None:
    columns = [name for name in column_names() if name not in OF_THE_LOAD]
    if vendor in WITHOUT_IDS:
        columns.remove("event_id")
    for column in columns:
        may_miss = column in NOT_CARRIED.get(vendor, ())
        missing = f"and theirs.{column} is not null" if may_miss else ""
        differing = lakes.execute(
            f"select ours.{column}, theirs.{column}, count(*) from {pairs(vendor)} "
            f"where ours.{column} is distinct from theirs.{column} {missing} "
            "group by all limit 5"
        ).fetchall()
        assert differing == [], column


@pytest.mark.parametrize("vendor", VENDORS)
def test_what_is_said_to_be_missing_is(
    lakes: duckdb.DuckDBPyConnection, vendor: str
) -> None:
    for column in NOT_CARRIED.get(vendor, ()):
        [(missing,)] = lakes.execute(
            f"select count(*) from {pairs(vendor)} "
            f"where ours.{column} is not null and theirs.{column} is null"
        ).fetchall()
        assert missing > 0, column


@pytest.mark.parametrize("vendor", VENDORS)
def test_all_events_are_there_once(
    lakes: duckdb.DuckDBPyConnection, vendor: str
) -> None:
    carried = [
        name
        for name in column_names()
        if name not in (*OF_THE_LOAD, *NOT_CARRIED.get(vendor, ()))
        and not (name == "event_id" and vendor in WITHOUT_IDS)
    ]
    listed = ", ".join(carried)
    for ours, theirs in ((NATIVE, vendor), (vendor, NATIVE)):
        only_here = lakes.execute(
            f"select {listed} from {ours} except all select {listed} from {theirs} "
            "limit 3"
        ).fetchall()
        assert only_here == []


@pytest.mark.parametrize("vendor", VENDORS)
def test_every_property_is_there(lakes: duckdb.DuckDBPyConnection, vendor: str) -> None:
    """The product's own properties; what a vendor adds of itself may stand beside."""
    [(compared, events)] = lakes.execute(
        f"select count(*), (select count(*) from {NATIVE}) from {pairs(vendor)}"
    ).fetchall()
    assert compared > 0.95 * events
    differing = lakes.execute(
        f"""
        with properties as (
            select
                ours.properties as ours,
                theirs.properties as theirs,
                unnest(json_keys(ours.properties)) as key
            from {pairs(vendor)}
        ),
        texts as (
            select
                key,
                json_extract_string(ours, '$."' || key || '"') as ours,
                json_extract_string(theirs, '$."' || key || '"') as theirs
            from properties
        )
        -- 12.50 and 12.5 are one number.
        select key, ours, theirs, count(*) from texts
        where
            coalesce(try_cast(ours as double)::varchar, ours)
            is distinct from coalesce(try_cast(theirs as double)::varchar, theirs)
        group by all limit 5
        """
    ).fetchall()
    assert differing == []


NIGHT: Final[dict[str, Any]] = {"persons": 300, "start": date(2026, 1, 1), "days": 40}
FEW: Final[dict[str, Any]] = {"persons": 40, "start": date(2026, 1, 1), "days": 10}
# Keys made of an event's id, where the export has none.
MADE_OF_IDS: Final = frozenset({"invite_id", "referral_id"})


def home_of(folder: Path, spec: SimulationSpec) -> HomeOfTest:
    """Give a home into which the product has come in its format."""
    catalog = folder / "catalog"
    shutil.copytree(CHECKOUT / "dbt_project" / "catalog", catalog)
    (catalog / "sources.yml").write_text(
        f"sources:\n  - {{name: app, format: {spec.vendor}}}\n", encoding="utf-8"
    )
    home = HomeOfTest(folder / "home", catalog)
    simulate(spec, home.landing / "app")
    return home


def published_night(folder: Path, vendor: str) -> Path:
    """Give the folder of the databases that a whole night has published."""
    home = home_of(folder, SimulationSpec(**NIGHT, vendor=vendor))
    home.daybreak("run", "--as-of", "2026-02-10")
    return home.published.parent


def built(folder: Path, vendor: str) -> Path:
    """Give the folder of the warehouse that dbt has built of a few persons."""
    home = home_of(folder, SimulationSpec(**FEW, vendor=vendor))
    as_of = {"DAYBREAK_AS_OF": "2026-01-11"}
    home.daybreak("ingest", **as_of)
    home.daybreak("dbt", "run", "--quiet", **as_of)
    return home.path / "warehouse"


@pytest.fixture(scope="module")
def native_night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("native")
    yield published_night(folder, NATIVE)
    shutil.rmtree(folder)


def compared_columns(columns: list[str], vendor: str) -> tuple[str, str]:
    """Give the columns of a mart that a format can fill, and the rows."""
    missing = NOT_CARRIED.get(vendor, frozenset())
    if vendor in WITHOUT_IDS:
        missing |= MADE_OF_IDS
    # `last_app_version` of a person is an event's `app_version`.
    listed = ", ".join(
        column
        for column in columns
        if column.removeprefix("first_").removeprefix("last_") not in missing
    )
    if "dimension" not in columns or not missing:
        return listed, "true"
    named = ", ".join(f"'{column}'" for column in sorted(missing))
    return listed, f"dimension not in ({named})"


def marts(folder: Path) -> dict[tuple[Path, str], list[str]]:
    """Give the columns of every mart in the databases of a folder."""
    found: dict[tuple[Path, str], list[str]] = {}
    for path in sorted(folder.glob("*.duckdb")):
        with duckdb.connect(str(path), read_only=True) as connection:
            for table, column in connection.execute(
                "select table_name, column_name from duckdb_columns() "
                "where schema_name = 'marts' and database_name = current_database() "
                "order by table_name, column_index"
            ).fetchall():
                found.setdefault((path, table), []).append(column)
    return found


def assert_same_marts(native: Path, others: Path, vendor: str) -> None:
    """Hold every mart against that of the native format, row by row."""
    found = marts(native)
    assert {"fct_metrics", "fct_sessions", "dim_persons"} <= {name for _, name in found}
    for (path, table), columns in found.items():
        listed, rows = compared_columns(columns, vendor)
        with duckdb.connect() as connection:
            for name, database in (("ours", path), ("theirs", others / path.name)):
                connection.execute(f"attach '{database}' as {name} (read_only)")
            for one, other in (("ours", "theirs"), ("theirs", "ours")):
                only_here = connection.execute(
                    f"select {listed} from {one}.marts.{table} where {rows} "
                    f"except all select {listed} from {other}.marts.{table} "
                    f"where {rows} limit 3"
                ).fetchall()
                assert only_here == [], (table, one)


@pytest.mark.campaign
def test_marts_of_a_few_persons_are_the_same(tmp_path: Path) -> None:
    """Snowplow's is the format furthest from the native one; all are a campaign."""
    native = built(tmp_path / NATIVE, NATIVE)
    assert_same_marts(native, built(tmp_path / "snowplow", "snowplow"), "snowplow")


@pytest.mark.campaign
@pytest.mark.parametrize("vendor", VENDORS)
def test_every_mart_is_the_same(
    native_night: Path, tmp_path: Path, vendor: str
) -> None:
    assert_same_marts(native_night, published_night(tmp_path, vendor), vendor)
