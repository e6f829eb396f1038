"""What lies below the landing folder, and which source it belongs to.

Belongs here: folders, globs and hidden names. Not here: what the files hold
(`sources.files`), which of them are new (`landing`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from ingestion.catalog.models import SourceSpec
from ingestion.sources.files import has_data_suffix

ROOT_SOURCE: Final = "native"


def find_files(
    landing_dir: Path, sources: Sequence[SourceSpec]
) -> Iterator[tuple[SourceSpec, list[Path]]]:
    """Give each source with the paths in its folder, hidden ones left out."""
    declared = {spec.name: spec for spec in sources}
    if not landing_dir.is_dir():
        return
    entries = sorted(path for path in landing_dir.iterdir() if _is_shown(path))
    loose = [path for path in entries if not path.is_dir() or has_data_suffix(path)]
    if loose:
        yield source_named(ROOT_SOURCE, declared), loose
    for folder in entries:
        if folder not in loose:
            spec = source_named(folder.name, declared)
            yield spec, sorted(_below(folder, spec))


def source_named(name: str, declared: Mapping[str, SourceSpec]) -> SourceSpec:
    """Give the declared source of a folder, or a native one."""
    native = SourceSpec.model_construct(name=name, format="native")
    return declared.get(name, native)


def _is_shown(path: Path) -> bool:
    return not path.name.startswith(".")


def _below(folder: Path, spec: SourceSpec) -> set[Path]:
    """Give files, and directories that are named like files, of a source's folder."""
    found = set()
    for pattern in spec.files:
        for path in folder.glob(pattern):
            above = path.relative_to(folder).parents
            hidden = any(
                part.startswith(".") for part in path.relative_to(folder).parts
            )
            inside = any(has_data_suffix(folder / parent) for parent in above)
            is_plain_folder = path.is_dir() and not has_data_suffix(path)
            if not (hidden or inside or is_plain_folder):
                found.add(path)
    return found
