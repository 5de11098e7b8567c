"""What pydantic found → Problems in a user's words. Pure.

Wrong types, missing and unknown keys are worded here; everything else says itself, as the `Bad` of a grammar.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from envbuild.errors import Problem
from envbuild.spec.file import SpecFile
from envbuild.spec.words import Bad, did_you_mean, dotted, shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel, ValidationError
    from pydantic_core import ErrorDetails

    from envbuild.spec.model import KeyPath

_WANTED = {
    "string_type": ("text", ""),
    "list_type": ("a list", "write each item on a line of its own after `- `"),
    "dict_type": ("a mapping", "write `key: value` lines"),
    "model_type": ("a mapping", "write `key: value` lines"),
}
_MISSING = {"name": "write a name such as dl-env", "python": "write a version such as 3.12"}
_SITE_KEYS = frozenset(
    {"ca_bundle", "certificate", "engine", "http_proxy", "https_proxy", "mirror", "mirrors", "proxy"}
)
_NESTED = ("pip", "conda", "smoke", "image")


def explain(error: ValidationError, lines: Mapping[KeyPath, int], file: str) -> list[Problem]:
    """One Problem for each of pydantic's errors, at the deepest key path that the file has."""
    problems = []
    for detail in error.errors(include_url=False):
        path: KeyPath = tuple(part for part in detail["loc"] if part != "[key]")
        what, todo = _words(detail, path)
        if detail["type"] != "missing":
            while path and path not in lines:  # such as cuda.version for `cuda: 12`
                path = path[:-1]
        problems.append(
            Problem(file=file, line=nearest(lines, path), path=dotted(path), what=what, todo=todo)
        )
    return problems


def nearest(lines: Mapping[KeyPath, int], path: KeyPath) -> int:
    """Line of `path` or of its nearest parent; 0 for a key that is missing at the top."""
    for end in range(len(path), 0, -1):
        if path[:end] in lines:
            return lines[path[:end]]
    return 0


def _words(detail: ErrorDetails, path: KeyPath) -> tuple[str, str]:
    kind, given, context = detail["type"], detail["input"], detail.get("ctx", {})
    if isinstance(bad := context.get("error"), Bad):
        return bad.what, bad.todo
    if kind == "missing":
        return "the key is missing", _MISSING.get(str(path[-1]), "add it")
    if kind == "extra_forbidden":
        return "unknown key", _suggest(path)
    if given is None:
        return "the value is missing", 'write one, or "" for an empty text'
    if kind == "too_short":
        return "the list is empty", "name one at least, or leave the key out"
    if kind == "literal_error":
        return f"{_said(given)} is not allowed here", f"write {context['expected'].replace(chr(39), '')}"
    wanted, todo = _WANTED.get(kind, ("", ""))
    if wanted:
        return f"{_said(given)} stands where {wanted} is expected", todo
    return detail["msg"], ""


def _said(value: Any) -> str:
    if isinstance(value, str):
        return f"the text {shown(value)}"
    return "a list" if isinstance(value, list) else "a mapping"


def _suggest(path: KeyPath) -> str:
    """What the writer of an unknown key may have meant."""
    key = str(path[-1])
    known = keys_at(path[:-1])
    if near := did_you_mean(key, known):
        return f"did you mean {near}?"
    if key.lower() in _SITE_KEYS:
        return "it belongs to a site, not to an environment: see docs/site.md"
    if len(path) == 1:
        for section in _NESTED:
            if key in keys_at((section,)):
                return f"it belongs under `{section}:`"
        if key in {"dependencies", "pip_packages"}:
            return "Python packages go under `pip.packages`, Debian packages under `apt`"
    return f"known keys are {', '.join(known)}"


def keys_at(path: KeyPath) -> tuple[str, ...]:
    """The keys that the mapping at `path` may have, in the model's order."""
    model: type[BaseModel] = SpecFile
    for part in path:
        if isinstance(part, str) and (inner := _section(model, part)):
            model = inner
    return tuple(item.alias or key for key, item in model.model_fields.items())


def _section(model: type[BaseModel], key: str) -> type[BaseModel] | None:
    """The model of the mapping (or of the mappings in the list) under `key`."""
    from pydantic import BaseModel

    found = next((item for name, item in model.model_fields.items() if (item.alias or name) == key), None)
    waiting = [found.annotation] if found else []
    while waiting:
        kind = waiting.pop()
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
        waiting += getattr(kind, "__args__", ())
    return None
