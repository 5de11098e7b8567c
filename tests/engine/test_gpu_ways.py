"""How real engines are asked for GPUs, without a GPU: NVIDIA's parts are stand-ins, all else is real.

- the hook: a script `nvidia-container-runtime-hook` on dockerd's PATH, which writes down what it is told, and
  fails in the words of the real one when asked to;
- the runtime: `nvidia` registered as a script that writes its name down and is runc from there on;
- CDI: a file that describes `nvidia.com/gpu` by environment variables and a mount.

Docker 20.10 is this machine's; later ones and Podman 5 come out of later Debians, unpacked for the tests. The
image holds a few of this machine's programs.
"""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
import yaml
from support.engines import TINY, have_tiny, own_dockerd, own_podman
from support.later_debian import unpacked
from support.need import missing
from support.processes import DidNotStart

from envbuild.engine.connect import connect
from envbuild.engine.engine import Engine
from envbuild.engine.model import GpuWay
from envbuild.errors import EngineError, GpuUnavailable

MIB = 1024**2
IDLE = ("cat",)
FORMS = Path(__file__).parents[1] / "unit" / "engine" / "gpu_refusals.yml"
DOCKER, PODMAN = ("docker.io", "containerd"), ("podman", "libc6", "libsubid5", "libgpgme11t64")
# Of the packages that libgpgme11t64 needs, as the older one does not.
PODMAN += ("libassuan9", "libgpg-error0", "libseccomp2")

HOOK = """\
#!/bin/sh
# A stand-in for NVIDIA's: the container's variables from its bundle, or the real one's last words.
cat > "{folder}/state"
if [ -s "{folder}/fail" ]; then cat "{folder}/fail" >&2; exit 1; fi
bundle=$(sed -n 's/.*"bundle": *"\\([^"]*\\)".*/\\1/p' "{folder}/state")
grep -o '"NVIDIA_[A-Z_]*=[^"]*"' "$bundle/config.json" > "{folder}/seen"
"""
RUNTIME = """\
#!/bin/sh
# A stand-in for nvidia-container-runtime.
echo "$*" >> "{folder}/runs"
exec runc "$@"
"""


def given(engine: Engine, *devices: str) -> tuple[GpuWay, dict[str, str]]:
    """The way that a sandbox with a GPU took, and the variables of its first process.

    (CDI gives variables to that one alone: what `exec` starts has those of the container's configuration.)
    """
    with engine.sandbox(TINY, memory=64 * MIB, gpu=True, devices=devices, idle=IDLE) as sandbox:
        assert sandbox.gpu_way is not None
        ran = sandbox.run(["cat", "/proc/1/environ"], timeout=30)
        pairs = (text.partition("=") for text in ran.stdout.split("\0"))
        return sandbox.gpu_way, {name: value for name, _, value in pairs}


def refused(engine: Engine, *devices: str) -> GpuUnavailable:
    with (
        pytest.raises(GpuUnavailable) as caught,
        engine.sandbox(TINY, memory=64 * MIB, gpu=True, devices=devices, idle=IDLE),
    ):
        pass
    return caught.value


@contextlib.contextmanager
def taken_for(engine: Engine, **changed: Any) -> Iterator[None]:
    """The engine is thought to be what it is not, as when it was set up anew since it was asked."""
    was = engine.info
    engine.info = dataclasses.replace(was, **changed)
    try:
        yield
    finally:
        engine.info = was


Start = Callable[..., Engine]


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Starts engines, ended with the module; skips, saying why, where one cannot be had."""
    home = tmp_path_factory.mktemp("home")
    with contextlib.ExitStack() as stack:

        def begin(context: contextlib.AbstractContextManager[str], what: str = "engine") -> Engine:
            try:
                url = stack.enter_context(context)
                have_tiny(url, {"OF_THE_IMAGE": "1"})
            except DidNotStart as error:
                missing(what, str(error))
            return stack.enter_context(connect(url, {"HOME": str(home)}))

        yield begin


def later(suite: str, packages: tuple[str, ...], config: pytest.Config) -> Path:
    assert config.cache is not None
    try:
        return unpacked(suite, packages, config.cache.mkdir("envbuild-later-debian"))
    except DidNotStart as error:
        missing("newer-engine", str(error))


def program(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text.format(folder=folder))
    path.chmod(0o755)
    return path


# --- Docker 20.10 with a stand-in for the hook


@pytest.fixture(scope="module")
def hook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hook")
    program(folder, "nvidia-container-runtime-hook", HOOK)
    return folder


@pytest.fixture(scope="module")
def hooked(start: Start, hook: Path) -> Engine:
    return start(own_dockerd(programs=[hook], alone=True))


@pytest.fixture
def failing(hook: Path) -> Iterator[Path]:
    """Where to write what the hook shall say before it fails."""
    yield hook / "fail"
    (hook / "fail").unlink()


def test_a_plain_request_reaches_the_standin_hook(hooked: Engine, hook: Path) -> None:
    way, inside = given(hooked)
    assert way.how == "requests"
    assert inside["OF_THE_IMAGE"] == "1"
    told = set((hook / "seen").read_text().split())
    assert told == {'"NVIDIA_VISIBLE_DEVICES=all"', '"NVIDIA_DRIVER_CAPABILITIES=compute,utility"'}
    given(hooked, "1", "GPU-5a2b")
    assert '"NVIDIA_VISIBLE_DEVICES=1,GPU-5a2b"' in (hook / "seen").read_text()


HOOK_FORMS = [form for form in yaml.safe_load(FORMS.read_text()) if "Auto-detected mode" in form["text"]]


@pytest.mark.parametrize("form", HOOK_FORMS, ids=[form["said"][:50] for form in HOOK_FORMS])
def test_a_standin_hook_that_fails_as_the_real_one(
    hooked: Engine, failing: Path, form: dict[str, str]
) -> None:
    """Its words go through dockerd, containerd and runc as those of the real one do."""
    failing.write_text(form["text"].partition("stderr: ")[2].removesuffix(": unknown") + "\n")
    error = refused(hooked)
    assert error.message == f"the engine gives no GPU: {form['wrong']}; it said: {form['said']}"
    assert form["todo"] in error.hint


def test_words_of_the_hook_that_nobody_knows_are_passed_on(hooked: Engine, failing: Path) -> None:
    failing.write_text("nvidia-container-cli: something new\n")
    error = refused(hooked)
    assert error.message.startswith("the engine gives no GPU: ")
    assert "nvidia-container-cli: something new" in error.message


def test_nothing_is_left_of_containers_that_did_not_start(hooked: Engine) -> None:
    with contextlib.closing(docker.APIClient(base_url=hooked.info.url, version="auto")) as api:
        assert api.containers(all=True) == []


CDI_OFF = 'the engine gives no GPU: its CDI is off; it said: could not select device driver "cdi"'


def test_ways_that_this_docker_does_not_know(hooked: Engine) -> None:
    assert hooked.info.cdi is None
    with taken_for(hooked, cdi=True, cdi_devices=("nvidia.com/gpu=all",)):
        assert refused(hooked).message == CDI_OFF
    with taken_for(hooked, runtimes=("nvidia", "runc")):
        assert refused(hooked).message == (
            "the engine gives no GPU: it has no runtime nvidia; it said: Unknown runtime specified nvidia"
        )


def test_what_is_wrong_beside_the_gpu_is_no_want_of_a_gpu(hooked: Engine) -> None:
    for image, idle in (("no-such-image", IDLE), (TINY, ("/no/such/program",))):
        with (
            pytest.raises(EngineError) as caught,
            hooked.sandbox(image, memory=64 * MIB, gpu=True, idle=idle),
        ):
            pass
        assert not isinstance(caught.value, GpuUnavailable)
        assert caught.value.message.startswith(f"starting a sandbox of {image}: ")


# --- Docker 20.10 with a stand-in runtime nvidia


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return program(tmp_path_factory.mktemp("runtime"), "nvidia-container-runtime", RUNTIME)


@pytest.fixture(scope="module")
def registered(start: Start, runtime: Path) -> Engine:
    return start(own_dockerd("--add-runtime", f"nvidia={runtime}", alone=True))


def test_a_registered_standin_runtime(registered: Engine, runtime: Path) -> None:
    """It must get the variables from us: the image has none, and the real one would give no GPU then."""
    assert "nvidia" in registered.info.runtimes
    way, inside = given(registered)
    assert way == GpuWay(how="runtime", why="the engine has the runtime nvidia")
    assert (inside["NVIDIA_VISIBLE_DEVICES"], inside["NVIDIA_DRIVER_CAPABILITIES"]) == (
        "all",
        "compute,utility",
    )
    assert " create " in runtime.with_name("runs").read_text()
    _, inside = given(registered, "0", "GPU-5a2b")
    assert inside["NVIDIA_VISIBLE_DEVICES"] == "0,GPU-5a2b"


def test_a_sandbox_without_a_gpu_does_not_take_it(registered: Engine, runtime: Path) -> None:
    runtime.with_name("runs").write_text("")
    with registered.sandbox(TINY, memory=64 * MIB, idle=IDLE) as sandbox:
        assert sandbox.gpu_way is None
        assert "NVIDIA" not in sandbox.run(["env"], timeout=30).stdout
    assert runtime.with_name("runs").read_text() == ""


def test_a_runtime_whose_program_is_gone(registered: Engine, runtime: Path) -> None:
    away = runtime.rename(runtime.with_name("away"))
    try:
        error = refused(registered)
    finally:
        away.rename(runtime)
    assert error.message == (
        f"the engine gives no GPU: the program {runtime} that it calls for GPUs is not there or does not "
        f"work; it said: fork/exec {runtime}: no such file"
    )


# --- CDI, described by a stand-in file


def bound(source: str, target: str) -> dict[str, Any]:
    """A mount as `nvidia-ctk cdi generate` writes it."""
    return {"hostPath": source, "containerPath": target, "options": ["ro", "nosuid", "nodev", "bind"]}


class Described:
    """A folder of CDI files, and the one that describes GPUs by a variable and a mounted file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "cdi"
        self.folder.mkdir()
        self.library = folder / "libcuda.so.535.54"
        self.library.write_text("a stand-in for libcuda")
        self.write()

    def write(self, **edits: Any) -> None:
        """Describe the devices 0, GPU-5a2b and all, with further `edits` for each."""
        devices = [
            {"name": name, "containerEdits": {"env": [f"STANDIN_GPU={name}"], **edits}}
            for name in ("0", "GPU-5a2b", "all")
        ]
        mount = bound(str(self.library), "/usr/lib/libcuda.so.1")
        described = {
            "cdiVersion": "0.5.0",
            "kind": "nvidia.com/gpu",
            "devices": devices,
            "containerEdits": {"mounts": [mount]},
        }
        (self.folder / "nvidia.yaml").write_text(yaml.safe_dump(described))


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Described:
    return Described(tmp_path_factory.mktemp("cdi"))


@pytest.fixture(scope="module", params=["trixie", "sid", "podman"])
def by_cdi(
    request: pytest.FixtureRequest, start: Start, described: Described, pytestconfig: pytest.Config
) -> Engine:
    """Docker 26.1 with the feature on, the newest Docker as it comes, Podman 5.4."""
    if request.param == "podman":
        root = later("trixie", PODMAN, pytestconfig)
        return start(own_podman(root, described.folder), "newer-engine")
    root = later(request.param, DOCKER, pytestconfig)
    config = {"cdi-spec-dirs": [str(described.folder)]}
    if request.param == "trixie":
        config |= {"features": {"cdi": True}}
    programs = [root / "usr/sbin", root / "usr/bin"]
    return start(own_dockerd(programs=programs, config=config, alone=True), "newer-engine")


DEVICES = ("nvidia.com/gpu=0", "nvidia.com/gpu=GPU-5a2b", "nvidia.com/gpu=all")


def test_a_standin_file_gives_what_it_describes(by_cdi: Engine) -> None:
    assert by_cdi.info.cdi is True
    if (
        by_cdi.info.kind == "docker"
    ):  # 26.1 lists none: they are read out of its files; Podman's it alone sees
        assert by_cdi.info.cdi_devices == DEVICES
    way, inside = given(by_cdi)
    assert (way.how, inside["STANDIN_GPU"], inside["OF_THE_IMAGE"]) == ("cdi", "all", "1")
    assert "NVIDIA_VISIBLE_DEVICES" not in inside  # nobody would read it
    assert given(by_cdi, "GPU-5a2b")[1]["STANDIN_GPU"] == "GPU-5a2b"
    with by_cdi.sandbox(TINY, memory=64 * MIB, gpu=True, idle=IDLE) as sandbox:
        ran = sandbox.run(["sh", "-c", "cat /usr/lib/libcuda.so.1; touch /etc/x"], timeout=30)
    assert ran.stdout == "a stand-in for libcuda"
    assert "Read-only file system" in ran.stderr


def test_a_device_that_no_file_describes(by_cdi: Engine) -> None:
    error = refused(by_cdi, "9", "0")
    assert error.message == (
        "the engine gives no GPU: it has no CDI device nvidia.com/gpu=9; "
        "it said: unresolvable CDI devices nvidia.com/gpu=9"
    )
    known = f"it has {', '.join(DEVICES)}; "
    assert error.hint.startswith("`nvidia-ctk cdi list`" if by_cdi.info.kind == "podman" else known)


@pytest.mark.parametrize(
    ("edits", "wrong"),
    [
        (
            {"mounts": [bound("/usr/lib/libcuda.so.5.4", "/usr/lib/libcuda.so")]},
            "a CDI file names /usr/lib/libcuda.so.5.4, which is not there: it is of another version",
        ),
        (
            {"deviceNodes": [{"path": "/dev/nvidia-standin"}]},
            "a CDI file names /dev/nvidia-standin, which is not there",
        ),
        (
            {"hooks": [{"hookName": "createContainer", "path": "/usr/bin/nvidia-standin-hook"}]},
            "the program /usr/bin/nvidia-standin-hook that it calls for GPUs is not there or does not work",
        ),
        ({"unheardOf": 1}, "it has no CDI device nvidia.com/gpu=all"),
    ],
    ids=["library", "device", "hook", "field"],
)
def test_a_standin_file_of_another_driver(
    by_cdi: Engine, described: Described, edits: dict[str, Any], wrong: str
) -> None:
    described.write(**edits)
    try:
        error = refused(by_cdi)
    finally:
        described.write()
    assert error.message.startswith(f"the engine gives no GPU: {wrong}")
    assert "nvidia-ctk cdi generate" in error.hint


def test_docker_26_with_cdi_off(start: Start, described: Described, pytestconfig: pytest.Config) -> None:
    """As it comes: files that describe GPUs are of no use to it."""
    root = later("trixie", DOCKER, pytestconfig)
    config = {"cdi-spec-dirs": [str(described.folder)]}
    programs = [root / "usr/sbin", root / "usr/bin"]
    engine = start(own_dockerd(programs=programs, config=config, alone=True), "newer-engine")
    assert (engine.info.cdi, engine.info.cdi_devices) == (False, ())
    assert refused(engine).message == (
        "the engine gives no GPU: it has neither a runtime nvidia, nor NVIDIA's hook, nor CDI devices for "
        'GPUs; it said: could not select device driver "" with capabilities: [[gpu]]'
    )
    with taken_for(engine, cdi=True, cdi_devices=DEVICES):
        assert refused(engine).message == CDI_OFF
    with taken_for(engine, runtimes=("nvidia", "runc")):
        assert refused(engine).message == (
            "the engine gives no GPU: it has no runtime nvidia; "
            "it said: unknown or invalid runtime name: nvidia"
        )


def test_no_gpu_without_being_asked(by_cdi: Engine) -> None:
    with by_cdi.sandbox(TINY, memory=64 * MIB, idle=IDLE) as sandbox:
        assert "STANDIN_GPU" not in sandbox.run(["cat", "/proc/1/environ"], timeout=30).stdout
