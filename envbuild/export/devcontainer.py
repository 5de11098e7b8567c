"""devcontainer.json, for VS Code, Codespaces and others: it starts the image that envbuild makes. Pure.

`hostRequirements.gpu` makes these programs add `--gpus all` themselves, where the machine has a GPU; said in
`runArgs`, it would keep the container from starting everywhere else.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from envbuild.export.gpu import gpu_of
from envbuild.export.left import left_of
from envbuild.export.model import AS_LOCKED, Exported, Left

if TYPE_CHECKING:
    from envbuild.export.model import Source, Wishes

FILE = "devcontainer.json"
_IN_IMAGE = frozenset(
    {"python", "base", "cuda", "targets", "apt", "conda", "pip", "env", "copy", "run", "user", "start"}
)
_PYTHON = "/opt/env/bin/python"


def export(source: Source, wishes: Wishes = AS_LOCKED) -> Exported:  # noqa: ARG001  # it can be said in one way only
    """The file. It has no comments: many programs read it as plain JSON."""
    spec = source.spec
    gpu = gpu_of(source)
    data: dict[str, Any] = {
        "name": spec.name,
        "image": source.image or spec.image.references[0],
        "remoteUser": spec.user,
        "workspaceFolder": spec.workdir,
        "workspaceMount": f"source=${{localWorkspaceFolder}},target={spec.workdir},type=bind",
    }
    # `${…}` would be replaced there; the image has these values anyway.
    env = {name: value for name, value in spec.env if "${" not in value}
    if env:
        data["containerEnv"] = env
    if gpu:
        data["hostRequirements"] = {"gpu": True if gpu == "required" else "optional"}
    data["customizations"] = {"vscode": {"settings": {"python.defaultInterpreterPath": _PYTHON}}}
    text = json.dumps(data, indent=2, ensure_ascii=False) + "\n"
    return Exported(files={FILE: text}, left=(*_left(source), *left_of(source, _IN_IMAGE)))


def _left(source: Source) -> tuple[Left, ...]:
    hidden = [item for item in source.spec.copy if _inside(item.target, source.spec.workdir)]
    what = "the folder of the project is mounted over what was copied there"
    return tuple(
        Left(key=f"copy[{source.spec.copy.index(item)}]", what=f"{item.target}: {what}") for item in hidden
    )


def _inside(target: str, folder: str) -> bool:
    return f"{target}/".startswith(f"{folder.rstrip('/')}/")
