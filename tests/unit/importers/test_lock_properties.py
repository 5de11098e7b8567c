"""Locks that are random and sound always give a draft that finishes and loads, with what was locked in it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import tomli_w
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from envbuild.importers.model import Draft, Wishes
from envbuild.importers.read import import_from
from envbuild.importers.write import spec_text
from envbuild.spec.parse import parse_spec

SOUND = settings(derandomize=True, deadline=None, database=None, max_examples=40)
INDEX = {"registry": "https://index.example.org/simple"}
CHANNEL = "https://conda.anaconda.org/conda-forge"
MARKERS = {
    "": True,
    "sys_platform == 'linux'": True,
    "sys_platform == 'win32'": False,
    "python_full_version < '3.12'": False,
    "platform_machine == 'x86_64' and python_full_version >= '3.12'": True,
}

names = st.from_regex(r"[a-z][a-z0-9]{0,6}(-[a-z0-9]{1,4})?", fullmatch=True).filter(
    lambda name: name != "app"
)
versions = st.from_regex(r"[0-9]{1,2}\.[0-9]{1,3}(\.[0-9])?(rc1|\.post2|\+cpu)?", fullmatch=True)


def imported(file: str, text: str) -> Draft:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / file
        path.write_text(text, encoding="utf-8")
        draft = import_from(path, Wishes(python="3.12"))
        spec = parse_spec(spec_text(draft).encode(), Path(folder) / "spec.yml")
    assert [wish.text for wish in spec.pip.requirements] == [entry.text for entry in draft.pip]
    return draft


@SOUND
@given(st.data())
def test_uv_locks_give_what_can_be_reached(data: st.DataObject) -> None:
    packages = data.draw(st.dictionaries(names, versions, min_size=1, max_size=8))
    edges = {
        name: data.draw(
            st.dictionaries(st.sampled_from(sorted(packages)), st.sampled_from(sorted(MARKERS)), max_size=3)
        )
        for name in ("app", *packages)
    }
    rows = [
        {
            "name": name,
            "version": packages.get(name, "0.1.0"),
            "source": {"virtual": "."} if name == "app" else INDEX,
            "dependencies": [{"name": other, "marker": marker} for other, marker in edges[name].items()],
        }
        for name in sorted(edges)
    ]
    draft = imported("uv.lock", tomli_w.dumps({"version": 1, "requires-python": ">=3.11", "package": rows}))
    reached, waiting = set[str](), ["app"]
    while waiting:
        found = {other for other, marker in edges[waiting.pop()].items() if MARKERS[marker]} - reached
        reached |= found
        waiting += found
    assert sorted(entry.text for entry in draft.pip) == sorted(
        f"{name}=={packages[name]}" for name in reached
    )


@SOUND
@given(st.dictionaries(names, st.tuples(versions, st.sampled_from(["linux-64", "osx-arm64"])), max_size=8))
def test_conda_locks_give_one_platform(packages: dict[str, tuple[str, str]]) -> None:
    rows: list[dict[str, Any]] = [
        {
            "name": name,
            "version": version,
            "manager": "conda",
            "platform": platform,
            "url": f"{CHANNEL}/{platform}/{name}-{version}-h1_0.conda",
            "category": "main",
        }
        for name, (version, platform) in [*packages.items(), ("ca-certificates", ("1.0", "linux-64"))]
    ]
    draft = imported("conda-lock.yml", yaml.safe_dump({"version": 1, "package": rows}))
    expected = [f"{row['name']}={row['version']}=h1_0" for row in rows if row["platform"] == "linux-64"]
    assert [entry.text for entry in draft.conda] == list(dict.fromkeys(expected))
    assert [entry.text for entry in draft.channels] == ["conda-forge"]
