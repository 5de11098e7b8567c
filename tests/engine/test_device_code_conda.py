"""A new image's device code from conda packages is held against `targets`, and remembered for the next lock.

The channel is real; xgboost and libxgboost are stand-ins whose only library was "compiled" for the 8.0 alone.
"""

import uuid
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from support.commandline import CommandLine
from support.conda import Package, make_channel
from support.conda_packages import plain, python
from support.elf import library
from support.place import write_config


@pytest.fixture
def envbuild(
    tmp_path: Path, engine_url: str, python3_base: tuple[str, str], api: docker.APIClient
) -> Iterator[CommandLine]:
    base, version = python3_base
    command = CommandLine(tmp_path / "work", tmp_path / "home", engine_url)
    command.folder.mkdir()
    write_config(tmp_path / "home", {"build_network": "host", "micromamba": "rattler"})
    minor = version.rpartition(".")[0]
    dist = f"lib/python{minor}/site-packages/xgboost-2.4.0.dist-info"
    code: dict[str, bytes | str] = {
        f"{dist}/METADATA": b"Metadata-Version: 2.1\nName: xgboost\nVersion: 2.4.0\n",
        f"{dist}/RECORD": b"xgboost/__init__.py,,\n",
        f"lib/python{minor}/site-packages/xgboost/__init__.py": b"",
    }
    packages = (
        python(version),
        plain("ca-certificates", "2024.7.4"),
        plain("cuda-version", "12.4"),
        Package(
            name="libxgboost",
            version="2.4.0",
            build="cuda124_h0_200",
            depends=("cuda-version 12.4",),
            files={"lib/libxgboost.so": library(["80"])},
        ),
        Package(
            name="xgboost",
            version="2.4.0",
            build="cuda124_py_200",
            depends=("python", "libxgboost 2.4.0"),
            files=code,
        ),
    )
    make_channel(command.folder / "channel", packages)
    name = f"conda-{uuid.uuid4().hex[:8]}"
    (command.folder / "spec.yml").write_text(
        f"name: {name}\npython: '{minor}'\nbase: {base}\ntargets: [A100, T4]\naccept: [cuda-missing]\n"
        "conda: {channels: [./channel], packages: [xgboost]}\nsmoke: {imports: [], gpu: none}\n"
    )
    yield command
    for image in api.images(filters={"label": f"dev.envbuild.name={name}"}):
        api.remove_image(image["Id"], force=True)


def test_a_target_that_conda_packages_do_not_serve_fails_the_image(envbuild: CommandLine) -> None:
    out, _ = envbuild("preflight", "--host", "driver=550.54.15,gpu=T4")
    assert "\nunknown: " in out
    out, _ = envbuild("image", code=6)
    assert "xgboost has no code for T4: read from libxgboost.so, compiled for 80" in out
    out, _ = envbuild("gpu-audit")
    rows = [line.split() for line in out.splitlines()[1:3]]
    assert rows[0] == ["libxgboost", "2.4.0", "cubin", "no", "remembered"]
    assert rows[1][-4:] == ["80", "none", "cubin", "no"]
    # What was read of the files is known to the next lock, which is refused now.
    _, err = envbuild("lock", "--upgrade", code=4)
    assert "targets[1]" in err
    assert "xgboost 2.4.0 (conda, CUDA 12.4) has no code for T4" in err
    spec = envbuild.folder / "spec.yml"
    spec.write_text(spec.read_text().replace(", T4", ""))
    out, _ = envbuild("image")
    assert "xgboost serves A100" in out
    out, _ = envbuild("preflight", "--host", "driver=550.54.15,gpu=T4", code=9)
    assert "\nrefused: " in out
