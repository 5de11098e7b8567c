"""The site's config file: path → plain checked settings. Reads one file; pydantic stays in here.

Scalars are read as written. All problems are reported at once, each with its line; unknown keys are refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from envbuild.errors import Problem, SiteError
from envbuild.site import check
from envbuild.site.urls import redact_url

if TYPE_CHECKING:
    from pathlib import Path

_LIMIT = 64 * 1024
_PLAIN_TAGS = frozenset(["str", "int", "float", "bool", "null", "timestamp", "map", "seq", "merge", "value"])
KeyPath = tuple[str | int, ...]

_Line = Annotated[str, AfterValidator(check.line_of_text)]
_Index = Annotated[str, AfterValidator(check.index)]
_Strategy = Annotated[str, AfterValidator(check.index_strategy)]
_Web = Annotated[str, AfterValidator(check.web_url)]
_Proxy = Annotated[str, AfterValidator(check.proxy)]
_AptPrefix = Annotated[str, AfterValidator(check.apt_prefix)]
_Registry = Annotated[str, AfterValidator(check.registry)]
_RegistryPrefix = Annotated[str, AfterValidator(check.registry_prefix)]
_CondaPrefix = Annotated[str, AfterValidator(check.conda_prefix)]
_CondaMirror = Annotated[str, AfterValidator(check.conda_mirror)]
_Micromamba = Annotated[str, AfterValidator(check.micromamba)]
_Engine = Annotated[str, AfterValidator(check.engine)]
_Network = Annotated[str, AfterValidator(check.network)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Proxies(_Part):
    """`proxies:`, as HTTP_PROXY, HTTPS_PROXY and NO_PROXY."""

    http: _Proxy | None = None
    https: _Proxy | None = None
    no: _Line | None = None


class Config(_Part):
    """config.yml. Everything is optional."""

    ca_bundle: _Line | None = None
    proxies: Proxies | None = None
    index_url: _Index | None = None
    extra_index_urls: list[_Index] | None = None
    index_strategy: _Strategy | None = None
    python_mirror: _Index | None = None
    python_downloads: _Index | None = None
    apt_mirrors: dict[_AptPrefix, _Web] | None = None
    debian_mirror: _Web | None = None
    registry_mirrors: dict[_Registry, _RegistryPrefix] | None = None
    http_registries: list[_Registry] | None = None
    conda_mirrors: dict[_CondaPrefix, _CondaMirror] | None = None
    micromamba: _Micromamba | None = None
    engine: _Engine | None = None
    build_network: _Network | None = None


def read_config(path: Path) -> tuple[dict[str, Any], dict[str, int]]:
    """Settings that the file sets (`proxies.https` for one proxy), and the line of each. Raises SiteError."""
    data, lines = _Reader(path).read()
    try:
        config = Config.model_validate(data)
    except ValidationError as error:
        problems = [_problem(path, lines, dict(item)) for item in error.errors(include_url=False)]
        raise _error(sorted(problems, key=lambda problem: problem.line)) from None
    values = config.model_dump(exclude_none=True)
    values |= {f"proxies.{key}": value for key, value in values.pop("proxies", {}).items()}
    return values, {name: lines.get(tuple(name.split(".")), 0) for name in values}


class _Reader:
    """YAML → dicts, lists and text, with the line of each key path. No duplicate keys, tags or aliases."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines: dict[KeyPath, int] = {}
        self.problems: list[Problem] = []

    def read(self) -> tuple[dict[str, Any], dict[KeyPath, int]]:
        text = self._text()
        try:
            if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, yaml.SafeLoader)):
                raise self._fatal("aliases (*name) are not used here", "write the value out")
            node = yaml.compose(text, yaml.SafeLoader)
        except (yaml.YAMLError, RecursionError) as error:
            mark = getattr(error, "problem_mark", None)
            what = getattr(error, "problem", None) or "not readable as YAML"
            raise self._fatal(f"is not YAML: {what}", line=mark.line + 1 if mark else 0) from None
        if node is None:
            return {}, {}
        if not isinstance(node, yaml.MappingNode):
            todo = "write lines such as index_url: https://…"
            raise self._fatal("must be a mapping of settings", todo, line=1)
        data = self._value(node, ())
        if self.problems:
            raise _error(self.problems)
        return data, self.lines

    def _text(self) -> str:
        try:
            raw = self.path.read_bytes()
        except OSError as error:
            raise SiteError(f"cannot read the site config {self.path}: {error.strerror}") from error
        if len(raw) > _LIMIT:
            raise self._fatal("is larger than 64 KiB", "keep settings in it, nothing else")
        try:
            return raw.decode()
        except UnicodeDecodeError:
            raise self._fatal("is not UTF-8 text") from None

    def _fatal(self, what: str, todo: str = "", line: int = 0) -> SiteError:
        return _error([Problem(file=str(self.path), line=line, what=what, todo=todo)])

    def _value(self, node: yaml.Node, path: KeyPath) -> Any:
        line = node.start_mark.line + 1
        self.lines.setdefault(path, line)
        if node.tag.removeprefix("tag:yaml.org,2002:") not in _PLAIN_TAGS:
            self._report(path, line, f"tag {node.tag} is not known here", "remove it")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self._value(item, (*path, number)) for number, item in enumerate(node.value)]
        return None if node.tag.endswith(":null") else str(node.value)

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                self._report(path, line, "a key must be plain text", "")
                continue
            name = str(key.value)
            if name in found:
                what = f"given twice, first in line {self.lines[*path, name]}"
                self._report((*path, name), line, what, "keep one")
                continue
            self.lines[*path, name] = line
            found[name] = self._value(value, (*path, name))
        return found

    def _report(self, path: KeyPath, line: int, what: str, todo: str) -> None:
        self.problems.append(Problem(file=str(self.path), line=line, path=_key(path), what=what, todo=todo))


def _problem(path: Path, lines: dict[KeyPath, int], item: dict[str, Any]) -> Problem:
    place: KeyPath = tuple(part for part in item["loc"] if part != "[key]")
    what, todo = _said(item, place)
    line = next((lines[place[:end]] for end in range(len(place), -1, -1) if place[:end] in lines), 0)
    return Problem(file=str(path), line=line, path=_key(place), what=what, todo=todo)


def _said(item: dict[str, Any], place: KeyPath) -> tuple[str, str]:
    kind = item["type"]
    if kind == "extra_forbidden":
        known = Proxies.model_fields if len(place) > 1 else Config.model_fields
        close = check.suggest(str(place[-1]), known).removeprefix("; ")
        return "unknown key", close or f"known: {', '.join(known)}"
    if kind == "value_error":
        what, _, todo = str(item["ctx"]["error"]).partition("; ")
        return what, todo
    wanted = {"string_type": "one text value", "list_type": "a list"}
    return f"expected {wanted.get(kind, 'a mapping')}", ""


def _key(path: KeyPath) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return redact_url(text.removeprefix("."))


def _error(problems: list[Problem]) -> SiteError:
    return SiteError("\n".join(map(str, problems)), hint="docs/site.md lists every setting")
