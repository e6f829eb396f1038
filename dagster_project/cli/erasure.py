"""`erase`: a person leaves the house, by any of their ids."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dagster_project.cli import output
from dagster_project.cli.catalog import checked_catalog
from dagster_project.cli.options import Wait
from dagster_project.nightly.exit_codes import ExitCode
from dagster_project.settings import Settings

if TYPE_CHECKING:
    from dagster_project.erasure_certificate import Certificate

User = Annotated[
    list[str] | None,
    typer.Option("--user", metavar="ID", help="An id of the person. Repeatable."),
]
File = Annotated[
    Path | None,
    typer.Option(
        "--file",
        metavar="PATH",
        exists=True,
        dir_okay=False,
        help="A text file with one id a line; no process list shows its ids.",
    ),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Only count what would be removed.")
]
Resume = Annotated[
    bool, typer.Option("--resume", help="Finish an erasure that was broken off.")
]


def erase(
    user: User = None,
    file: File = None,
    dry_run: DryRun = False,
    resume: Resume = False,
    wait: Wait = False,
) -> None:
    """Erase persons, each by any of their ids, from everything below the home.

    All ids that are linked to a person are found first. Their rows go from the lake,
    the quarantine, the files in landing and the published copies; reports, logs and
    histories lose their ids. The warehouse is removed, and the next `daybreak run`
    builds it and the figures again. Nothing but a keyed hash is remembered
    (`DAYBREAK_ERASURE_KEY`), so that a file sent again does not bring them back. A
    certificate is written to `erasures/`.

    Examples:

    - `daybreak erase --user u-4711 --dry-run`

    - `daybreak erase --file requests.txt`
    """
    from dagster_project.run_lock import hold_run_lock

    settings = Settings()
    junk = checked_catalog(settings).events.identity.junk_ids
    asked = [*(user or []), *(_ids_of(file) if file else [])]
    if not asked and not resume:
        output.complain("name a person: `--user ID`, or `--file` with one id a line")
        raise typer.Exit(ExitCode.USAGE)
    since = f"{_now():%Y-%m-%d %H:%M:%S}Z"
    with hold_run_lock(settings.run_lock, "daybreak erase", since, wait=wait):
        certificate = _erased(settings, asked, tuple(junk), dry_run, resume)
    if certificate is not None:
        _show(settings, certificate, dry_run=dry_run)


def _now() -> datetime:
    return datetime.now(UTC)


def _ids_of(file: Path) -> list[str]:
    lines = file.read_text(encoding="utf-8-sig").splitlines()
    return [line.strip() for line in lines if line.strip()]


def _erased(
    settings: Settings,
    asked: list[str],
    junk: tuple[str, ...],
    dry_run: bool,
    resume: bool,
) -> Certificate | None:
    """Do what is asked for; errors of DuckDB would show the ids in their SQL."""
    import duckdb

    from dagster_project import erasing
    from dagster_project.open_erasure import JOURNAL
    from ingestion.lake import LakeBusyError
    from ingestion.privacy.linked_ids import UnknownPersonError
    from ingestion.privacy.remembered import ErasureKeyError

    is_open = (settings.erasures / JOURNAL).exists()
    try:
        finished = None
        if is_open and not dry_run:
            finished = erasing.resume(settings, _now)
            output.console().print(f"Finished the open erasure {finished.erasure_id}")
        if resume and not asked:
            if not is_open:
                output.console().print("No erasure is open: there is nothing to finish")
            return finished
        if dry_run:
            return erasing.preview(settings, asked, junk)
        return erasing.erase(settings, asked, _now, junk)
    except (UnknownPersonError, ErasureKeyError) as error:
        output.complain(str(error))
        raise typer.Exit(ExitCode.USAGE) from None
    except LakeBusyError as error:
        output.complain(str(error))
        raise typer.Exit(ExitCode.BUSY) from None
    except duckdb.Error as error:
        output.complain(
            f"the erasure broke off ({type(error).__name__}); free memory and disk, "
            "and finish it with `daybreak erase --resume`"
        )
        raise typer.Exit(ExitCode.CRASH) from None


def _show(settings: Settings, certificate: Certificate, *, dry_run: bool) -> None:
    console = output.console()
    if dry_run:
        console.print(certificate.to_preview(), highlight=False, soft_wrap=True)
        console.print("Nothing was changed.")
        return
    console.print(certificate.to_text(), highlight=False, soft_wrap=True)
    path = settings.erasures / f"{certificate.erasure_id}.json"
    console.print(f"Certificate  {path}", highlight=False, soft_wrap=True)
    console.print("Figures      the next `daybreak run` computes them without them")
    if certificate.found_again or certificate.unreadable:
        output.complain(
            "something is left that names them, see above: remove those files by hand"
        )
        raise typer.Exit(ExitCode.GATE_FAILED)
