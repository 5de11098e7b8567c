"""What changed between a lock and the spec it should answer, as lines such as `pip: + rich`. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from envbuild.errors import LockError, StaleLock
from envbuild.lock.inputs import inputs_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from envbuild.lock.model import Lock
    from envbuild.spec.model import Spec

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_ORDER = ("python", "base", "cuda", "apt", "pip", "index_url", "extra_index_urls", "torch_backend", "conda")


def drift(spec: Spec, lock: Lock, platform: str) -> tuple[str, ...]:
    """What `lock` does not answer of `spec` for `platform`, a line each, in a fixed order; () when fresh."""
    return tuple(_changes(lock.inputs, inputs_of(spec), lock.platform, platform))


def refusal(name: str, changes: tuple[str, ...]) -> LockError:
    """Why a lock called `name` does not do where none may be made: it is stale, or (no `changes`) missing."""
    if changes:
        return StaleLock(f"{name}: the lock does not answer the spec any more", changes=changes)
    return LockError(f"{name}: there is no lock yet", hint="make one: envbuild lock")


def _changes(old: Mapping[str, Any], new: Mapping[str, Any], was: str, platform: str) -> Iterator[str]:
    if was != platform:
        yield f"platform: {was} -> {platform}"
    unknown = sorted((old.keys() | new.keys()) - set(_ORDER))
    for key in (*_ORDER, *unknown):
        yield from _difference(key, old.get(key), new.get(key))


def _difference(key: str, old: Any, new: Any) -> Iterator[str]:
    if old == new:
        return
    if isinstance(old, dict) or isinstance(new, dict):
        parts, wishes = _flat(key, old), _flat(key, new)
        if not parts or not wishes:  # what comes or goes with the whole mapping is no news
            parts.pop("conda.priority", None)
            wishes.pop("conda.priority", None)
        for name in dict.fromkeys((*parts, *wishes)):
            yield from _difference(name, parts.get(name), wishes.get(name))
    elif isinstance(old, list) or isinstance(new, list):
        before, after = list(old or ()), list(new or ())
        if sorted(before) == sorted(after):
            yield f"{key}: another order"
        yield from _list_changes(key, before, after)
    else:
        yield f"{key}: {_shown(old)} -> {_shown(new)}"


def _flat(key: str, value: Any) -> dict[str, Any]:
    """`cuda: {version: 12.8, os: x}` as `cuda` and `cuda.os`: the version is what people mean by cuda, and
    the packages are what they mean by conda.
    """
    if not isinstance(value, dict):
        return {} if value is None else {key: value}
    return {key if name in {"version", "packages"} else f"{key}.{name}": part for name, part in value.items()}


def _list_changes(key: str, old: Sequence[str], new: Sequence[str]) -> Iterator[str]:
    gone = [item for item in old if item not in new]
    come = [item for item in new if item not in old]
    for name in sorted({_name(item) for item in (*gone, *come)}):
        before = [item for item in gone if _name(item) == name]
        after = [item for item in come if _name(item) == name]
        if len(before) == len(after) == 1:
            yield f"{key}: {before[0]} -> {after[0]}"
            continue
        yield from (f"{key}: - {item}" for item in before)
        yield from (f"{key}: + {item}" for item in after)


def _name(item: str) -> str:
    """What an item is about: the package it names (`numpy<2` → `numpy`); URLs stand for themselves."""
    if "://" in item and "@" not in item.partition("://")[0]:
        return item
    match = _NAME.match(item)
    return re.sub(r"[-_.]+", "-", match[0]).lower() if match else item


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    return str(value).lower() if isinstance(value, bool) else str(value)
