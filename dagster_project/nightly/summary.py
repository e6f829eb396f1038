"""What a person reads in the morning: what landed, what the gates said, the figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from dagster_project.admission import waiting_loads
from dagster_project.ledger import Ledger
from dagster_project.nightly.exit_codes import ExitCode
from dagster_project.nightly.headlines import Headline
from dagster_project.nightly.outcome import Judged, Outcome
from dagster_project.nightly.run import Night
from dagster_project.nightly.stages import label
from dagster_project.publishing import PERSONS_FILE, read_status
from dagster_project.settings import Settings
from dagster_project.weekly_report import LATEST

EXAMPLES_SHOWN = 5
FIELDS_SHOWN = 10
VALUE_WIDTH = 48


def print_summary(night: Night, settings: Settings, console: Console) -> None:
    """Print how the night went; the failure, if any, comes last: it is read first."""
    outcome = night.outcome
    console.print()
    if outcome.landed:
        _print_landed(outcome.landed, console)
    if night.duplicates:
        _line(
            console,
            "Duplicates",
            f"{_count(night.duplicates, 'copy', 'copies')} of known events left out",
        )
    _print_gates(outcome, console)
    if outcome.success and night.headlines:
        _print_headlines(night.headlines, console)
    if outcome.exit_code != ExitCode.OK:
        _print_failure(outcome, night, settings, console)
    elif night.is_whole:
        _print_paths(settings, night, console)
    else:
        _line(console, "Log", str(night.log_file))


def _of_tables(landed: Mapping[str, Any]) -> str:
    """Say how many rows other tables than events got."""
    tables = landed.get("rows_by_table", {})
    return "".join(f", {rows:,} of {table}" for table, rows in sorted(tables.items()))


def _print_landed(landed: Mapping[str, Any], console: Console) -> None:
    files = landed.get("files", {})
    known = files.get("already_loaded", 0)
    _line(
        console,
        "Landed",
        f"{_count(files.get('landed', 0), 'new file')}, "
        f"{_count(landed.get('landed', 0), 'event')}{_of_tables(landed)}"
        + (f"; {_count(known, 'file')} known already" if known else ""),
    )
    reasons = landed.get("quarantined_by_reason", {})
    if reasons:
        told = ", ".join(
            f"{count:,} {reason}"
            for reason, count in sorted(reasons.items(), key=lambda item: -item[1])
        )
        _line(
            console,
            "Quarantined",
            f"{_count(landed.get('quarantined', 0), 'row')}: {told} "
            "[dim](daybreak quarantine list)[/]",
        )
    for source, keys in sorted(landed.get("new_properties", {}).items()):
        shown = ", ".join(keys[:FIELDS_SHOWN])
        more = len(keys) - FIELDS_SHOWN
        _line(
            console,
            "New fields",
            f"{escape(source)}: {escape(shown)}"
            + (f" and {more:,} more" if more > 0 else "")
            + " [dim](trust.schema_changes)[/]",
        )
    for refused in landed.get("refused_files", []):
        _line(console, "Refused", escape(f"{refused['file']}: {refused['reason']}"))
    growing = files.get("still_growing", 0)
    if growing:
        _line(
            console,
            "Waiting",
            f"{_count(growing, 'file')} still being written: next run",
        )


def _print_gates(outcome: Outcome, console: Console) -> None:
    counts = {
        status: len(outcome.with_status(status))
        for status in ("passed", "warned", "failed")
    }
    if not any(counts.values()):
        return
    told = [f"[green]{counts['passed']} passed[/]"]
    if counts["warned"]:
        told.append(f"[yellow]{counts['warned']} warned[/]")
    told.append(
        f"[red]{counts['failed']} failed[/]" if counts["failed"] else "0 failed"
    )
    _line(console, "Gates", ", ".join(told))
    for check in outcome.with_status("warned"):
        _line(
            console,
            "",
            f"[yellow]warned[/] {escape(check.check_name)} on {check.asset}: "
            f"{escape(check.finding.observed)}",
        )


def _print_headlines(headlines: Sequence[Headline], console: Console) -> None:
    week = max(headline.week for headline in headlines)
    table = Table(box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
    table.title = f"Week of {week.isoformat()}"
    table.add_column("Metric")
    table.add_column("Value", justify="right")
    table.add_column("Change", justify="right")
    table.add_column("Target", justify="right")
    for headline in headlines:
        note = f" [dim](week of {headline.week})[/]" if headline.week != week else ""
        table.add_row(
            escape(headline.label) + note,
            _figure(headline.value, headline.unit),
            _change(headline),
            _target(headline),
        )
    console.print(table)


def _figure(value: float, unit: str | None) -> str:
    if unit in ("share", "rate"):
        return f"{value:.1%}"
    digits = 0 if abs(value) >= 100 or value == int(value) else 2
    number = f"{value:,.{digits}f}"
    return f"{number} {unit}" if unit else number


def _change(headline: Headline) -> str:
    rate = headline.change_rate
    if rate is None:
        return "[dim]-[/]"
    better = (rate > 0) == (headline.direction == "up")
    colour = "green" if better else "red"
    return f"[{colour}]{rate:+.1%}[/]" if abs(rate) >= 0.0005 else "0.0%"


def _target(headline: Headline) -> str:
    if headline.attainment_rate is None:
        return "[dim]-[/]"
    colour = "green" if headline.attainment_rate >= 1 else "yellow"
    return f"[{colour}]{headline.attainment_rate:.0%}[/]"


def _print_paths(settings: Settings, night: Night, console: Console) -> None:
    status = read_status(settings.published)
    _line(console, "As of", status.as_of or "no data")
    _line(console, "Report", str(settings.reports / LATEST))
    _line(console, "Published", f"{settings.published_database}, {PERSONS_FILE}")
    _line(console, "Log", str(night.log_file))


def _print_failure(
    outcome: Outcome, night: Night, settings: Settings, console: Console
) -> None:
    failed = outcome.with_status("failed")
    console.print()
    for check in failed:
        _print_failed_check(check, settings, console)
    if not failed and outcome.failure is not None:
        stage = label(outcome.failure.step)
        console.print(f"[bold red]{stage} failed[/]", highlight=False)
        console.print(escape(outcome.failure.message), highlight=False, soft_wrap=True)
    status = read_status(settings.published)
    stands = (
        f"published figures stand as of {status.as_of}, marked stale"
        if status.published_at
        else "nothing has been published yet"
    )
    _line(console, "Published", stands)
    _line(console, "Log", str(night.log_file))


def _print_failed_check(check: Judged, settings: Settings, console: Console) -> None:
    finding = check.finding
    console.print(
        f"[bold red]Gate failed: {escape(check.check_name)}[/] on {check.asset}"
        f" ({_count(finding.failed_count, 'row')})",
        highlight=False,
        soft_wrap=True,
    )
    _line(console, "Observed", escape(finding.observed))
    if finding.examples:
        console.print(_examples(finding.examples))
    _line(console, "What to do", escape(finding.cure))
    if finding.gate == "landed data":
        _line(
            console,
            "",
            "If the data is right as it is: "
            f"daybreak run --accept {escape(check.check_name)}",
        )
        for load in waiting_loads(settings, Ledger(settings.ledger)):
            _line(console, "Load", str(settings.lake / "events" / f"load={load}"))
    console.print()


def _examples(examples: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in examples[0]:
        table.add_column(escape(str(name)), max_width=VALUE_WIDTH, no_wrap=True)
    for example in examples[:EXAMPLES_SHOWN]:
        table.add_row(*(escape(_shown(value)) for value in example.values()))
    return table


def _shown(value: Any) -> str:
    return "null" if value is None else str(value)


def _count(number: int, noun: str, plural: str = "") -> str:
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def _line(console: Console, name: str, text: str) -> None:
    console.print(f"[bold]{name:<12}[/]{text}", highlight=False, soft_wrap=True)
