"""Commands that install packages (apt, pip, uv, conda) → what they install. Reads the files they name.

Options that say how, not what, are passed over; those that change what is installed are said as findings.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from envbuild.importers.conda import commands as conda_commands
from envbuild.importers.containers.from_image import TAKEN
from envbuild.importers.python.indexes import is_public, torch_backend_of
from envbuild.importers.text.options import Options, parted

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from envbuild.importers.containers.gathered import Gathered
    from envbuild.importers.model import Wishes

_APT = frozenset({"apt", "apt-get", "aptitude"})
_APT_VALUES = frozenset({"-o", "--option", "-t", "--target-release", "-c", "--config-file"})
_APT_TIDY = frozenset(
    {"update", "upgrade", "dist-upgrade", "clean", "autoclean", "autoremove", "purge", "remove"}
)
_PIP_VALUES = frozenset(
    {
        *(
            "-r",
            "--requirement",
            "-c",
            "--constraint",
            "-e",
            "--editable",
            "-i",
            "--index-url",
            "--extra-index-url",
        ),
        *(
            "-f",
            "--find-links",
            "--trusted-host",
            "--timeout",
            "--default-timeout",
            "--retries",
            "--cache-dir",
        ),
        *(
            "--root-user-action",
            "-t",
            "--target",
            "--prefix",
            "--root",
            "--no-binary",
            "--only-binary",
            "--python",
        ),
        *(
            "--progress-bar",
            "--config-settings",
            "--torch-backend",
            "--index",
            "--default-index",
            "--upgrade-package",
        ),
        *(
            "--platform",
            "--python-version",
            "--implementation",
            "--abi",
            "--proxy",
            "--cert",
            "--log",
            "-p",
            "--src",
        ),
        *(
            "-w",
            "--wheel-dir",
            "--index-strategy",
            "--link-mode",
            "--upgrade-strategy",
            "-P",
            "--group",
            "--extra",
            "--override",
        ),
    }
)
_PIP_ELSEWHERE = frozenset({"-t", "--target", "--prefix", "--root"})
_PIP_SAID = {
    "-f": "pages of links are not asked",
    "--find-links": "pages of links are not asked",
    "--pre": "pre-releases are taken only where a requirement names one",
    "--no-deps": "packages come with all that they need",
    "--no-binary": "wheels are preferred",
    "--no-build-isolation": "packages are built by themselves",
    "--force-reinstall": "",
    "--trusted-host": "certificates are a matter of the site",
    "--cert": "certificates are a matter of the site",
    "--override": "overrides are not known",
}
_APT_PYTHON = re.compile(r"python(3\.\d+)(-minimal|-venv|-distutils|-dev|-full|-lib2to3)?(?:=.*)?")
_TOOLS = frozenset({"pip", "setuptools", "wheel"})
_RENEWED = re.compile(r"(pip|setuptools|wheel)(?:[<>=!~].*)?")
_PROJECTS = {
    ("poetry", "install"): "pyproject.toml",
    ("uv", "sync"): "pyproject.toml",
    ("pdm", "install"): "pyproject.toml",
    ("pdm", "sync"): "pyproject.toml",
    ("pixi", "install"): "pixi.toml",
    ("pipenv", "install"): "Pipfile",
    ("pipenv", "sync"): "Pipfile",
}
_PROJECT_VALUES = frozenset({"--extra", "--extras", "-E", "--group", "--with", "--without", "--python", "-p"})
_PROJECT_MODULES = {
    "pyproject.toml": "python.pyproject",
    "pixi.toml": "conda.pixi",
    "Pipfile": "python.pipfile",
}
_PYTHON = re.compile(r"(?:\S*/)?python(?:3(?:\.\d+)?)?")
_PIP = re.compile(r"(?:\S*/)?pip(?:3(?:\.\d+)?)?")


@dataclass(frozen=True, slots=True)
class Installer:
    """Takes commands one by one.

    find    the file beside the source that a path in a command means; None when there is none
    handed  packages count wherever they are put, and wheels that are made: another stage takes them
    taken   folders of wheels that are known by what they were made of
    """

    into: Gathered
    find: Callable[[str], Path | None]
    wishes: Wishes
    handed: bool = False
    taken: tuple[str, ...] = ()

    def take(self, words: tuple[str, ...]) -> bool:
        """Put what the command installs into the draft; False when it is no such command."""
        if not words:
            return False
        name = posixpath.basename(words[0])
        if name in _APT:
            return self._apt(words[1:])
        if _PYTHON.fullmatch(words[0]) and words[1:3] == ("-m", "pip"):
            return self._pip(words[3:])
        if words[0] == "virtualenv" or (_PYTHON.fullmatch(words[0]) and words[1:3] == ("-m", "venv")):
            self.into.say("note", "the environment is /opt/env: no other is made")
            return True
        if _PIP.fullmatch(words[0]):
            return self._pip(words[1:])
        if words[:2] == ("uv", "pip"):
            return self._pip(words[2:])
        if name in conda_commands.NAMES:
            return conda_commands.take(words[1:], self)
        return self._project(words)

    def _apt(self, words: tuple[str, ...]) -> bool:
        options = parted(words, _APT_VALUES)
        verb, *packages = options.rest or ("",)
        if verb in _APT_TIDY:
            if verb in {"purge", "remove"} and packages:
                self.into.say(
                    "left", f"removes {', '.join(packages)}, which are installed here", "leave it out"
                )
            return True
        if verb != "install":
            return False
        for option in ("-t", "--target-release"):
            for value in options.values(option):
                self.into.say("left", f"packages from {value}, the release that {option} names", _APT_SOURCE)
        if files := [each for each in packages if "/" in each]:
            if len(files) == len(packages):
                return False
            self.into.say(
                "left", f"{', '.join(files)}: files that apt installs", "install them in a `run:` step"
            )
        self.into.add(
            self.into.apt, *(each for each in packages if "/" not in each and not self._python(each))
        )
        return True

    def _python(self, package: str) -> bool:
        """Whether an apt package is a Python of one version, which envbuild brings itself."""
        match = _APT_PYTHON.fullmatch(package)
        if match and not match[2] and self.into.python != match[1]:
            self.into.python = match[1]
            self.into.findings = [each for each in self.into.findings if not each.what.endswith(TAKEN)]
            self.into.say("changed", f"{package} becomes the Python of the environment")
        return match is not None

    def _pip(self, words: tuple[str, ...]) -> bool:
        options = parted(words, _PIP_VALUES)
        verb, *packages = options.rest or ("",)
        if verb in {"cache", "check", "list", "freeze", "config"}:
            return verb != "config"
        if verb == "uninstall":
            what = f"removes {', '.join(packages)}: the lock chooses what is installed"
            self.into.say("left", what, "leave it out")
            return True
        elsewhere = any(options.values(name) for name in _PIP_ELSEWHERE)
        if not self.handed and (verb != "install" or elsewhere):
            return False
        if verb not in {"install", "wheel"}:
            return False
        for name, reason in _PIP_SAID.items():
            if options.has(name) and reason:
                self.into.say("left", f"the option {name} of pip: {reason}")
        self._indexes(options)
        self._requirements(options)
        for path in (*options.values("-e"), *options.values("--editable")):
            self._own_code(path)
        for package in packages:
            self._package(package)
        return True

    def _package(self, text: str) -> None:
        if _RENEWED.fullmatch(text):
            if text not in _TOOLS:
                self.into.say(
                    "left", f"{text}: envbuild installs without pip, and builds with what a package asks for"
                )
        elif any(text.startswith(f"{folder}/") for folder in self.taken):
            pass
        elif re.match(r"[./~]", text) or (self.find(text) is not None and "/" in text):
            self._own_code(text)
        else:
            self.into.add(self.into.pip, text)

    def _own_code(self, text: str) -> None:
        path, _, extras = text.partition("[")
        project = self.find(posixpath.join(path, "pyproject.toml"))
        if project is None:
            what = f"{text} is installed from source"
            self.into.say("left", what, "bring it with `copy:`; add its folder to PYTHONPATH, or publish it")
            return
        wanted = tuple(name.strip() for name in extras.rstrip("]").split(",") if name.strip())
        wishes = replace(self.wishes, extras=tuple(dict.fromkeys((*self.wishes.extras, *wanted))))
        self.into.absorb_file("python.pyproject", project, wishes)
        what = f"{text} is installed from source: what it needs is carried, it itself is not"
        self.into.say("left", what, "bring it with `copy:`; add its folder to PYTHONPATH, or publish it")

    def _requirements(self, options: Options) -> None:
        for name in (*options.values("-r"), *options.values("--requirement")):
            path = self.find(name)
            if path is None:
                self.into.say(
                    "left", f"the requirements file {name} does not lie beside it", "add what it says"
                )
            else:
                module = "python.pyproject" if path.name == "pyproject.toml" else "python.requirements_txt"
                self.into.absorb_file(module, path, self._with_extras(options))
        for name in (*options.values("-c"), *options.values("--constraint")):
            todo = "write the bounds into the requirements themselves"
            self.into.say("left", f"the constraints of {name} are not read", todo)

    def _indexes(self, options: Options) -> None:
        into = self.into
        for option in ("--torch-backend",):
            for value in options.values(option):
                into.torch_backend = value if value != "auto" else into.torch_backend
        for option in ("-i", "--index-url", "--default-index", "--extra-index-url", "--index"):
            for url in options.values(option):
                if backend := torch_backend_of(url):
                    into.torch_backend = into.torch_backend or backend
                elif option in {"-i", "--index-url", "--default-index"} and not into.index_url:
                    into.index_url = "" if is_public(url) else url
                elif url != into.index_url and url not in into.extra_index_urls and not is_public(url):
                    into.extra_index_urls.append(url)

    def _project(self, words: tuple[str, ...]) -> bool:
        if words[:2] == ("uv", "add"):
            self.into.add(self.into.pip, *parted(words[2:], _PIP_VALUES).rest)
            return True
        if words[:2] in {("poetry", "config"), ("uv", "venv")} or words[:3] == ("uv", "python", "install"):
            return True
        file = _PROJECTS.get((words[0], words[1] if len(words) > 1 else ""))
        if file is None:
            return False
        path = self.find(file)
        if path is None:
            self.into.say("left", f"`{' '.join(words[:2])}` needs {file}, which does not lie beside it")
        else:
            options = parted(words[2:], _PROJECT_VALUES)
            self.into.absorb_file(_PROJECT_MODULES[file], path, self._with_extras(options))
        return True

    def _with_extras(self, options: Options) -> Wishes:
        """The wishes, with the extras and groups that a command names."""
        extras = [name for value in options.values("--extra", "--extras", "-E") for name in _listed(value)]
        groups = [name for value in options.values("--group", "--with") for name in _listed(value)]
        return replace(
            self.wishes,
            extras=tuple(dict.fromkeys((*self.wishes.extras, *extras))),
            groups=tuple(dict.fromkeys((*self.wishes.groups, *groups))),
        )


def _listed(text: str) -> list[str]:
    """Names that blanks or commas part."""
    return [name for name in re.split(r"[\s,]+", text) if name]


_APT_SOURCE = "take the package from the base's own archive, or install it in a `run:` step"
