"""An erasure that is half done: nothing lands or is published before it is finished."""

from __future__ import annotations

from pathlib import Path

from dagster_project.settings import Settings

JOURNAL = ".open-erasure.json"


class OpenErasureError(RuntimeError):
    """An erasure was broken off and has to be finished first."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"an erasure was broken off ({path}): finish it with `daybreak erase "
            "--resume`; until then nothing is landed or published"
        )


def refuse_open_erasure(settings: Settings) -> None:
    """Raise OpenErasureError while an erasure is half done."""
    path = settings.erasures / JOURNAL
    if path.exists():
        raise OpenErasureError(path)
