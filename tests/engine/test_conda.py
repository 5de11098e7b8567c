"""conda packages in images on a real engine, by a stand-in for micromamba (tests and fixtures say `standin`).

That proves what stands around micromamba: mounts, secrets, groups, layers, messages.
"""

import hashlib
import re
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import docker
import pytest
from support import planned
from support.conda_builds import (
    STANDIN,
    build,
    conda_groups_of,
    conda_lock,
    differing,
    inside,
    packages,
    records,
)
from support.conda_server import ChannelServer, serve
from support.contexts import Recorder, context
from support.index import wheel
from support.processes import free_port
from support.saved import parts, save

from envbuild.conda.failed import conda_failed
from envbuild.conda.source import CondaSource
from envbuild.engine.conda import STEP, Wanted, conda_source, have_conda, local_packages
from envbuild.engine.engine import Engine
from envbuild.engine.model import BuildRequest
from envbuild.errors import BuildError
from envbuild.plan.model import Plan
from envbuild.render.model import BuildContext
from envbuild.render.render import render
from envbuild.site.model import Site

LOGIN = "reader:s3cret-word"
NAME = f"conda-{uuid.uuid4().hex[:8]}"


@pytest.fixture(scope="module", autouse=True)
def _tidy(api: docker.APIClient) -> Iterator[None]:
    yield
    for image in api.images(filters={"label": f"dev.envbuild.name={NAME}"}):
        api.remove_image(image["Id"], force=True)


@pytest.fixture(scope="module")
def standin_image(engine: Engine, python3_base: tuple[str, str]) -> Iterator[str]:
    """An image with a stand-in for micromamba where the real image has it, and that image's traps."""
    tag = f"envbuild-test-micromamba-standin:{uuid.uuid4().hex[:8]}"
    lines = (
        f"FROM {python3_base[0]}",
        "COPY micromamba /bin/micromamba",
        "RUN chmod 755 /bin/micromamba && useradd --uid 57439 mambauser",
        'SHELL ["/bin/false"]',
        "USER 57439",
        'ENTRYPOINT ["/bin/false"]',
        "ENV MAMBA_ROOT_PREFIX=/opt/conda",
    )
    dockerfile = "".join(f"{line}\n" for line in lines)
    engine.build(context(dockerfile, {"micromamba": STANDIN.read_bytes()}), BuildRequest(tags=(tag,)))
    yield tag
    engine.untag(tag)


class Case:
    """A channel in a folder of this machine, locked (under `url`) and rendered."""

    def __init__(
        self, folder: Path, base: tuple[str, str], light: str = "1.0", url: str = "./channel"
    ) -> None:
        self.base, self.version = base
        self.records = records(folder / "channel", packages(self.version, light), url)
        self.local = local_packages(self.records, folder)

    def plan(self, budget: int = 40, **more: object) -> Plan:
        lock = conda_lock(self.base, self.version, self.records, **more)
        return planned.planned(planned.spec(name=NAME, lines={("conda",): 3}), lock, budget=budget)

    def context(self, source: CondaSource, plan: Plan | None = None) -> BuildContext:
        lines = {"conda": 3}
        chosen = plan or self.plan()
        return render(
            chosen, planned.TEMPLATES, copies={}, conda=source, line_of=lambda key: lines.get(key, 0)
        )


def fresh() -> str:
    """A version that nobody has seen."""
    return f"1.{uuid.uuid4().int % 10**9}"


@pytest.fixture
def binary_standin(tmp_path: Path) -> Path:
    """A binary as a site names it."""
    path = tmp_path / "micromamba-standin"
    path.write_bytes(STANDIN.read_bytes())
    path.chmod(0o755)
    return path


@pytest.fixture
def served(tmp_path: Path) -> Iterator[ChannelServer]:
    """The channel's folder on loopback, for those who log in."""
    with serve(tmp_path / "channel", login=LOGIN) as server:
        yield server


def test_a_light_change_leaves_heavy_layers_with_a_standin(
    engine: Engine, python3_base: tuple[str, str], standin_image: str, tmp_path: Path
) -> None:
    layers, trees = [], []
    for light in ("1.0", "1.1"):
        case = Case(tmp_path / light, python3_base, light)
        source = CondaSource(image=standin_image, packages=case.local)
        built = build(engine, case.context(source), case.base, micromamba=standin_image)
        layers.append(built.layers)
        trees.append(inside(engine, built.id))
        assert list(conda_groups_of(case.plan())) == ["libcublas", "framework", "rest"]
    below = len(engine.image(python3_base[0]).layers)  # type: ignore[union-attr]
    before, after = layers
    # The base, the account, then the groups.
    assert before[: below + 3] == after[: below + 3]
    assert before[below + 3] != after[below + 3]
    assert set(differing(*trees)) == {
        "conda-meta/light-1.0-pyh0_0.json",
        "conda-meta/light-1.1-pyh0_0.json",
        "lib/python3.11/site-packages/light/__init__.py",
    }


def test_groups_are_the_whole_environment_with_a_standin(
    engine: Engine, python3_base: tuple[str, str], standin_image: str, binary_standin: Path, tmp_path: Path
) -> None:
    """Cut into three or not at all, by an image or by a binary: the same files, modes, links and times."""
    case = Case(tmp_path, python3_base)
    by_image = CondaSource(image=standin_image, packages=case.local)
    by_binary = CondaSource(how="binary", binary=binary_standin, packages=case.local)
    whole = build(engine, case.context(by_image, case.plan(budget=1)), case.base, micromamba=standin_image)
    cut = build(engine, case.context(by_image), case.base, micromamba=standin_image)
    other = build(engine, case.context(by_binary), case.base)
    assert len(cut.layers) == len(whole.layers) + 2
    found = inside(engine, whole.id)
    assert differing(found, inside(engine, cut.id)) == {}
    assert differing(found, inside(engine, other.id)) == {}
    assert {tuple(row[1:3]) for row in found.values()} == {(0, 0)}
    made, kept = 315619200, 1_700_000_000  # what the install wrote, and what archives say
    light = "lib/python3.11/site-packages/light/__init__.py"
    modes = {name: found[name][0] for name in ("share/light/tool.sh", "bin/light", light, "lib")}
    assert modes == {
        "share/light/tool.sh": "0o100755",
        "bin/light": "0o100755",
        light: "0o100644",
        "lib": "0o40755",
    }
    times = {name: found[name][3] for name in ("share/light/tool.sh", "bin/light", light, "lib")}
    assert times == {"share/light/tool.sh": made, "bin/light": made, light: kept, "lib": made}
    assert found["lib/libcublas.so"][4] == "libcublas.so.12.4"


def test_an_image_of_conda_packages_works_with_a_standin(
    engine: Engine, python3_base: tuple[str, str], standin_image: str, tmp_path: Path
) -> None:
    case = Case(tmp_path, python3_base)
    source = CondaSource(image=standin_image, packages=case.local)
    built = build(engine, case.context(source), case.base, micromamba=standin_image)

    def said(*argv: str) -> str:
        ran = engine.run(built.id, list(argv), user="12345")
        assert (ran.code, ran.stderr) == (0, "")
        return ran.stdout

    shown = said("python", "-c", "import light, sys; print(light.__version__, sys.prefix)")
    assert shown == "1.0 /opt/env\n"
    assert said("/opt/env/share/light/tool.sh") == "/opt/env\n"
    login = said("env", "-i", "sh", "-lc", "echo $CONDA_PREFIX $LIGHT_HOME; command -v python")
    assert login == "/opt/env /opt/env/share/light\n/opt/env/bin/python\n"
    assert said("sh", "-c", "echo $CONDA_PREFIX-$VIRTUAL_ENV-$LIGHT_HOME") == "/opt/env--\n"
    assert said("cat", "/opt/env/conda-meta/history") == ""
    assert said("find", "/", "-maxdepth", "1", "-name", "groups") == ""


def test_a_mirrors_login_stays_nowhere_with_a_standin(
    engine: Engine,
    api: docker.APIClient,
    python3_base: tuple[str, str],
    standin_image: str,
    served: ChannelServer,
    tmp_path: Path,
) -> None:
    light = fresh()  # what the engine's cache mount has, nobody is asked for
    case = Case(tmp_path, python3_base, light, url="https://conda.lab.example/forge")
    mirror = f"http://{LOGIN}@127.0.0.1:{served.port}"
    site = Site(conda_mirrors={"https://conda.lab.example/forge": mirror})
    tag = f"envbuild-test-conda:{uuid.uuid4().hex[:8]}"
    made = case.context(CondaSource(image=standin_image))
    built = build(engine, made, case.base, site=site, micromamba=standin_image)
    assert {item.status for item in served.asked} == {200}
    assert f"/noarch/light-{light}-pyh0_0.tar.bz2" in {item.path for item in served.asked}
    engine.tag(built.id, tag)
    needles = [LOGIN.encode(), b"s3cret-word", f"127.0.0.1:{served.port}".encode()]
    seen = set()
    for where, content in parts(save(api, tag, tmp_path / "image.tar")):
        assert [needle for needle in needles if needle in content] == [], where
        seen.add(where.partition(": ")[2] or where)
    assert f"opt/env/conda-meta/light-{light}-pyh0_0.json" in seen
    assert [needle for needle in needles if needle in repr(api.history(tag)).encode()] == []
    record = engine.run(tag, ["cat", f"/opt/env/conda-meta/light-{light}-pyh0_0.json"]).stdout
    assert '"channel": "https://conda.lab.example/forge"' in record
    kept = f"/c/pkgs/light-{light}-pyh0_0.tar.bz2"
    look = f"! grep -rF -e s3cret-word -e 127.0.0.1:{served.port} /c && test -s {kept}"
    mount = "--mount=type=cache,id=envbuild-conda-linux-amd64,target=/c"
    engine.build(context(f"FROM {python3_base[0]}\nRUN {mount} {look}\n"), BuildRequest())
    assert f'"url": "https://conda.lab.example/forge/noarch/light-{light}-pyh0_0.tar.bz2"' in record
    assert "/dev/shm" not in record


SHA = re.compile(r"#sha256:[0-9a-f]{64}$", re.MULTILINE)
LISTS = {
    "tampered": (SHA, f"#sha256:{'ab' * 32}", "Found incorrect downloads. Aborting"),
    "without a hash": (SHA, "", "md5 and sha256 sum unknown"),
    "malformed": (SHA, "#sha256:12", "md5 and sha256 sum unknown"),
    "without a header": (re.compile("@EXPLICIT\n"), "", "not an @EXPLICIT file"),
}


@pytest.mark.parametrize("kind", LISTS)
def test_a_bad_list_stops_the_build_with_a_standin(
    engine: Engine, python3_base: tuple[str, str], standin_image: str, tmp_path: Path, kind: str
) -> None:
    pattern, other, expected = LISTS[kind]
    case = Case(tmp_path, python3_base)
    plan = case.plan()
    bad = replace(plan, explicit=pattern.sub(other, plan.explicit, count=1))
    assert bad.explicit != plan.explicit
    made = case.context(CondaSource(image=standin_image, packages=case.local), bad)
    with pytest.raises(BuildError) as caught:
        build(engine, made, case.base, micromamba=standin_image)
    code = "its command ended with exit code 1"
    assert caught.value.message == f"the step `conda environment` failed: {code}"
    assert any(expected in line for line in caught.value.log), caught.value.log
    assert str(caught.value.problem) == f"spec.yml:3: conda: its step failed: {code}"


def failed(engine: Engine, case: Case, image: str, site: Site) -> BuildError:
    """How a build ends for people."""
    made = case.context(CondaSource(image=image))
    with pytest.raises(BuildError) as caught:
        build(engine, made, case.base, site=site, micromamba=image, no_cache=True)
    return conda_failed(caught.value, case.records)


def test_why_a_channel_gives_nothing_with_a_standin(
    engine: Engine, python3_base: tuple[str, str], standin_image: str, served: ChannelServer, tmp_path: Path
) -> None:
    url = f"http://127.0.0.1:{served.port}"
    case = Case(tmp_path, python3_base, fresh(), url)
    record = next(record for record in case.records if record.name == "light")
    mine = Site(conda_mirrors={url: f"http://{LOGIN}@127.0.0.1:{served.port}"})
    away = Site(conda_mirrors={url: f"http://{LOGIN}@127.0.0.1:{free_port()}"})

    first = failed(engine, case, standin_image, away)
    assert first.message.endswith(f": {url} cannot be reached from the build")
    served.login = ""
    path = f"/noarch/{record.file}"
    served.answers[path] = (401, b"")
    refused = failed(engine, case, standin_image, mine)
    assert refused.message == f"{record.file}: {url} refuses without the right credentials (401)"
    assert refused.hint == "name the channel with its login or token in the site config: conda_mirrors"
    assert str(refused.problem) == f"spec.yml:3: conda: {record.exact} is locked from there"
    served.answers[path] = (404, b"")
    assert failed(engine, case, standin_image, mine).message == f"{record.file}: {url} has it no more (404)"
    served.answers[path] = (200, b"something else")
    tampered = failed(engine, case, standin_image, mine)
    assert tampered.message == (
        f"{record.file}: hash mismatch: {url} has another file of this name than the lock"
    )
    assert tampered.hint == (
        "find out why before you trust it; to accept the new file: envbuild lock --upgrade-package light"
    )


def test_pip_packages_go_on_top_with_a_standin(
    engine: Engine, python3_base: tuple[str, str], standin_image: str, tmp_path: Path
) -> None:
    case = Case(tmp_path, python3_base)
    name = f"parcel{uuid.uuid4().hex[:8]}"
    file, data = wheel(name, "1.0")
    package = planned.package(name, "1.0", len(data))
    document = planned.document([package])
    with serve(tmp_path / "channel") as server:
        server.answers[f"/{file}"] = (200, data)
        hashes = {"sha256": hashlib.sha256(data).hexdigest()}
        document["packages"][0]["wheels"] = [{"url": f"{server.url}/{file}", "hashes": hashes}]
        source = CondaSource(image=standin_image, packages=case.local)
        made = case.context(source, case.plan(packages=[package], document=document))
        built = build(engine, made, case.base, micromamba=standin_image)
    writable = engine.run(built.id, ["find", "/opt/env", "!", "-type", "l", "-perm", "-o+w"])
    assert (writable.code, writable.stdout) == (0, "")
    ran = engine.run(built.id, ["python", "-c", f"import light, {name}; print({name}.__file__)"])
    assert (ran.code, ran.stdout) == (0, f"/opt/env/lib/python3.11/site-packages/{name}/__init__.py\n")


def test_another_python_than_locked_is_refused_with_a_standin(
    engine: Engine, python3_base: tuple[str, str], standin_image: str, tmp_path: Path
) -> None:
    case = Case(tmp_path, (python3_base[0], "3.11.99"))
    source = CondaSource(image=standin_image, packages=case.local)
    with pytest.raises(BuildError) as caught:
        build(engine, case.context(source), case.base, micromamba=standin_image)
    assert caught.value.log[-1] == (
        f"envbuild: /opt/env/bin/python is Python {python3_base[1]}, and the lock says 3.11.99; "
        "renew the lock: envbuild lock --upgrade"
    )


def test_by_py_rattler_it_is_the_same_environment(
    engine: Engine,
    python3_base: tuple[str, str],
    standin_image: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """py-rattler is the real one; the stand-in's image is there to compare with."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    case = Case(tmp_path, python3_base)
    recorder = Recorder()
    wanted = Wanted(
        plan=case.plan(),
        lock=conda_lock(case.base, case.version, case.records),
        folder=tmp_path,
        site=Site(micromamba="rattler"),
        platform="linux/amd64",
        connect=lambda: engine,
        sink=recorder,
    )
    source = conda_source(wanted)
    assert (source.how, list(source.groups)) == ("staged", ["01-libcublas", "02-framework", "03-rest"])
    for _ in range(2):
        have_conda(wanted, source)
    assert [event.id for event in recorder.events] == [STEP, STEP]  # begun, done, and not again
    built = build(engine, case.context(source), case.base)
    by_standin = CondaSource(image=standin_image, packages=case.local)
    other = build(engine, case.context(by_standin), case.base, micromamba=standin_image)
    assert len(built.layers) == len(other.layers)
    # conda-meta is told in other words, entry points in other white space.
    differ = set(differing(inside(engine, built.id), inside(engine, other.id)))
    assert {name for name in differ if not name.startswith("conda-meta/")} == {"bin/light"}
    ran = engine.run(built.id, ["python", "-c", "import light; print(light.__version__)"], user="12345")
    assert (ran.code, ran.stdout) == (0, "1.0\n")
