"""Files, wheels and folders on this machine."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.audits import wheel_of
from support.elf import library, plain_library

from envbuild.audit import local, owners
from envbuild.audit.local import audit_file, audit_folder, audit_wheel, name_of_wheel, readable
from envbuild.audit.owners import Owner, find_owners, normal
from envbuild.errors import UsageError


def test_a_library(tmp_path: Path) -> None:
    (tmp_path / "libx.so").write_bytes(library(["90a"], ["90"]))
    found = audit_file(tmp_path / "libx.so")
    assert (found.name, found.found_by) == ("libx.so", "read from the file")
    assert [each.cubins for each in found.libraries] == [("90a",)]


def test_a_wheel_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    members = {"a/libsmall.so": library(["80"]), "a/plain.so": plain_library(), "a/b.py": b""}
    members["a/liblarge.so"] = library(["80", "90", "100"])
    file, data, _ = wheel_of("Cuda_Thing", "1.2", members)
    (tmp_path / file).write_bytes(data)
    environ = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    first = audit_wheel(tmp_path / file, environ)
    assert (first.name, first.version, first.file) == ("cuda-thing", "1.2", file)
    assert [each.path for each in first.libraries] == ["a/liblarge.so", "a/libsmall.so"]
    assert (first.others, first.found_by) == (1, "read from the wheel")
    monkeypatch.delattr(local, "read_wheel")
    again = audit_wheel(tmp_path / file, environ)
    assert again.found_by == "remembered"
    assert again.libraries == first.libraries


def test_another_file_of_the_same_name_is_read_anew(tmp_path: Path) -> None:
    environ = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    found = []
    for architecture in ("80", "90"):
        file, data, _ = wheel_of("x", "1", {"x.so": library([architecture])})
        (tmp_path / file).write_bytes(data)
        found.append(audit_wheel(tmp_path / file, environ).libraries[0].cubins)
    assert found == [("80",), ("90",)]


def test_what_is_no_wheel(tmp_path: Path) -> None:
    (tmp_path / "x-1-py3-none-any.whl").write_bytes(b"text")
    with pytest.raises(UsageError) as caught:
        audit_wheel(tmp_path / "x-1-py3-none-any.whl", {"XDG_CACHE_HOME": str(tmp_path)})
    assert caught.value.message.startswith(f"{tmp_path}/x-1-py3-none-any.whl: cannot be read as a wheel: ")
    assert not (tmp_path / "envbuild").exists()


def test_a_folder_by_package_and_what_nobody_owns_by_its_folder(installed: Path) -> None:
    packages, notes = audit_folder(installed)
    shown = {(each.name, each.version): [code.cubins for code in each.libraries] for each in packages}
    assert shown == {("cuda-thing", "1.2"): [("80", "90")], ("vendor", ""): [("86",)]}
    assert notes == ()


def test_libraries_in_the_folder_itself(tmp_path: Path) -> None:
    (tmp_path / "libx.so").write_bytes(library(["80"]))
    (package,), _ = audit_folder(tmp_path)
    assert package.name == str(tmp_path)


def test_names_that_are_no_text_can_be_shown(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"d\xff")).mkdir()
    (tmp_path / os.fsdecode(b"d\xff") / os.fsdecode(b"lib\xc3\xbc\xff.so")).write_bytes(library(["80"]))
    (package,), _ = audit_folder(tmp_path)
    assert package.name == "d\ufffd"
    assert package.libraries[0].path == f"{tmp_path}/d\ufffd/lib\u00fc\ufffd.so"


@pytest.mark.parametrize(
    ("text", "shown"),
    [("lib\u00fc.so", "lib\u00fc.so"), ("\udcc3\udcbc", "\u00fc"), ("\udcff", "\ufffd"), ("a\ud800b", "a?b")],
)
def test_every_name_can_be_shown(text: str, shown: str) -> None:
    assert readable(text) == shown


def test_linker_scripts_are_no_libraries(tmp_path: Path) -> None:
    (tmp_path / "libx.so").write_text("INPUT(libx.so.1)")
    assert audit_folder(tmp_path) == ((), ())


def test_owners_by_record(installed: Path) -> None:
    site = installed / "lib/python3.11/site-packages"
    assert list(find_owners([str(installed)])) == [
        Owner("cuda-thing", "1.2", (f"{site}/cuda_thing/lib/libthing.so.12",)),
        Owner("plain-thing", "1.2", (f"{site}/plain_thing/mod.so",)),
    ]


def test_owners_as_a_script(installed: Path) -> None:
    """The way it runs inside an image."""
    text = Path(owners.__file__).read_text(encoding="utf-8")
    argv = [sys.executable, "-I", "-S", "-", str(installed)]
    ran = subprocess.run(argv, input=text, capture_output=True, text=True, check=True)
    assert [json.loads(line)["name"] for line in ran.stdout.splitlines()] == ["cuda-thing", "plain-thing"]


def test_owners_by_condas_records(installed: Path) -> None:
    """A library of a Python distribution stays that distribution's."""
    site = "lib/python3.11/site-packages"
    meta = installed / "conda-meta"
    meta.mkdir()
    rows = {
        "libtorch": ["lib/libtorch_cuda.so", "lib/libx.so.1.2", "include/torch.h"],
        "thing": [f"{site}/cuda_thing/lib/libthing.so.12"],
    }
    for name, files in rows.items():
        (meta / f"{name}-2.4-0.json").write_text(json.dumps({"name": name, "version": "2.4", "files": files}))
    for name, text in {"a": "[]", "b": "{", "c": '{"name": "c", "version": "1", "files": [5]}'}.items():
        (meta / f"{name}.json").write_text(text)
    (meta / "history").write_text("")
    found = list(find_owners([str(installed)]))
    assert found[:2] == [
        Owner("libtorch", "2.4", (f"{installed}/lib/libtorch_cuda.so", f"{installed}/lib/libx.so.1.2")),
        Owner("thing", "2.4", (f"{installed}/{site}/cuda_thing/lib/libthing.so.12",)),
    ]
    assert [owner.name for owner in found[2:]] == ["cuda-thing", "plain-thing"]
    owned = owners.by_file(found)
    assert owned[f"{installed}/{site}/cuda_thing/lib/libthing.so.12"].name == "cuda-thing"
    assert owned[f"{installed}/lib/libtorch_cuda.so"].name == "libtorch"


def test_a_broken_record_owns_nothing(installed: Path) -> None:
    record = installed / "lib/python3.11/site-packages/cuda_thing-1.2.dist-info/RECORD"
    record.write_bytes(b'"' + b"x.so," * 100_000)
    found = {owner.name: owner.files for owner in find_owners([str(installed)])}
    assert found["cuda-thing"] == ()
    assert len(found["plain-thing"]) == 1


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("nvidia_nccl_cu12-2.27.3-py3-none-manylinux2014_x86_64.whl", ("nvidia-nccl-cu12", "2.27.3")),
        ("torch-2.8.0+cu126-cp312-cp312-manylinux_2_28_x86_64.whl", ("torch", "2.8.0+cu126")),
        ("odd.whl", ("odd", "")),
        ("odd-1.whl", ("odd", "1")),
    ],
)
def test_names_of_wheels(file: str, name: tuple[str, str]) -> None:
    assert name_of_wheel(file) == name


def test_names_as_indexes_compare_them() -> None:
    assert normal("Zope.Interface__x") == "zope-interface-x"
