"""The books of forecasts: each is written down once, and scored when its day is over.

Brings the ledger's facts, their earlier scores and the marts' actuals together for
`analysis.forecasting`; the statistics are made there.
"""

from __future__ import annotations

from datetime import date

import pandas as pd

from dagster_project.analysis.forecast_scoring import score_forecasts
from dagster_project.ledger import Booking, Ledger
from dagster_project.tables import (
    FORECAST_LEDGER,
    FORECAST_SCORE_LEDGER,
    FORECASTS,
)

_KEY = list(FORECAST_LEDGER.key)


def book(ledger: Ledger, made: pd.DataFrame, booking: Booking) -> int:
    """Write down forecasts that nobody has written down before; return how many."""
    columns = list(FORECAST_LEDGER.column_names)
    return ledger.record_new(FORECAST_LEDGER, made[columns], booking.run_id)


def score(
    ledger: Ledger, actuals: pd.DataFrame, as_of_date: date, booking: Booking
) -> pd.DataFrame:
    """Set every booked forecast beside what happened; return the whole table.

    New and restated scores are written to the ledger, so that a score once frozen
    survives the loss of the warehouse.
    """
    booked = _with_stored_actuals(ledger)
    scored = score_forecasts(booked, actuals, as_of_date=as_of_date)
    changed = scored["actual"].notna() & (
        scored["actual"] != booked["actual"].astype("float64")
    )
    news = scored.loc[changed, [*_KEY, "actual"]].assign(
        scored_at=booking.at.replace(tzinfo=None)
    )
    if len(news):
        ledger.record(
            FORECAST_SCORE_LEDGER,
            news[list(FORECAST_SCORE_LEDGER.column_names)],
            booking.run_id,
        )
    return scored[list(FORECASTS.column_names)]


def _with_stored_actuals(ledger: Ledger) -> pd.DataFrame:
    facts = ledger.read(FORECAST_LEDGER)
    scores = ledger.read(FORECAST_SCORE_LEDGER)
    latest = scores.sort_values("scored_at").drop_duplicates(_KEY, keep="last")
    return facts.merge(latest[[*_KEY, "actual"]], on=_KEY, how="left")
