"""Which versions a lock made anew has that the one before had not: two locks in, lines out. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envbuild.lock.model import Lock

_SHORT = 19
"""Characters of a digest that people compare: `sha256:` and twelve digits."""


def moved(old: Lock | None, new: Lock) -> tuple[str, ...]:
    """Lines such as `pip: numpy 2.0.1 -> 2.1.0` or `apt: + libgl1 1.6.0-1`, the base first; () at first."""
    return tuple(_moves(old, new)) if old else ()


def _moves(old: Lock, new: Lock) -> Iterator[str]:
    was, now = _base(old), _base(new)
    if was != now:
        yield f"base: {was} -> {now}"
    if old.python.version != new.python.version:
        yield f"python: {old.python.version} -> {new.python.version}"
    for kind, before, after in (
        ("apt", {each.name: each.version for each in old.apt}, {each.name: each.version for each in new.apt}),
        ("conda", _builds(old), _builds(new)),
        (
            "pip",
            {each.name: each.version for each in old.packages},
            {each.name: each.version for each in new.packages},
        ),
    ):
        yield from _versions(kind, before, after)


def _base(lock: Lock) -> str:
    known = lock.base.digest or lock.base.image_id or ""
    return f"{lock.base.reference} {known[:_SHORT]}".rstrip()


def _builds(lock: Lock) -> dict[str, str]:
    """A build alone may change; Python is told of once."""
    return {each.name: f"{each.version} {each.build}" for each in lock.conda if each.name != "python"}


def _versions(kind: str, before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(before.keys() | after.keys()):
        was, now = before.get(name), after.get(name)
        if was is None:
            yield f"{kind}: + {name} {now}".rstrip()
        elif now is None:
            yield f"{kind}: - {name} {was}".rstrip()
        elif was != now:
            yield f"{kind}: {name} {was or '?'} -> {now or '?'}"
