import re

import pytest

from envbuild.errors import LockError
from envbuild.facts.cuda import cuda_reference
from envbuild.facts.tables import table
from envbuild.spec.model import Cuda


@pytest.mark.parametrize(
    ("cuda", "python", "expected"),
    [
        (Cuda(version="12.8"), "3.12", "nvidia/cuda:12.8.1-base-ubuntu24.04"),
        (Cuda(version="12.8"), "3.11", "nvidia/cuda:12.8.1-base-ubuntu24.04"),
        (Cuda(version="12.8"), "3.10", "nvidia/cuda:12.8.1-base-ubuntu22.04"),
        (Cuda(version="12.8.0"), "3.12", "nvidia/cuda:12.8.0-base-ubuntu24.04"),
        (Cuda(version="12.4"), "3.12", "nvidia/cuda:12.4.1-base-ubuntu22.04"),
        (Cuda(version="12.8", cudnn=True), "3.12", "nvidia/cuda:12.8.1-cudnn-runtime-ubuntu24.04"),
        (Cuda(version="12.5", cudnn=True), "3.12", "nvidia/cuda:12.5.1-cudnn-runtime-ubuntu22.04"),
        (
            Cuda(version="11.8", cudnn=True, flavour="devel"),
            "3.10",
            "nvidia/cuda:11.8.0-cudnn8-devel-ubuntu22.04",
        ),
        (Cuda(version="12.8", flavour="devel"), "3.12", "nvidia/cuda:12.8.1-devel-ubuntu24.04"),
        (Cuda(version="12.8", os="ubuntu20.04"), "3.12", "nvidia/cuda:12.8.1-base-ubuntu20.04"),
        (Cuda(version="11.2"), "3.8", "nvidia/cuda:11.2.2-base-ubuntu20.04"),
        (Cuda(version="13.2"), "3.12", "nvidia/cuda:13.2.1-base-ubuntu24.04"),
    ],
)
def test_a_wish_names_an_image(cuda, python, expected):
    assert cuda_reference(cuda, python)[0] == expected


def test_the_reasons_are_said():
    _, reasons = cuda_reference(Cuda(version="12.8"), "3.12")
    assert reasons == (
        "CUDA 12.8.1: the newest known image of 12.8",
        "flavour base: GPU packages from the Python index bring their own CUDA libraries",
        "ubuntu24.04: its own Python is 3.12",
    )


def test_what_is_inferred_says_so():
    _, reasons = cuda_reference(Cuda(version="13.2.1"), "3.12")
    assert reasons[-1] == "known of 13.2.1 as of 2026-11-20: cog 2026-05"


@pytest.mark.parametrize(
    ("cuda", "message", "hint"),
    [
        (
            Cuda(version="12.7"),
            "cuda: 12.7: no nvidia/cuda image of it is known (as of 2026-11-20)",
            "the nearest that exists is 12.6.3; or name an image yourself with base:",
        ),
        (
            Cuda(version="11.4.0"),
            "cuda: 11.4.0: images of it were deleted from the registry (as of 2026-11-20)",
            "the nearest that exists is 11.4.3; or name an image yourself with base:",
        ),
        (
            Cuda(version="99"),
            "cuda: 99: no nvidia/cuda image of it is known (as of 2026-11-20)",
            "the nearest that exists is 13.4.1; or name an image yourself with base:",
        ),
        (
            Cuda(version="12.8", flavour="base", cudnn=True),
            "cuda.cudnn: there is no nvidia/cuda image of flavour base with cuDNN",
            "ask for flavour runtime or devel, or leave cudnn out",
        ),
        (
            Cuda(version="12.4.0", cudnn=True),
            "cuda: 12.4.0: there is no nvidia/cuda image with CUDA 12.4.0 and cuDNN",
            "the nearest with cuDNN is 12.4.1; or leave cudnn out: Python packages bring their own",
        ),
        (
            Cuda(version="12.8", os="ubuntu18.04"),
            "cuda.os: there is no nvidia/cuda:12.8.1 image of that kind on ubuntu18.04",
            "it exists on ubuntu20.04, ubuntu22.04, ubuntu24.04; or name an image yourself with base:",
        ),
    ],
)
def test_a_wish_that_cannot_be_met_names_what_exists(cuda, message, hint):
    with pytest.raises(LockError) as caught:
        cuda_reference(cuda, "3.12")
    assert (caught.value.message, caught.value.hint) == (message, hint)


def test_every_row_parses_and_has_its_source():
    data = table("cuda_images")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", data["as_of"])
    assert data["source"]
    versions = [tuple(map(int, row["cuda"].split("."))) for row in data["images"]]
    assert versions == sorted(set(versions), reverse=True)
    for row in data["images"]:
        assert set(row) <= {"cuda", "evidence", "tags"}
        for system, tags in row["tags"].items():
            assert re.fullmatch(r"ubuntu\d\d\.\d\d", system)
            assert all(re.fullmatch(r"(cudnn\d?-)?(base|runtime|devel)", tag) for tag in tags)
    assert not {row["cuda"] for row in data["images"]} & set(data["gone"])
