"""A spec's GPU wishes while it is locked: the CUDA image, refusals before and after, notices, needs.

The wheels on the loopback index are stand-ins: they have the names, versions and requirements of real ones,
and nothing in them.
"""

import pytest

from envbuild.errors import LockError, SpecError, Unsolvable
from envbuild.events import Notice, StepStarted
from envbuild.gpu.data import needs_from
from envbuild.images import ImageInfo
from envbuild.lock.drift import drift
from envbuild.lock.inputs import inputs_of
from envbuild.lock.pylock import dump_lock, lock_path, read_lock, write_lock

DIGEST = "sha256:" + "a" * 64
PY = "name: x\npython: 3.11\n"


@pytest.fixture
def wheels(index):
    """Stand-ins for torch of three CUDAs, TensorFlow without CUDA, and a package that brings TensorFlow."""
    for version, runtime in (("2.8.0", "12.8.90"), ("2.10.0", "12.8.90")):
        index.add(
            "torch", version, [f"nvidia-cublas-cu12=={runtime}", f"nvidia-cuda-runtime-cu12=={runtime}"]
        )
    index.add("torch", "2.11.0", ["cuda-toolkit==13.0.2", "nvidia-cublas==13.1.0.3"])
    index.add("nvidia_cublas_cu12", "12.8.90")
    index.add("nvidia_cuda_runtime_cu12", "12.8.90")
    index.add("cuda_toolkit", "13.0.2")
    index.add("nvidia_cublas", "13.1.0.3")
    index.add("tensorflow", "2.13.1")
    index.add("mymodel", "1.0", ["tensorflow"])
    index.add("numpy", "2.0")
    return index


def offer(desk, *tags):
    desk.store.remote |= {f"nvidia/cuda:{tag}": DIGEST for tag in tags}


def notices(desk, level):
    return [event.text for event in desk.events if isinstance(event, Notice) and event.level == level]


def test_what_is_certain_to_fail_is_said_before_anything_is_asked(desk, wheels):
    text = f"{PY}targets: [GTX 1080 Ti]\npip: {{packages: [torch==2.8.0]}}\n"
    with pytest.raises(SpecError) as caught:
        desk.lock(text)
    (problem,) = caught.value.problems
    assert (problem.line, problem.path) == (3, "targets[0]")
    assert problem.todo == "write `torch_backend: cu126`, or `torch==2.7.*`"
    assert (desk.events, wheels.asked, desk.store.pulled, desk.store.runs) == ([], [], [], [])


def test_an_accepted_rule_warns_and_is_recorded(desk, wheels):
    text = f"{PY}targets: [GTX 1080 Ti]\naccept: [target]\npip: {{packages: [torch==2.8.0]}}\n"
    lock = desk.lock(text)
    assert lock.inputs["accept"] == ["target"]
    assert lock.inputs["targets"] == ["GTX 1080 Ti"]
    assert needs_from(lock.gpu).accepted == ("target",)
    (warning,) = notices(desk, "warning")  # once, though both checks find it
    assert warning.endswith("without PTX (accepted: target)")


def test_wheels_with_their_own_cuda_need_flavour_base(desk, wheels):
    offer(desk, "12.8.1-base-ubuntu24.04")
    lock = desk.lock(f"{PY}cuda: 12.8\npip: {{packages: [torch==2.8.0]}}\n")
    assert lock.base.reference == "nvidia/cuda:12.8.1-base-ubuntu24.04"
    assert lock.cuda["reasons"] == (
        "CUDA 12.8.1: the newest known image of 12.8; flavour base: torch brings its own CUDA libraries;"
        " ubuntu24.04: the newest Ubuntu with this CUDA"
    )
    assert [event for event in desk.events if isinstance(event, Notice)] == []


def test_the_lock_says_what_the_image_needs_of_a_machine(desk, wheels):
    offer(desk, "12.8.1-base-ubuntu24.04")
    lock = desk.lock(f"{PY}cuda: 12.8\npip: {{packages: [torch==2.8.0]}}\n")
    needs = needs_from(lock.gpu)
    assert [use.component for use in needs.uses] == ["the CUDA 12.8.1 image", "torch 2.8.0 (CUDA 12.8)"]
    assert needs.compat == "12.8.1"
    assert lock.gpu["least-driver"] == "525.60.13"
    path = lock_path(desk.spec(PY))
    write_lock(path, lock)
    assert read_lock(path) == lock
    assert dump_lock(read_lock(path)) == dump_lock(lock)


def test_nothing_for_gpus_needs_nothing_of_them(desk, wheels):
    lock = desk.lock(f"{PY}pip: {{packages: [numpy]}}\n")
    assert lock.gpu == {"uses": []}
    assert [event for event in desk.events if isinstance(event, Notice)] == []


def test_what_takes_cuda_from_the_image_needs_runtime_with_cudnn(desk, wheels):
    offer(desk, "11.8.0-cudnn8-runtime-ubuntu22.04")
    lock = desk.lock(f"{PY}cuda: 11.8\npip: {{packages: [tensorflow==2.13.1]}}\n")
    assert lock.base.reference == "nvidia/cuda:11.8.0-cudnn8-runtime-ubuntu22.04"
    assert "flavour runtime: tensorflow takes CUDA and cuDNN from the image" in lock.cuda["reasons"]
    assert notices(desk, "warning") == []


def test_the_base_is_chosen_again_when_the_packages_need_another(desk, wheels):
    offer(desk, "11.8.0-base-ubuntu22.04", "11.8.0-cudnn8-runtime-ubuntu22.04")
    lock = desk.lock(f"{PY}cuda: 11.8\npip: {{packages: [mymodel]}}\n")
    assert lock.base.reference == lock.cuda["reference"] == "nvidia/cuda:11.8.0-cudnn8-runtime-ubuntu22.04"
    assert notices(desk, "info") == [
        (
            "the packages need another base: nvidia/cuda:11.8.0-cudnn8-runtime-ubuntu22.04"
            " instead of nvidia/cuda:11.8.0-base-ubuntu22.04"
        )
    ]
    steps = [event.id for event in desk.events if isinstance(event, StepStarted)]
    assert len(steps) == len(set(steps))
    assert [step for step in steps if step.endswith("-again")] == [
        "lock:base-again",
        "lock:pip-again",
        "lock:sizes-again",
    ]


def test_an_image_that_does_not_exist_for_what_was_found_is_said(desk, wheels):
    offer(desk, "12.5.0-base-ubuntu22.04")
    with pytest.raises(LockError) as caught:
        desk.lock(f"{PY}cuda: 12.5.0\npip: {{packages: [mymodel]}}\n")
    assert caught.value.message == (
        "cuda: there is no nvidia/cuda image with CUDA 12.5.0 and flavour runtime with cuDNN"
        " (tensorflow takes CUDA and cuDNN from the image)"
    )
    assert caught.value.hint.startswith("the nearest CUDA with flavour runtime with cuDNN is 12.5.1")


def test_another_cuda_major_that_was_found_is_refused_with_what_fits(desk, wheels):
    offer(desk, "12.8.1-base-ubuntu24.04")
    with pytest.raises(Unsolvable) as caught:
        desk.lock(f"{PY}cuda: 12.8\npip: {{packages: [torch]}}\n")
    assert caught.value.message == "what was locked does not fit the spec"
    (problem,) = caught.value.problems
    assert str(problem).partition(": ")[2] == (
        "pip.packages[0]: torch 2.11.0 uses CUDA 13.0.2, and `cuda:` says CUDA 12.8 [cuda-mismatch];"
        " write `torch_backend: cu128`, or `torch==2.10.*`, or `cuda: 13.2`"
    )


def test_what_was_offered_locks(desk, wheels):
    offer(desk, "12.8.1-base-ubuntu24.04")
    lock = desk.lock(f"{PY}cuda: 12.8\npip: {{packages: [torch==2.10.*]}}\n")
    assert ("torch", "2.10.0") in [(package.name, package.version) for package in lock.packages]


def test_two_cudas_are_warned_about_with_their_bytes(desk, wheels):
    offer(desk, "12.8.1-runtime-ubuntu24.04")
    desk.lock(f"{PY}cuda: {{version: 12.8, flavour: runtime}}\npip: {{packages: [torch==2.8.0]}}\n")
    (warning,) = notices(desk, "warning")
    assert "cuda.flavour: CUDA's libraries are in the image twice" in warning
    assert " MB wasted (the size of those wheels) [two-cudas]" in warning
    assert warning.endswith("flavour: base would do: torch brings its own CUDA libraries")


def test_cuda_that_comes_with_packages_alone_is_a_note(desk, wheels):
    lock = desk.lock(f"{PY}pip: {{packages: [torch==2.8.0]}}\n")
    assert lock.base.reference == "debian:bookworm-slim"
    (note,) = notices(desk, "info")
    assert "CUDA comes with the packages, and debian:bookworm-slim has none of its own" in note
    assert notices(desk, "warning") == []


def test_a_step_that_compiles_needs_devel_and_is_an_input(desk, wheels):
    offer(desk, "12.8.1-devel-ubuntu24.04", "12.8.1-base-ubuntu24.04")
    plain = f"{PY}cuda: 12.8\n"
    compiles = f"{plain}run: ['nvcc -o /usr/local/bin/a a.cu']\n"
    lock = desk.lock(compiles)
    assert lock.base.reference == "nvidia/cuda:12.8.1-devel-ubuntu24.04"
    assert drift(desk.spec(compiles), lock, "linux/amd64") == ()
    assert drift(desk.spec(plain), lock, "linux/amd64") == ("cuda.compiles: true -> none",)
    asked = inputs_of(
        desk.spec(plain.replace("12.8", "{version: 12.8, flavour: devel}") + "run: [nvcc -h]\n")
    )
    assert asked["cuda"] == {"version": "12.8", "flavour": "devel"}


def test_a_base_of_ones_own_says_itself_what_it_needs(desk, wheels):
    reference = "example.org/mine:1"
    desk.store.images[reference] = ImageInfo(
        id="sha256:1",
        digests=(f"{reference.partition(':')[0]}@{DIGEST}",),
        platform="linux/amd64",
        env=("CUDA_VERSION=12.4.1", "NVIDIA_REQUIRE_CUDA=cuda>=12.4"),
    )
    needs = needs_from(desk.lock(f"{PY}base: {reference}\n").gpu)
    assert [(use.component, use.cuda) for use in needs.uses] == [("CUDA 12.4.1 of the image", "12.4.1")]
    assert needs.compat == "12.4.1"


def test_a_base_that_nobody_knows_leaves_a_doubt(desk, wheels):
    desk.store.remote = {}
    lock = desk.lock(f"{PY}base: example.org/mine:1\n", allow_unpinned_base=True)
    (doubt,) = needs_from(lock.gpu).doubts
    assert doubt.rule == "package-unknown"
    assert doubt.text.startswith("what the base example.org/mine:1 brings for CUDA is not known")


def test_tensorflow_of_2019_gets_one_answer(desk, wheels):
    text = "name: x\npython: 3.6\ncuda: 10.1\npip: {packages: [tensorflow-gpu==2.1]}\n"
    with pytest.raises(SpecError) as caught:
        desk.lock(text)
    (problem,) = caught.value.problems
    assert "were deleted from the registry" in problem.what
    for word in ("conda", "`base:`", "`tensorflow-gpu==2.6.*` with `cuda: 11.2`", "Python 3.10 to 3.13"):
        assert word in problem.todo
