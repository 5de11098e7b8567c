"""Specs and channels for the conda room: real py-rattler, tiny packages, this machine alone."""

from collections.abc import Callable
from pathlib import Path

import pytest
from support.conda import make_channel
from support.conda_packages import NVIDIA, PACKAGES, PYTORCH

from envbuild.spec.load import load_spec
from envbuild.spec.model import Spec


@pytest.fixture(scope="session")
def channel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder `lab` of a channel like conda-forge, beside `pytorch` and `nvidia`; not to be written to."""
    folder = tmp_path_factory.mktemp("channels")
    for name, packages in (("lab", PACKAGES), ("pytorch", PYTORCH), ("nvidia", NVIDIA)):
        make_channel(folder / name, packages)
    return folder / "lab"


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """The variables of somebody with an empty cache."""
    return {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache"), "PATH": "/usr/bin:/bin"}


@pytest.fixture
def spec_of(tmp_path: Path) -> Callable[..., Spec]:
    """text of a spec → the spec, as `spec.yml` in a folder of its own."""

    def make(text: str) -> Spec:
        path = tmp_path / "spec" / "spec.yml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"name: env\n{text}", encoding="utf-8")
        return load_spec(path)

    return make
