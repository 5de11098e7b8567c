"""`pull` and `reproduce` up to the moment where layers would move: images in a real registry, made without an
engine; a stand-in for NVML tells of this machine; no engine is there, so whoever goes on ends with 8.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.commandline import CommandLine
from support.faulty import Fault, Front, Gate, front_of
from support.inspectable import a_lock, labels_for, put, stand_in
from support.nvml import A100, GTX_1080_TI, H100_MIG, OLD, Standin, nvml_environ
from support.pushed import an_image, push, push_index, somewhere
from support.registries import Registry
from support.visitors import Make

from envbuild.cli.surroundings import request
from envbuild.errors import PreflightRefused, RegistryError
from envbuild.events import Event, Notice
from envbuild.names import Reference
from envbuild.outcomes import Request
from envbuild.registry.client import RegistryClient
from envbuild.reproduce.judge import judge
from envbuild.reproduce.model import Judged
from envbuild.site.model import Site


class Machine:
    """`judge` on this machine, as a stand-in for NVML tells of it; what it `told` on the way."""

    def __init__(self, patch: pytest.MonkeyPatch, folder: Path) -> None:
        self._patch = patch
        self.told: list[Event] = []
        self.engine = f"unix://{folder}/nowhere.sock"

    def has(self, machine: Standin) -> None:
        for key, value in nvml_environ(machine).items():
            self._patch.setenv(key, value)

    def asked(self, platform: str = "linux/amd64") -> Request:
        return request(Path("x"), Site(), self.told.append, platform=platform, engine=self.engine)

    def __call__(
        self, client: RegistryClient, reference: Reference, *accept: str, platform: str = "linux/amd64"
    ) -> Judged:
        return judge(self.asked(platform), client, reference, accept)

    @property
    def notices(self) -> list[tuple[str, str]]:
        return [(event.level, event.text) for event in self.told if isinstance(event, Notice)]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Machine:
    return Machine(monkeypatch, tmp_path)


@pytest.fixture
def envbuild(tmp_path: Path) -> CommandLine:
    (tmp_path / "work").mkdir()
    return CommandLine(tmp_path / "work", tmp_path / "home", f"unix://{tmp_path}/nowhere.sock")


@pytest.fixture
def reference(client: RegistryClient, open_registry: Registry) -> Reference:
    """An image with torch for CUDA 12.8."""
    return put(client, open_registry.host, stand_in())


@pytest.fixture
def plain(client: RegistryClient, open_registry: Registry) -> Reference:
    """An image of somebody else's, which says nothing of GPUs: any machine may try it."""
    return put(client, open_registry.host, an_image())


def at(front: Front, reference: Reference) -> str:
    return str(replace(reference, host=front.host))


@pytest.mark.parametrize("command", ["pull", "reproduce"])
def test_a_machine_that_cannot_run_it_pulls_nothing(
    envbuild: CommandLine, front: Front, reference: Reference, command: str
) -> None:
    """With a stand-in for NVML: an old driver."""
    name = at(front, reference)
    out, err = envbuild(command, name, code=9, environ=nvml_environ(OLD))
    assert out == ""
    assert f"error: {name}: was not pulled, for this machine cannot run it: " in err
    assert f"hint: see what it needs: envbuild inspect {name}\n" in err
    accept = err.rpartition("go on all the same: ")[2].split()
    assert accept[:2] == ["--accept", "driver-too-old"]
    # The manifest and the config, and nothing else of it.
    assert [seen.path.rpartition("/")[2] for seen in front.asked("GET", "/manifests/")] == ["1"]
    assert len(front.asked("GET", "/blobs/")) == 1
    assert len([seen for seen in front.asked() if seen.path != "/v2/"]) == 2
    # Whoever knows better goes on.
    _, err = envbuild(command, name, *accept, code=8, environ=nvml_environ(OLD))
    assert "no container engine answers" in err
    assert "warning: preflight: limits: " in err


def test_the_same_as_json(envbuild: CommandLine, front: Front, reference: Reference) -> None:
    out, err = envbuild("pull", at(front, reference), "--json", code=9, environ=nvml_environ(OLD))
    assert out == ""
    last = json.loads(err.splitlines()[-1])
    assert (last["event"], last["kind"], last["exit_code"]) == ("error", "PreflightRefused", 9)


@pytest.mark.parametrize(("found", "rule"), [(OLD, "driver-too-old"), (GTX_1080_TI, "no-kernel")])
def test_who_is_refused_and_by_which_rules(
    machine: Machine, client: RegistryClient, reference: Reference, found: Standin, rule: str
) -> None:
    machine.has(found)
    with pytest.raises(PreflightRefused) as caught:
        machine(client, reference)
    rules = caught.value.hint.rpartition("go on all the same: ")[2].split()[1::2]
    assert rule in rules
    judged = machine(client, reference, *rules)
    assert judged.fit
    assert judged.fit.verdict.verdict == "limits"
    assert any("(accepted: " in text for _, text in machine.notices)


def test_who_can_run_it(machine: Machine, client: RegistryClient, reference: Reference) -> None:
    machine.has(H100_MIG)
    judged = machine(client, reference)
    assert judged.fit
    assert (judged.fit.verdict.verdict, machine.notices) == ("ok", [])
    assert judged.size == sum(layer.size for layer in judged.manifest.layers)
    machine.has(A100)
    machine(client, reference)
    assert machine.notices
    assert all(level == "warning" and "preflight: limits: " in text for level, text in machine.notices)


@pytest.mark.parametrize("command", ["pull", "reproduce"])
def test_limits_are_said_once(
    envbuild: CommandLine, front: Front, reference: Reference, command: str
) -> None:
    """With a stand-in for NVML: four equal GPUs, of which each has the same limit."""
    four = replace(A100, gpus=A100.gpus[:1] * 4)
    _, err = envbuild(command, at(front, reference), code=8, environ=nvml_environ(four))
    said = [line for line in err.splitlines() if "preflight: limits: " in line]
    assert said
    assert len(said) == len(set(said))


@pytest.mark.parametrize("label", ["", "nonsense", '{"uses": 7}', '{"uses": [{"cuda": "x"}]}', "[" * 10_000])
def test_labels_that_say_nothing_of_gpus(
    machine: Machine, client: RegistryClient, open_registry: Registry, label: str
) -> None:
    labels = labels_for(a_lock()) | {"dev.envbuild.gpu": label}
    machine.has(OLD)
    judged = machine(client, put(client, open_registry.host, stand_in(labels=labels)))
    assert judged.fit
    assert judged.fit.verdict.verdict == "unknown"
    assert {level for level, _ in machine.notices} == {"info"}


@pytest.mark.parametrize(
    "config",
    [
        {"config": None},
        {"config": []},
        {"config": {"Labels": 7, "Env": {"a": 1}}},
        {"config": {"Labels": {"a": 1, "b": "c"}, "Env": [7, "D=e"]}},
    ],
)
def test_configs_that_make_no_sense(
    machine: Machine, client: RegistryClient, open_registry: Registry, config: dict[str, object]
) -> None:
    judged = machine(client, put(client, open_registry.host, an_image(**config)))
    assert judged.fit
    assert judged.fit.verdict.verdict == "unknown"
    assert set(judged.labels) <= {"b"}
    assert set(judged.env) <= {"D=e"}


def test_an_engine_on_another_machine_is_not_judged(
    machine: Machine, client: RegistryClient, reference: Reference
) -> None:
    machine.has(OLD)
    machine.engine = "tcp://127.0.0.1:9"
    assert machine(client, reference).fit is None
    ((level, text),) = machine.notices
    assert level == "warning"
    assert text.startswith("the engine is on another machine")


def test_a_platform_that_it_has_not(
    machine: Machine, client: RegistryClient, open_registry: Registry
) -> None:
    reference = somewhere(open_registry.host)
    push_index(client, reference, [an_image(platform="linux/s390x"), an_image(platform="linux/arm64")])
    with pytest.raises(RegistryError, match="the registry has it for linux/arm64, linux/s390x"):
        machine(client, reference)
    assert machine(client, reference, platform="linux/arm64").platform == "linux/arm64"


@pytest.mark.parametrize("command", ["pull", "reproduce"])
def test_names_that_are_none(envbuild: CommandLine, command: str) -> None:
    _, err = envbuild(command, "https://example.org/x", code=2)
    assert "hint: write example.org/x" in err
    _, err = envbuild(command, "lab/x:1", "--accept", "driver-non", code=2)
    assert "error: --accept: 'driver-non' is no rule\nhint: did you mean driver-none?" in err


def test_what_the_registry_has_not(machine: Machine, client: RegistryClient, plain: Reference) -> None:
    with pytest.raises(RegistryError) as caught:
        machine(client, replace(plain, tag="2"))
    assert caught.value.hint == "tags that it has: 1"
    with pytest.raises(RegistryError, match="has no repository lab/nothing"):
        machine(client, replace(plain, repository="lab/nothing"))


@pytest.fixture
def gated(open_registry: Registry) -> Iterator[Front]:
    """A registry that wants tokens, got with a password."""
    gate = Gate(users={"alice": ("right", {"pull", "push"})})
    with front_of(open_registry.host, gate=gate) as front:
        yield front


def test_logins(envbuild: CommandLine, gated: Front, plain: Reference) -> None:
    name = at(gated, plain)
    who = Registry(gated.host, "alice", "right")
    _, err = envbuild("pull", name, code=7)
    assert "docker login" in err
    who.docker_config(Path(envbuild.environ["DOCKER_CONFIG"]), password="wrong")
    envbuild("pull", name, code=7)
    who.docker_config(Path(envbuild.environ["DOCKER_CONFIG"]))
    envbuild("pull", name, code=8)


def test_a_registry_that_lies(
    machine: Machine, client: RegistryClient, open_registry: Registry, front: Front
) -> None:
    image = an_image()
    reference = replace(put(client, open_registry.host, image), host=front.host)
    front.faults = [Fault(path="/manifests/", content=an_image().manifest)]
    with pytest.raises(RegistryError, match="sent a manifest with the digest"):
        machine(client, reference)
    config = image.blobs[image.config.digest].replace(b"amd64", b"arm64")
    front.faults = [Fault(path="/blobs/", content=config)]
    with pytest.raises(RegistryError, match="sent content with the digest"):
        machine(client, reference)


def test_an_artifact_is_no_image(
    machine: Machine, client: RegistryClient, open_registry: Registry, make: Make
) -> None:
    reference = somewhere(open_registry.host)
    push(client, reference, an_image())
    digest = client.attach(reference, "application/x", [])
    with pytest.raises(RegistryError, match="is no image, but an artifact of the type application/x"):
        machine(make(), replace(reference, tag="", digest=digest))
