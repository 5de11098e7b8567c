"""What these tests share: a fake root, and an environment that says nothing of containers and GPUs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from support.fakeroot import FakeRoot

if TYPE_CHECKING:
    from pathlib import Path

SAYING = {
    "APPTAINER_CONTAINER",
    "CUDA_VISIBLE_DEVICES",
    "KUBERNETES_SERVICE_HOST",
    "SINGULARITY_CONTAINER",
    "container",
}


@pytest.fixture
def root(tmp_path: Path) -> FakeRoot:
    return FakeRoot(tmp_path / "root")


@pytest.fixture
def plain() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in SAYING}
