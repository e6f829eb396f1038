"""Real exports against the figures published with them.

The larger one goes through the whole night, gates and all; of the other only what the
marts say is asked.
"""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from tests.end_to_end.home_of_test import HomeOfTest

CATALOGS = Path(__file__).resolve().parent / "catalogs"

MONTHLY_REVENUE = {
    "2010-12": "748957.02",
    "2011-01": "560000.26",
    "2011-02": "498062.65",
    "2011-03": "683267.08",
    "2011-04": "493207.12",
    "2011-05": "723333.51",
    "2011-06": "691123.12",
    "2011-07": "681300.11",
    "2011-08": "682680.51",
    "2011-09": "1019687.62",
    "2011-10": "1070704.67",
    "2011-11": "1461756.25",
    "2011-12": "433668.01",
}

# Customers back by month after that of their first purchase of a positive quantity.
COHORTS = {
    "2010-12": [885, 324, 286, 340, 321, 352, 321, 309, 313, 350, 331, 445, 235],
    "2011-01": [417, 92, 111, 96, 134, 120, 103, 101, 125, 136, 152, 49],
}

SPARKIFY_MARTS = (
    *("+marts.core", "+marts.metrics"),
    *("+fct_active_persons_daily", "+freshness"),
)

PAGES = {
    "NextSong": 6_820,
    "Home": 806,
    "Login": 92,
    "Logout": 90,
    "Downgrade": 60,
    "Settings": 56,
    "Help": 47,
    "About": 36,
    "Upgrade": 21,
    "Submit Upgrade": 8,
    "Submit Downgrade": 1,
}


@pytest.fixture(scope="module")
def online_retail(
    shared_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[HomeOfTest]:
    home = HomeOfTest(tmp_path_factory.mktemp("retail"), CATALOGS / "online_retail")
    target = home.landing / "online_retail"
    target.mkdir(parents=True)
    with tarfile.open(shared_dir / "data" / "online_retail" / "by-day.tar.gz") as days:
        days.extractall(target, filter="data")
    home.daybreak("run")
    yield home
    shutil.rmtree(home.path)


@pytest.fixture(scope="module")
def sparkify(
    shared_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[duckdb.DuckDBPyConnection]:
    home = HomeOfTest(tmp_path_factory.mktemp("sparkify"), CATALOGS / "sparkify")
    shutil.copytree(
        shared_dir / "data" / "sparkify_log_data" / "log_data",
        home.landing / "sparkify",
    )
    home.daybreak("ingest")
    home.daybreak("dbt", "run", "--quiet", "--select", *SPARKIFY_MARTS)
    warehouse = home.path / "warehouse" / "warehouse.duckdb"
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        yield connection
    shutil.rmtree(home.path)


def test_online_retail_rows_invoices_customers(online_retail: HomeOfTest) -> None:
    assert (
        online_retail.value("select landed_row_count from trust.freshness") == 541_909
    )
    rows = "select sum(event_count) from marts.fct_event_counts where period = 'day'"
    assert online_retail.value(rows) == 541_909
    # No invoice spans a month, so months add up.
    invoices = """
        select sum(numerator) from marts.fct_metrics
        where metric_name = 'invoices' and period = 'month'
    """
    assert online_retail.value(invoices) == 25_900
    assert online_retail.value("select count(*) from marts.dim_persons") == 4_372


def test_online_retail_revenue_to_the_cent(online_retail: HomeOfTest) -> None:
    months = online_retail.rows(
        """
        select strftime(period_start, '%Y-%m'), numerator
        from marts.fct_metrics
        where
            metric_name = 'net_revenue' and period = 'month' and dimension = 'all'
        """
    )
    cents = {month: str(round(revenue, 2)) for month, revenue in months}
    assert cents == MONTHLY_REVENUE
    assert sum(revenue for _, revenue in months) == Decimal("9747747.934000")


def test_online_retail_orders_by_day_give_the_same_months(
    online_retail: HomeOfTest,
) -> None:
    for dimension in ("all", "country"):
        months = online_retail.rows(
            f"""
            select strftime(order_date, '%Y-%m'), sum(net_amount)
            from marts.fct_orders_daily where dimension = '{dimension}' group by 1
            """
        )
        assert {month: str(round(sum_, 2)) for month, sum_ in months} == MONTHLY_REVENUE
    # Counted in the files themselves: invoices with a line above 0, whoever bought.
    told = "select sum({}) from marts.fct_orders_daily where dimension = 'all'"
    assert online_retail.value(told.format("order_count")) == 19_960
    assert online_retail.value(told.format("new_customer_count")) == 4_338


def test_online_retail_last_month_is_open(online_retail: HomeOfTest) -> None:
    open_months = online_retail.rows(
        """
        select distinct strftime(period_start, '%Y-%m') from marts.fct_metrics
        where period = 'month' and not is_complete
        """
    )
    assert open_months == [("2011-12",)]


def test_online_retail_cohorts(online_retail: HomeOfTest) -> None:
    """The last cell of each is of the nine days of December 2011: open, so null."""
    for cohort, expected in COHORTS.items():
        cells = online_retail.rows(
            f"""
            select returned_count, is_mature from marts.fct_retention
            where strftime(cohort_start, '%Y-%m') = '{cohort}' and dimension = 'all'
            order by period_number
            """
        )
        counts = [count for count, _ in cells]
        assert counts[: len(expected)] == [*expected[:-1], None]
        assert [mature for _, mature in cells].count(True) == len(expected) - 1
    customers = (
        "select sum(cohort_size) from marts.fct_retention where period_number = 0"
    )
    # 33 of the 4,372 customers never bought, they only returned.
    assert online_retail.value(customers) == 4_339


def test_sparkify_songplays_users_sessions(
    sparkify: duckdb.DuckDBPyConnection,
) -> None:
    def value(query: str) -> int:
        [(found,)] = sparkify.execute(query).fetchall()
        return int(found)

    assert value("select landed_row_count from trust.freshness") == 8_056
    counts = dict(
        sparkify.execute(
            "select event_name, event_count from marts.fct_event_counts "
            "where period = 'month'"
        ).fetchall()
    )
    assert {name: counts[name] for name in PAGES} == PAGES
    listeners = """
        select numerator from marts.fct_metrics
        where metric_name = 'listeners' and period = 'month' and dimension = 'all'
    """
    assert value(listeners) == 96
    assert value("select count(*) from marts.dim_persons") == 97
    assert value("select count(*) from marts.fct_sessions") == 911


def test_sparkify_active_users(sparkify: duckdb.DuckDBPyConnection) -> None:
    actives = dict(
        sparkify.execute(
            "select activity_date::varchar, daily_active_persons "
            "from marts.fct_active_persons_daily"
        ).fetchall()
    )
    assert actives["2018-11-01"] == 5
    assert actives["2018-11-28"] == 37
