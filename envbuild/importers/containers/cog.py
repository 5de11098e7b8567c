"""cog.yaml → a draft: what `build` says. The model (`predict`, `train`) is code that cog serves: left."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from envbuild.importers.containers.gathered import Gathered, Where
from envbuild.importers.containers.installs import Installer
from envbuild.importers.containers.run_steps import take_script
from envbuild.importers.text.comments import Comments
from envbuild.importers.text.places import Place
from envbuild.importers.text.sources import shown_path, source_bytes
from envbuild.spec.yaml import read_yaml

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from envbuild.importers.model import Draft, Entry, Wishes

_MOST = 1_000_000
_BEHIND = re.compile(r"\s--?[a-z][a-z-]*(?:[ =].*)?$")
_LEFT = {
    "predict": ("the model's code, which cog serves", "bring it with `copy:`, and start it by `entrypoint:`"),
    "train": ("the model's code, which cog serves", "bring it with `copy:`, and start it by `entrypoint:`"),
    "concurrency": ("how many requests cog serves at once", "it is for the program that serves"),
    "tests": ("tests of cog", "put checks into `smoke.commands`"),
    "weights": ("weights that cog keeps", "bring them with `copy:`, or fetch them in a `run:` step"),
}
_BUILD_LEFT = {
    "cog_runtime": ("cog's own runtime", ""),
    "sdk_version": ("cog's own runtime", ""),
}


def read(path: Path, wishes: Wishes) -> Draft:
    """The draft of the cog.yaml at `path`."""
    file = shown_path(path)
    data = source_bytes(path, limit=_MOST)
    found = read_yaml(data, file)
    document = Place(file, found.value, (), found.lines).as_table()
    into = Gathered(Where(file))
    for problem in found.problems:
        into.where = Where(file, problem.line, problem.path)
        into.say("left", problem.what, problem.todo)
    _build(document.table("build"), Installer(into, lambda name: _beside(path, name), wishes))
    for key, place in document.items():
        _here(into, place)
        if key == "image":
            into.say("left", f"the image's name {place.as_text()}", "write it as `image.repository`")
        elif key == "environment":
            for item in place.as_list():
                _here(into, item)
                name, _, value = item.as_text().partition("=")
                into.set_env(name, value)
        elif key in _LEFT:
            into.say("left", *_LEFT[key])
        elif key != "build":
            into.say("left", "is no key that is known")
    comments = Comments(data.decode())
    into.head = comments.head
    said: set[int] = set()
    for entries in (into.apt, into.pip):
        entries[:] = [_commented(entry, comments, said) if entry.file == file else entry for entry in entries]
    return into.draft("cog.yaml")


def _commented(entry: Entry, comments: Comments, said: set[int]) -> Entry:
    """The entry with the comments around its line, unless another one of that line has them."""
    if not entry.line or entry.line in said:
        return entry
    said.add(entry.line)
    above, behind = comments.around(entry.line)
    return replace(entry, above=above, comment=behind)


def _here(into: Gathered, place: Place) -> None:
    into.where = Where(place.file, place.line, place.key)


def _beside(path: Path, name: str) -> Path | None:
    if name.startswith(("/", "~")) or ".." in name.split("/") or "\0" in name:
        return None
    try:
        return path.parent / name if (path.parent / name).is_file() else None
    except (OSError, ValueError):
        return None


def _build(build: Place, installer: Installer) -> None:
    into = installer.into
    takers: dict[str, Callable[[Place, Installer], None]] = {
        "gpu": _gpu,
        "cuda": _cuda,
        "cudnn": _cudnn,
        "python_version": _python,
        "python_packages": _packages,
        "python_requirements": _requirements,
        "system_packages": _apt,
        "run": _run,
        "pre_install": _pre_install,
    }
    if "cuda" in build:
        _cuda(build.at("cuda"), installer)
    for key, place in build.items():
        _here(into, place)
        if place.value is None:
            continue
        if key in takers:
            takers[key](place, installer)
        elif key in _BUILD_LEFT:
            into.say("left", *_BUILD_LEFT[key])
        else:
            into.say("left", "is no key that is known")


def _gpu(place: Place, installer: Installer) -> None:
    if place.as_text().lower() in {"true", "yes", "on"} and not installer.into.cuda:
        what = "asks for a GPU and for no CUDA: torch and tensorflow bring their own"
        installer.into.say("note", what, "write `cuda:` if a package needs it")


def _cuda(place: Place, installer: Installer) -> None:
    text = place.as_text()
    match = re.fullmatch(r"(\d+\.\d+)(\.\d+)?", text)
    installer.into.cuda = match[1] if match else text


def _cudnn(place: Place, installer: Installer) -> None:
    installer.into.cudnn = True
    installer.into.say("changed", f"cuDNN {place.as_text()} becomes the one of the CUDA image")


def _python(place: Place, installer: Installer) -> None:
    installer.into.python = place.as_text()


def _packages(place: Place, installer: Installer) -> None:
    into = installer.into
    for item in place.as_list():
        _here(into, item)
        text = item.as_text().strip()
        if text.startswith("-"):
            installer.take(("pip", "install", *text.split()))
        elif behind := _BEHIND.search(text):
            package = text[: behind.start()]
            installer.take(("pip", "install", *behind[0].split(), package))
        else:
            into.add(into.pip, text)


def _requirements(place: Place, installer: Installer) -> None:
    installer.take(("pip", "install", "-r", place.as_text()))


def _apt(place: Place, installer: Installer) -> None:
    into = installer.into
    for item in place.as_list():
        _here(into, item)
        into.add(into.apt, item.as_text().strip())


def _run(place: Place, installer: Installer) -> None:
    into = installer.into
    for item in place.as_list():
        _here(into, item)
        if isinstance(item.value, dict):
            text = _step(item.at("command"))
            if "mounts" in item:
                into.say("left", "mounts of a step: credentials belong to the site config")
        else:
            text = _step(item)
        into.add_run(take_script(text, installer, {}))


def _pre_install(place: Place, installer: Installer) -> None:
    """Steps before the packages. Those that only install packages are carried, as are others, later."""
    into = installer.into
    for item in place.as_list():
        _here(into, item)
        rest = take_script(_step(item), installer, {})
        if rest:
            into.add_run(rest)
            into.say(
                "changed", "runs after the packages are installed, not before", "see whether they need it"
            )


def _step(place: Place) -> str:
    if not isinstance(place.value, str):
        raise place.error("is no command", "write one text")
    return place.value
