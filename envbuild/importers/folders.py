"""Which of the files in a folder is imported: a fixed order, and a word on the others. Lists the folder.

What people write by hand comes before locks: a spec says wishes, and envbuild makes a lock of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.importers.formats import FOLDER, Format, find_format, named_format
from envbuild.importers.model import Finding
from envbuild.importers.text.sources import refused, shown_path, source_head

if TYPE_CHECKING:
    from pathlib import Path

REPO2DOCKER = ("apt.txt", "runtime.txt", "postBuild", "start", "install.R", "DESCRIPTION")
"""Files that only repo2docker reads; so is all in `binder/` and `.binder/`."""
ORDER = (
    "cog.yaml",
    "pixi.toml",
    "environment.yml",
    "pyproject.toml",
    "Pipfile",
    "requirements.txt",
    "conda-lock.yml",
    "pixi.lock",
    "uv.lock",
    "poetry.lock",
    "pylock.toml",
    "Pipfile.lock",
    "explicit",
    "devcontainer.json",
    "Dockerfile",
)
_PLAIN = {
    "environment.yml": ("environment.yml", "environment.yaml"),
    "requirements.txt": ("requirements.txt",),
    "pylock.toml": ("pylock.toml",),
    "Dockerfile": ("Dockerfile", "Containerfile"),
}
_INNER = (".devcontainer/devcontainer.json",)
_MOST = 2000


def find_in_folder(folder: Path) -> tuple[Format, Path, tuple[Finding, ...]]:
    """The format that the folder is read as, the path its module takes, and notes on what lies beside.

    SpecError when there is nothing to import, or several of one kind and none with the usual name.
    """
    where = shown_path(folder)
    names = _names(folder)
    marks = [name for name in (*REPO2DOCKER, "binder", ".binder") if name in names and name != "DESCRIPTION"]
    if marks:
        what = f"is read as a folder for repo2docker, as it holds {marks[0]}"
        return FOLDER, folder, (Finding(kind="note", file=where, what=what),)
    found = _by_format(folder, names)
    for name in ORDER:
        if not (candidates := found.pop(name, [])):
            continue
        chosen = _one(name, candidates, where)
        others = [other for rest in ORDER for other in found.get(rest, ())]
        others = [other for other in candidates if other != chosen] + others
        return _format(name), folder / chosen, _notes(where, chosen, others)
    if any(find_format(folder / name, b"") is named_format("spec.yml") for name in names):
        raise refused(where, "holds a spec of envbuild and nothing else to import", "`envbuild lock` is next")
    raise refused(where, "holds nothing that can be imported", "docs/importing.md lists the formats")


def _format(name: str) -> Format:
    found = named_format(name)
    assert found is not None  # noqa: S101  # ORDER names formats only, which a test checks
    return found


def _names(folder: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in folder.iterdir())[:_MOST]
    except PermissionError as error:
        raise refused(
            shown_path(folder), "may not be read by you", "ask its owner, or change its permissions"
        ) from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise refused(shown_path(folder), f"cannot be read: {reason}", "name another folder") from error


def _by_format(folder: Path, names: list[str]) -> dict[str, list[str]]:
    """Names of files by the name of their format; those of free names by what they hold."""
    found: dict[str, list[str]] = {}
    for name in (*names, *_INNER):
        path = folder / name
        if not path.is_file():
            continue
        format_ = find_format(path, b"")
        if format_ is None and name.lower().endswith((".yml", ".yaml", ".toml", ".txt")):
            format_ = find_format(path, source_head(path))
            if format_ is not None and format_.name == "requirements.txt" and "req" not in name.lower():
                continue  # any list of words looks like one
        if format_ is not None and not (format_.name == "pyproject.toml" and _only_tools(path)):
            found.setdefault(format_.name, []).append(name)
    return found


def _only_tools(path: Path) -> bool:
    """Whether a pyproject.toml says nothing about packages: many hold the settings of linters alone."""
    text = source_head(path).decode("utf-8", "replace")
    return not any(
        word in text
        for word in ("[project]", "[tool.poetry", "[dependency-groups]", "[tool.pixi", "[tool.uv")
    )


def _one(name: str, candidates: list[str], where: str) -> str:
    if len(candidates) == 1:
        return candidates[0]
    plain = [each for each in candidates if each in _PLAIN.get(name, ())]
    if plain:
        return plain[0]
    raise refused(where, f"holds {_listed(candidates)}, and none has the usual name", "name one of them")


def _notes(where: str, chosen: str, others: list[str]) -> tuple[Finding, ...]:
    if not others:
        return ()
    what = f"{chosen} is read; {_listed(others)} {'lies' if len(others) == 1 else 'lie'} beside it"
    todo = "name that file to take it instead" if len(others) == 1 else "name one of those to take it instead"
    return (Finding(kind="note", file=where, what=what, todo=todo),)


def _listed(names: list[str]) -> str:
    shown = names if len(names) <= 6 else [*names[:5], f"{len(names) - 5} more"]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
