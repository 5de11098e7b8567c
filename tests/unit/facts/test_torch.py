import pytest
from hypothesis import given
from hypothesis import strategies as st

from envbuild.facts.tables import table
from envbuild.facts.torch import torch_code, torch_for, torch_release, torch_releases, variant_cuda
from envbuild.facts.versions import numbers

MAXWELL_TO_HOPPER = ("50", "60", "70", "75", "80", "86", "90")
TURING_TO_BLACKWELL = ("75", "80", "86", "90", "100", "120")


def test_releases_are_newest_first():
    versions = [release.version for release in torch_releases()]
    assert versions == sorted(versions, key=numbers, reverse=True)
    assert (versions[0], versions[-1], len(versions)) == ("2.15.0", "1.4.0", 46)


@pytest.mark.parametrize(
    ("version", "variants", "default", "pythons", "glibc"),
    [
        ("2.15.0", "cu132", "cu132", "3.11 3.12 3.13 3.14 3.15", "2.28"),
        ("2.14.1", "cu126 cu130 cu132", "cu130", "3.10 3.11 3.12 3.13 3.14", "2.28"),
        ("2.11.0", "cu126 cu128 cu129 cu130", "cu130", "3.10 3.11 3.12 3.13 3.14", "2.28"),
        ("2.10.0", "cu126 cu128 cu130", "cu128", "3.10 3.11 3.12 3.13 3.14", "2.28"),
        ("2.8.0", "cu126 cu128 cu129", "cu128", "3.9 3.10 3.11 3.12 3.13", "2.28"),
        ("2.7.0", "cu118 cu126 cu128", "cu126", "3.9 3.10 3.11 3.12 3.13", "2.28"),
        ("2.6.0", "cu118 cu124 cu126", "cu124", "3.9 3.10 3.11 3.12 3.13", ""),
        ("1.13.1", "cu116 cu117", "cu117", "3.7 3.8 3.9 3.10 3.11", ""),
        ("1.12.1", "cu102 cu113 cu116", "cu102", "3.7 3.8 3.9 3.10", ""),
        ("1.7.1", "cu92 cu101 cu102 cu110", "cu102", "3.6 3.7 3.8 3.9", ""),
        ("1.4.0", "cu92 cu101", "cu101", "3.6 3.7 3.8", ""),
    ],
)
def test_a_release(version, variants, default, pythons, glibc):
    release = torch_release(version)
    assert release is not None
    assert release.variants == tuple(variants.split())
    assert release.default == default
    assert release.pythons == tuple(pythons.split())
    assert release.glibc == glibc


def test_a_variant_that_was_only_named_is_not_taken_for_one():
    release = torch_release("2.15.0")
    assert release is not None
    assert release.unverified == ("cu126", "cu130", "cu134")


@pytest.mark.parametrize("version", ["2.8.0", "2.8", "2.8.0+cu128", " 2.8.0 "])
def test_a_release_may_be_written_otherwise(version):
    assert torch_release(version) == torch_release("2.8.0")


@pytest.mark.parametrize("version", ["2.8.7", "2", "3.0.0", "2.8.0rc1", "2.8.*", "", "latest"])
def test_an_unknown_release_is_none(version):
    assert torch_release(version) is None


@pytest.mark.parametrize(
    ("version", "cuda", "cubins", "ptx"),
    [
        ("2.15.0", "13.2", TURING_TO_BLACKWELL, ()),
        ("2.14.1", "13.0", TURING_TO_BLACKWELL, ()),
        ("2.14.1", "12.6", MAXWELL_TO_HOPPER, ()),
        ("2.15.0", "13.4", TURING_TO_BLACKWELL, None),
        ("2.11.0", "12.6", MAXWELL_TO_HOPPER, ()),
        ("2.11.0", "12.8", TURING_TO_BLACKWELL, ()),
        ("2.11.0", "12.9", None, None),
        ("2.10.0", "12.6", MAXWELL_TO_HOPPER, ()),
        ("2.10.0", "12.8", ("70", *TURING_TO_BLACKWELL), ()),
        ("2.9.1", "12.8", ("70", *TURING_TO_BLACKWELL), ()),
        ("2.8.0", "12.8", ("70", *TURING_TO_BLACKWELL), ()),
        ("2.8.0", "12.9", ("70", *TURING_TO_BLACKWELL), ("120",)),
        ("2.7.1", "12.8", TURING_TO_BLACKWELL, ("120",)),
        ("2.7.1", "11.8", None, None),
        ("2.6.0", "11.8", ("37", *MAXWELL_TO_HOPPER), ()),
        ("2.6.0", "12.4", MAXWELL_TO_HOPPER, ()),
        ("2.1.0", "12.1", MAXWELL_TO_HOPPER, ()),
        ("2.0.1", "11.7", ("37", *MAXWELL_TO_HOPPER[:-1]), ()),
        ("1.12.1", "10.2", ("37", "50", "60", "70"), ()),
        ("1.11.0", "11.3", ("37", *MAXWELL_TO_HOPPER[:-1]), ()),
        ("1.7.1", "11.0", None, None),
        ("2.8.0", "12.4", None, None),  # no such build
        ("2.8.0", "", None, None),
        ("9.9.9", "12.8", None, None),
    ],
)
def test_the_device_code_of_a_build(version, cuda, cubins, ptx):
    code = torch_code(version, cuda)
    assert (code.cubins, code.ptx) == (cubins, ptx)
    assert code.source.startswith("facts/torch.yml (2026-")


def test_aarch64_wheels_hold_other_code():
    assert torch_code("2.14.1", "13.0", "aarch64").cubins == ("80", "90", "100", "110", "120")
    assert torch_code("2.14.1", "12.6", "aarch64").cubins == ("80", "90")
    assert torch_code("2.12.0", "13.0", "aarch64").cubins is None
    assert torch_code("2.12.0", "13.0", "aarch64").ptx is None
    assert torch_code("2.14.1", "13.0", "torch").cubins is None


def test_what_was_read_out_of_a_wheel_stands_above_the_scripts(monkeypatch):
    own = {"cubins": ["90a"], "ptx": ["90"], "evidence": "read"}
    releases = table("torch")["measured"]["releases"]
    assert "2.9.0" not in releases
    monkeypatch.setitem(releases, "2.9.0", own)
    assert torch_code("2.9.0", "12.8").cubins == ("90a",)
    assert torch_code("2.9.0", "12.8").ptx == ("90",)
    assert torch_code("2.9.0", "12.6").cubins == MAXWELL_TO_HOPPER  # the default index has cu128
    assert torch_code("2.9.0", "12.8", "aarch64").cubins is None
    assert torch_code("2.9.1", "12.8").cubins == ("70", *TURING_TO_BLACKWELL)


def test_every_variant_of_every_release_has_an_answer():
    for release in torch_releases():
        for variant in (*release.variants, *release.unverified):
            code = torch_code(release.version, variant_cuda(variant))
            assert code.source
            assert code.cubins is None or len(code.cubins) >= 4


def test_the_default_build_of_2_11_and_later_does_not_serve_volta():
    recent = [release for release in torch_releases() if numbers(release.version) >= (2, 11)]
    assert len(recent) == 7
    for release in recent:
        assert "70" not in (torch_code(release.version, variant_cuda(release.default)).cubins or ())


@pytest.mark.parametrize(
    ("package", "version", "expected"),
    [
        ("torchvision", "0.23.0", "2.8.0"),
        ("torchvision", "0.23.0+cu128", "2.8.0"),
        ("torchaudio", "2.8.0", "2.8.0"),
        ("torchaudio", "2.10.0", "2.10.0"),
        ("torchvision", "0.29.0", "2.14.0"),
        ("torchvision", "0.29.1", ""),  # requires torch>=2.14.0
        ("torchaudio", "2.11.0", ""),  # requires no torch release
        ("torchvision", "0.8.2", "1.7.1"),
        ("torchvision", "9.9", ""),
        ("torchtext", "0.18.0", ""),
        ("torch", "2.8.0", ""),
    ],
)
def test_the_torch_that_a_companion_requires(package, version, expected):
    assert torch_for(package, version) == expected


@given(st.text(), st.text(), st.text())
def test_no_text_breaks_a_query(one, other, third):
    assert torch_release(one) is None or torch_release(one) in torch_releases()
    assert torch_code(one, other, third).source
    assert torch_code("2.8.0", other, third).source
    assert isinstance(torch_for(one, other), str)
