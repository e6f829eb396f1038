"""How `experiments` plans: whose history, how many units, and that in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

import typer

from dagster_project.cli import output
from dagster_project.nightly.exit_codes import ExitCode
from dagster_project.settings import Settings

if TYPE_CHECKING:
    from dagster_project.analysis.experiment_plan import History, Plan
    from ingestion.catalog.experiment_models import ExperimentMetric, ExperimentSpec

# The event of all experiments, unless one is named: nobody has had it for a new one.
DEFAULT_EVENT = "experiment_exposed"


def history_of(
    settings: Settings, metric: str, events: Sequence[str], window: str | None
) -> History:
    """Return how those fared who had one of the events; else how everybody did."""
    from dagster_project.experiment_history import histories, published
    from dagster_project.exposed_history import exposed_history
    from dagster_project.warehouse import warehouse_of
    from ingestion.catalog.experiment_models import DEFAULT_WINDOW
    from ingestion.catalog.fields import window_seconds

    if events:
        seconds = window_seconds(window or DEFAULT_WINDOW)
        own = exposed_history(warehouse_of(settings), settings, metric, events, seconds)
        if own is not None:
            return own
        say(f"Too few persons had {' or '.join(events)} lately to plan by them.")
    found = histories(published(settings))
    if metric not in found:
        refuse(
            f"there is no history of {metric} per person to plan by: it has to be a "
            f"count, a sum, a share or a ratio ({', '.join(found) or 'none published'})"
        )
    return found[metric]


def plan_by(
    history: History,
    *,
    mde: float,
    treatments: int,
    guardrails: int,
    least_units: int,
    least_days: int,
    alpha: float = 0.05,
    power: float = 0.8,
) -> Plan:
    """Return the plan for a lift of ``mde``; refuse what cannot be planned."""
    from dagster_project.analysis.experiment_plan import Wish, planned

    wish = Wish(mde, treatments, guardrails, alpha, power)
    try:
        return planned(history, wish, least_units=least_units, least_days=least_days)
    except ValueError as error:
        refuse(str(error))


def plan_of(
    settings: Settings, spec: ExperimentSpec, metric: ExperimentMetric, units: int
) -> tuple[Plan, str]:
    """Return the plan of an experiment without results, and whose history it is."""
    events = [name for name in spec.exposure.event if name != DEFAULT_EVENT]
    history = history_of(
        settings,
        str(metric.metric),
        events if spec.unit == "person" else [],
        metric.window,
    )
    plan = plan_by(
        history,
        mde=metric.mde or 0.05,
        treatments=len(spec.variants) - 1,
        guardrails=sum(m.role == "guardrail" for m in spec.metrics),
        least_units=units,
        least_days=spec.planned_days or 7,
        alpha=1 - spec.confidence,
        power=spec.power,
    )
    return plan, history.basis


def plan_in_words(plan: Plan, mde: float) -> str:
    """Say what power asks for, and what the plan finds."""
    words = f"A lift of {mde * 100:g} % needs {plan.needed_units:,} units"
    if plan.detectable is None:
        return f"{words}."
    found = f"{plan.units:,} find {plan.detectable * 100:.1f} %"
    return f"{words}; {found}."


def say(text: str) -> None:
    """Print a line as it is."""
    output.console().print(text, highlight=False, soft_wrap=True)


def refuse(message: str) -> NoReturn:
    """Say what is wrong with a command, and end it."""
    output.complain(message)
    raise typer.Exit(ExitCode.USAGE)


def needed_by_results(settings: Settings, name: str) -> dict[str, int]:
    """Units of all arms that each success metric needs, as its last look tells."""
    from dagster_project.experiment_history import latest_comparisons, published
    from dagster_project.warehouse import WarehouseError

    try:
        rows = latest_comparisons(published(settings), name)
    except WarehouseError:
        return {}
    rows = rows[(rows["role"] == "success") & rows["missing_units"].notna()]
    # Of two arms; more arms need as many again for each.
    pairs = rows["control_units"] + rows["treatment_units"] + rows["missing_units"]
    arms = 1 + rows["treatment"].nunique()
    needed = (pairs * arms / 2).groupby(rows["metric_name"]).max()
    return {str(metric): math.ceil(units) for metric, units in needed.items()}
