"""What the sums of an experiment cost, beside counting its units again for every look.

    python -m tests.benchmarks.bench_experiment_sums [--units 1000000] [--home DIR]

Makes one experiment: units that come on any of 28 days and do something on a fifth of
the days before and after, as the tables the models read; lets dbt write the models' SQL
and runs it. Figures are CPU seconds:

- a plain recompute: every unit's total of one look, and of the days before exposure,
  and their sums, straight from the amounts;
- all 28 cumulative looks (and the closed ones, and both views by day) from the same
  amounts, written to their tables: at most 1.5x two plain recomputes;
- one more day, which a further night computes: at most a tenth of all looks.

Who takes part is found before, once for all metrics, and is part of neither figure; nor
are dbt's own seconds, and what it asks to know what is new.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path
from tempfile import gettempdir

from ingestion.catalog import CatalogSettings, compile_catalog, load_catalog
from tests.benchmarks.bench_cohorts import connect, cpu_seconds
from tests.benchmarks.bench_nightly import dbt_environment

DAYS = 28
BEFORE = 14
SHORT_RUNS = 9
CATALOG = {
    "events.yml": """
policy: allow
events:
  - {name: exposed, description: E., is_activity: false}
  - {name: paid, description: P.}
""",
    "metrics.yml": """
metrics:
  - {name: revenue, type: sum, event: paid, value: revenue}
""",
    "experiments/price.yml": """
experiments:
  - name: price
    hypothesis: It sells.
    status: running
    start: 2026-01-15
    covariate_days: 14
    exposure: {event: exposed}
    variants:
      - {name: control, allocation: 0.5, is_control: true}
      - {name: green, allocation: 0.5}
    metrics:
      - {metric: revenue, role: success, window: 28 days}
""",
}
WHO = ("int_experiment_units",)
LOOKS = (
    *("int_experiment_unit_days", "int_experiment_cells", "int_experiment_sums"),
    *("int_experiment_quantiles", "fct_experiment_variant_metrics_daily"),
)
SMALL = ("int_experiment_caps", "int_experiment_days", "int_experiment_slices")
STAGING = (
    *("stg_catalog_experiments", "stg_catalog_experiment_variants"),
    *("stg_catalog_experiment_metrics", "stg_catalog_funnels"),
)
SPINE = ("int_watermark", "int_calendar_days")
READ = ("int_experiment_sightings", "int_experiment_amounts")
PLAIN = """
    with totals as (
        select unit_key, sum(amount) as y
        from intermediate.int_experiment_amounts
        inner join intermediate.int_experiment_units using (unit_key)
        where
            occurred_at >= exposed_at
            and occurred_at < exposed_at + interval '28' day
        group by unit_key
    ),
    earlier as (
        select unit_key, sum(amount) as x
        from intermediate.int_experiment_amounts
        inner join intermediate.int_experiment_units using (unit_key)
        where
            activity_date < exposure_date
            and activity_date >= exposure_date - 14
        group by unit_key
    ),
    units as (
        select
            variant,
            cast(coalesce(y, 0) as decimal(38, 6)) as y,
            cast(0 as decimal(38, 6)) as d,
            cast(coalesce(x, 0) as decimal(38, 6)) as x,
            cast(0 as decimal(38, 6)) as w
        from intermediate.int_experiment_units
        left join totals using (unit_key)
        left join earlier using (unit_key)
    )
    select
        variant, count(*), sum(y), sum(d), sum(x), sum(w), sum(y * y), sum(y * d),
        sum(y * x), sum(y * w), sum(d * d), sum(d * x), sum(d * w), sum(x * x),
        sum(x * w), sum(w * w)
    from units
    group by variant
"""


def make_events(database: Path, units: int) -> None:
    """Write all events but those of the last day as one load, these as a second."""
    first, last = BEFORE, BEFORE + DAYS - 1
    with connect(database) as connection:
        connection.execute(
            f"""
            create schema intermediate;
            create schema staging;
            create table intermediate.all_events as
            with units as (
                select
                    u,
                    'p' || lpad(cast(u as varchar), 15, '0') as person_id,
                    {first} + hash(u, 'day') % {DAYS} as exposed_on
                from range({units}) as t (u)
            ),
            events as (
                select u, person_id, exposed_on as day, 'exposed' as event_name
                from units
                union all
                select u, person_id, d as day, 'paid' as event_name
                from units
                cross join range({last + 1}) as days (d)
                where hash(u, d) % 5 = 0
            )
            select
                date '2026-01-01' + cast(day as integer) as event_date,
                person_id,
                cast('0x' || substring(md5(person_id), 1, 15) as bigint) as person_key,
                event_name || u || '-' || day as event_id,
                event_name,
                date '2026-01-01' + cast(day as integer)
                    + cast(hash(u, day, event_name) % 86400 as integer)
                    * interval '1' second as occurred_at,
                cast(hash(u, day) % 10000 / 100.0 as decimal(18, 6)) as revenue,
                '{{"variant": "' || case when u % 2 = 0 then 'control' else 'green' end
                    || '"}}' as properties,
                false as is_bot,
                false as is_internal
            from events
            order by event_date;
            create table intermediate.int_person_properties (
                person_id varchar, person_properties varchar
            );
            create table intermediate.int_session_days (person_key bigint);
            create table intermediate.int_funnel_attempts (
                funnel_name varchar, breakdown varchar, unit_id varchar,
                entered_at timestamp, last_step_at timestamp, reached_step integer
            );
            """
        )


def show_days(database: Path, last: int) -> None:
    """Let the models see the events up to a day, the last one as a newer load."""
    with connect(database) as connection:
        connection.execute(
            f"""
            create or replace table intermediate.int_events as
            select * from intermediate.all_events
            where event_date <= date '2026-01-01' + {last};
            create or replace table intermediate.int_event_days as
            select
                event_date,
                case
                    when event_date = date '2026-01-01' + {last} then '{last:03}'
                    else '001'
                end as last_load_id
            from intermediate.int_events
            group by event_date;
            """
        )


def dbt(home: Path, command: str, *arguments: str) -> None:
    """Let dbt run models, or write their SQL."""
    program = str(Path(sys.executable).with_name("dbt"))
    subprocess.run(
        [program, "--quiet", command, *arguments],
        env=dbt_environment(home) | {"DAYBREAK_THREADS": "2"},
        stdout=subprocess.DEVNULL,
        check=True,
    )


def cost(home: Path, model: str, day: str | None = None, runs: int = 3) -> float:
    """CPU seconds of one model: its SQL, and writing rows (of a day on) as dbt does.

    The least of some runs, because a machine is never quite its own: the shorter
    they are, the more of them.

    The table of the model is as it was before afterwards, or made where `day` is None.
    """
    dbt(home, "compile", "--select", model)
    compiled = home / "target" / "compiled" / "daybreak" / "models"
    sql = next(compiled.rglob(f"{model}.sql")).read_text()
    schema = "marts" if model.startswith("fct_") else "intermediate"
    write = f"create or replace table {schema}.{model} as {sql}"
    if day is not None:
        write = f"""
            create temp table computed as {sql};
            delete from {schema}.{model} where day_date >= date '{day}';
            insert into {schema}.{model} select * from computed
        """
    used = []
    with connect(home / "warehouse.duckdb") as connection:
        for _ in range(runs):
            connection.execute("begin")
            used.append(cpu_seconds(connection, [write]))
            connection.execute("rollback" if day else "commit")
    return min(used)


def run(units: int, home: Path) -> None:
    """Measure, and print."""
    database, catalog = home / "warehouse.duckdb", home / "catalog"
    (catalog / "experiments").mkdir(parents=True, exist_ok=True)
    for name, text in CATALOG.items():
        (catalog / name).write_text(text)
    compile_catalog(load_catalog(catalog), CatalogSettings(), home / "lake" / "catalog")
    if not database.exists():
        make_events(database, units)
    last = BEFORE + DAYS - 1
    show_days(database, last - 1)
    before = (*STAGING, *SPINE, *READ, *WHO, *SMALL)
    dbt(home, "run", "--full-refresh", "--select", *before, *LOOKS)
    show_days(database, last)
    dbt(home, "run", "--select", *before)
    day = str(date(2026, 1, 1) + timedelta(days=last))
    night = cost(home, LOOKS[0], day, SHORT_RUNS)
    dbt(home, "run", "--select", LOOKS[0])
    night += cost(home, LOOKS[1], day, SHORT_RUNS)
    with connect(database) as connection:
        for model in LOOKS[:2]:
            connection.execute(f"drop table intermediate.{model}")
        plain = min(cpu_seconds(connection, [PLAIN]) for _ in range(3))
    looks = sum(cost(home, model) for model in LOOKS[:2])
    marts = sum(cost(home, model, runs=SHORT_RUNS) for model in LOOKS[2:])
    print(f"{units:,} units, CPU seconds")
    print(f"{'one plain recompute':24} {plain:6.2f}")
    told = f"{(looks + marts) / plain / 2:.2f}x two of them, limit 1.5x"
    print(f"{'all looks, all views':24} {looks + marts:6.2f}  {told}")
    told = f"{(night + marts) / (looks + marts):.3f} of all looks, limit 0.1"
    print(f"{'one more day':24} {night + marts:6.2f}  {told}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--units", type=int, default=1_000_000)
    parser.add_argument(
        "--home", type=Path, default=Path(gettempdir(), "daybreak-experiment")
    )
    arguments = parser.parse_args()
    run(arguments.units, arguments.home)


if __name__ == "__main__":
    main()
