"""A base image's name → what a spec says in its place: Python, CUDA, packages, or the image itself. Pure.

Only what the publishers' tags say is used; what else is in those images is said as left behind.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envbuild.facts.base import base_facts, short_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from envbuild.importers.containers.gathered import Gathered

TAKEN = "in its own archive, which is taken"
_PYTHON = re.compile(r"python:(?P<version>3(?:\.\d+){0,2})(?P<rest>-[a-z0-9.-]+)?")
_UV = re.compile(r"ghcr\.io/astral-sh/uv:(?:[\d.]+-)?python(?P<version>3\.\d+)-(?P<rest>[a-z0-9.-]+)")
_DEV_PYTHON = re.compile(
    r"mcr\.microsoft\.com/(?:vscode/)?devcontainers/python:(?:\d+(?:\.\d+)*-)?(?P<version>3\.\d+)(?P<rest>-[a-z]+)?"
)
_DEV_BASE = re.compile(
    r"mcr\.microsoft\.com/(?:vscode/)?devcontainers/base:(?:\d+(?:\.\d+)*-)?(?P<name>[a-z]+)-?(?P<version>[\d.]+)?"
)
_CUDA = re.compile(
    r"(?:nvcr\.io/)?nvidia/cuda:(?P<version>\d+\.\d+)(?:\.\d+)?(?P<cudnn>-cudnn\d*)?-(?P<flavour>base|runtime|devel)"
    r"-(?P<os>[a-z]+[\d.]+)"
)
_TORCH = re.compile(
    r"pytorch/pytorch:(?P<version>\d+\.\d+\.\d+)-cuda(?P<cuda>\d+\.\d+)-cudnn\d+-(?P<flavour>runtime|devel)"
)
_TENSORFLOW = re.compile(
    r"tensorflow/tensorflow:(?P<version>2\.\d+\.\d+)(?P<gpu>-gpu)?(?P<jupyter>-jupyter)?(?P<rest>)"
)
_CONDA = re.compile(
    r"(?:docker\.io/|ghcr\.io/|quay\.io/|mcr\.microsoft\.com/(?:vscode/)?devcontainers/)?"
    r"(?P<name>(?:continuumio/)?(?:miniconda3?|anaconda3?)|condaforge/(?:miniforge3|mambaforge)"
    r"|mambaorg/micromamba)(?::.*)?"
)


def take_image(reference: str, into: Gathered) -> None:
    """Put into `into` what the image `reference` stands for."""
    name = short_name(reference)
    for pattern, take in _KNOWN:
        if match := pattern.fullmatch(name):
            take(match, reference, into)
            return
    _other(reference, into)


def _python(match: re.Match[str], reference: str, into: Gathered) -> None:
    version, rest = match["version"], match["rest"] or ""
    into.python = version if "." in version else f"=={version}.*"
    suite = next((word for word in rest.strip("-").split("-") if word not in {"", "slim"}), "")
    facts = base_facts(f"debian:{suite}-slim") if suite else None
    if facts is not None and facts.apt and suite != "bookworm":
        into.base = f"debian:{suite}-slim"
    base = into.base or "the default base"
    what = f"{reference} becomes Python {version} on {base}"
    if suite.startswith("alpine"):
        what += ": wheels for Alpine's musl are few, and the packages of apk have other names"
        into.say("changed", what, "look at the names under `apt`")
    elif "slim" not in rest:
        what += ", without the compilers and libraries of that image"
        into.say("changed", what, f"name what is missed under `apt`, or write `base: {reference}`")
    else:
        into.say("note", what)


def _dev_base(match: re.Match[str], reference: str, into: Gathered) -> None:
    name = match["version"] or match["name"]
    distribution = match["name"] if match["version"] else "debian"
    suites = {"jammy": "ubuntu", "noble": "ubuntu", "focal": "ubuntu"}
    into.base = f"{suites.get(name, distribution)}:{name}"
    into.say("changed", f"{reference} becomes {into.base}", "name what is missed of it under `apt`")


def _cuda(match: re.Match[str], reference: str, into: Gathered) -> None:
    into.cuda = match["version"]
    into.cudnn = True if match["cudnn"] else None
    into.cuda_flavour, into.cuda_os = match["flavour"], match["os"]
    facts = base_facts(reference)
    if not into.python and facts is not None and facts.apt_python:
        into.python = facts.apt_python
        into.say("note", f"{reference} has Python {facts.apt_python} {TAKEN}")


def _torch(match: re.Match[str], reference: str, into: Gathered) -> None:
    into.cuda, into.cuda_flavour = match["cuda"], match["flavour"]
    into.torch_backend = f"cu{match['cuda'].replace('.', '')}"
    into.add(into.pip, f"torch=={match['version']}", "torchvision", "torchaudio")
    into.say(
        "changed",
        f"{reference} becomes CUDA {match['cuda']} with torch {match['version']}, torchvision and torchaudio",
        "its tag does not say its Python: look at `python`",
    )


def _tensorflow(match: re.Match[str], reference: str, into: Gathered) -> None:
    extra = "[and-cuda]" if match["gpu"] else ""
    into.add(into.pip, f"tensorflow{extra}=={match['version']}")
    if match["jupyter"]:
        into.add(into.pip, "jupyter")
    todo = "its tag does not say its Python: look at `python`"
    into.say("changed", f"{reference} becomes tensorflow {match['version']} from the package index", todo)


def _conda(match: re.Match[str], reference: str, into: Gathered) -> None:
    if "anaconda" in match["name"]:
        into.say(
            "left",
            f"the packages that come with {reference} are not carried",
            "name those in use under `conda`",
        )
    else:
        into.say("note", f"{reference}: conda packages are installed on the default base")
    if cuda := re.search(r"-cuda-(\d+\.\d+)", reference):
        into.cuda = cuda[1]


def _other(reference: str, into: Gathered) -> None:
    into.base = reference
    facts = base_facts(reference)
    if facts is None:
        into.say(
            "note",
            f"{reference} stays the base; Python packages inside it are not seen by the environment",
            "name those in use under `pip`",
        )
    elif not into.python and facts.apt_python:
        into.python = facts.apt_python
        into.say("note", f"{reference} has Python {facts.apt_python} {TAKEN}")


_KNOWN: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], str, Gathered], None]], ...] = (
    (_PYTHON, _python),
    (_UV, _python),
    (_DEV_PYTHON, _python),
    (_DEV_BASE, _dev_base),
    (_CUDA, _cuda),
    (_TORCH, _torch),
    (_TENSORFLOW, _tensorflow),
    (_CONDA, _conda),
)
