"""Reads the YAML tables of this package, each once and only when asked for. A file in, plain
data out; cached, otherwise pure.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any


@cache
def table(name: str) -> dict[str, Any]:
    """The whole table `<name>.yml`. Callers must not change it."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    text = files("envbuild.facts").joinpath(f"{name}.yml").read_text(encoding="utf-8")
    data: dict[str, Any] = yaml.load(text, Loader=loader)  # noqa: S506  # one of the two safe loaders
    return data
