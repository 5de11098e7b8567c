"""Specs, locks and images in one form."""

from dataclasses import replace

from support.planned import conda_record, lock, package, spec

from envbuild.compare.contents import contents_of_image, contents_of_lock, contents_of_spec, words
from envbuild.compare.diff import diff, judge
from envbuild.compare.model import BaseIs, Contents, ImageParts
from envbuild.gpu.model import CudaUse, GpuNeeds
from envbuild.lock.model import Lock, LockedApt, LockedBase
from envbuild.spec.model import Copy, Cuda, Spec

LOCK = lock(
    [package("idna", "3.10", 60_000), package("torch", "2.8.0+cu128", 900_000_000)],
    apt=(LockedApt(name="git", version="1:2.39"),),
    cuda={"version": "12.8"},
    inputs={"python": "3.11", "pip": ["torch"]},
)
SPEC = spec(env=(("A", "1"),), run=("echo",), copy=(Copy(source="src", target="/src"),), python="3.11")
ENV = ("PATH=/opt/env/bin:/bin", "A=1", "ODD")
LABELS = {"dev.envbuild.python": "3.11.2", "dev.envbuild.context": "sha256:c"}


def image(spec_: Spec | None = SPEC, lock_: Lock | None = LOCK, **changes: object) -> Contents:
    given = {
        "name": "x",
        "place": "registry",
        "digests": ("sha256:m", ""),
        "platform": "linux/amd64",
        "labels": LABELS,
        "env": ENV,
        "spec": spec_,
        "lock": lock_,
        "needs": GpuNeeds(),
        "base": BaseIs(reference="debian"),
        "settings": {"user": "1000", "workdir": "/w", "entrypoint": (), "cmd": ("bash",)},
        "sizes": {"base": 5},
        "measure": "compressed",
    }
    return contents_of_image(ImageParts(**{**given, **changes}))  # type: ignore[arg-type]


def test_a_lock() -> None:
    found = contents_of_lock(LOCK, name="pylock.env.toml", sizes={"pip: rest": 1})
    assert (found.kind, found.place, found.digests) == ("lock", "file", {LOCK.digest})
    assert found.base == BaseIs(reference="debian:bookworm-slim", digest=LOCK.base.digest or "")
    assert (found.python, found.cuda, found.platform) == ("3.11.2", "12.8", "linux/amd64")
    assert (found.pip, found.apt, found.conda) == (
        {"idna": "3.10", "torch": "2.8.0+cu128"},
        {"git": "1:2.39"},
        {},
    )
    assert found.files["idna"].startswith('{"sha256": "')
    assert found.files["idna"] != found.files["torch"]
    assert found.gpu is not None
    assert found.gpu["driver"].startswith("570")  # by its packages: the lock itself does not say
    assert (found.env, found.run, found.copy, found.settings) == (None,) * 4
    assert (found.measure, found.wishes) == ("downloads", {"python": "3.11", "pip": ["torch"]})
    assert contents_of_lock(LOCK, name="x").measure == ""


def test_conda_packages_are_told_with_their_build_and_file() -> None:
    record = conda_record("numpy", "2.1.0", "py312_0")
    found = contents_of_lock(replace(LOCK, conda=(record,)), name="x")
    assert found.conda == {"numpy": "2.1.0 py312_0"}
    assert found.files["conda:numpy"] == record.sha256


def test_a_lock_whose_words_on_gpus_make_no_sense() -> None:
    assert contents_of_lock(replace(LOCK, gpu={"uses": 5}), name="x").gpu is None


def test_a_lock_with_unresolved_packages_says_so() -> None:
    open_lock = replace(LOCK, apt_resolved=False)
    note = "x: its Debian packages are not locked: each build takes the versions of its day"
    assert contents_of_lock(open_lock, name="x").notes == (note,)
    assert image(SPEC, open_lock, notes=("y",)).notes == (note, "x: y")


def test_a_spec_with_its_lock() -> None:
    found = contents_of_spec(SPEC, LOCK, name="spec.yml")
    assert (found.kind, found.digests) == ("spec", {SPEC.source.digest})
    assert found.pip == {"idna": "3.10", "torch": "2.8.0+cu128"}
    assert (found.env, found.run, found.copy) == ({"A": "1"}, ("echo",), ("src → /src",))
    assert found.settings == {"user": "app", "workdir": "/workspace", "entrypoint": "", "cmd": '["bash"]'}
    assert found.wishes == {"python": "3.11"}  # the spec's own word


def test_a_spec_without_a_lock() -> None:
    bare = spec(base="ubuntu:24.04", cuda=Cuda(version="12.8"), entrypoint=("python", "-m", "app"))
    found = contents_of_spec(bare, None, name="spec.yml", why_not="it has no lock yet")
    assert (found.pip, found.apt, found.python) == (None, None, None)
    assert found.base == BaseIs(reference="ubuntu:24.04")
    assert found.notes == ("spec.yml: it has no lock yet",)
    assert found.settings is not None
    assert (found.settings["entrypoint"], found.settings["cmd"]) == ('["python", "-m", "app"]', "")
    assert found.wishes == {"python": "3.11", "base": "ubuntu:24.04", "cuda": {"version": "12.8"}}
    assert contents_of_spec(spec(), None, name="s").base is None


def test_an_image_with_spec_and_lock() -> None:
    found = image()
    assert (found.kind, found.digests, found.context) == ("image", {"sha256:m"}, "sha256:c")
    assert found.base == BaseIs(reference="debian:bookworm-slim", digest=LOCK.base.digest or "")
    assert found.pip == {"idna": "3.10", "torch": "2.8.0+cu128"}
    assert (found.env, found.image_env) == ({"A": "1"}, {"PATH": "/opt/env/bin:/bin", "A": "1"})
    assert found.image_settings == {"user": "1000", "workdir": "/w", "entrypoint": "", "cmd": '["bash"]'}
    assert (found.copy, found.gpu, found.sizes, found.measure) == (
        ("src → /src",),
        {},
        {"base": 5},
        "compressed",
    )
    assert image(copy=("src → /elsewhere",)).copy == ("src → /elsewhere",)


def test_an_image_of_others() -> None:
    env = ("CUDA_VERSION=12.8.1", "PYTHON_VERSION=3.12.4")
    use = CudaUse(component="CUDA", cuda="12.8.1", kernels=False)
    found = image(None, None, labels={}, env=env, needs=GpuNeeds(uses=(use,)), base=None, sizes={})
    assert (found.python, found.cuda, found.context) == ("3.12.4", "12.8.1", "")
    assert (found.base, found.pip, found.apt, found.run, found.wishes) == (None,) * 5
    assert found.gpu == words(GpuNeeds(uses=(use,)))
    assert found.measure == ""
    bare = image(None, None, labels={}, env=())
    assert (bare.python, bare.cuda) == (None, "")


def test_layers_on_top_make_what_the_labels_say_worthless() -> None:
    found = image(added=True)
    assert (found.added, found.context) == (True, "")
    assert judge(found, image(digests=("sha256:other",))) == "different"


def test_notes_name_their_image() -> None:
    assert image(notes=("it holds no spec.yml",)).notes == ("x: it holds no spec.yml",)


def test_the_needs_in_words() -> None:
    use = CudaUse(component="torch", cuda="12.8", cubins=("80", "90"), ptx=("90",))
    found = words(GpuNeeds(uses=(use,), compat="12.8.1"))
    assert found["architectures"] == "80 90 +PTX 90"
    assert found["cuda-compat"] == "12.8.1"
    assert found["driver"].startswith("570")
    assert found["least driver"].startswith("525")
    assert words(GpuNeeds()) == {}


def test_a_spec_its_lock_and_its_image_come_to_the_same() -> None:
    base = LockedBase(reference="debian", digest="sha256:b")
    one = replace(LOCK, base=base)
    plain = spec(env=(("A", "1"),), run=("echo",))
    made = image(plain, one, needs=GpuNeeds())
    told = replace(made, gpu=contents_of_lock(one, name="").gpu)
    assert judge(contents_of_lock(one, name="l"), told) == "equivalent"
    assert diff(contents_of_spec(plain, one, name="s"), told).changes == ()
    assert judge(contents_of_spec(plain, one, name="s"), told) == "equivalent"
