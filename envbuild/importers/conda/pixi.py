"""pixi.toml, or `[tool.pixi]` of a pyproject.toml → a `Draft` of one environment, one platform. Reads."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from envbuild.facts.images import newest_image
from envbuild.importers.conda.names import channels_of
from envbuild.importers.conda.pixi_specs import match_spec, requirement
from envbuild.importers.model import Draft, Entry, Finding
from envbuild.importers.python.indexes import indexes_of
from envbuild.importers.text.comments import Comments
from envbuild.importers.text.documents import toml_of
from envbuild.importers.text.sources import source_text
from envbuild.spec.words import shown

if TYPE_CHECKING:
    from pathlib import Path

    from envbuild.importers.model import Wishes
    from envbuild.importers.text.places import Place

FORMAT = "pixi.toml"
DEFAULT = "default"
_TARGETS = {"linux-64": ("unix", "linux", "linux-64"), "linux-aarch64": ("unix", "linux", "linux-aarch64")}
_LAST = 1_000_000  # a channel that one package alone names is asked after all others
_CONDA = ("dependencies", "host-dependencies", "build-dependencies")
_UNREAD = {
    "tasks": ("the tasks are not carried", "write them into `entrypoint:`, `cmd:` or a script"),
    "package": ("the package that the project builds is not carried", "bring it with `copy:` and `run:`"),
}


@dataclass(slots=True)
class _Found:
    """What the features of an environment say, later ones over earlier ones."""

    conda: dict[str, Entry] = field(default_factory=dict)
    pip: dict[str, Entry] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)
    channels: list[tuple[int, str, Place]] = field(default_factory=list)
    indexes: list[tuple[str, Place]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    python: str = ""
    cuda: Place | None = None


def read(path: Path, wishes: Wishes) -> Draft:
    """The draft that the pixi.toml at `path` gives. Raises SpecError for what is none."""
    return draft_of(toml_of(path), path, wishes)


def draft_of(table: Place, path: Path, wishes: Wishes, *, format_: str = FORMAT) -> Draft:
    """The draft of `table`: a whole pixi.toml, or the table `tool.pixi` of the pyproject.toml at `path`."""
    own = table.table("workspace") if "workspace" in table else table.table("project")
    if not own.value and "dependencies" not in table:
        raise table.error("is no project of pixi: it has no [workspace]", "name a pixi.toml")
    found = _Found(channels=_channels(own))
    comments = Comments(source_text(path))
    _check_platform(own, wishes, found)
    for feature in _features(table, wishes, found):
        _take(feature, wishes, found, comments)
    for key, (what, todo) in _UNREAD.items():
        if table.at(key):
            found.findings.append(table.at(key).finding("left", what, todo))
    cuda = _cuda(found.cuda, found) if found.cuda else ""
    ranked = sorted(found.channels, key=lambda item: item[0])
    channels, words = channels_of((url, place) for _, url, place in ranked)
    # pixi asks the public index unless `index-url` names another
    index = indexes_of(
        found.indexes, public=not any(place.path[-1] == "index-url" for _, place in found.indexes)
    )
    return Draft(
        format=format_,
        name=own.text("name"),
        python=found.python,
        cuda=cuda,
        channels=channels,
        priority=own.text("channel-priority"),
        conda=tuple(found.conda.values()),
        pip=tuple(found.pip.values()),
        index_url=index.index_url,
        extra_index_urls=index.extra_index_urls,
        torch_backend=index.torch_backend,
        env=tuple(found.env.items()),
        head=comments.head if format_ == FORMAT else (),
        findings=(*found.findings, *words, *index.findings),
    )


def _channels(table: Place) -> list[tuple[int, str, Place]]:
    """The channels of a table with their rank, 0 unless they say a priority: the lowest is asked first."""
    found = []
    for place in table.every("channels"):
        priority = 0
        if isinstance(place.value, dict):
            number = place.at("priority").value
            priority = number if isinstance(number, int) else 0
            found.append((-priority, place.needed("channel"), place))
        else:
            found.append((0, place.as_text(), place))
    return found


def _check_platform(own: Place, wishes: Wishes, found: _Found) -> None:
    platforms = own.texts("platforms")
    if platforms and wishes.platform not in platforms:
        what = f"the project is for {', '.join(platforms)}, and the image for {wishes.platform}"
        found.findings.append(own.at("platforms").finding("note", what, "see that every package is there"))


def _features(table: Place, wishes: Wishes, found: _Found) -> list[Place]:
    """The features of the environment that is wished for, those of most weight last."""
    environments = table.table("environments")
    wish = wishes.environment or DEFAULT
    names = [name for name, _ in environments.items()]
    if wish not in {*names, DEFAULT}:
        raise table.error(f"has no environment {shown(wish)}", f"it has: {', '.join([DEFAULT, *names])}")
    for name, place in environments.items():
        if name != wish:
            what = f"the environment {shown(name)} is not taken along"
            found.findings.append(place.finding("note", what, f"import it with --environment {name}"))
    said = environments.at(wish)
    with_default = not (isinstance(said.value, dict) and said.yes("no-default-feature"))
    wanted = (said.every("features") if isinstance(said.value, dict) else said.as_list()) if said else []
    features = [table] if with_default else []
    for place in reversed(wanted):
        name = place.as_text()
        if name not in table.table("feature"):
            known = ", ".join(other for other, _ in table.table("feature").items())
            raise place.error(f"there is no feature {shown(name)}", f"there are: {known or 'none'}")
        features.append(table.table("feature").table(name))
    return features


def _take(feature: Place, wishes: Wishes, found: _Found, comments: Comments) -> None:
    """Take what a feature says, and what it says for the platform."""
    if feature.path and "channels" in feature:
        found.channels = _channels(feature) + found.channels
    if "cuda" in (requirements := feature.table("system-requirements")):
        found.cuda = requirements.at("cuda")
    options = feature.table("pypi-options")
    urls = [options.at("index-url"), *options.every("extra-index-urls")]
    found.indexes += [(url.as_text(), url) for url in urls if url]
    for key, value in options.items():
        if key not in {"index-url", "extra-index-urls"}:
            word = value.finding("left", f"{shown(key)} is not carried", "see `pip:` in docs/spec.md")
            found.findings.append(word)
    targets = feature.table("target")
    tables = [feature, *(targets.table(name) for name in _TARGETS.get(wishes.platform, ()))]
    for table in tables:
        for key in _CONDA:
            _conda(table.table(key), found, comments)
        for name, place in table.table("pypi-dependencies").items():
            text, words = requirement(name, place)
            found.findings += words
            if isinstance(place.value, dict) and "index" in place:
                found.indexes.append((place.text("index"), place.at("index")))
            if text:
                found.pip[name.lower()] = _entry(text, place, comments)
        _activation(table.table("activation"), found)


def _conda(table: Place, found: _Found, comments: Comments) -> None:
    for name, place in table.items():
        text, words = match_spec(name, place)
        found.findings += words
        if isinstance(place.value, dict) and "channel" in place:
            found.channels.append((_LAST, place.text("channel"), place.at("channel")))
        if name == "python":
            found.python = _python(place, found)
        elif text:
            found.conda[name.lower()] = _entry(text, place, comments)


def _python(place: Place, found: _Found) -> str:
    """The wish for Python, as `finish` reads it."""
    if isinstance(place.value, str):
        return place.as_text().strip("* ").rstrip(".")
    if len(list(place.items())) > 1:
        word = place.finding("left", "of python, the version alone is carried", "add it under `conda:`")
        found.findings.append(word)
    return place.text("version").strip("* ").rstrip(".")


def _entry(text: str, place: Place, comments: Comments) -> Entry:
    line = place.line
    return Entry(
        text=text,
        comment=comments.behind(line),
        above=comments.above(line),
        file=place.file,
        line=line,
        key=place.key,
    )


def _cuda(place: Place, found: _Found) -> str:
    """`cuda = "12"` is the least that a driver must serve; a spec names a release, X.Y."""
    said = place.needed("version") if isinstance(place.value, dict) else place.as_text()
    if said.count("."):
        return said
    entry = found.conda.get("cuda-version")
    pinned = re.search(r"[=>](\d+\.\d+)", entry.text) if entry else None
    newest = newest_image(said) or f"{said}.0"
    version = pinned[1] if pinned else ".".join(newest.split(".")[:2])
    why = "as cuda-version says" if pinned else "the newest of them"
    what = f"CUDA {said} or later is asked for: {version} is written, {why}"
    found.findings.append(place.finding("changed", what, "write the release that you want"))
    return version


def _activation(table: Place, found: _Found) -> None:
    for name, place in table.table("env").items():
        value = place.as_text()
        if "$" in value:
            what = f"{name} is made of other variables: {shown(value)}"
            found.findings.append(place.finding("left", what, "write its value out under `env:`"))
        else:
            found.env[name] = value
    if table.at("scripts"):
        what = "the scripts of the activation are not carried"
        found.findings.append(table.at("scripts").finding("left", what, "write what they set under `env:`"))
