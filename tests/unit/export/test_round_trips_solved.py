"""The round trip with py-rattler at both ends: a spec is solved, exported, imported and solved again.

The channel is real, its packages are tiny.
"""

from dataclasses import replace
from pathlib import Path

import pytest
from support.conda import make_channel
from support.conda_packages import PACKAGES, plain
from support.conda_solving import solved, text_of
from support.exported import conda_lock

from envbuild.export.formats import export, find_format
from envbuild.export.model import Source, Wishes
from envbuild.importers import model as importers
from envbuild.importers.read import import_from
from envbuild.importers.write import spec_text
from envbuild.spec.load import load_spec

NEWER = (plain("libblas", "3.10.0", "__glibc >=2.17"), plain("ca-certificates", "2025.1.1"))


@pytest.mark.parametrize("name", ["environment.yml", "explicit", "conda-lock.yml", "pixi.toml"])
def test_the_same_packages_though_the_channel_moved_on(name: str, tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    folder = tmp_path / "channel"
    channel = make_channel(folder, PACKAGES)
    first = tmp_path / "first" / "spec.yml"
    first.parent.mkdir()
    first.write_text("name: env\n" + text_of("numpy", "pandas", channels=[channel]))
    spec = load_spec(first)
    records = solved(spec, environ)
    lock = replace(conda_lock(conda=records, cuda={}), packages=(), document={"packages": []})
    python = next(record.version for record in records if record.name == "python")
    lock = replace(lock, python=replace(lock.python, version=python))
    chosen = find_format(name)
    file = tmp_path / "second" / chosen.file
    file.parent.mkdir()
    file.write_text(export(chosen, Source(name="s", spec=spec, lock=lock), Wishes()).files[chosen.file])
    make_channel(folder, [*PACKAGES, *NEWER])
    assert [row.exact for row in solved(spec, environ)] != [row.exact for row in records]
    (file.parent / "spec.yml").write_text(spec_text(import_from(file, importers.Wishes(name="env"))))
    again = solved(load_spec(file.parent / "spec.yml"), environ)
    assert {row.exact for row in again} == {row.exact for row in records}
