"""Sources of exports made by hand: specs with locks of conda and Python packages that no solver made."""

from pathlib import Path
from typing import Any

from envbuild.conda.model import CondaRecord
from envbuild.export.model import Source
from envbuild.lock.model import Lock, LockedBase, LockedPython
from envbuild.spec.model import Conda, Copy, Cuda, ImageName, Pip, Requirement, Smoke, Spec
from support.planned import DIGEST, lock, package, spec

CONDA_PYTHON = LockedPython(version="3.12.5", source="conda", request="/opt/env/bin/python")
MANAGED = LockedPython(version="3.12.5", source="managed", request="3.12.5")


def record(
    name: str, version: str = "1.0", build: str = "h1_0", *, channel: str = "conda-forge", **fields: Any
) -> CondaRecord:
    """A conda package whose hashes go by its name, so that another one has others."""
    subdir = fields.pop("subdir", "linux-64")
    host = channel if "://" in channel else f"https://conda.example/{channel}"
    told = f"{name}-{version}-{build}"
    number = int.from_bytes(told.encode(), "big")
    return CondaRecord(
        name=name,
        version=version,
        build=build,
        subdir=subdir,
        channel=channel,
        url=f"{host}/{subdir}/{told}.conda",
        sha256=f"{number:064x}"[-64:],
        md5=f"{number:032x}"[-32:],
        **fields,
    )


PYTHON = record("python", "3.12.5", "h2_0_cpython", requested=True, depends=("__glibc >=2.17,<3.0.a0",))
NUMPY = record(
    "numpy",
    "2.1.0",
    "py312h1103770_0",
    pypi="numpy",
    requested=True,
    depends=("python >=3.12,<3.13.0a0", "python_abi 3.12.* *_cp312", "python"),
)
TZDATA = record("tzdata", "2024a", "h0c530f3_0", subdir="noarch", noarch="generic")


def wish(text: str, name: str) -> Requirement:
    return Requirement(text=text, name=name, file="spec.yml", line=1, path="pip.packages[0]")


def conda_spec(**fields: Any) -> Spec:
    """All that a spec can say, with conda packages."""
    given: dict[str, Any] = {
        "python": "3.12",
        "text": "name: env\npython: 3.12\n",
        "conda": Conda(
            channels=("conda-forge", "https://conda.example.org/lab"),
            packages=("numpy=2.1", "libblas[version='>=3.9', build='*openblas']", "lab::tool>=1,<2"),
            priority="flexible",
        ),
        "cuda": Cuda(version="12.8.1"),
        "targets": ("A100",),
        "apt": ("git", "libgl1"),
        "pip": Pip(
            requirements=(
                wish("transformers[torch]  >=4.40", "transformers"),
                wish("tomli; python_version < '3.11'", "tomli"),
                wish("uvloop; sys_platform == 'linux'", "uvloop"),
            ),
            index_url="https://index.example.org/simple",
            torch_backend="cu128",
        ),
        "env": (("HF_HOME", "/cache"), ("ODD", "a {{ b }} $HOME 'c'")),
        "copy": (Copy(source="src", target="/workspace/src"),),
        "run": ("git lfs install --system\ntrue",),
        "entrypoint": ("python", "-m", "app"),
        "cmd": ("--help me",),
        "smoke": Smoke(imports=("numpy",), commands=("echo 'x {{ y }}'\n%environment",), gpu="required"),
        "image": ImageName(repository="registry.example.org/lab/env", tags=("1",)),
    }
    return spec(**{**given, **fields})


def conda_lock(**fields: Any) -> Lock:
    given: dict[str, Any] = {
        "conda": (NUMPY, PYTHON, TZDATA),
        "python": CONDA_PYTHON,
        "base": LockedBase(reference="nvidia/cuda:12.8.1-base-ubuntu24.04", digest=DIGEST, glibc="2.39"),
        "cuda": {"version": "12.8.1"},
    }
    packages = [package("transformers", "4.46.0", 9), package("torch", "2.8.0+cu128", 99)]
    return lock(packages, **{**given, **fields})


def conda_source(**fields: Any) -> Source:
    given: dict[str, Any] = {
        "name": "spec.yml",
        "spec": conda_spec(),
        "lock": conda_lock(),
        "lock_text": "# the text of the lock\n",
        "image": "registry.example.org/lab/env:1",
    }
    return Source(**{**given, **fields})


def pip_source(folder: Path = Path("/specs"), **fields: Any) -> Source:
    """Python packages alone: one of several wheels, one to be built, one by its address."""
    locked = lock(
        [package("rich", "14.0.0", 240_000), package("old", "1.0", source=True)],
        python=MANAGED,
        inputs={"pip": ["old", "rich>=13"]},
    )
    rows = [dict(row) for row in locked.document["packages"]]
    rows[0] |= {
        "wheels": [
            *rows[0]["wheels"],
            {
                "url": "https://x.example/rich-14.0.0-cp312-cp312-linux_x86_64.whl",
                "hashes": {"sha256": "b" * 64},
            },
        ]
    }
    archive = {"url": "https://files.example/direct-2.0-py3-none-any.whl", "hashes": {"sha256": "c" * 64}}
    rows.append({"name": "direct", "version": "2.0", "archive": archive})
    document = {key: value for key, value in locked.document.items() if key != "tool"}
    given: dict[str, Any] = {
        "name": "spec.yml",
        "spec": spec(
            folder,
            "name: env\npython: 3.12\n",
            python="3.12",
            pip=Pip(requirements=(wish("rich>=13", "rich"), wish("old", "old"))),
        ),
        "lock": lock(
            locked.packages, python=MANAGED, inputs=locked.inputs, document={**document, "packages": rows}
        ),
        "image": "env:latest",
    }
    return Source(**{**given, **fields})
