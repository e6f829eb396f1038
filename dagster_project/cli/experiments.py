"""`experiments`: list, new, power, analyze, decide, report."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from dagster_project.cli import output
from dagster_project.cli.catalog import checked_catalog
from dagster_project.cli.experiment_declarations import (
    declared_experiment,
    refuse_unknown,
    refuse_unusable,
    template_of,
)
from dagster_project.cli.experiment_plans import (
    DEFAULT_EVENT,
    history_of,
    needed_by_results,
    plan_by,
    plan_in_words,
    plan_of,
    refuse,
    say,
)
from dagster_project.cli.options import Wait
from dagster_project.settings import Settings

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
        say("No experiment is declared: `daybreak experiments new` writes one.")
        return
    try:
        rows = latest_decisions(published(settings)).to_dict("records")
    except WarehouseError:
        rows = []
    for spec in declared:
        say(f"{spec.name}  {spec.status}  {spec.label or ''}".rstrip())
        told = [row for row in rows if row["experiment_name"] == spec.name]
        for row in told:
            say(f"    {row['sentence']}")
        if not told:
            say("    no result has been published yet")


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
        str | None,
        typer.Option(
            "--event",
            help="The event that shows the exposure: size and runtime come from those "
            "who had it.",
            show_default=DEFAULT_EVENT,
        ),
    ] = None,
    treatments: Annotated[
        int, typer.Option("--treatments", min=1, max=19, help="Beside the control.")
    ] = 1,
    mde: Annotated[
        float | None,
        typer.Option("--mde", help="Least lift worth finding, 0.1 for 10 %."),
    ] = None,
) -> None:
    """Write the declaration of an experiment, its size and runtime worked out.

    Size and runtime come from what the metric was like lately, never less than the
    template's: with `--event` of the persons who had that event, over the metric's
    window after it; without, of all active persons over 28 days, as published. What
    was used is said.

    Examples:

    - `daybreak experiments new tour --template onboarding --metric buyers`

    - `daybreak experiments new pay --template pricing --metric buyers --event checkout`
    """
    from dagster_project.experiment_draft import Draft, draft_text

    settings = Settings()
    catalog = checked_catalog(settings)
    chosen = template_of(template)
    path = settings.catalog / "experiments" / f"{name}.yml"
    if path.exists() or any(spec.name == name for spec in catalog.experiments):
        refuse(f"there is an experiment {name} already: take another name")
    guards = guardrail or []
    for wanted in (metric, *guards):
        refuse_unknown(wanted, [one.name for one in catalog.metrics], "metric")
    mde = mde or next((m.mde for m in chosen.metrics if m.mde), 0.05)
    window = next((m.window for m in chosen.metrics if m.role == "success"), None)
    history = history_of(settings, metric, [event] if event else [], window)
    plan = plan_by(
        history,
        mde=mde,
        treatments=treatments,
        guardrails=len(guards),
        least_units=chosen.minimum_units,
        least_days=chosen.planned_days,
    )
    draft = Draft(
        *(name, chosen, metric, guards, event or DEFAULT_EVENT),
        *(treatments, mde, plan, history.basis),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(draft_text(draft), encoding="utf-8")
    refuse_unusable(settings, path)
    say(f"[green]ok[/] {path}")
    say(f"{plan.units:,} units, {plan.days} days. {plan_in_words(plan, mde)}")
    say(f"Planned by {history.basis}.")


@app.command("power")
def power(name: Name) -> None:
    """Say how many units each success metric needs, and what the plan can find.

    Example: `daybreak experiments power checkout_redesign`
    """
    settings = Settings()
    spec = declared_experiment(settings, name)
    wanted = [m for m in spec.metrics if m.role == "success" and m.metric]
    if not wanted:
        refuse(f"{name} has no success metric of metrics.yml to plan by")
    seen = needed_by_results(settings, name)
    planned_units = spec.planned_units or (spec.plan.minimum_units if spec.plan else 2)
    for metric in wanted:
        if metric.known_as in seen:
            needed = seen[metric.known_as]
            words = "by what its own units have shown so far"
        else:
            plan, basis = plan_of(settings, spec, metric, planned_units)
            needed, words = plan.needed_units, f"by {basis}"
        lift = (metric.mde or 0.05) * 100
        say(f"{metric.known_as}: a lift of {lift:g} % needs {needed:,} units, {words}")
        verdict = "too few" if needed > planned_units else "enough"
        say(f"    {planned_units:,} are planned: {verdict}")


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
    declared_experiment(settings, name)
    copy = published(settings)
    rows = latest_comparisons(copy, name).to_dict("records")
    if not rows:
        say(f"{name} has no result yet: no unit's window has closed.")
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("metric", "role", "treatment", "lift", "interval", "p", "state"):
        table.add_column(heading)
    for row in rows:
        table.add_row(*_cells(row))
    output.console().print(table)
    say(f"Through {rows[0]['day_date']:%Y-%m-%d}; intervals hold at every look.")
    for check in failed_checks(copy, name).to_dict("records"):
        say(f"[yellow]{check['severity']}[/] {check['check_name']}: {check['value']:g}")


@app.command("decide")
def decide(name: Name) -> None:
    """Say what to do with each treatment, and why.

    Example: `daybreak experiments decide checkout_redesign`
    """
    from dagster_project.experiment_history import latest_decisions, published

    settings = Settings()
    declared_experiment(settings, name)
    rows = latest_decisions(published(settings))
    rows = rows[rows["experiment_name"] == name]
    if rows.empty:
        say(f"{name} has no result yet: no unit's window has closed.")
    for row in rows.to_dict("records"):
        say(str(row["sentence"]))
        say(f"    because: {str(row['grounds']).replace(',', ', ').replace('_', ' ')}")


@app.command("report")
def report(name: Name, wait: Wait = False) -> None:
    """Write the page of an experiment again from the warehouse as it stands.

    Example: `daybreak experiments report checkout_redesign`
    """
    from dagster_project.experiment_pages import page_name, write_pages
    from dagster_project.run_lock import hold_run_lock
    from dagster_project.warehouse import warehouse_of

    settings = Settings()
    if declared_experiment(settings, name).status == "draft":
        refuse(f"{name} is a draft: set its status to running, and let a night run")
    settings.apply_environment()
    since = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}Z"
    with hold_run_lock(settings.run_lock, "daybreak experiments", since, wait=wait):
        written = write_pages(
            warehouse_of(settings), settings, run_id="written again", only=name
        )
    if not written:
        refuse(f"no night has taken in {name} yet: start `daybreak run`")
    say(f"Report  {settings.reports / page_name(name)}")


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
