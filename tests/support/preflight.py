"""Preflight cases as data: tests/unit/gpu/cases/*.yml, each a (spec, lock or image; machine) → verdict with
the reasoning by hand. Every value is text, as written: `3.10` stays 3.10.
"""

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, get_args

import yaml

from envbuild.gpu.describe import parse_host
from envbuild.gpu.labels import needs_of_image
from envbuild.gpu.model import GpuNeeds, Host, Level, Verdict
from envbuild.gpu.needs import needs_of
from envbuild.gpu.verdict import preflight_any
from envbuild.gpu.wishes import needs_of_spec
from envbuild.spec.load import load_spec

FOLDER = Path(__file__).resolve().parents[1] / "unit/gpu/cases"
ASKED = ("spec", "lock", "image")


@dataclass(frozen=True, kw_only=True)
class Case:
    """One row.

    spec      a spec's keys; `pip` is its list of packages, `torch_backend` stands beside it
    lock      `packages` (name to exact version) and `cuda_image` (release of the nvidia/cuda base)
    image     `labels` and `env` of an image that somebody else made
    also      further verdicts that the rules allow here
    rule      the rule that the verdict must rest on, where there is just one
    measured  "true": hangs on architectures read out of the wheels, which no published table tells
    """

    theme: str
    name: str
    host: str
    verdict: str
    why: str
    spec: dict[str, Any] | None = None
    lock: dict[str, Any] | None = None
    image: dict[str, Any] | None = None
    also: tuple[str, ...] = ()
    rule: str = ""
    measured: str = ""

    def problems(self) -> list[str]:
        """What is wrong with the row itself."""
        verdicts = {self.verdict, *self.also}
        found = [f"{word} is no verdict" for word in sorted(verdicts - set(get_args(Level)))]
        if sum(getattr(self, key) is not None for key in ASKED) != 1:
            found.append(f"needs one of {', '.join(ASKED)}")
        if len(self.why.split()) < 5:
            found.append("why tells too little")
        return found

    def host_read(self) -> Host:
        return parse_host(self.host)

    def needs(self, folder: Path) -> tuple[GpuNeeds, ...]:
        """What is asked of the machine; a spec is written to `folder` and read as people's are."""
        if self.spec is not None:
            return needs_of_spec(load_spec(write_spec(self.spec, folder)))
        if self.lock is not None:
            return (needs_of(self.lock.get("packages", {}), self.lock.get("cuda_image", "")),)
        image = self.image or {}
        return (needs_of_image(image.get("labels", {}), image.get("env", [])),)

    def answer(self, folder: Path) -> Verdict:
        return preflight_any(self.needs(folder), self.host_read())


def write_spec(keys: dict[str, Any], folder: Path) -> Path:
    """spec.yml in `folder`; a row's `pip` and `torch_backend` become the section `pip`."""
    spec = {"name": "case", "python": "3.12"} | keys
    pip = {"packages": spec.pop("pip", None), "torch_backend": spec.pop("torch_backend", None)}
    if told := {key: value for key, value in pip.items() if value}:
        spec["pip"] = told
    path = folder / "spec.yml"
    path.write_text(json.dumps(spec))  # JSON is YAML, and keeps text text
    return path


def read_cases(path: Path) -> list[Case]:
    """The rows of one theme. Raises TypeError for keys that no row has."""
    rows = yaml.load(path.read_text(), Loader=yaml.BaseLoader)  # which makes text only
    return [Case(theme=path.stem, **_row(row, path)) for row in rows]


def all_cases() -> list[Case]:
    return [case for path in sorted(FOLDER.glob("*.yml")) for case in read_cases(path)]


def _row(row: dict[str, Any], path: Path) -> dict[str, Any]:
    strange = set(row) - {field.name for field in fields(Case)} | {"theme"} & set(row)
    if strange:
        raise TypeError(f"{path.name}: {row.get('name')}: unknown keys {sorted(strange)}")
    return row | {"also": tuple(row.get("also", ()))}
