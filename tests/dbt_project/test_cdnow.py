"""CDNOW: first-purchase cohorts, who bought again when, and what they paid."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from pathlib import Path

from tests.dbt_project.warehouse_of_test import Row, WarehouseOfTest

CATALOG = {
    "events.yml": "events: [{name: order, category: c, description: An order.}]\n",
    "metrics.yml": (
        "metrics: [{name: revenue, type: sum, event: order, value: revenue}]\n"
    ),
    "retention.yml": """
retention:
  - name: buyers
    target: {event: order}
    returning: {event: order}
    period: month
    periods: 17
ltv:
  - {name: value, target: {event: order}, periods: 17, unit: USD}
""",
    "revenue.yml": "orders: [{name: cds, line: {event: order}}]\n",
}
JANUARY = [
    *(7846, 1157, 964, 810, 679, 736, 720, 582, 559),
    *(594, 673, 634, 528, 511, 664, 472, 497, 498),
]


def orders(file: Path) -> list[Row]:
    rows = []
    for number, line in enumerate(file.read_text().splitlines()[1:]):
        customer, day, _, dollars = line.split()
        rows.append(
            {
                "event_id": f"o{number}",
                "event_name": "order",
                "occurred_at": datetime.strptime(day, "%Y%m%d"),
                "user_id": customer,
                "revenue": Decimal(dollars),
            }
        )
    return rows


def test_cdnow_cohorts_and_revenue(
    warehouse: WarehouseOfTest, shared_dir: Path, tmp_path: Path
) -> None:
    for name, text in CATALOG.items():
        (tmp_path / name).write_text(text)
    warehouse.declare(tmp_path, as_of=datetime(1998, 7, 1))
    rows = orders(shared_dir / "data" / "cdnow" / "CDNOW_master.txt")
    warehouse.land(rows, load_id="19980701T000000000000")
    marts = ("fct_retention", "fct_cohort_ltv", "fct_metrics", "fct_orders_daily")
    warehouse.build(select=[f"+{mart}" for mart in marts])

    sizes = warehouse.rows(
        """
        select strftime(cohort_start, '%Y-%m'), cohort_size from marts.fct_retention
        where period_number = 0 and cohort_size > 0 order by 1
        """
    )
    assert sizes == [("1997-01", 7_846), ("1997-02", 8_476), ("1997-03", 7_248)]
    january = warehouse.rows(
        """
        select returned_count from marts.fct_retention
        where cohort_start = '1997-01-01' order by period_number
        """
    )
    assert [count for (count,) in january] == JANUARY
    revenue = warehouse.rows(
        """
        select sum(numerator) from marts.fct_metrics
        where metric_name = 'revenue' and period = 'month'
        """
    )
    assert revenue == [(Decimal("2500315.63"),)]
    lifetime_values = warehouse.rows(
        """
        select round(max_by(lifetime_value, period_number), 2)
        from marts.fct_cohort_ltv where is_mature
        group by cohort_start order by cohort_start
        """
    )
    assert lifetime_values == [(113.07,), (104.60,), (100.24,)]
    cohorts = "select sum(revenue) from marts.fct_cohort_ltv where is_mature"
    assert warehouse.rows(cohorts) == revenue
    # 80 of the 69,659 transactions cost nothing: they are no orders.
    sold = warehouse.rows(
        """
        select sum(net_amount), sum(order_count), sum(new_customer_count)
        from marts.fct_orders_daily
        """
    )
    assert sold == [(Decimal("2500315.63"), 69_579, 23_502)]
