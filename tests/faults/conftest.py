"""The homes of the end-to-end tests, for faults too."""

from __future__ import annotations

from tests.end_to_end.conftest import (
    kept_tonight,
    kept_yesterday,
    nights_folder,
    usual_place,
)

__all__ = ["kept_tonight", "kept_yesterday", "nights_folder", "usual_place"]
