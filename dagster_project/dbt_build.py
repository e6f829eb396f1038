"""dbt, run inside this process.

Three layers built as child processes cost 20 s where this costs 4 s (26 models and
78 tests on two cores, 2026-11): a child imports dbt and reads the manifest anew each
time. No Dagster here.
"""

from __future__ import annotations

import contextlib
import io
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dagster_project.settings import DBT_PROJECT, Settings

Progress = Callable[[str, str], None]


class DbtError(RuntimeError):
    """dbt could not do what it was asked."""


@dataclass(frozen=True)
class NodeResult:
    """What became of a node.

    `status` is dbt's word: success, error, skipped for models; pass, warn, fail,
    error, skipped for tests. `failures` counts the rows a test found.
    """

    unique_id: str
    status: str
    seconds: float
    message: str | None
    failures: int | None
    compiled_sql: str | None


@dataclass
class DbtBuilder:
    """dbt for the length of a run: the project is read once, then built by layer."""

    settings: Settings
    _manifest: Any = field(default=None, init=False, repr=False)

    def build(
        self,
        select: Sequence[str],
        *,
        in_full: Collection[str] = (),
        progress: Progress | None = None,
    ) -> list[NodeResult]:
        """Build exactly the selected models and tests; some models in full.

        `progress` is told (unique id, status) whenever a node ends. Failing nodes
        are in the result, not raised; `DbtError` means that dbt itself could not
        work. Nothing selected, nothing is started.
        """
        if not select:
            return []
        arguments = [
            "--no-write-json",
            "build",
            "--indirect-selection",
            "empty",
            "--exclude-resource-type",
            "unit_test",
            "--select",
            *select,
        ]
        for unique_id in in_full:
            self.project().nodes[unique_id].config.full_refresh = True
        outcome = invoke(
            arguments, self.settings, manifest=self.project(), progress=progress
        )
        return [_node_result(result) for result in outcome.results]

    def project(self) -> Any:
        """Return dbt's own picture of the project, for reuse by each build."""
        if self._manifest is None:
            # Its artifacts stand already (`dbt_manifest`).
            self._manifest = invoke(["--no-write-json", "parse"], self.settings)
        return self._manifest


def invoke(
    arguments: Sequence[str],
    settings: Settings,
    *,
    manifest: object | None = None,
    progress: Progress | None = None,
) -> Any:
    """Run a dbt command, silent but for its log file; return dbt's own result.

    Raises `DbtError` with what dbt said when it could not run at all.
    """
    from dbt.cli.main import dbtRunner

    said: list[str] = []

    def listen(event: Any) -> None:
        if event.info.level == "error":
            said.append(event.info.msg)
        if progress is not None and event.info.name == "NodeFinished":
            node = event.data.node_info
            progress(node.unique_id, node.node_status)

    settings.apply_environment()
    runner = dbtRunner(manifest=manifest, callbacks=[listen])  # type: ignore[arg-type]
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            outcome = runner.invoke([*GLOBAL_FLAGS, *arguments, *_places(settings)])
    finally:
        release_database()
    if outcome.exception is not None:
        raise DbtError(str(outcome.exception)) from outcome.exception
    if not outcome.success and not hasattr(outcome.result, "results"):
        raise DbtError("\n".join(said) or "dbt failed without a word")
    return outcome.result


GLOBAL_FLAGS = (
    "--log-level",
    "none",
    "--log-level-file",
    "info",
    "--no-use-colors",
    "--no-version-check",
)


def _places(settings: Settings) -> list[str]:
    return [
        "--project-dir",
        str(DBT_PROJECT),
        "--profiles-dir",
        str(DBT_PROJECT),
        "--target-path",
        str(settings.dbt_target),
    ]


def release_database() -> None:
    """Close the connection that dbt-duckdb keeps open.

    Left open, it keeps the file locked for every other process, and refuses a
    read-only connection in this one.
    """
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    manager: Any = DuckDBConnectionManager
    with contextlib.suppress(Exception):  # Nothing was opened.
        manager.env().close()
    manager.close_all_connections()


def _node_result(result: Any) -> NodeResult:
    return NodeResult(
        unique_id=result.node.unique_id,
        status=str(getattr(result.status, "value", result.status)),
        seconds=float(result.execution_time or 0.0),
        message=result.message,
        failures=result.failures,
        compiled_sql=getattr(result.node, "compiled_code", None),
    )


def selectors(
    unique_ids: Collection[str], manifest: Mapping[str, Any]
) -> tuple[str, ...]:
    """Return dbt selectors of exactly these nodes, whatever other names exist.

    A folder of which every node is wanted is one selector: dbt compares each selector
    with each node, which for 400 of them took an eighth of a night without news.
    """
    nodes = manifest["nodes"]
    whole = _prefixes(nodes[one]["fqn"] for one in nodes)
    wanted = _prefixes(nodes[one]["fqn"] for one in unique_ids)
    chosen = set()
    for unique_id in unique_ids:
        fqn = nodes[unique_id]["fqn"]
        prefixes = (tuple(fqn[:length]) for length in range(2, len(fqn)))
        complete = (one for one in prefixes if wanted[one] == whole[one])
        chosen.add(next(complete, tuple(fqn)))
    return tuple("fqn:" + ".".join(one) for one in sorted(chosen))


def _prefixes(names: Iterable[Sequence[str]]) -> Counter[tuple[str, ...]]:
    """Count the nodes below each beginning of their names."""
    return Counter(
        tuple(fqn[:length]) for fqn in names for length in range(2, len(fqn) + 1)
    )
