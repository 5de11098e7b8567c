# ruff: noqa: E501  a table has one row for each exact message

import re

import pytest

from envbuild.facts.cuda import CudaImage, ImageNeed, NoCudaImage, cuda_image, image_by_scheme
from envbuild.facts.cuda_packages import compiles_cuda, image_size, takes_from_image, wheel_glibc
from envbuild.facts.cuda_tags import gone, nearest, releases
from envbuild.facts.tables import table
from envbuild.spec.model import Cuda

CUDNN = ImageNeed(flavour="runtime", cudnn=True, why="x takes CUDA and cuDNN from the image")
DEVEL = ImageNeed(flavour="devel", why="x compiles")


@pytest.mark.parametrize(
    ("cuda", "python", "need", "expected"),
    [
        (Cuda(version="12.8"), "3.12", None, "12.8.1-base-ubuntu24.04"),
        (Cuda(version="12.8"), "3.11", None, "12.8.1-base-ubuntu24.04"),
        (Cuda(version="12.8"), "3.10", None, "12.8.1-base-ubuntu22.04"),
        (Cuda(version="12.8"), "3.10.4", None, "12.8.1-base-ubuntu24.04"),
        (Cuda(version="12.8.0"), "3.12", None, "12.8.0-base-ubuntu24.04"),
        (Cuda(version="12.4"), "3.12", None, "12.4.1-base-ubuntu22.04"),
        (Cuda(version="12.8", cudnn=True), "3.12", None, "12.8.1-cudnn-runtime-ubuntu24.04"),
        (Cuda(version="12.5", cudnn=True), "3.12", None, "12.5.1-cudnn-runtime-ubuntu22.04"),
        (Cuda(version="11.8", cudnn=True, flavour="devel"), "3.10", None, "11.8.0-cudnn8-devel-ubuntu22.04"),
        (Cuda(version="12.8", flavour="devel"), "3.12", None, "12.8.1-devel-ubuntu24.04"),
        (Cuda(version="12.8", os="ubuntu20.04"), "3.12", None, "12.8.1-base-ubuntu20.04"),
        (Cuda(version="11.2"), "3.8", None, "11.2.2-base-ubuntu20.04"),
        (Cuda(version="13.2"), "3.12", None, "13.2.1-base-ubuntu24.04"),
        # what packages need
        (Cuda(version="11.8"), "3.10", CUDNN, "11.8.0-cudnn8-runtime-ubuntu22.04"),
        (Cuda(version="12.8"), "3.12", CUDNN, "12.8.1-cudnn-runtime-ubuntu24.04"),
        (Cuda(version="12.3"), "3.10", CUDNN, "12.3.2-cudnn9-runtime-ubuntu22.04"),
        (Cuda(version="11.8", cudnn=False), "3.10", CUDNN, "11.8.0-runtime-ubuntu22.04"),
        (Cuda(version="11.8", flavour="base"), "3.10", CUDNN, "11.8.0-base-ubuntu22.04"),
        (Cuda(version="11.8", flavour="devel"), "3.10", CUDNN, "11.8.0-cudnn8-devel-ubuntu22.04"),
        (Cuda(version="12.8"), "3.12", DEVEL, "12.8.1-devel-ubuntu24.04"),
        (Cuda(version="12.8", cudnn=True), "3.12", DEVEL, "12.8.1-cudnn-devel-ubuntu24.04"),
        # an older release of the same X.Y, where the newest has not what is asked for
        (Cuda(version="12.1", os="ubuntu18.04"), "3.8", None, "12.1.0-base-ubuntu18.04"),
        (Cuda(version="13.1", os="ubuntu22.04"), "3.12", CUDNN, "13.1.1-cudnn-runtime-ubuntu22.04"),
        # a Python that uv does not bring comes with an older Ubuntu
        (Cuda(version="11.2"), "3.6", CUDNN, "11.2.2-cudnn8-runtime-ubuntu18.04"),
        (Cuda(version="11.2"), "3.7", CUDNN, "11.2.2-cudnn8-runtime-ubuntu20.04"),
        (Cuda(version="11.2"), "3.6", ImageNeed(glibc="2.28"), "11.2.2-base-ubuntu20.04"),
        # newer than the table, and systems whose tags are not listed: by the scheme of the tags
        (Cuda(version="13.5.0"), "3.12", CUDNN, "13.5.0-cudnn-runtime-ubuntu24.04"),
        (Cuda(version="12.8", os="rockylinux9"), "3.12", None, "12.8.1-base-rockylinux9"),
        (Cuda(version="13.3", os="ubuntu26.04"), "3.12", None, "13.3.1-base-ubuntu26.04"),
    ],
)
def test_a_wish_names_an_image(cuda, python, need, expected):
    image = cuda_image(cuda, python, need)
    assert isinstance(image, CudaImage)
    assert image.reference == f"nvidia/cuda:{expected}"


def test_the_image_says_what_it_holds_and_why():
    image = cuda_image(Cuda(version="12.8"), "3.12", CUDNN)
    assert image == CudaImage(
        reference="nvidia/cuda:12.8.1-cudnn-runtime-ubuntu24.04",
        release="12.8.1",
        flavour="runtime",
        cudnn="9",
        system="ubuntu24.04",
        reasons=(
            "CUDA 12.8.1: the newest known image of 12.8",
            "flavour runtime: x takes CUDA and cuDNN from the image",
            "ubuntu24.04: its own Python is 3.12",
        ),
    )
    assert cuda_image(Cuda(version="12.2"), "3.10", CUDNN).cudnn == "8"
    assert cuda_image(Cuda(version="12.3"), "3.10", CUDNN).cudnn == "9"
    assert cuda_image(Cuda(version="12.3"), "3.10").cudnn == ""


def test_what_is_inferred_or_unlisted_says_so():
    inferred = cuda_image(Cuda(version="13.2.1"), "3.12")
    assert inferred.known
    assert inferred.reasons[-1] == "known of 13.2.1 as of 2026-11-20: cog 2026-05"
    unlisted = cuda_image(Cuda(version="13.5.0"), "3.12")
    assert not unlisted.known
    assert unlisted.reasons[0] == (
        "CUDA 13.5.0: not in the table of 2026-11-20: named as other tags are; the registry knows whether it exists"
    )


NEAREST = "the nearest that exists is {}; or name an image yourself with base:"


@pytest.mark.parametrize(
    ("cuda", "need", "expected"),
    [
        (
            Cuda(version="12.7"),
            None,
            NoCudaImage(
                key="version",
                what="CUDA 12.7 was never released",
                todo=NEAREST.format("12.6.3"),
                near="12.6.3",
            ),
        ),
        (
            Cuda(version="11.4.0"),
            None,
            NoCudaImage(
                key="version",
                what="the nvidia/cuda images of CUDA 11.4.0 were deleted from the registry (as of 2026-11-20)",
                todo=NEAREST.format("11.4.3"),
                near="11.4.3",
            ),
        ),
        (
            Cuda(version="10.1"),
            None,
            NoCudaImage(
                key="version",
                what="the nvidia/cuda images of CUDA 10.1 were deleted from the registry (as of 2026-11-20)",
                todo=NEAREST.format("11.0.3"),
                near="11.0.3",
            ),
        ),
        (
            Cuda(version="12.2.1"),
            None,
            NoCudaImage(
                key="version",
                what="no nvidia/cuda image of CUDA 12.2.1 is known (as of 2026-11-20)",
                todo=NEAREST.format("12.2.2"),
                near="12.2.2",
            ),
        ),
        (
            Cuda(version="13.5"),
            None,
            NoCudaImage(
                key="version",
                what="no nvidia/cuda image of CUDA 13.5 is known (as of 2026-11-20)",
                todo=NEAREST.format("13.4.1"),
                near="13.4.1",
            ),
        ),
        (
            Cuda(version="12.8", flavour="base", cudnn=True),
            None,
            NoCudaImage(
                key="cudnn",
                what="there is no nvidia/cuda image of flavour base with cuDNN",
                todo="ask for flavour runtime or devel, or leave cudnn out",
            ),
        ),
        (
            Cuda(version="12.4.0", cudnn=True),
            None,
            NoCudaImage(
                key="version",
                what="there is no nvidia/cuda image with CUDA 12.4.0 and flavour runtime with cuDNN",
                todo="the nearest CUDA with flavour runtime with cuDNN is 12.4.1;"
                " or leave cudnn out: many Python packages bring their own",
                near="12.4.1",
            ),
        ),
        (
            Cuda(version="12.5.1", cudnn=True, os="ubuntu24.04"),
            None,
            NoCudaImage(
                key="os",
                what="there is no nvidia/cuda:12.5.1 image with flavour runtime with cuDNN on ubuntu24.04",
                todo="it exists on ubuntu20.04, ubuntu22.04; the nearest CUDA with flavour runtime with cuDNN on"
                " ubuntu24.04 is 12.6.3; or name an image yourself with base:",
                near="12.6.3",
            ),
        ),
        (
            Cuda(version="12.8", os="ubuntu18.04"),
            None,
            NoCudaImage(
                key="os",
                what="there is no nvidia/cuda:12.8.1 image with flavour base on ubuntu18.04",
                todo="it exists on ubuntu20.04, ubuntu22.04, ubuntu24.04; the nearest CUDA with flavour base on"
                " ubuntu18.04 is 12.1.0; or name an image yourself with base:",
                near="12.1.0",
            ),
        ),
        (
            Cuda(version="12.1", os="ubuntu18.04"),
            ImageNeed(glibc="2.28"),
            NoCudaImage(
                key="os",
                what="ubuntu18.04 has glibc 2.27, and the packages' wheels need 2.28",
                todo="it exists on ubuntu20.04, ubuntu22.04; or name an image yourself with base:",
                glibc=True,
            ),
        ),
        (
            Cuda(version="12.8", os="rockylinux10"),
            None,
            NoCudaImage(
                key="os",
                what="there is no nvidia/cuda:12.8.1 image with flavour base on rockylinux10",
                todo="it exists on ubuntu20.04, ubuntu22.04, ubuntu24.04; or name an image yourself with base:",
            ),
        ),
        (
            Cuda(version="12.8", os="solaris9"),
            None,
            NoCudaImage(
                key="os",
                what="there are no nvidia/cuda images on solaris9",
                todo="those of CUDA 12.8.1 are on ubuntu20.04, ubuntu22.04, ubuntu24.04;"
                " or name an image yourself with base:",
            ),
        ),
        (
            Cuda(version="12.8", cudnn=True, os="amzn2023"),
            None,
            NoCudaImage(
                key="os",
                what="there is no nvidia/cuda:12.8.1 image with flavour runtime with cuDNN on amzn2023",
                todo="it exists on ubuntu20.04, ubuntu22.04, ubuntu24.04; or name an image yourself with base:",
            ),
        ),
    ],
)
def test_a_wish_that_cannot_be_met_names_what_exists(cuda, need, expected):
    assert cuda_image(cuda, "3.12", need) == expected


def test_what_is_offered_instead_exists():
    """Every release that a refusal names answers the same wish."""
    wishes = [
        Cuda(version=version, cudnn=cudnn, os=system)
        for version in ("8.0", "10.1", "11.4.0", "11.6.0", "12.4.0", "12.5.0", "12.7", "13.1.0", "99.0")
        for cudnn in (None, True)
        for system in (None, "ubuntu18.04", "ubuntu20.04", "ubuntu24.04")
    ]
    refused = [(wish, found) for wish in wishes if isinstance(found := cuda_image(wish, "3.12"), NoCudaImage)]
    assert len(refused) > 30
    for wish, found in refused:
        assert found.near
        instead = Cuda(version=found.near, cudnn=wish.cudnn, os=wish.os)
        assert isinstance(cuda_image(instead, "3.12"), CudaImage), (wish, found)


def test_every_image_that_is_named_is_in_the_table():
    data = {row["cuda"]: row["tags"] for row in table("cuda_images")["images"]}
    minors = {version.rpartition(".")[0] for version in data}
    for version in minors:
        for python in ("3.6", "3.8", "3.10", "3.12", "3.14"):
            for need in (None, CUDNN, DEVEL, ImageNeed(glibc="2.28")):
                image = cuda_image(Cuda(version=version), python, need)
                if isinstance(image, CudaImage):
                    release, _, rest = image.reference.removeprefix("nvidia/cuda:").partition("-")
                    token, _, system = rest.rpartition("-")
                    assert token in data[release][system]


@pytest.mark.parametrize(
    ("version", "cudnn", "expected"),
    [
        ("12.7", None, "12.7.0-base-ubuntu24.04"),
        ("12.2.1", True, "12.2.1-cudnn8-runtime-ubuntu22.04"),
        ("10.1", None, "10.1.0-base-ubuntu20.04"),
    ],
)
def test_the_scheme_of_the_tags_names_what_is_not_listed(version, cudnn, expected):
    image = image_by_scheme(Cuda(version=version, cudnn=cudnn), "3.12")
    assert image.reference == f"nvidia/cuda:{expected}"
    assert not image.known


def test_gone_means_that_none_is_left():
    assert gone("10.1")
    assert gone("10.1.243")
    assert gone("11.4.0")
    assert not gone("11.4")
    assert not gone("12.8")


def test_nearest_prefers_the_nearest_minor_then_the_older_then_the_newest_patch():
    assert nearest("12.7", lambda _: True).cuda == "12.6.3"
    assert nearest("12.5.9", lambda _: True).cuda == "12.5.1"
    assert nearest("1.0", lambda release: release.cuda.startswith("12.9")).cuda == "12.9.1"
    assert nearest("12.7", lambda _: False) is None


def test_every_row_of_images_parses_and_has_its_source():
    data = table("cuda_images")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", data["as_of"])
    assert data["source"]
    versions = [tuple(map(int, row["cuda"].split("."))) for row in data["images"]]
    assert versions == sorted(set(versions), reverse=True)
    for row in data["images"]:
        assert set(row) <= {"cuda", "compat", "evidence", "listed", "tags"}
        for system, tags in row["tags"].items():
            assert re.fullmatch(r"ubuntu\d\d\.\d\d", system)
            assert all(re.fullmatch(r"(cudnn\d?-)?(base|runtime|devel)", tag) for tag in tags)
    assert not {row["cuda"] for row in data["images"]} & set(data["gone"])
    assert [release.cuda for release in releases()] == [row["cuda"] for row in data["images"]]


def test_every_row_of_packages_parses_and_has_its_source():
    data = table("cuda_packages")
    for name in ("from_image", "compiles", "glibc", "sizes"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", data[name]["as_of"])
        assert data[name]["source"]
    compiles = data["compiles"]
    assert not set(compiles["always"]) & set(compiles["from_source"])
    for key, sizes in data["sizes"]["rows"].items():
        release, _, system = key.partition("-")
        listed = {row.cuda: row.tags for row in releases()}[release][system]
        assert set(sizes) <= set(listed)


def test_packages_say_what_they_ask_of_the_image():
    assert takes_from_image("cupy-cuda12x").headers == "12.2"
    assert takes_from_image("cupy-cuda112").extras == ("ctk",)
    assert takes_from_image("cupy-cuda12x", {"ctk"}) is None
    assert takes_from_image("onnxruntime-gpu")
    assert takes_from_image("numpy") is None
    assert compiles_cuda("flash-attn", built=None)
    assert not compiles_cuda("flash-attn", built=False)
    assert compiles_cuda("xformers", built=True)
    assert not compiles_cuda("xformers", built=None)
    assert not compiles_cuda("numpy", built=True)
    assert wheel_glibc("tensorflow", "2.21.0") == "2.27"
    assert wheel_glibc("tensorflow", "2.20.0") == wheel_glibc("numpy", "2.21") == ""
    assert image_size("11.8.0", "ubuntu20.04", "devel") == 7_370_000_000
    assert image_size("12.8.1", "ubuntu24.04", "base") is None
