"""What `experiments` finds in the catalog by name, and refuses with words.

Here belong names and declarations. Here does not belong how an experiment is planned
(`experiment_plans`).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from dagster_project.cli.catalog import checked_catalog
from dagster_project.cli.experiment_plans import refuse
from dagster_project.settings import Settings

if TYPE_CHECKING:
    from ingestion.catalog.experiment_models import ExperimentSpec
    from ingestion.catalog.experiment_templates import ExperimentTemplate


def refuse_unknown(name: str, valid: Iterable[str], what: str) -> None:
    """Refuse a name that is not among the valid ones, with the nearest of them."""
    from ingestion.catalog.suggestions import nearest_name

    names = list(valid)
    if name in names:
        return
    near = nearest_name(name, names)
    hint = f" Did you mean '{near}'?" if near else ""
    refuse(f"'{name}' is not a declared {what}.{hint}")


def declared_experiment(settings: Settings, name: str) -> ExperimentSpec:
    """Return a declared experiment, or refuse its name."""
    found = {spec.name: spec for spec in checked_catalog(settings).experiments}
    refuse_unknown(name, found, "experiment")
    return found[name]


def template_of(name: str) -> ExperimentTemplate:
    """Return a template that ships, or refuse its name."""
    from ingestion.catalog.experiment_templates import TEMPLATES

    refuse_unknown(name, TEMPLATES, "template")
    return TEMPLATES[name]


def refuse_unusable(settings: Settings, path: Path) -> None:
    """Take a declaration back that the catalog does not accept, and say why."""
    from ingestion.catalog import CatalogError, load_catalog

    try:
        load_catalog(settings.catalog)
    except CatalogError as error:
        path.unlink()
        refuse(f"the experiment cannot be declared so; nothing was written\n{error}")
