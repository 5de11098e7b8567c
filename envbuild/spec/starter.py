"""The text that `envbuild init` writes: a few answers → a commented spec.yml that loads. Pure."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.errors import SpecError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

_PLAIN = re.compile(r"[A-Za-z0-9/][A-Za-z0-9_./+=<>~-]*(?::[A-Za-z0-9_][A-Za-z0-9_.-]*)?")
_READ_AS_NOTHING = frozenset({"null", "Null", "NULL"})


def starter(
    *,
    name: str,
    python: str = "3.12",
    base: str | None = None,
    cuda: str | None = None,
    apt: Iterable[str] = (),
    packages: Iterable[str] = (),
    conda: Iterable[str] = (),
    channels: Iterable[str] = (),
) -> str:
    """A spec to start from; with `conda` or `channels` its Python comes from conda.

    Raises UsageError when an answer breaks the grammar of its kind, with the reader's own words.
    """
    text = _text(
        name=name,
        python=python,
        base=base,
        cuda=cuda,
        apt=tuple(apt),
        packages=tuple(packages),
        conda=_conda(tuple(conda), tuple(channels)),
    )
    from envbuild.spec.parse import parse_spec

    try:
        parse_spec(text.encode("utf-8", "replace"), Path("spec.yml"))
    except SpecError as error:
        problem = error.problems[0]
        where = f"{problem.path}: " if problem.path else ""
        raise UsageError(f"{where}{problem.what}", hint=problem.todo) from error
    return text


def _text(
    *,
    name: str,
    python: str,
    base: str | None,
    cuda: str | None,
    apt: tuple[str, ...],
    packages: tuple[str, ...],
    conda: list[str],
) -> str:
    lines = [
        "# An environment for envbuild: `envbuild image` locks it, builds it and tests it.",
        "# All keys: docs/spec.md, or `envbuild schema`.",
        f"name: {quoted(name)}",
        f"python: {quoted(python)}  # X.Y, or X.Y.Z for one patch release",
        _choice(
            "base", base, "debian:bookworm-slim", "any image; this one when neither base nor cuda is given"
        ),
        _choice("cuda", cuda, "12.8", "for GPUs: the base image follows from it"),
        "",
        "# Debian packages",
        *_items("apt", apt, ("git", "libgl1"), indent=""),
        "",
        *conda,
        "# Python packages, as pip writes them; the lock pins them and all that they need",
        "pip:",
        *_items("packages", packages, ("numpy>=2", "pandas"), indent="  "),
        "  # requirements: [requirements.txt]",
        "",
        "# Checks of the built image",
        "smoke:",
        "  # imports: [numpy, pandas]",
        "  commands:",
        "    - python --version",
        "",
        "# More: env, copy, run, user, workdir, entrypoint, cmd, image",
    ]
    return "\n".join(lines) + "\n"


def _conda(packages: tuple[str, ...], channels: tuple[str, ...]) -> list[str]:
    if not packages and not channels:
        return []
    return [
        "# conda packages, as MatchSpecs; Python comes from conda too then",
        "conda:",
        *_items("channels", channels or ("conda-forge",), (), indent="  "),
        *_items("packages", packages, ("numpy=2", "pytorch"), indent="  "),
        "",
    ]


def _choice(key: str, value: str | None, example: str, note: str) -> str:
    return f"# {key}: {example}  # {note}" if value is None else f"{key}: {quoted(value)}  # {note}"


def _items(key: str, items: tuple[str, ...], examples: tuple[str, ...], *, indent: str) -> list[str]:
    if not items:
        return [f"{indent}# {key}: [{', '.join(quoted(example) for example in examples)}]"]
    return [f"{indent}{key}:", *(f"{indent}  - {quoted(item)}" for item in items)]


def quoted(text: str) -> str:
    """`text` as a YAML scalar that reads back the same: plain where that is safe, else in double quotes."""
    if _PLAIN.fullmatch(text) and text not in _READ_AS_NOTHING:
        return text
    # A JSON string is a YAML one, but libyaml takes no surrogate pairs: only what does not print is escaped
    body = json.dumps(text, ensure_ascii=False)
    return re.sub(r"[\x7f-\xa0\u2028\u2029\ufeff\ufffe\uffff]", lambda found: f"\\u{ord(found[0]):04x}", body)
