"""docs/coming-from.md on a real engine: the daily jobs, and what the classic guides make. Packages are tiny
ones of the same names, from an index and channels on loopback; micromamba is a stand-in, where one is used.
"""

import contextlib
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from support.guides import PAGE, Typist, jobs, standin_files
from support.index import Index
from support.place import write_config

NAMES = ("dl", "dl2", "new", "tf")
"""What the guides call their environments."""
TEXT = PAGE.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def index() -> Iterator[Index]:
    with contextlib.closing(Index()) as made:
        for version in ("1.26.4", "2.1.0"):
            made.add("numpy", version, files=standin_files("numpy"))
        made.add("pandas", "2.2.3", ["numpy"])
        made.add("rich", "14.0.0")
        yield made


@pytest.fixture
def clean(api: docker.APIClient) -> Iterator[None]:
    """The names of the guides are those that users take: what has them goes in the end."""
    yield
    for image in api.images(filters={"label": "dev.envbuild.name"}):
        if (image["Labels"] or {})["dev.envbuild.name"] in NAMES:
            api.remove_image(image["Id"], force=True)


@pytest.fixture
def typist(tmp_path: Path, engine_url: str, base_image: str, index: Index, clean: None) -> Iterator[Typist]:
    """Somebody whose site knows the index on loopback."""
    home = tmp_path / "home"
    write_config(home, {"index_url": index.url, "build_network": "host"})
    with contextlib.closing(Typist(tmp_path / "work", home, {"DOCKER_HOST": engine_url})) as made:
        yield made


@pytest.mark.network
def test_the_daily_jobs_with_envbuild(typist: Typist, api: docker.APIClient, index: Index) -> None:
    told: dict[str, str] = {}
    ids: dict[str, str] = {}
    for job, lines in jobs(TEXT, "envbuild").items():
        if job == "Upgrade":
            index.add("numpy", "2.2.0", files=standin_files("numpy"))
        told[job] = "".join(typist(line) for line in lines)
        ids |= {f"{job}: {name}": image["Id"] for name in NAMES for image in api.images(name)}
    assert "dl:latest" in told["Create"]
    assert "app@" in told["Enter"]  # the container's bash asks for a command
    assert re.search(r"^lock: 3 Python requirements: done in .* 3 packages$", told["Install"], re.MULTILINE)
    assert "pylock.dl.toml: written: " in told["Upgrade"]
    assert re.search(r"numpy +2\.2\.0", told["List"])
    assert re.search(r"^dl +latest", told["List"], re.MULTILINE)
    assert "numpy==2.2.0 \\\n    --hash=sha256:" in (typist.folder / "requirements.txt").read_text()
    assert "name: dl\n" in told["Export"]
    assert "identical to dl:latest in the engine: " in told["Recreate"].splitlines()[-1]
    assert ids["Recreate: dl"] == ids["Upgrade: dl"] != ids["Install: dl"] != ids["Create: dl"]
    assert [key for key in ids if key.startswith("Clone: ")] == ["Clone: dl", "Clone: dl2"]
    assert pins(typist.folder.parent / "dl2/pylock.dl2.toml") == pins(typist.folder / "pylock.new.toml")
    assert [key for key in ids if key.startswith("Rename: ")] == ["Rename: dl2", "Rename: new"]
    assert not [key for key in ids if key.startswith(("Remove: ", "Clean up: "))]
    for job in ("Create", "Install"):
        assert ids[f"{job}: dl"] in told["Clean up"]


def pins(lock: Path) -> list[tuple[str, str]]:
    return [(row["name"], row["version"]) for row in tomllib.loads(lock.read_text())["packages"]]
