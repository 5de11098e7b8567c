"""The plan: order, what each layer holds, labels, notes, digest."""

import re
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from support.planned import DIGEST, LOCK_TEXT, conda_record, lock, package, planned, spec

from envbuild.conda.model import CondaRecord
from envbuild.errors import LockError
from envbuild.lock.model import Lock, LockedApt, LockedBase, LockedPackage, LockedPython
from envbuild.plan.make import make_plan
from envbuild.plan.model import (
    AptLayer,
    BaseLayer,
    CondaLayer,
    CopyLayer,
    EnvLayer,
    MetadataLayer,
    PipLayer,
    Plan,
    PythonLayer,
    RunLayer,
    UserLayer,
)
from envbuild.plan.weights import MB
from envbuild.spec.model import Copy, ImageName

PACKAGES = [
    package("numpy", "2.4.6", 17 * MB),
    package("six", "1.17.0", 11_000),
    package("torch", "2.8.0", 900 * MB),
]


def metadata(plan: Plan) -> MetadataLayer:
    (layer,) = (layer for layer in plan.layers if isinstance(layer, MetadataLayer))
    return layer


def test_layers_go_from_stable_to_volatile() -> None:
    full = spec(apt=("git",), run=("true", "false"), copy=(Copy(source="src", target="/workspace/src"),))
    plan = planned(
        full, lock(PACKAGES, apt=(LockedApt(name="git", version="1:2.39", size=5, requested=True),))
    )
    kinds = [BaseLayer, AptLayer, UserLayer, PythonLayer, PipLayer, PipLayer, PipLayer]
    kinds += [EnvLayer, RunLayer, RunLayer, CopyLayer, MetadataLayer]
    assert [type(layer) for layer in plan.layers] == kinds
    assert all(layer.why for layer in plan.layers)


def test_each_group_has_a_valid_lock_of_its_own() -> None:
    locked = lock(PACKAGES)
    groups = [layer for layer in planned(lock_=locked).layers if isinstance(layer, PipLayer)]
    rows = {row["name"]: row for row in locked.document["packages"]}
    for group in groups:
        cut = tomllib.loads(group.lock_toml)
        assert cut["packages"] == [rows[name] for name in group.names]
        assert {key: cut[key] for key in cut if key != "packages"} == {
            "lock-version": "1.0",
            "created-by": "envbuild",
            "requires-python": ">=3.11",
        }
    assert sorted(name for group in groups for name in group.names) == ["numpy", "six", "torch"]


def test_names_are_compared_as_indexes_do() -> None:
    document = {"lock-version": "1.0", "packages": [{"name": "Zope.Interface", "version": "7"}]}
    plan = planned(lock_=lock([package("zope-interface", "7")], document=document))
    (group,) = (layer for layer in plan.layers if isinstance(layer, PipLayer))
    assert tomllib.loads(group.lock_toml)["packages"] == [{"name": "Zope.Interface", "version": "7"}]


def test_a_lock_that_contradicts_itself() -> None:
    with pytest.raises(LockError) as caught:
        planned(lock_=lock(PACKAGES, document={"packages": []}))
    assert (
        caught.value.message == "pylock.env.toml: the package torch is not in the lock's own list of packages"
    )
    assert caught.value.hint == "make the lock anew: envbuild lock --upgrade"


def test_the_budget_counts_all_layers_but_base_and_settings() -> None:
    full = spec(run=("a", "b"), copy=(Copy(source="x", target="/x"),))
    for budget in (7, 8, 9, 40):
        layers = planned(full, lock(PACKAGES), budget).layers
        own = [layer for layer in layers if not isinstance(layer, BaseLayer | EnvLayer)]
        assert len(own) == min(budget, 9)


def test_too_many_steps_get_a_note() -> None:
    plan = planned(spec(run=("true",) * 50), lock(PACKAGES))
    assert [note.partition(":")[0] for note in plan.notes] == [
        "54 layers on top of the base, more than the 40 planned for (engines stop near 125)"
    ]


def test_notes() -> None:
    locked = lock(
        [package("old", source=True), package("older", source=True)],
        base=LockedBase(reference="nvidia/cuda:12.8.1-base-ubuntu24.04"),
        apt=(LockedApt(name="git", version=""),),
        apt_resolved=False,
    )
    assert (
        "\n".join(planned(spec(user="root"), locked).notes)
        == """\
the base nvidia/cuda:12.8.1-base-ubuntu24.04 is not pinned: another build may get another base; lock again \
where its registry can be reached
the Debian packages are not locked, because the base was not at hand: each build takes what the mirror has \
then
the image runs as root, because the spec says so
built from source: old, older; that takes longer, may need compilers (`apt:`), and what it is built with is \
not locked"""
    )


@pytest.mark.parametrize(
    ("base", "reference"),
    [
        (LockedBase(reference="debian:12", digest=DIGEST), f"debian:12@{DIGEST}"),
        (
            LockedBase(reference="debian:12", image_id="sha256:0123456789abcdef99"),
            "envbuild-base:0123456789abcdef",
        ),
        (LockedBase(reference="debian:12"), "debian:12"),
    ],
)
def test_what_from_says(base: LockedBase, reference: str) -> None:
    (layer,) = (layer for layer in planned(lock_=lock(base=base)).layers if isinstance(layer, BaseLayer))
    assert (layer.reference, layer.name, layer.pinned) == (reference, "debian:12", base.pinned)


def test_debian_packages_are_sorted_and_belong_to_apt_or_python() -> None:
    packages = (LockedApt(name="zlib1g", version="1"), LockedApt(name="git", version="1:2", size=7))
    (layer,) = (
        layer
        for layer in planned(spec(apt=("git",)), lock(apt=packages)).layers
        if isinstance(layer, AptLayer)
    )
    assert (layer.packages, layer.size, layer.key) == (("git=1:2", "zlib1g=1"), None, "apt")
    (layer,) = (layer for layer in planned(lock_=lock(apt=packages)).layers if isinstance(layer, AptLayer))
    assert layer.key == "python"


def test_settings_ours_first_then_those_of_the_spec() -> None:
    plan = planned(spec(env=(("HF_HOME", "/cache"), ("LANG", "de_DE.UTF-8"))))
    (layer,) = (layer for layer in plan.layers if isinstance(layer, EnvLayer))
    assert layer.env == (
        ("PATH", "/opt/env/bin"),
        ("VIRTUAL_ENV", "/opt/env"),
        ("PYTHONNOUSERSITE", "1"),
        ("LANG", "de_DE.UTF-8"),
        ("HF_HOME", "/cache"),
    )


RECORDS = (
    conda_record("libcublas", "12.4.5.8", "h0_1", size=400 * MB),
    conda_record("numpy", "2.1.0", "py311_0", size=80 * MB, depends=("python >=3.11",)),
    conda_record("python", "3.11.9", size=30 * MB),
    conda_record("tqdm", "4.66.5", subdir="noarch", size=89_000, depends=("python",)),
)


def conda_lock(packages: tuple[LockedPackage, ...] = (), records: tuple[CondaRecord, ...] = RECORDS) -> Lock:
    python = LockedPython(version="3.11.9", source="conda", request="/opt/env/bin/python")
    return lock(packages, conda=records, python=python)


def test_conda_groups_come_before_the_check_of_python_and_pip_packages_after() -> None:
    plan = planned(lock_=conda_lock(tuple(PACKAGES)))
    kinds = [BaseLayer, UserLayer, CondaLayer, CondaLayer, CondaLayer, PythonLayer]
    kinds += [PipLayer, PipLayer, PipLayer, EnvLayer, MetadataLayer]
    assert [type(layer) for layer in plan.layers] == kinds
    groups = [layer for layer in plan.layers if isinstance(layer, CondaLayer)]
    assert [(layer.name, layer.packages, layer.size) for layer in groups] == [
        ("libcublas", ("libcublas=12.4.5.8=h0_1",), 400 * MB),
        ("large", ("numpy=2.1.0=py311_0", "python=3.11.9=0"), 110 * MB),
        ("rest", ("tqdm=4.66.5=0",), 89_000),
    ]
    assert groups[0].records == ("libcublas-12.4.5.8-h0_1",)
    order = [line.partition("#")[0].rpartition("/")[2] for line in plan.explicit.splitlines()[2:]]
    assert order.index("python-3.11.9-0.conda") < order.index("numpy-2.1.0-py311_0.conda")
    assert planned(lock_=lock(PACKAGES)).explicit == ""


@pytest.mark.parametrize("budget", [1, 6, 8, 40])
def test_conda_and_pip_groups_share_the_budget(budget: int) -> None:
    plan = planned(lock_=conda_lock(tuple(PACKAGES)), budget=budget)
    groups = [layer for layer in plan.layers if isinstance(layer, CondaLayer | PipLayer)]
    assert sorted(name for layer in groups for name in layer.names) == [
        *("libcublas", "numpy", "numpy", "python", "six", "torch", "tqdm")
    ]
    assert len({type(layer) for layer in groups}) == 2
    added = sum(not isinstance(layer, BaseLayer | EnvLayer) for layer in plan.layers)
    assert added <= max(budget, 5)


def test_settings_of_a_conda_environment() -> None:
    plan = planned(lock_=conda_lock())
    (layer,) = (layer for layer in plan.layers if isinstance(layer, EnvLayer))
    assert layer.env == (
        ("PATH", "/opt/env/bin"),
        ("CONDA_PREFIX", "/opt/env"),
        ("PYTHONNOUSERSITE", "1"),
        ("LANG", "C.UTF-8"),
        ("NVIDIA_VISIBLE_DEVICES", "all"),
        ("NVIDIA_DRIVER_CAPABILITIES", "compute,utility"),
    )


def test_another_build_of_a_conda_package_is_another_plan() -> None:
    one = planned(lock_=conda_lock())
    other = (*RECORDS[:3], replace(RECORDS[3], sha256="0" * 64))
    assert planned(lock_=conda_lock(records=other)).digest != one.digest


def test_gpu_images_say_so_to_the_runtime() -> None:
    plan = planned(lock_=lock([package("nvidia-cudnn-cu12", "9", 700 * MB)]))
    (layer,) = (layer for layer in plan.layers if isinstance(layer, EnvLayer))
    assert ("NVIDIA_VISIBLE_DEVICES", "all") in layer.env
    assert ("NVIDIA_DRIVER_CAPABILITIES", "compute,utility") in layer.env


def test_labels() -> None:
    image = ImageName(
        repository="r/env", labels=(("org.opencontainers.image.title", "mine"), ("org.example", "x"))
    )
    plan = planned(spec(image=image), lock(cuda={"version": "12.8"}))
    assert metadata(plan).labels == (
        ("org.opencontainers.image.title", "mine"),
        ("org.opencontainers.image.base.name", "debian:bookworm-slim"),
        ("org.opencontainers.image.base.digest", DIGEST),
        ("org.example", "x"),
        ("dev.envbuild.version", "1.2.3"),
        ("dev.envbuild.name", "env"),
        ("dev.envbuild.spec", DIGEST),
        ("dev.envbuild.lock", DIGEST),
        ("dev.envbuild.platform", "linux/amd64"),
        ("dev.envbuild.base", f"debian:bookworm-slim@{DIGEST}"),
        ("dev.envbuild.base.pinned", "true"),
        ("dev.envbuild.python", "3.11.2"),
        ("dev.envbuild.python.source", "base"),
        ("dev.envbuild.cuda", "12.8"),
        ("dev.envbuild.plan", plan.digest),
    )


@pytest.mark.parametrize(
    ("entrypoint", "cmd", "expected"),
    [
        (None, None, ((), ("bash",))),
        (("python",), None, (("python",), ())),
        (None, ("python",), ((), ("python",))),
        (("a",), ("b", "c"), (("a",), ("b", "c"))),
        ((), (), ((), ())),
    ],
)
def test_what_starts(
    entrypoint: tuple[str, ...] | None,
    cmd: tuple[str, ...] | None,
    expected: tuple[tuple[str, ...], tuple[str, ...]],
) -> None:
    layer = metadata(planned(spec(entrypoint=entrypoint, cmd=cmd)))
    assert (layer.entrypoint, layer.cmd) == expected


@pytest.mark.parametrize(
    ("user", "workdir", "target", "uid"),
    [
        ("app", "/workspace", "/workspace/src", 1000),
        ("app", "/workspace", "/workspace", 1000),
        ("app", "/workspace", "/home/app/.config/x", 1000),
        ("app", "/workspace", "/workspaces/x", 0),
        ("app", "/workspace", "/etc/motd", 0),
        ("app", "/", "/etc/motd", 0),
        ("root", "/workspace", "/workspace/src", 0),
    ],
)
def test_who_owns_a_copy(user: str, workdir: str, target: str, uid: int) -> None:
    plan = planned(spec(user=user, workdir=workdir, copy=(Copy(source="a b/$c", target=target),)))
    (layer,) = (layer for layer in plan.layers if isinstance(layer, CopyLayer))
    assert (layer.uid, layer.source, layer.origin) == (uid, "copy/0/_c", "a b/$c")


@pytest.mark.parametrize("source", ["..", ".", "src/", "ü", "a\\b*"])
def test_copies_have_harmless_names(source: str) -> None:
    plan = planned(spec(copy=(Copy(source=source, target="/x"),)))
    (layer,) = (layer for layer in plan.layers if isinstance(layer, CopyLayer))
    assert re.fullmatch(r"copy/0/[A-Za-z0-9._-]*[A-Za-z0-9_-]", layer.source)


def test_root_is_allowed() -> None:
    (layer,) = (layer for layer in planned(spec(user="root")).layers if isinstance(layer, UserLayer))
    assert (layer.user, layer.uid) == ("root", 0)


def test_the_digest_is_over_everything() -> None:
    base = planned()
    assert planned().digest == base.digest
    others = [
        planned(spec(env=(("A", "b"),))),
        planned(spec(run=("true",))),
        planned(spec(text="name: env # changed\n")),
        planned(lock_=lock(PACKAGES)),
        planned(lock_=lock(platform="linux/arm64")),
        planned(lock_=lock(python=LockedPython(version="3.12.1", source="managed", request="3.12.1"))),
        make_plan(spec(), lock(), lock_text=LOCK_TEXT + "#", version="1.2.3"),
        make_plan(spec(), lock(), lock_text=LOCK_TEXT, version="1.2.4"),
        planned(replace(spec(), source=replace(spec().source, path=Path("/specs/other.yml")))),
    ]
    assert len({base.digest, *(plan.digest for plan in others)}) == len(others) + 1
