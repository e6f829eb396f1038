"""What only the whole catalog can tell of acquisition: definitions it refers to.

Not here: shapes (`acquisition_models`), and the checks of metrics (`checks`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ingestion.catalog.acquisition_models import AcquisitionSpec
from ingestion.catalog.binding import ExpressionBinder
from ingestion.catalog.checks import KnownNames, Part
from ingestion.catalog.documents import Problem
from ingestion.catalog.suggestions import nearest_name


def check_acquisition(
    spec: AcquisitionSpec, part: Part, known: KnownNames, _binder: ExpressionBinder
) -> Iterator[Problem]:
    """Check that the LTV, its breakdown and the attribution exist, and fit."""
    ltv = known.definition("ltv", spec.ltv)
    if ltv is None:
        yield _unknown(part, "ltv", spec.ltv, "no LTV", known.names("ltv"))
    else:
        breakdowns = [one.name for one in ltv.breakdowns]
        if spec.breakdown not in breakdowns:
            what = f"no breakdown of the LTV '{ltv.name}'"
            yield _unknown(part, "breakdown", spec.breakdown, what, breakdowns)
        if spec.horizon is not None and spec.horizon > ltv.last_period:
            yield part.problem(
                ("horizon",),
                f"the LTV '{ltv.name}' follows {ltv.last_period} periods, "
                f"not {spec.horizon}",
            )
    if spec.attribution is None:
        return
    attribution = known.definition("attribution", spec.attribution)
    if attribution is None:
        names = known.names("attribution")
        yield _unknown(part, "attribution", spec.attribution, "no attribution", names)
    elif spec.model not in attribution.models:
        what = f"no model of the attribution '{attribution.name}'"
        yield _unknown(part, "model", spec.model, what, attribution.models)


def _unknown(
    part: Part, key: str, name: str, what: str, names: Iterable[str]
) -> Problem:
    near = nearest_name(name, list(names))
    return part.problem((key,), f"{what} is called '{name}'", near)
