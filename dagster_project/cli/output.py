"""Where the command line writes, and how it says that something is wrong."""

from __future__ import annotations

import sys
import traceback
from tempfile import NamedTemporaryFile

from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape

PLAIN_WIDTH = 120


def console() -> Console:
    """Return the terminal, or a plain stream wide enough for tables."""
    width = None if sys.stdout.isatty() else PLAIN_WIDTH
    return Console(file=sys.stdout, width=width)


def complain(message: str) -> None:
    """Write an error to stderr."""
    Console(stderr=True, soft_wrap=True).print(
        f"[bold red]error[/] {escape(message)}", highlight=False
    )


def kept_traceback(error: BaseException) -> str:
    """Write the traceback to a file of its own; return where it is."""
    with NamedTemporaryFile(
        "w", prefix="daybreak-", suffix=".log", delete=False, encoding="utf-8"
    ) as file:
        file.writelines(traceback.format_exception(error))
    return f"the traceback is in {file.name}"


def settings_problems(error: ValidationError) -> str:
    """Return which environment variables are wrong, and why."""
    lines = []
    for problem in error.errors():
        name = "_".join(str(part) for part in problem["loc"]).upper()
        # A secret is never shown, not even one that is too short.
        shown = "..." if "KEY" in name else repr(problem["input"])
        reason = problem["msg"].removeprefix("Value error, ")
        lines.append(f"DAYBREAK_{name}={shown}: {reason}")
    return "the settings are not usable\n" + "\n".join(lines)
