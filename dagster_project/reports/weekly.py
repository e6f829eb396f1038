"""The weekly report: one self-contained HTML page.

Here belong the page as a whole, its opening words, and the call of the template. Here
do not belong its parts, nor where the page is stored or sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from jinja2 import Environment, PackageLoader, StrictUndefined

from dagster_project.reports.experiment_listings import (
    ToldExperiment,
    told_experiments,
)
from dagster_project.reports.formatting import (
    format_days,
    format_instant,
    plural,
)
from dagster_project.reports.headline import Card, headline_cards
from dagster_project.reports.listings import (
    EventRow,
    IncidentList,
    open_incidents,
    recent_incidents,
    top_events,
)
from dagster_project.reports.metric_lookup import (
    Metric,
    last_complete_week,
    metrics_by_name,
)
from dagster_project.reports.report_data import ReportData
from dagster_project.reports.trends import (
    ActivePersons,
    Panel,
    active_persons,
    trend_panels,
)
from dagster_project.reports.trust import (
    Accuracy,
    Finding,
    GateRow,
    MetricAccuracy,
    SourceRow,
    accuracy_by_horizon,
    accuracy_by_metric,
    accuracy_sentence,
    check_states,
    findings,
    gate_rows,
    source_rows,
)

MOVERS = 3
PREVIOUS = "week before"


@dataclass(frozen=True)
class Remark:
    """One line of the opening words; ``tone`` is good, bad, warn or plain."""

    tone: str
    lead: str
    text: str


@dataclass(frozen=True)
class Page:
    """Everything the template writes."""

    product_name: str
    run_id: str
    zone: str
    week: str
    complete_through: str
    remarks: tuple[Remark, ...]
    cards: tuple[Card, ...]
    panels: tuple[Panel, ...]
    active: ActivePersons | None
    events: tuple[EventRow, ...]
    open_incidents: IncidentList
    recent_incidents: IncidentList
    experiments: tuple[ToldExperiment, ...]
    accuracy_sentence: str
    accuracy: tuple[Accuracy, ...]
    metric_accuracy: tuple[MetricAccuracy, ...]
    sources: tuple[SourceRow, ...]
    gates: tuple[GateRow, ...]
    findings: tuple[Finding, ...]
    more_findings: int
    definitions: tuple[Metric, ...]


def render_weekly(data: ReportData) -> str:
    """Write the weekly report as one HTML page that needs no network and no script.

    The same data gives the same page, byte for byte. Every part stands with empty
    frames too and says what is missing.
    """
    environment = Environment(
        loader=PackageLoader("dagster_project.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("weekly.html.j2").render(page=weekly_page(data))


def weekly_page(data: ReportData) -> Page:
    """The view model of the weekly report."""
    cards = headline_cards(data)
    incidents = open_incidents(data)
    shown = findings(data)
    return Page(
        product_name=data.product_name,
        run_id=data.generated_for,
        zone=data.reporting_timezone,
        week=_week(data),
        complete_through=_complete_through(data),
        remarks=tuple(_remarks(data, cards, incidents)),
        cards=tuple(cards),
        panels=tuple(trend_panels(data)),
        active=active_persons(data),
        events=tuple(top_events(data)),
        open_incidents=incidents,
        recent_incidents=recent_incidents(data),
        experiments=tuple(told_experiments(data)),
        accuracy_sentence=accuracy_sentence(data),
        accuracy=tuple(accuracy_by_horizon(data)),
        metric_accuracy=tuple(accuracy_by_metric(data)),
        sources=tuple(source_rows(data)),
        gates=tuple(gate_rows(data)),
        findings=tuple(shown),
        more_findings=int((check_states(data) != "passed").sum()) - len(shown),
        definitions=tuple(metrics_by_name(data).values()),
    )


def _week(data: ReportData) -> str:
    week = last_complete_week(data)
    if week is None:
        return "No complete week yet"
    return format_days(week, week + timedelta(days=6))


def _complete_through(data: ReportData) -> str:
    if data.as_of is None:
        return "no data yet"
    return format_instant(data.as_of, data.zone)


def _remarks(
    data: ReportData, cards: list[Card], incidents: IncidentList
) -> list[Remark]:
    remarks = [
        _movers(cards, "good", "Better"),
        _movers(cards, "bad", "Worse"),
        _targets(cards),
        _incident_remark(incidents),
        _check_remark(data),
    ]
    return [remark for remark in remarks if remark is not None]


def _movers(cards: list[Card], tone: str, lead: str) -> Remark | None:
    moved = [
        (abs(change.rate), f"{card.label} {card.value} ({change.text})")
        for card in cards
        for change in card.changes[:1]
        if change.tone == tone and card.value and change.against == PREVIOUS
    ]
    if not moved:
        return None
    largest = sorted(moved, key=lambda mover: -mover[0])
    texts = [text for _, text in largest[:MOVERS]]
    more = len(moved) - len(texts)
    suffix = f", and {more} more" if more else ""
    return Remark(tone, lead, ", ".join(texts) + suffix)


def _targets(cards: list[Card]) -> Remark | None:
    targets = [(card.label, card.target) for card in cards if card.target]
    if not targets:
        return None
    missed = [label for label, target in targets if not target.is_met]
    text = f"{len(targets) - len(missed)} of {plural(len(targets), 'target')} met"
    if missed:
        text += f"; short: {', '.join(missed)}"
    return Remark("warn" if missed else "good", "Targets", text)


def _incident_remark(incidents: IncidentList) -> Remark:
    if not incidents.shown:
        return Remark("plain", "Incidents", "none open")
    titles = "; ".join(incident.title for incident in incidents.shown[:MOVERS])
    more = len(incidents.shown) + incidents.more - MOVERS
    suffix = f"; and {more} more" if more > 0 else ""
    is_bad = any(incident.tone == "bad" for incident in incidents.shown)
    return Remark("bad" if is_bad else "plain", "Incidents", titles + suffix)


def _check_remark(data: ReportData) -> Remark:
    counts = check_states(data).value_counts()
    total, failed = int(counts.sum()), int(counts.get("failed", 0))
    warned = int(counts.get("warned", 0))
    if total == 0:
        return Remark("warn", "Data", "no check has run yet")
    if failed:
        text = f"{failed} of {plural(total, 'check')} failed; read figures with care"
        return Remark("bad", "Data", text)
    if warned:
        text = f"{plural(total, 'check')} run, {warned} with a warning, none failed"
        return Remark("warn", "Data", text)
    return Remark("good", "Data", f"all {plural(total, 'check')} passed")
