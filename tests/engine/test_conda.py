"""conda packages in images on a real engine. micromamba is a stand-in wherever a name or a fixture says `standin`:
that proves what stands around it. The way by py-rattler is the real thing.
"""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import planned
from support.conda_builds import (
    STANDIN,
    build,
    conda_groups_of,
    conda_lock,
    differing,
    inside,
    packages,
    records,
)
from support.contexts import context

from envbuild.conda.source import CondaSource
from envbuild.engine.conda import local_packages
from envbuild.engine.engine import Engine
from envbuild.engine.model import BuildRequest
from envbuild.render.model import BuildContext
from envbuild.render.render import render


@pytest.fixture(scope="module")
def python_base(engine: Engine, base_image: str, network: None) -> Iterator[tuple[str, str]]:
    """A base with python3, which the stand-ins run on, and that Python's version."""
    install = "apt-get update -q && apt-get install -qy --no-install-recommends python3"
    tag = f"envbuild-test-python3:{uuid.uuid4().hex[:8]}"
    engine.build(context(f"FROM {base_image}\nRUN {install}\n"), BuildRequest(tags=(tag,), network="host"))
    yield tag, engine.run(tag, ["python3", "--version"]).stdout.split()[1]
    engine.untag(tag)


@pytest.fixture(scope="module")
def standin_image(engine: Engine, python_base: tuple[str, str]) -> Iterator[str]:
    """An image with a stand-in for micromamba where the real image has it, and that image's traps."""
    tag = f"envbuild-test-micromamba-standin:{uuid.uuid4().hex[:8]}"
    lines = (
        f"FROM {python_base[0]}",
        "COPY micromamba /bin/micromamba",
        "RUN chmod 755 /bin/micromamba && useradd --uid 57439 mambauser && mkdir /empty",
        'SHELL ["/bin/false"]',
        "USER 57439",
        'ENTRYPOINT ["/bin/false"]',
        "ENV MAMBA_ROOT_PREFIX=/opt/conda",
    )
    dockerfile = "".join(f"{line}\n" for line in lines)
    engine.build(context(dockerfile, {"micromamba": STANDIN.read_bytes()}), BuildRequest(tags=(tag,)))
    yield tag
    engine.untag(tag)


class Case:
    """A channel in a folder of this machine, locked and rendered."""

    def __init__(self, folder: Path, base: tuple[str, str], light: str = "1.0") -> None:
        self.base, self.version = base
        self.records = records(folder / "channel", packages(self.version, light), "./channel")
        self.local = local_packages(self.records, folder)

    def context(self, source: CondaSource, *, budget: int = 40, **more: object) -> BuildContext:
        lock = conda_lock(self.base, self.version, self.records, **more)
        self.plan = planned.planned(planned.spec(lines={("conda",): 3}), lock, budget=budget)
        return render(self.plan, planned.TEMPLATES, copies={}, conda=source, line_of=lambda key: 3)


def test_a_light_change_leaves_heavy_layers_with_a_standin(
    engine: Engine, python_base: tuple[str, str], standin_image: str, tmp_path: Path
) -> None:
    layers, trees = [], []
    for light in ("1.0", "1.1"):
        case = Case(tmp_path / light, python_base, light)
        source = CondaSource(image=standin_image, packages=case.local)
        built = build(engine, case.context(source), case.base, micromamba=standin_image)
        layers.append(built.layers)
        trees.append(inside(engine, built.id))
        assert list(conda_groups_of(case.plan)) == ["libcublas", "framework", "rest"]
    below = len(engine.image(python_base[0]).layers)  # type: ignore[union-attr]
    before, after = layers
    # The base, the account, then the groups.
    assert before[: below + 3] == after[: below + 3]
    assert before[below + 3] != after[below + 3]
    assert set(differing(*trees)) == {
        "conda-meta/light-1.0-pyh0_0.json",
        "conda-meta/light-1.1-pyh0_0.json",
        "lib/python3.11/site-packages/light/__init__.py",
    }
