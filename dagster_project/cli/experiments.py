"""`experiments`: list, new, power, analyze, decide, report."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dagster_project.cli import output
from dagster_project.cli.catalog import checked_catalog
from dagster_project.cli.options import Wait
from dagster_project.nightly.exit_codes import ExitCode
from dagster_project.settings import Settings

if TYPE_CHECKING:
    from dagster_project.analysis.experiment_plan import History, Plan
    from ingestion.catalog.experiment_models import ExperimentMetric, ExperimentSpec
    from ingestion.catalog.experiment_templates import ExperimentTemplate

app = typer.Typer(
    help="Experiments: plan them, read them, decide.", no_args_is_help=True
)
Name = Annotated[str, typer.Argument(metavar="NAME", help="The experiment.")]


@app.callback()
def _experiments() -> None:
    """Experiments: plan them, read them, decide."""


@app.command("list")
def list_all() -> None:
    """List the declared experiments and what was last decided on each.

    Example: `daybreak experiments list`
    """
    from dagster_project.experiment_history import latest_decisions, published
    from dagster_project.warehouse import WarehouseError

    settings = Settings()
    declared = checked_catalog(settings).experiments
    if not declared:
        _say("No experiment is declared: `daybreak experiments new` writes one.")
        return
    try:
        rows = latest_decisions(published(settings)).to_dict("records")
    except WarehouseError:
        rows = []
    for spec in declared:
        _say(f"{spec.name}  {spec.status}  {spec.label or ''}".rstrip())
        told = [row for row in rows if row["experiment_name"] == spec.name]
        for row in told:
            _say(f"    {row['sentence']}")
        if not told:
            _say("    no result has been published yet")


@app.command("new")
def new(
    name: Name,
    template: Annotated[
        str, typer.Option("--template", help="Such as onboarding or pricing.")
    ],
    metric: Annotated[
        str, typer.Option("--metric", metavar="METRIC", help="The success metric.")
    ],
    guardrail: Annotated[
        list[str] | None,
        typer.Option("--guardrail", metavar="METRIC", help="Repeatable."),
    ] = None,
    event: Annotated[
        str, typer.Option("--event", help="The event that shows the exposure.")
    ] = "experiment_exposed",
    treatments: Annotated[
        int, typer.Option("--treatments", min=1, max=19, help="Beside the control.")
    ] = 1,
    mde: Annotated[
        float | None,
        typer.Option("--mde", help="Least lift worth finding, 0.1 for 10 %."),
    ] = None,
) -> None:
    """Write the declaration of an experiment, its size and runtime worked out.

    Size and runtime come from what the metric was like per person over the last 28
    days, as published; never less than the template's. Of all active persons: where
    only some are exposed, such as those at the checkout, fewer suffice.

    Example: `daybreak experiments new tour --template onboarding --metric buyers`
    """
    from dagster_project.experiment_draft import Draft, draft_text

    settings = Settings()
    catalog = checked_catalog(settings)
    chosen = _template(template)
    path = settings.catalog / "experiments" / f"{name}.yml"
    if path.exists() or any(spec.name == name for spec in catalog.experiments):
        _refuse(f"there is an experiment {name} already: take another name")
    guards = guardrail or []
    for wanted in (metric, *guards):
        _known(wanted, [one.name for one in catalog.metrics], "metric")
    mde = mde or next((m.mde for m in chosen.metrics if m.mde), 0.05)
    plan = _planned(
        _history(settings, metric),
        mde=mde,
        treatments=treatments,
        guardrails=len(guards),
        least_units=chosen.minimum_units,
        least_days=chosen.planned_days,
    )
    draft = Draft(name, chosen, metric, guards, event, treatments, mde, plan)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(draft_text(draft), encoding="utf-8")
    _refuse_unusable(settings, path)
    _say(f"[green]ok[/] {path}")
    _say(f"{plan.units:,} units, {plan.days} days. {_words(plan, mde)}")


@app.command("power")
def power(name: Name) -> None:
    """Say how many units each success metric needs, and what the plan can find.

    Example: `daybreak experiments power checkout_redesign`
    """
    settings = Settings()
    spec = _declared(settings, name)
    wanted = [m for m in spec.metrics if m.role == "success" and m.metric]
    if not wanted:
        _refuse(f"{name} has no success metric of metrics.yml to plan by")
    seen = _needed_by_results(settings, name)
    planned_units = spec.planned_units or (spec.plan.minimum_units if spec.plan else 2)
    for metric in wanted:
        if metric.known_as in seen:
            needed = seen[metric.known_as]
            words = "by what its own units have shown so far"
        else:
            plan = _plan_of(settings, spec, metric, planned_units)
            needed, words = plan.needed_units, "by what all persons did in 28 days"
        lift = (metric.mde or 0.05) * 100
        _say(f"{metric.known_as}: a lift of {lift:g} % needs {needed:,} units, {words}")
        verdict = "too few" if needed > planned_units else "enough"
        _say(f"    {planned_units:,} are planned: {verdict}")


@app.command("analyze")
def analyze(name: Name) -> None:
    """Show every metric at the last published look, and the checks that fail.

    Example: `daybreak experiments analyze checkout_redesign`
    """
    from rich.table import Table

    from dagster_project.experiment_history import (
        failed_checks,
        latest_comparisons,
        published,
    )

    settings = Settings()
    _declared(settings, name)
    copy = published(settings)
    rows = latest_comparisons(copy, name).to_dict("records")
    if not rows:
        _say(f"{name} has no result yet: no unit's window has closed.")
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("metric", "role", "treatment", "lift", "interval", "p", "state"):
        table.add_column(heading)
    for row in rows:
        table.add_row(*_cells(row))
    output.console().print(table)
    _say(f"Through {rows[0]['day_date']:%Y-%m-%d}; intervals hold at every look.")
    for check in failed_checks(copy, name).to_dict("records"):
        _say(
            f"[yellow]{check['severity']}[/] {check['check_name']}: {check['value']:g}"
        )


@app.command("decide")
def decide(name: Name) -> None:
    """Say what to do with each treatment, and why.

    Example: `daybreak experiments decide checkout_redesign`
    """
    from dagster_project.experiment_history import latest_decisions, published

    settings = Settings()
    _declared(settings, name)
    rows = latest_decisions(published(settings))
    rows = rows[rows["experiment_name"] == name]
    if rows.empty:
        _say(f"{name} has no result yet: no unit's window has closed.")
    for row in rows.to_dict("records"):
        _say(str(row["sentence"]))
        _say(f"    because: {str(row['grounds']).replace(',', ', ').replace('_', ' ')}")


@app.command("report")
def report(name: Name, wait: Wait = False) -> None:
    """Write the page of an experiment again from the warehouse as it stands.

    Example: `daybreak experiments report checkout_redesign`
    """
    from dagster_project.defs.resources import warehouse_of
    from dagster_project.experiment_pages import page_name, write_pages
    from dagster_project.run_lock import hold_run_lock

    settings = Settings()
    if _declared(settings, name).status == "draft":
        _refuse(f"{name} is a draft: set its status to running, and let a night run")
    settings.apply_environment()
    since = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}Z"
    with hold_run_lock(settings.run_lock, "daybreak experiments", since, wait=wait):
        written = write_pages(
            warehouse_of(settings), settings, run_id="written again", only=name
        )
    if not written:
        _refuse(f"no night has taken in {name} yet: start `daybreak run`")
    _say(f"Report  {settings.reports / page_name(name)}")


def _say(text: str) -> None:
    output.console().print(text, highlight=False, soft_wrap=True)


def _refuse(message: str) -> None:
    output.complain(message)
    raise typer.Exit(ExitCode.USAGE)


def _known(name: str, valid: Iterable[str], what: str) -> None:
    from ingestion.catalog.suggestions import nearest_name

    names = list(valid)
    if name in names:
        return
    near = nearest_name(name, names)
    hint = f" Did you mean '{near}'?" if near else ""
    _refuse(f"'{name}' is not a declared {what}.{hint}")


def _declared(settings: Settings, name: str) -> ExperimentSpec:
    found = {spec.name: spec for spec in checked_catalog(settings).experiments}
    _known(name, found, "experiment")
    return found[name]


def _template(name: str) -> ExperimentTemplate:
    from ingestion.catalog.experiment_templates import TEMPLATES

    _known(name, TEMPLATES, "template")
    return TEMPLATES[name]


def _history(settings: Settings, metric: str) -> History:
    from dagster_project.experiment_history import histories, published

    found = histories(published(settings))
    if metric not in found:
        _refuse(
            f"there is no history of {metric} per person to plan by: it has to be a "
            f"count, a sum, a share or a ratio ({', '.join(found) or 'none published'})"
        )
    return found[metric]


def _planned(
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
    from dagster_project.analysis.experiment_plan import Wish, planned

    wish = Wish(mde, treatments, guardrails, alpha, power)
    try:
        return planned(history, wish, least_units=least_units, least_days=least_days)
    except ValueError as error:
        _refuse(str(error))
        raise


def _plan_of(
    settings: Settings, spec: ExperimentSpec, metric: ExperimentMetric, units: int
) -> Plan:
    return _planned(
        _history(settings, str(metric.metric)),
        mde=metric.mde or 0.05,
        treatments=len(spec.variants) - 1,
        guardrails=sum(m.role == "guardrail" for m in spec.metrics),
        least_units=units,
        least_days=spec.planned_days or 7,
        alpha=1 - spec.confidence,
        power=spec.power,
    )


def _needed_by_results(settings: Settings, name: str) -> dict[str, int]:
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


def _words(plan: Plan, mde: float) -> str:
    words = f"A lift of {mde * 100:g} % needs {plan.needed_units:,} units"
    if plan.detectable is None:
        return f"{words}."
    found = f"{plan.units:,} find {plan.detectable * 100:.1f} %"
    return f"{words}; {found}."


def _refuse_unusable(settings: Settings, path: Any) -> None:
    """Take a declaration back that the catalog does not accept, and say why."""
    from ingestion.catalog import CatalogError, load_catalog

    try:
        load_catalog(settings.catalog)
    except CatalogError as error:
        path.unlink()
        _refuse(f"the experiment cannot be declared so; nothing was written\n{error}")


def _cells(row: Mapping[Any, Any]) -> list[str]:
    from dagster_project.reports.experiment_listings import (
        interval,
        p_text,
        percent,
        state_of,
    )

    capped = ", capped" if row["is_capped"] else ""
    bounds = interval(row["sequential_lift_lower"], row["sequential_lift_upper"])
    return [
        f"{row['metric_name']}{capped}",
        str(row["role"]),
        str(row["treatment"]),
        percent(row["lift"]),
        (bounds or "unbounded").replace("[", "\\["),
        p_text(row["p_value"]),
        state_of(row),
    ]
