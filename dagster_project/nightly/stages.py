"""The stages of a night as a person sees them: one for each step of the job."""

from __future__ import annotations

LABELS = {
    "catalog": "Compile the catalog",
    "fetching": "Fetch from origins",
    "landing": "Land new files",
    "landed_data_gate": "Gate: landed data",
    "dbt_staging": "Build staging",
    "dbt_intermediate": "Build intermediate",
    "dbt_marts": "Build marts",
    "reconciliation_sample": "Ask the second engine",
    "reconciliation_gate": "Gate: second engine",
    "identity_history": "Keep identity history",
    "forecasts": "Forecast metrics",
    "forecast_accuracy": "Score past forecasts",
    "anomalies": "Look for anomalies",
    "forecasts_gate": "Gate: forecasts",
    "anomalies_gate": "Gate: anomalies",
    "experiments": "Judge experiments",
    "aa_validation": "Test on equal halves",
    "experiments_gate": "Gate: experiments",
    "aa_validation_gate": "Gate: equal halves",
    "reports__experiments": "Write experiment pages",
    "reports__weekly": "Write the weekly report",
    "audit": "Audit the night",
    "published__daybreak": "Publish",
}


def label(step: str) -> str:
    """Return a step's name in words."""
    return LABELS.get(step, step.replace("_", " ").capitalize())
