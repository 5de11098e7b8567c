import dataclasses

import pytest

from envbuild.conda.explicit import check_record, explicit_text, in_order
from envbuild.conda.model import CondaRecord
from envbuild.conda.virtual import virtual_packages
from envbuild.errors import LockError
from envbuild.facts.conda import conda_names, normal, pypi_name
from envbuild.facts.tables import table

HOST = "https://conda.anaconda.org/conda-forge"


def record(name: str, *depends: str, **named: object) -> CondaRecord:
    url = f"{HOST}/linux-64/{name}-1.0-0.conda"
    given = {"version": "1.0", "build": "0", "subdir": "linux-64", "channel": "conda-forge", "url": url}
    return CondaRecord(name=name, sha256="a" * 64, depends=depends, **(given | named))  # type: ignore[arg-type]


def test_the_list_has_every_hash_and_what_is_needed_comes_first():
    tzdata = record("tzdata", subdir="noarch", url=f"{HOST}/noarch/tzdata-1.0-0.conda")
    records = (
        record("app", "python >=3.12", "zlib"),
        record("python", "zlib", "tzdata"),
        tzdata,
        record("zlib"),
    )
    lines = [
        "# platform: linux-64",
        "@EXPLICIT",
        f"{HOST}/linux-64/zlib-1.0-0.conda#sha256:{'a' * 64}",
        f"{HOST}/noarch/tzdata-1.0-0.conda#sha256:{'a' * 64}",
        f"{HOST}/linux-64/python-1.0-0.conda#sha256:{'a' * 64}",
        f"{HOST}/linux-64/app-1.0-0.conda#sha256:{'a' * 64}",
    ]
    expected = {explicit_text(order, "linux/amd64") for order in (records, records[::-1])}
    assert len(expected) == 1
    found = expected.pop().splitlines()
    assert sorted(found) == sorted(lines)
    assert found[:2] == lines[:2]
    place = {line.rpartition("/")[2].partition("-")[0]: number for number, line in enumerate(found[2:])}
    assert place["zlib"] < place["python"] < place["app"]
    assert place["tzdata"] < place["python"]


def test_a_cycle_is_cut_and_depth_is_no_problem():
    cycle = (record("pip", "python"), record("python", "pip"))
    assert {found.name for found in in_order(cycle)} == {"pip", "python"}
    chain = [record(f"p{number:04}", f"p{number + 1:04}") for number in range(3000)]
    assert [found.name for found in in_order(chain)][:2] == ["p2999", "p2998"]


WHAT = "the lock's conda package numpy"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"sha256": ""},
            f"{WHAT} has no sha256 of 64 hex digits: ''; it would be installed unchecked",
        ),
        (
            {"sha256": "A" * 64},
            f"{WHAT} has no sha256 of 64 hex digits: '{'A' * 64}'; it would be installed unchecked",
        ),
        ({"md5": "zz"}, f"{WHAT} has no md5 of 32 hex digits: 'zz'"),
        (
            {"url": "ftp://h/linux-64/numpy-1.0-0.conda"},
            f"{WHAT} has no usable URL: 'ftp://h/linux-64/numpy-1.0-0.conda'",
        ),
        (
            {"url": f"{HOST}/linux-64/numpy-1.0-0.conda\nevil"},
            f"{WHAT} has no usable URL: '{HOST}/linux-64/numpy-1.0-0.conda\\nevil'",
        ),
        (
            {"url": "./channel/../../linux-64/numpy-1.0-0.conda"},
            f"{WHAT} has no usable URL: './channel/../../linux-64/numpy-1.0-0.conda'",
        ),
        (
            {"url": "./channel/%2e%2e%2f../linux-64/numpy-1.0-0.conda"},
            f"{WHAT} has no usable URL: './channel/%2e%2e%2f../linux-64/numpy-1.0-0.conda'",
        ),
        (
            {"url": "./channel/%2e%2e/linux-64/numpy-1.0-0.conda"},
            f"{WHAT} has no usable URL: './channel/%2e%2e/linux-64/numpy-1.0-0.conda'",
        ),
        ({"size": -5}, f"{WHAT} has the size -5, which no file has"),
        (
            {"url": "https://u:p@h/linux-64/numpy-1.0-0.conda"},
            f"{WHAT} has no usable URL: 'https://***@h/linux-64/numpy-1.0-0.conda'",
        ),
        (
            {"url": "https://h/t/tk/linux-64/numpy-1.0-0.conda"},
            f"{WHAT} has credentials in its URL: https://h/t/***/linux-64/numpy-1.0-0.conda",
        ),
        (
            {"url": f"{HOST}/linux-64/other-1.0-0.conda"},
            f"{WHAT} has the file other-1.0-0.conda instead of numpy-1.0-0.conda",
        ),
        (
            {"subdir": "osx-64", "url": f"{HOST}/osx-64/numpy-1.0-0.conda"},
            f"{WHAT} is for another platform than linux-64: osx-64, osx-64 in its URL",
        ),
        (
            {"subdir": "noarch"},
            f"{WHAT} is for another platform than linux-64: noarch, linux-64 in its URL",
        ),
    ],
)
def test_records_that_no_list_may_have(changes, message):
    with pytest.raises(LockError) as caught:
        check_record(dataclasses.replace(record("numpy"), **changes), "linux/amd64")
    assert caught.value.message == message
    assert caught.value.hint == "lock anew: envbuild lock"


def test_good_records_pass():
    for url in (
        f"{HOST}/linux-64",
        "http://127.0.0.1:8000/linux-64",
        "file:///data/linux-64",
        "./lab/linux-64",
    ):
        check_record(dataclasses.replace(record("numpy"), url=f"{url}/numpy-1.0-0.conda"), "linux/amd64")


def test_virtual_packages_come_from_what_is_said():
    assert virtual_packages("linux/amd64", glibc="2.36", cuda="12.8.1") == (
        ("__unix", "0", "0"),
        ("__linux", "5.10", "0"),
        ("__glibc", "2.36", "0"),
        ("__archspec", "1", "x86_64"),
        ("__cuda", "12.8", "0"),
    )
    found = virtual_packages("linux/arm64", glibc="", cuda="")
    arm = {name: (version, build) for name, version, build in found}
    assert arm == {
        "__unix": ("0", "0"),
        "__linux": ("5.10", "0"),
        "__glibc": ("2.17", "0"),
        "__archspec": ("1", "aarch64"),
    }


@pytest.mark.parametrize(
    ("name", "noarch", "depends", "dist"),
    [
        ("pytorch", "", ["python >=3.12"], "torch"),
        ("pytorch-gpu", "", ["pytorch 2.4.0"], ""),
        ("matplotlib-base", "", ["python"], "matplotlib"),
        ("ruamel.yaml", "", ["python"], "ruamel-yaml"),
        ("prompt_toolkit", "python", [], "prompt-toolkit"),
        ("some_Package.name", "python", [], "some-package-name"),
        ("compiled", "", ["python_abi 3.12.* *_cp312"], "compiled"),
        ("libblas", "", ["libgcc >=13"], ""),
        ("python", "", [], ""),
        ("pythonlike", "", ["python-dateutil"], ""),
    ],
)
def test_what_pip_finds_in_a_conda_package(name, noarch, depends, dist):
    assert pypi_name(name, noarch=noarch, depends=depends) == dist


def test_the_table_of_names_is_sound():
    rows = table("conda_pypi")["names"]
    assert table("conda_pypi")["as_of"]
    assert table("conda_pypi")["source"]
    assert list(rows) == [name.lower() for name in rows]
    assert all(isinstance(dist, str) and dist == normal(dist) for dist in rows.values())
    assert not [name for name, dist in rows.items() if dist == normal(name)]  # that needs no row
    assert conda_names("torch") == ("pytorch",)
    assert conda_names("tqdm") == ("tqdm",)
