"""A spec without a lock: what its image may need, by its own pins and the tables."""

from pathlib import Path

import pytest

from envbuild.gpu.describe import parse_host
from envbuild.gpu.model import GpuNeeds
from envbuild.gpu.verdict import preflight_any
from envbuild.gpu.wishes import needs_of_spec
from envbuild.spec.load import load_spec

HOST = "driver=550.54.15,gpu=A100"


@pytest.fixture
def needs(tmp_path: Path):
    def make(text: str, **files: str) -> tuple[GpuNeeds, ...]:
        for name, content in files.items():
            (tmp_path / f"{name}.txt").write_text(content)
        spec = tmp_path / "spec.yml"
        spec.write_text("name: x\n" + ("" if "python:" in text else "python: 3.12\n") + text)
        return needs_of_spec(load_spec(spec))

    return make


def cudas(alternatives: tuple[GpuNeeds, ...]) -> list[list[str]]:
    return [[use.cuda for use in needs.uses] for needs in alternatives]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pip: {packages: [numpy]}", [[]]),
        ('pip: {packages: ["torch==2.8.0"]}', [["12.8"]]),
        ('pip: {packages: ["torch==2.8.0"], torch_backend: cu126}', [["12.6"]]),
        ('pip: {packages: ["torch==2.8.0"], torch_backend: cpu}', [[]]),
        ('pip: {packages: ["torch==2.8.0+cu129"]}', [["12.9"]]),
        ('pip: {packages: ["torchvision==0.23.0"]}', [["12.8"]]),
        ("pip: {packages: [\"torch==2.5.1; sys_platform == 'linux'\"]}", [["12.4"]]),
        ("pip: {packages: [\"torch==2.5.1; sys_platform == 'win32'\", six]}", [[]]),
        ('pip: {packages: ["torch==2.7.*"]}', [["12.6"]]),  # both releases are alike
        ('pip: {packages: ["jax[cuda12]"]}', [["12.9"]]),
        ('pip: {packages: ["jax[cuda]==0.6.2"]}', [["12.9"]]),
        ('pip: {packages: ["jax[cuda13]"]}', [["13.5"]]),
        ("pip: {packages: [jax]}", [[]]),
        ('pip: {packages: ["tensorflow[and-cuda]==2.15.1"]}', [["12.2"]]),
        ('pip: {packages: ["tensorflow[and-cuda]==2.21.0"]}', [["12.9"]]),  # its wheels float within 12
        ('pip: {packages: ["tensorflow==2.15.1"]}', [[]]),
        ("cuda: 12.4", [["12.4.1"]]),
        ('cuda: 11.8\npip: {packages: ["tensorflow==2.12.0"]}', [["11.8.0", "11.8"]]),
        ("base: nvidia/cuda:12.6.3-base-ubuntu24.04", [["12.6.3"]]),
        ("base: debian:bookworm-slim", [[]]),
        (
            'pip: {packages: ["torch==2.5.1"], extra_index_urls: ["https://example.org/whl/cu121"]}',
            [["12.1"]],
        ),
    ],
)
def test_which_cuda_a_spec_asks_for(needs, text: str, expected: list[list[str]]) -> None:
    assert cudas(needs(text)) == expected


def test_requirements_files_count(needs) -> None:
    found = needs("pip: {requirements: [more.txt]}", more="torch==2.6.0\n")
    assert cudas(found) == [["12.4"]]


def test_an_unpinned_package_stands_for_every_release_that_fits(needs) -> None:
    found = needs("pip: {packages: [torch]}")
    assert len(found) > 5
    verdict = preflight_any(found, parse_host("driver=550.54.15,gpu=A100"))
    assert verdict.verdict == "unknown"
    assert verdict.reasons[0].rule == "package-unpinned"
    assert "refused" in verdict.reasons[0].text


def test_what_every_release_answers_alike_is_the_answer(needs) -> None:
    """No release of torch that Python 3.12 can have runs with a driver of 2018."""
    found = needs("pip: {packages: [torch]}")
    assert preflight_any(found, parse_host("driver=396.37,gpu=V100")).verdict == "refused"
    assert preflight_any(found, parse_host("driver=none")).verdict == "refused"


def test_packages_that_bring_torch_count_as_torch(needs) -> None:
    assert cudas(needs("pip: {packages: [vllm]}")) == cudas(needs("pip: {packages: [torch]}"))


def test_a_release_that_no_table_knows_is_a_doubt(needs) -> None:
    (found,) = needs('pip: {packages: ["torch>=99"]}')
    assert [doubt.rule for doubt in found.doubts] == ["package-unknown"]
    (found,) = needs('pip: {packages: ["torch==99.0"]}')
    assert preflight_any((found,), parse_host(HOST)).verdict == "unknown"


def test_a_base_that_no_table_knows_is_a_doubt(needs) -> None:
    (found,) = needs("base: registry.example.org/lab/base:1")
    assert [doubt.rule for doubt in found.doubts] == ["package-unknown"]


def test_accepted_rules_go_along(needs) -> None:
    text = 'accept: [driver-too-old]\npip: {packages: ["torch==2.8.0"]}'
    found = needs(text)
    assert found[0].accepted == ("driver-too-old",)
    verdict = preflight_any(found, parse_host("driver=470.82.01,gpu=A100"))
    assert verdict.verdict == "limits"
    assert "accepted: driver-too-old" in verdict.reasons[0].text
