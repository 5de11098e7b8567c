"""`inspect` and `diff` on the command line, with a real registry and stand-in images, and no engine."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.commandline import CommandLine
from support.inspectable import (
    BASE_DIGEST,
    GPU,
    SMOKE,
    SPEC,
    a_lock,
    attach,
    labels_for,
    put,
    stand_in,
)
from support.planned import package
from support.pushed import an_image, push, push_index, somewhere
from support.registries import Registry

from envbuild.lock.pylock import dump_lock
from envbuild.registry import kinds
from envbuild.registry.client import RegistryClient
from envbuild.remote.look import look

AMD, ARM = "linux/amd64", "linux/arm64"
NO_ENGINE = "unix:///nonexistent/docker.sock"


@pytest.fixture
def line(tmp_path: Path) -> CommandLine:
    """The command line of somebody without an engine."""
    folder = tmp_path / "work"
    folder.mkdir()
    return CommandLine(folder, tmp_path / "home", NO_ENGINE)


def test_inspect_for_people(client: RegistryClient, open_registry: Registry, line: CommandLine) -> None:
    made = stand_in()
    reference = put(client, open_registry.host, made)
    attach(client, reference, kinds.SMOKE, json.dumps(SMOKE).encode(), "2026-11-21T10:00:00Z")
    attach(client, reference, kinds.CYCLONEDX, b"{}")
    out, err = line("inspect", str(reference))
    assert err == ""
    assert out.splitlines()[:16] == [
        f"{reference}@{made.digest}",
        "  made by  envbuild 0.3.0, 2026-11-21 12:17 UTC",
        f"  platform {AMD}",
        f"  base     debian:bookworm-slim@{BASE_DIGEST}",
        "  python   3.11.2, the base's own",
        "  packages 3 Python, 1 Debian: rich 14.0.0, torch 2.8.0",
        "  cuda     12.8",
        "  driver   525.60.13 or newer; 570.26 for all features",
        "  gpus     compiled for 80 90 +PTX 90",
        "  runs     bash, as 1000, in /workspace",
        "  smoke    passed: 5 passed, 1 not run in 3.2 s, 2026-11-21 10:00 UTC; docker 28.5.2; --gpus all",
        "  attached smoke report, SBOM (CycloneDX)",
        "  size     6.4 MB to pull, in 10 layers",
        "",
        " #  LAYER         SIZE  WHAT",
        " 1  base        3.0 MB  debian:bookworm-slim",
    ]
    assert out.splitlines()[19:21] == [
        " 5  pip: torch  2.0 MB  torch 2.8.0",
        " 6  pip: rest   500 kB  idna 3.10, rich 14.0.0",
    ]
    listed = line("inspect", str(reference), "--packages")[0]
    assert listed.endswith(
        "KIND  PACKAGE  VERSION        SIZE\n"
        "apt   git      1:2.39.5-0   7.0 MB\n"
        "pip   idna     3.10        60.0 kB\n"
        "pip   rich     14.0.0       240 kB\n"
        "pip   torch    2.8.0        900 MB\n"
    )


def test_inspect_as_json(client: RegistryClient, open_registry: Registry, line: CommandLine) -> None:
    lock = a_lock()
    made = stand_in(lock)
    reference = put(client, open_registry.host, made)
    found = line.json("inspect", f"docker://{reference}")
    assert (found["format"], found["kind"], found["digest"], found["id"]) == (
        1,
        "image",
        made.digest,
        made.config.digest,
    )
    assert (found["lock"], found["spec"]) == (lock.digest, SPEC)
    assert [row["name"] for row in found["packages"]] == ["idna", "rich", "torch"]
    assert found["gpu"]["least_driver"] == GPU["least-driver"]
    assert [row["name"] for row in found["layers"]][4:8] == ["pip: torch", "pip: rest", "workdir", "run[0]"]
    assert found["labels"] == labels_for(lock)
    assert (found["smoke"], found["attached"], found["doubts"]) == (None, [], [])


def test_inspect_an_image_of_others(
    client: RegistryClient, open_registry: Registry, line: CommandLine
) -> None:
    made = an_image((b"x" * 100,), config={"Env": ["CUDA_VERSION=12.8.1"], "Cmd": ["sh", "-c", "x\x1b[31m"]})
    out, _ = line("inspect", str(put(client, open_registry.host, made)), "--packages")
    assert "  made by  something other than envbuild\n" in out
    assert "  cuda     12.8.1\n" in out
    assert "  gpus     CUDA alone, no kernels\n" in out
    assert "  runs     sh -c x [31m, as root, in /\n" in out  # nothing paints the screen
    assert "  smoke    no report is attached\n  attached nothing\n" in out
    assert "packages: nobody tells, there is no lock in it\n" in out
    assert out.splitlines()[-1].startswith("note: what its layers hold is not told")


def test_inspect_for_another_platform(
    client: RegistryClient, open_registry: Registry, line: CommandLine
) -> None:
    """Without --platform an image for another machine is shown, if it is the only one."""
    single = put(client, open_registry.host, stand_in(platform="linux/s390x"))
    assert "  platform linux/s390x\n" in line("inspect", str(single))[0]
    err = line("inspect", str(single), "--platform", ARM, code=7)[1]
    assert f"error: {single}: wanted for {ARM}; the registry has it for linux/s390x\n" in err
    index = somewhere(open_registry.host)
    push_index(client, index, [stand_in(platform="linux/s390x"), stand_in(platform="linux/riscv64")])
    err = line("inspect", str(index), code=7)[1]
    assert "the registry has it for linux/riscv64, linux/s390x\n" in err


@pytest.mark.parametrize(
    ("reference", "code", "said"),
    [
        ("Lab/Env:1", 2, "error: 'Lab/Env:1' is no image reference: its path has capitals\n"),
        ("lab/env:", 2, "error: 'lab/env:' is no image reference\n"),
        ("docker://", 2, "error: '' is no image reference\n"),
        (
            "{host}/lab/never:1",
            7,
            "error: {host}/lab/never:1: the registry {host} has no repository lab/never\n",
        ),
        ("127.0.0.1:9/lab/env:1", 7, "error: 127.0.0.1:9/lab/env:1: the registry 127.0.0.1:9 "),
        ("absent.yml", 3, "absent.yml: "),
        ("absent.toml", 2, "error: absent.toml: there is no such file\n"),
    ],
)
def test_names_that_lead_nowhere(
    open_registry: Registry, line: CommandLine, reference: str, code: int, said: str
) -> None:
    host = open_registry.host
    _, err = line("inspect", reference.format(host=host), code=code)
    assert err.startswith(said.format(host=host))


def test_inspect_a_spec_and_a_lock(line: CommandLine) -> None:
    spec = "name: env\npython: 3.11\npip: {packages: [rich, torch]}\nenv: {HF_HOME: /cache}\n"
    (line.folder / "spec.yml").write_text(spec)
    assert line("inspect", "spec.yml", code=4)[1] == (
        "error: spec.yml: it has no lock yet (envbuild lock)\nhint: make it: envbuild lock\n"
    )
    lock = a_lock()
    (line.folder / "pylock.env.toml").write_text(dump_lock(lock))
    out, _ = line("inspect", "spec.yml")
    assert out.splitlines()[0] == "spec.yml: a spec of env"
    assert "  packages 3 Python, 1 Debian: rich 14.0.0, torch 2.8.0\n" in out
    assert "  env      HF_HOME\n" in out
    assert line.json("inspect", "pylock.env.toml")["digest"] == lock.digest
    assert line.json("inspect", "spec.yml")["kind"] == "spec"
    (line.folder / "spec.yml").write_text(spec.replace("3.11", "3.12"))
    assert line("inspect", "spec.yml", code=4)[1].startswith(
        "error: spec.yml: pylock.env.toml does not answer it any more (envbuild lock)\n"
    )


# diff


def changed(found: Any) -> list[tuple[str, str, str]]:
    return [(row["part"], row["how"], row["name"]) for row in found["changes"]]


def test_diff_of_two_references(client: RegistryClient, open_registry: Registry, line: CommandLine) -> None:
    one, two = (
        a_lock(),
        a_lock(packages=[package("idna", "3.11", 60_000), package("torch", "2.8.0", 900_000_000)]),
    )
    base = os.urandom(3_000_000)
    first = put(client, open_registry.host, stand_in(one, base=base))
    second = put(client, open_registry.host, stand_in(two, base=base))
    same = replace(first, tag="2")
    push(client, same, stand_in(one, base=base))
    found = line.json("diff", str(first), str(second))
    assert (found["verdict"], found["measure"], found["format"]) == ("different", "compressed", 1)
    assert changed(found) == [("pip", "upgraded", "idna"), ("pip", "removed", "rich")]
    assert {row["group"]: row["before"] for row in found["sizes"]}["base"] == 3_000_000
    assert line.json("diff", str(first), str(first))["verdict"] == "identical"
    # The same packages, but what `copy:` brought lies in other layers, and no label tells what they are.
    assert line.json("diff", str(first), str(same))["verdict"] == "unknown"
    out, _ = line("diff", str(first), str(second))
    assert out.splitlines()[:7] == [
        f"A: {first} (image in its registry, {AMD})",
        f"B: {second} (image in its registry, {AMD})",
        "different: 2 changes",
        "",
        "PART  CHANGE    NAME  A       B",
        "pip   upgraded  idna  3.10    3.11",
        "pip   removed   rich  14.0.0",
    ]
    assert (
        line("diff", str(first), f"{first}@{look(client, first, AMD).digest}")[0]
        .splitlines()[-1]
        .startswith("identical: both are sha256:")
    )


def test_diff_of_spec_lock_and_image(
    client: RegistryClient, open_registry: Registry, line: CommandLine
) -> None:
    lock = a_lock()
    reference = put(client, open_registry.host, stand_in(lock))
    (line.folder / "src").mkdir()
    (line.folder / "spec.yml").write_text(SPEC)
    (line.folder / "pylock.env.toml").write_text(dump_lock(lock))
    assert line.json("diff", "pylock.env.toml", str(reference))["verdict"] == "equivalent"
    found = line.json("diff", "spec.yml", str(reference))
    assert (found["verdict"], found["changes"]) == ("unknown", [])  # what is in src cannot be told
    (line.folder / "spec.yml").write_text(SPEC.replace("/cache", "/data").replace("hello", "bye"))
    assert changed(line.json("diff", str(reference), "spec.yml")) == [
        ("env", "changed", "HF_HOME"),
        ("run", "removed", "echo hello"),
        ("run", "added", "echo bye"),
    ]
    (line.folder / "spec.yml").write_text(SPEC.replace("rich", "rich<20"))
    found = line.json("diff", str(reference), "spec.yml")
    assert found["by_wishes"]
    assert changed(found) == [("pip", "removed", "rich"), ("pip", "added", "rich<20")]
    assert found["not_compared"][:2] == [
        "spec.yml: pylock.env.toml does not answer it any more (envbuild lock)",
        "exact versions: what the specs ask for was compared instead",
    ]


def test_diff_names_what_is_wrong_with_a_side(
    client: RegistryClient, open_registry: Registry, line: CommandLine
) -> None:
    reference = put(client, open_registry.host, stand_in())
    never = f"{open_registry.host}/lab/never:1"
    assert f"error: {never}: the registry" in line("diff", str(reference), never, code=7)[1]
    (line.folder / "pylock.x.toml").write_text("x = 1\n")
    assert "pylock.x.toml: not a lock of envbuild" in line("diff", "pylock.x.toml", str(reference), code=4)[1]
    other = put(client, open_registry.host, an_image())
    found = line.json("diff", str(reference), str(other))
    assert found["verdict"] == "different"
    untold = "base, python, Debian packages, conda packages, Python packages, run steps, copied files"
    assert f"{untold}: {other} does not tell" in found["not_compared"]
