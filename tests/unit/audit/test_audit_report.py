"""An audit as a table and as JSON."""

import json
from typing import Any

from envbuild.audit.make import known_targets
from envbuild.audit.model import Audit, AuditedPackage, Target
from envbuild.audit.report import data, headers, rows, span, summary
from envbuild.cli.output import human_size
from envbuild.facts.model import Code
from envbuild.fatbin.read import DeviceCode

A100, P40, THOR = (
    Target(name="A100", capability=(8, 0)),
    Target(name="P40", capability=(6, 1)),
    Target(name="Thor", capability=(11, 0)),
)
ODD = Target(name="RTX 9999", capability=None)
MAIN = DeviceCode(
    "a/libmain.so",
    10**9,
    ("80", "89"),
    ("90",),
    "",
    900_000_000,
    200,
    {"sm_80": 200, "sm_89": 1, "compute_90": 200},
)
SIDE = DeviceCode("a/libside.so.2", 10**6, None, None, "not read: a 32-bit ELF file")
READ = AuditedPackage(
    name="thing",
    version="1.2",
    file="thing.whl",
    libraries=(MAIN, SIDE),
    others=3,
    found_by="read from the wheel",
)
TABLE = AuditedPackage(
    name="torch", version="2.8.0", table=Code(cubins=("80",), ptx=(), source="facts"), found_by="table"
)
NOWHERE = AuditedPackage(name="nvidia-nccl-cu12", version="2")


def made(*packages: AuditedPackage, targets: tuple[Target, ...] = (A100, P40), **more: Any) -> Audit:
    given: dict[str, Any] = {"target": "spec.yml", "kind": "spec", "asked": True, **more}
    return Audit(targets=targets, packages=packages, **given)


def test_a_row_for_each_package_and_library() -> None:
    audit = made(READ, TABLE, NOWHERE)
    assert headers(audit) == ("LIBRARY", "SIZE", "CUBINS", "PTX", "A100", "P40", "NOTE")
    assert rows(audit, human_size) == [
        ("thing 1.2", "", "", "", "cubin", "no", "read from the wheel"),
        ("  libmain.so", "1.0 GB", "80 89", "90", "cubin", "no", "hardly any: sm_89"),
        (
            "  libside.so.2",
            "1.0 MB",
            "unknown",
            "unknown",
            "unknown",
            "unknown",
            "not read: a 32-bit ELF file",
        ),
        ("torch 2.8.0", "", "80", "none", "cubin", "no", "(table)"),
        ("nvidia-nccl-cu12 2", "", "", "", "unknown", "unknown", "its wheel is not at hand"),
    ]


def test_one_column_when_nobody_named_a_gpu() -> None:
    audit = made(READ, asked=False, targets=known_targets())
    assert headers(audit)[4:] == ("SERVES", "NOTE")
    table = rows(audit, human_size)
    assert table[0][4] == "8.0 8.6 8.9; PTX: 9.0 10.0 10.3 10.7 12.0 12.1"
    assert table[2][4] == "unknown"


def test_a_single_file_has_a_single_row() -> None:
    alone = AuditedPackage(name="libmain.so", libraries=(MAIN,), found_by="read from the file")
    table = rows(made(alone, kind="file"), human_size)
    assert [row[0] for row in table] == ["libmain.so"]


def test_a_gpu_that_is_not_known_is_unknown_to_all() -> None:
    assert [row[4] for row in rows(made(READ, TABLE, targets=(ODD,)), human_size)] == ["unknown"] * 4


def test_chips_on_jetson_boards_only_where_a_cubin_serves_them() -> None:
    targets = (A100, THOR)
    assert span({"A100": "ptx", "Thor": "ptx"}, targets) == "PTX: A100"
    assert span({"A100": "ptx", "Thor": "cubin"}, targets) == "Thor; PTX: A100"
    assert span({"A100": "none", "Thor": "none"}, targets) == "none"
    assert span({"A100": "unknown", "Thor": "unknown"}, targets) == "unknown"
    assert span({"A100": "unknown", "P40": "cubin"}, (A100, P40)) == "P40; unknown: A100"


def test_what_stands_below_the_table() -> None:
    audit = made(READ, NOWHERE, unread=("a", "b", "c", "d", "e", "f"), notes=("a note",))
    assert summary(audit) == [
        "a note",
        "besides, 3 libraries of these packages without device code",
        "not looked into, as their wheels are not at hand: 6 packages (a, b, c, d, e, …)",
        "to read them all: envbuild gpu-audit --download",
    ]
    assert summary(made(READ)) == ["besides, 3 libraries of these packages without device code"]
    assert summary(made()) == ["no library with device code was found"]


def test_the_json_document() -> None:
    found = json.loads(json.dumps(data(made(READ, NOWHERE, targets=(A100, ODD), unread=("x",)))))
    assert found["target"] == "spec.yml"
    assert found["targets"] == [
        {"name": "A100", "capability": "8.0"},
        {"name": "RTX 9999", "capability": ""},
    ]
    package, nowhere = found["packages"]
    assert {key: value for key, value in package.items() if key != "libraries"} == {
        "name": "thing",
        "version": "1.2",
        "file": "thing.whl",
        "found_by": "read from the wheel",
        "main": "a/libmain.so",
        "cubins": ["80"],
        "ptx": ["90"],
        "source": "read from libmain.so",
        "serves": {"A100": "cubin", "RTX 9999": "unknown"},
        "without_device_code": 3,
    }
    assert package["libraries"][0] == {
        "path": "a/libmain.so",
        "size": 10**9,
        "cubins": ["80", "89"],
        "ptx": ["90"],
        "note": "",
        "code": 900_000_000,
        "containers": 200,
        "entries": {"sm_80": 200, "sm_89": 1, "compute_90": 200},
        "bulk": {"cubins": ["80"], "ptx": ["90"]},
        "serves": {"A100": "cubin", "RTX 9999": "unknown"},
    }
    assert (nowhere["cubins"], nowhere["main"], nowhere["serves"]["A100"]) == (None, "", "unknown")
    assert (found["unread"], found["notes"]) == (["x"], [])


def test_conda_packages_that_were_not_looked_into_are_named() -> None:
    package = AuditedPackage(name="libtorch", version="2.4.0", file="libtorch-2.4.0-cuda124_0.conda")
    audit = made(package, unread_conda=("zlib",))
    assert rows(audit, human_size)[0][-1] == "its conda archive is not at hand"
    assert summary(audit) == [
        "not looked into, as their conda archives are not at hand: 1 packages (zlib)",
        "to read them all: envbuild gpu-audit --download",
    ]
    assert data(audit)["unread_conda"] == ["zlib"]
