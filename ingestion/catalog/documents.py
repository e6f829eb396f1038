"""One YAML file as values with places, so that an error can name its line.

Belongs here: reading YAML (with ruamel.yaml), what YAML is admitted, where every
value stands, and the problem and error classes. What the values mean is the models'.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

PathInFile = tuple[str | int, ...]

_MAX_VALUES: Final = 200_000
_TAGS: Final = frozenset(
    {"map", "seq", "str", "null", "bool", "int", "float", "timestamp"}
)
_TAG_PREFIX: Final = "tag:yaml.org,2002:"


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing wrong with the catalog: `line` and `column` count from 1."""

    file: str
    line: int
    column: int
    message: str
    suggestion: str | None = None

    def __str__(self) -> str:
        hint = f" Did you mean '{self.suggestion}'?" if self.suggestion else ""
        stop = "" if self.message.endswith((".", "?")) else "."
        return f"{self.file}:{self.line}: {self.message}{stop}{hint}"


class CatalogError(ValueError):
    """The catalog cannot be used. `problems` holds every problem found, in order."""

    def __init__(self, problems: Iterable[Problem]):
        self.problems = tuple(sorted(set(problems), key=_order))
        super().__init__("\n".join(str(problem) for problem in self.problems))


def _order(problem: Problem) -> tuple[str, int, int, str]:
    return problem.file, problem.line, problem.column, problem.message


@dataclass(slots=True)
class Document:
    """A YAML file read: `value` in plain Python, and where each part of it stands."""

    file: str
    text: str
    value: dict[str, Any] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    nodes: dict[PathInFile, Node] = field(default_factory=dict)
    keys: dict[PathInFile, Node] = field(default_factory=dict)

    def problem(
        self,
        path: PathInFile,
        message: str,
        *,
        suggestion: str | None = None,
        at_key: bool = False,
        offset: int | None = None,
    ) -> Problem:
        """Place a problem at `path`, or at the nearest part above it that exists.

        `at_key` points at the key instead of its value; `offset` is a character
        inside the value's text.
        """
        places = self.keys if at_key and path in self.keys else self.nodes
        while path and path not in places:
            path = path[:-1]
        node = places.get(path)
        if node is None:
            return Problem(self.file, 1, 1, message, suggestion)
        index = node.start_mark.index
        if offset is not None and isinstance(node, ScalarNode):
            index = self._index_of(node, offset)
        line = self.text.count("\n", 0, index) + 1
        column = index - (self.text.rfind("\n", 0, index) + 1) + 1
        return Problem(self.file, line, column, message, suggestion)

    def _index_of(self, node: ScalarNode, offset: int) -> int:
        """Find the character of the file that became `offset` of the value.

        Quotes, escapes and folding move characters, so count the same word instead.
        """
        word = re.match(r"\w+|\S?", node.value[offset:])
        start = node.start_mark.index
        if not word or not word[0]:
            return int(start)
        pattern = re.compile(re.escape(word[0]))
        earlier = len(pattern.findall(node.value[:offset]))
        found = list(pattern.finditer(self.text, start, node.end_mark.index))
        return found[earlier].start() if earlier < len(found) else int(start)


def read_document(path: Path, file: str) -> Document:
    """Read a YAML file; what is wrong with it stands in `problems`, nothing raises."""
    raw = path.read_bytes()
    try:
        # Marks count characters after the line ends are made one.
        text = raw.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        message = "not UTF-8 text; save the file as UTF-8"
        return Document(file, "", problems=[Problem(file, line, 1, message)])
    document = Document(file, text)
    try:
        root = YAML(typ="safe", pure=True).compose(text)
        if isinstance(root, MappingNode):
            document.value = _Builder(document).build(root, (), ())
        elif root is not None:
            document.problems.append(
                Problem(file, 1, 1, "the file must be `key: value` lines at the top")
            )
    except RecursionError:
        document.problems.append(Problem(file, 1, 1, "nested too deep to be read"))
    except YAMLError as error:
        document.problems.append(_syntax_problem(document, error))
    return document


def _syntax_problem(document: Document, error: YAMLError) -> Problem:
    message, index = str(error).split("\n", 1)[0], getattr(error, "position", 0)
    if isinstance(error, MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        message = str(error.problem or error.context)
        index = mark.index if mark else 0
    line = document.text.count("\n", 0, index) + 1
    column = index - (document.text.rfind("\n", 0, index) + 1) + 1
    return Problem(document.file, line, column, f"not valid YAML: {message}")


class _Builder:
    """Turns nodes into values and writes down where they stand."""

    def __init__(self, document: Document):
        self._document = document
        self._count = 0

    def build(self, node: Node, path: PathInFile, above: tuple[int, ...]) -> Any:
        document = self._document
        document.nodes[path] = node
        self._count += 1
        if id(node) in above or self._count > _MAX_VALUES:
            raise YAMLError("anchors that refer to themselves, or grow without end")
        self._check_tag(node, path)
        if isinstance(node, MappingNode):
            return self._mapping(node, path, (*above, id(node)))
        if isinstance(node, SequenceNode):
            return [
                self.build(item, (*path, index), (*above, id(node)))
                for index, item in enumerate(node.value)
            ]
        return self._scalar(node, path)

    def _mapping(
        self, node: MappingNode, path: PathInFile, above: tuple[int, ...]
    ) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            inner = (*path, key)
            repeated = inner in self._document.keys
            self._document.keys[inner] = key_node
            if not isinstance(key_node, ScalarNode) or str(key_node.tag).endswith(
                ":merge"
            ):
                self._report(inner, "a key must be a plain word (no `<<`, no list)")
            elif repeated and key in result:
                self._report(inner, f"the key '{key}' stands here twice")
            else:
                result[key] = self.build(value_node, inner, above)
        return result

    def _scalar(self, node: Node, path: PathInFile) -> Any:
        tag, text = str(node.tag).removeprefix(_TAG_PREFIX), str(node.value)
        try:
            match tag:
                case "null":
                    return None
                case "bool":
                    return text.lower() == "true"
                case "int":
                    return int(text.replace("_", ""), 0)
                case "float":
                    return float(text.replace("_", "").replace(".inf", "inf"))
        except ValueError:
            return text
        return text

    def _check_tag(self, node: Node, path: PathInFile) -> None:
        if str(node.tag).removeprefix(_TAG_PREFIX) not in _TAGS:
            message = f"the tag `{node.tag}` is not admitted; write plain text"
            self._document.problems.append(self._document.problem(path, message))

    def _report(self, path: PathInFile, message: str) -> None:
        problem = self._document.problem(path, message, at_key=True)
        self._document.problems.append(problem)
