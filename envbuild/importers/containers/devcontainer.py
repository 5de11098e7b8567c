"""devcontainer.json → a draft: image or Dockerfile, known features, variables, commands after creation.

What only an editor or a running container needs (ports, mounts, extensions) is left, and said.
"""

from __future__ import annotations

import posixpath
import re
import shlex
from typing import TYPE_CHECKING

from envbuild.importers.containers.dockerfile import read_dockerfile
from envbuild.importers.containers.from_image import take_image
from envbuild.importers.containers.gathered import Gathered, Where
from envbuild.importers.containers.installs import Installer
from envbuild.importers.containers.run_steps import take_script
from envbuild.importers.model import Draft
from envbuild.importers.placed import placed, project_folder
from envbuild.importers.text.jsonc import jsonc_of
from envbuild.importers.text.sources import lies_there

if TYPE_CHECKING:
    from pathlib import Path

    from envbuild.importers.model import Wishes
    from envbuild.importers.text.places import Place

_EDITOR = {
    "customizations": ("settings and extensions of an editor", "keep them in devcontainer.json"),
    "extensions": ("extensions of an editor", "keep them in devcontainer.json"),
    "settings": ("settings of an editor", "keep them in devcontainer.json"),
    "mounts": ("mounts are given by who starts the container", "`docker run --mount`"),
    "workspaceMount": ("mounts are given by who starts the container", "`docker run --mount`"),
    "forwardPorts": ("ports are opened by who starts the container", "`docker run -p`"),
    "appPort": ("ports are opened by who starts the container", "`docker run -p`"),
    "portsAttributes": ("ports are a matter of the editor", ""),
    "otherPortsAttributes": ("ports are a matter of the editor", ""),
    "capAdd": ("rights are given by who starts the container", "`docker run --cap-add`"),
    "securityOpt": ("rights are given by who starts the container", "`docker run --security-opt`"),
    "privileged": ("rights are given by who starts the container", "`docker run --privileged`"),
    "init": ("it is given by who starts the container", "`docker run --init`"),
    "secrets": ("credentials belong to the site config", ""),
}
_COMMANDS_LATER = {
    "initializeCommand": "it runs on the host",
    "postStartCommand": "it runs each time the container starts",
    "postAttachCommand": "it runs each time an editor attaches",
}
_COMMANDS = ("onCreateCommand", "updateContentCommand", "postCreateCommand")
_PASSED = frozenset(
    {"$schema", "name", "image", "build", "dockerFile", "context", "features", "containerEnv"}
)
_PASSED |= {"remoteEnv", "remoteUser", "containerUser", "workspaceFolder", "hostRequirements", "runArgs"}
_PASSED |= {"shutdownAction", "updateRemoteUserUID", "waitFor", "overrideCommand", "userEnvProbe"}
_PASSED |= {"overrideFeatureInstallOrder", "dockerComposeFile", "service", "runServices", *_COMMANDS}
_VARIABLE = re.compile(r"\$\{[^}]*\}|\$[A-Za-z_]")
_HOST = re.compile(r"\$\{localEnv:")
_EDITOR_USERS = frozenset({"vscode", "codespace", "node"})


def read(path: Path, wishes: Wishes) -> Draft:
    """The draft of the devcontainer.json at `path`."""
    document = jsonc_of(path).as_table()
    into = Gathered(Where(document.file))
    into.name = _name(document)
    base = _image(document, path, wishes)
    if base is not None:
        into.findings = base.findings
        base.name = into.name
        into = base
    if image := document.text("image"):
        _here(into, document.at("image"))
        take_image(image, into)
    installer = Installer(into, lambda name: _find(name, path), wishes)
    _features(document, into)
    _variables(document, into)
    _commands(document, installer)
    _account(document, into)
    _gpu(document, into)
    _left(document, into)
    return into.draft("devcontainer.json")


def _here(into: Gathered, place: Place) -> None:
    into.where = Where(place.file, place.line, place.key)


def _name(document: Place) -> str:
    name = document.text("name")
    return "" if "$" in name else name


def _image(document: Place, path: Path, wishes: Wishes) -> Gathered | None:
    """What the Dockerfile says that the container is built from; None when there is none."""
    if "dockerComposeFile" in document:
        place = document.at("dockerComposeFile")
        into = Gathered(Where(place.file, place.line, place.key))
        into.say(
            "left", "services of docker compose are not read", "import the Dockerfile of the one you work in"
        )
        return into
    build = document.table("build")
    name = build.text("dockerfile") or document.text("dockerFile")
    if not name:
        return None
    file = path.parent / name
    context = path.parent / (
        build.text("context") or document.text("context") or posixpath.dirname(name) or "."
    )
    arguments = {
        key: value.as_text() for key, value in build.table("args").items() if isinstance(value.value, str)
    }
    place = build.at("dockerfile") if build.text("dockerfile") else document.at("dockerFile")
    if not lies_there(file):
        raise place.error(f"there is no {name} beside it", "correct the name")
    into = read_dockerfile(file, wishes, context=context, arguments=arguments, target=build.text("target"))
    moved = placed(Draft(format="", copy=tuple(into.copy)), context, project_folder(path))
    into.copy = list(moved.copy)
    into.findings.extend(moved.findings)
    return into


def _find(name: str, path: Path) -> Path | None:
    """A file that a command names: commands start in the workspace, which is the project's folder."""
    root = project_folder(path)
    plain = posixpath.normpath(re.sub(r"^/workspaces?/[^/]+/", "", name))
    if plain.startswith(("..", "/")) or "\0" in plain:
        return None
    try:
        return root / plain if (root / plain).is_file() else None
    except (OSError, ValueError):
        return None


def _features(document: Place, into: Gathered) -> None:
    for name, options in document.table("features").items():
        _here(into, options)
        short = posixpath.basename(name.partition("@")[0]).partition(":")[0]
        version = _said(options, "version")
        if short == "python":
            if version and not into.python:
                into.python = version if re.fullmatch(r"3(\.\d+)+", version) else ""
            tools = _said(options, "toolsToInstall")
            into.add(into.pip, *(tool.strip() for tool in tools.split(",") if tool.strip()))
        elif short in {"conda", "miniforge", "mamba", "micromamba", "anaconda"}:
            _conda_feature(options, into)
        elif short == "nvidia-cuda":
            into.cuda = _said(options, "cudaVersion") or into.cuda
            into.cudnn = True if options.at("installCudnn").value in {True, "true"} else into.cudnn
            if not into.cuda:
                into.say("left", "CUDA of no version", "write `cuda:`")
        elif short in {"apt-packages", "apt-get-packages", "apt"}:
            names = _said(options, "packages")
            into.add(into.apt, *(each for each in re.split(r"[\s,]+", names) if each))
        elif short in {"git", "git-lfs"}:
            into.add(into.apt, short)
        elif short == "common-utils":
            into.say("note", "common-utils brings sudo, zsh and an account, for work in an editor")
        elif short == "uv":
            into.say("note", "uv is brought by envbuild itself")
        else:
            into.say("left", "this feature is not known", "install it under `apt`, `pip` or in a `run:` step")


def _conda_feature(options: Place, into: Gathered) -> None:
    into.add(into.channels, *(["conda-forge"] if options.at("addCondaForge").value in {True, "true"} else []))
    names = _said(options, "packages")
    into.add(into.conda, *(each for each in re.split(r"[\s,]+", names) if each))


def _said(options: Place, key: str) -> str:
    """An option of a feature as text; "" for none, or one that leaves it to the feature."""
    if not isinstance(options.value, dict):
        return ""
    value = options.at(key).value
    text = value if isinstance(value, str) else str(value) if isinstance(value, int | float) else ""
    return "" if text in {"latest", "os-provided", "none", "automatic", "True", "False"} else text


def _variables(document: Place, into: Gathered) -> None:
    for section in ("containerEnv", "remoteEnv"):
        for name, place in document.table(section).items():
            if place.value is None:
                continue
            _here(into, place)
            value = place.as_text()
            if _HOST.search(value):
                into.say("left", f"{name} comes from the host", "give it to the container when it starts")
            elif name == "PATH" or _VARIABLE.search(value):
                into.say("left", f"{name} depends on other variables", "write its value out under `env`")
            else:
                into.set_env(name, value)


def _commands(document: Place, installer: Installer) -> None:
    into = installer.into
    for key, reason in _COMMANDS_LATER.items():
        if key in document:
            _here(into, document.at(key))
            into.say("left", reason, "run it yourself, or put it into `entrypoint`")
    for key in _COMMANDS:
        if key not in document:
            continue
        for place in _parts(document.at(key)):
            _here(into, place)
            text = _command(place)
            rest = take_script(text, installer, {})
            if rest:
                into.add_run(rest)
                into.say(
                    "changed", "runs as root when the image is built, before there are files of yours in it"
                )


def _parts(place: Place) -> list[Place]:
    """The commands under a key: one, or several by name."""
    return [item for _, item in place.items()] if isinstance(place.value, dict) else [place]


def _command(place: Place) -> str:
    if isinstance(place.value, list):
        return shlex.join(item.as_text() for item in place.as_list())
    if not isinstance(place.value, str):
        raise place.error("is neither a command nor a list of its words", "correct it")
    return place.value


def _account(document: Place, into: Gathered) -> None:
    for key in ("remoteUser", "containerUser"):
        if user := document.text(key):
            _here(into, document.at(key))
            if user in _EDITOR_USERS:
                into.say("note", f"the account {user} becomes app, uid 1000")
            else:
                into.user = user
            break
    if folder := document.text("workspaceFolder"):
        _here(into, document.at("workspaceFolder"))
        if "$" in folder:
            into.say("left", "the folder depends on the editor's variables", "write `workdir:`")
        else:
            into.workdir = folder


def _gpu(document: Place, into: Gathered) -> None:
    place = document.table("hostRequirements").at("gpu")
    wanted = [item.value for item in document.every("runArgs") if isinstance(item.value, str)]
    if place.value not in {None, False, "false"} if not isinstance(place.value, dict | list) else True:
        _here(into, place)
        if not into.cuda:
            into.say("note", "asks for a GPU and for no CUDA", "write `cuda:` if a package needs it")
        if isinstance(place.value, dict):
            into.say("left", "demands on the GPU's cores and memory", "name the GPUs under `targets`")
    _here(into, document.at("runArgs"))
    others = [word for word in wanted if "gpu" not in word and word != "all"]
    if others:
        into.say("left", "options of `docker run`", "give them when the container starts")


def _left(document: Place, into: Gathered) -> None:
    for key, place in document.items():
        _here(into, place)
        if key in _EDITOR:
            into.say("left", *_EDITOR[key])
        elif key not in _PASSED and key not in _COMMANDS_LATER:
            into.say("left", "is no key that is known")
