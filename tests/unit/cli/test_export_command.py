"""`envbuild export` as typed: from specs, locks and stand-in images; what it writes, says and refuses."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from support.planned import document, lock, package

from envbuild import pipeline
from envbuild.cli import sources
from envbuild.cli.app import run
from envbuild.images import ImageInfo
from envbuild.lock.inputs import inputs_of
from envbuild.lock.pylock import dump_lock, lock_path, parse_lock
from envbuild.outcomes import Locked, LockOptions, Request
from envbuild.remote.contained import contained
from envbuild.remote.model import RemoteBase, RemoteImage
from envbuild.spec.load import load_spec
from envbuild.subjects import LocalImage

SPEC = "name: env\npython: 3.11\napt: [git]\npip: {packages: [rich>=13]}\nimage: {repository: lab/env}\n"
PACKAGES = (package("idna", "3.10", 60_000), package("rich", "14.0.0", 240_000))
BODY = (
    f"idna==3.10 \\\n    --hash=sha256:{len('idna-3.10-py3-none-any.whl'):064x}\n"
    f"rich==14.0.0 \\\n    --hash=sha256:{len('rich-14.0.0-py3-none-any.whl'):064x}\n"
)
NOT_SAID = (
    "warning: not in requirements.txt: python: Python 3.11.2; take that one there\n"
    "warning: not in requirements.txt: apt: Debian packages: git; install them there by apt-get\n"
)
Output = pytest.CaptureFixture[str]


def locked(folder: Path, spec: str = SPEC) -> Path:
    """A spec and a fresh lock, which no resolver made."""
    path = folder / "spec.yml"
    path.write_text(spec)
    checked = load_spec(path)
    parts = {key: value for key, value in document(PACKAGES).items() if key != "tool"}
    made = lock(PACKAGES, inputs=inputs_of(checked), document=parts)
    lock_path(checked).write_text(dump_lock(made))
    return path


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("ENVBUILD_", "UV_", "PIP_", "XDG_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/there.sock")
    monkeypatch.chdir(tmp_path)


def test_a_spec_to_standard_output(tmp_path: Path, capsys: Output) -> None:
    locked(tmp_path)
    assert run(["export", "--format", "requirements.txt"]) == 0
    out, err = capsys.readouterr()
    digest = parse_lock(Path("pylock.env.toml").read_text(), "x").digest
    assert out == (
        "# Exported by envbuild: env, Python 3.11.2, linux/amd64\n"
        f"# Lock: {digest}\n"
        "# Not said here:\n"
        "#   python: Python 3.11.2; take that one there\n"
        "#   apt: Debian packages: git; install them there by apt-get\n" + BODY
    )
    assert err == NOT_SAID
    assert run(["export", "--format", "pip", "-o", "-"]) == 0
    assert capsys.readouterr().out == out


def test_a_lock_says_the_same_as_its_spec(tmp_path: Path, capsys: Output) -> None:
    locked(tmp_path)
    texts = []
    for target in ("spec.yml", "pylock.env.toml"):
        assert run(["export", "--format", "environment.yml", target]) == 0
        texts.append(capsys.readouterr().out)
    assert texts[0] == texts[1]
    assert texts[0].endswith("- pip\n- pip:\n  - idna==3.10\n  - rich==14.0.0\n")


def test_a_lock_alone(tmp_path: Path, capsys: Output) -> None:
    locked(tmp_path).unlink()
    assert run(["export", "--format", "spec.yml", "pylock.env.toml"]) == 0
    out, err = capsys.readouterr()
    assert out == "name: env\npython: '3.11'\napt:\n- git\npip:\n  packages:\n  - rich>=13\n"
    assert err.startswith("warning: no spec lies beside pylock.env.toml: what it locks is reproduced;")


def test_to_a_file(tmp_path: Path, capsys: Output) -> None:
    locked(tmp_path)
    argv = ["export", "--format", "requirements.txt", "-o"]
    assert run([*argv, "there.txt"]) == 0
    assert capsys.readouterr().out == ("there.txt: written\nuse it: pip install -r there.txt\n")
    text = Path("there.txt").read_text()
    assert text.endswith(BODY)
    Path("there.txt").write_text("mine")
    assert run([*argv, "there.txt"]) == 2
    assert capsys.readouterr().err == "error: there.txt: is there already\nhint: write over it: --force\n"
    assert Path("there.txt").read_text() == "mine"
    assert run([*argv, "there.txt", "--force", "-q"]) == 0
    assert capsys.readouterr() == ("", NOT_SAID.replace("requirements.txt", "there.txt"))
    assert Path("there.txt").read_text() == text


def test_to_a_folder(tmp_path: Path, capsys: Output) -> None:
    locked(tmp_path)
    (tmp_path / "out").mkdir()
    assert run(["export", "--format", "explicit", "-o", "out"]) == 4
    error = "spec.yml: it has no conda packages, and this format says nothing else"
    assert capsys.readouterr().err.startswith(f"error: {error}\nhint: requirements.txt and pylock.toml say")
    assert run(["export", "--format", "pylock.toml", "-o", "out"]) == 0
    assert [path.name for path in Path("out").iterdir()] == ["pylock.toml"]
    capsys.readouterr()
    assert run(["export", "--format", "pylock.toml", "-o", "nowhere/"]) == 2
    error = "nowhere/pylock.toml: there is no folder nowhere"
    assert capsys.readouterr().err == f"error: {error}\nhint: make it, or name another\n"


def test_a_file_that_cannot_be_written(tmp_path: Path, capsys: Output) -> None:
    locked(tmp_path)
    assert run(["export", "--format", "pixi.toml", "-o", "x" * 300]) == 2
    assert capsys.readouterr().err == f"error: {'x' * 300}: cannot be written: File name too long\n"
    assert run(["export", "--format", "pixi.toml", "-o", "/proc/there"]) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("error: /proc/there: cannot be written: ")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "pylock.env.toml", "spec.yml"]


def test_devices_and_pipes_stay_what_they_are(tmp_path: Path, capsys: Output) -> None:
    locked(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", "/dev/stdout"):
        assert run(["export", "--format", "requirements.txt", "-o", name, "--force"]) == 2
        assert capsys.readouterr().err == (
            f"error: {name}: is no file that could be replaced\nhint: standard output: -o -\n"
        )
    assert (tmp_path / "pipe").is_fifo()


def test_json(tmp_path: Path, capsys: Output) -> None:
    locked(tmp_path)
    assert run(["export", "--format", "requirements.txt", "--json", "--no-hashes", "-o", "r.txt"]) == 0
    out, err = capsys.readouterr()
    told = json.loads(out)
    assert {**told, "files": list(told["files"]), "left": [row["key"] for row in told["left"]]} == {
        "format": "requirements.txt",
        "written": "r.txt",
        "files": ["requirements.txt"],
        "left": ["python", "apt", "pip"],
    }
    assert told["files"]["requirements.txt"] == Path("r.txt").read_text()
    assert told["left"][1] == {
        "key": "apt",
        "what": "Debian packages: git",
        "todo": "install them there by apt-get",
    }
    assert [json.loads(line)["event"] for line in err.splitlines()] == ["notice"] * 3


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--format", "yaml"], "--format yaml: there is no such format"),
        (["--format", "spec.yml", "--from-history"], "--from-history means nothing to spec.yml"),
        (["--format", "pylock.toml", "--md5"], "--md5 means nothing to pylock.toml"),
        (["--format", "explicit", "--no-hashes"], "--no-hashes means nothing to explicit"),
        (["--format", "dockerfile"], "dockerfile is a folder, not one file"),
        (["--format", "dockerfile", "-o", "-"], "dockerfile is a folder, not one file"),
        (["--format", "pip", "absent.toml"], "absent.toml: there is no such file"),
        (
            ["--format", "pylock.toml", "-o", "a.b.toml"],
            "a.b.toml: programs read a pylock.toml by no other name than pylock.toml or pylock.NAME.toml",
        ),
    ],
)
def test_what_makes_no_sense(argv: list[str], said: str, capsys: Output) -> None:
    assert run(["export", *argv]) == 2
    assert capsys.readouterr().err.startswith(f"error: {said}\n")


def test_a_format_is_needed(capsys: Output) -> None:
    assert run(["export"]) == 2
    assert "--format" in capsys.readouterr().err


def test_what_needs_no_lock(tmp_path: Path, capsys: Output) -> None:
    (tmp_path / "spec.yml").write_text(SPEC)
    for argv in (
        ["environment.yml", "--from-history"],
        ["requirements.txt", "--from-history"],
        ["pixi.toml", "--from-history"],
        ["devcontainer.json"],
        ["apptainer"],
        ["spec.yml"],
    ):
        assert run(["export", "--format", *argv]) == 0
        assert capsys.readouterr().out
    assert not Path("pylock.env.toml").exists()
    run(["export", "--format", "spec.yml"])
    assert capsys.readouterr() == (SPEC, "")


def test_a_missing_or_stale_lock_is_made_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    asked: list[tuple[Path, LockOptions]] = []

    def standin(request: Request, options: LockOptions) -> Locked:
        asked.append((request.spec_path, options))
        path = locked(tmp_path, Path("spec.yml").read_text())
        made = parse_lock(Path("pylock.env.toml").read_text(), "x")
        return Locked(spec=load_spec(path), lock=made, path=Path("pylock.env.toml"), changes=(), written=True)

    (tmp_path / "spec.yml").write_text(SPEC)
    monkeypatch.setattr(pipeline, "lock", standin)
    assert run(["export", "--format", "requirements.txt"]) == 0
    assert capsys.readouterr().out.endswith(BODY)
    (tmp_path / "spec.yml").write_text(SPEC + "targets: [A100]\n")
    assert run(["export", "--format", "requirements.txt"]) == 0
    assert run(["export", "--format", "requirements.txt"]) == 0
    assert asked == [(Path("spec.yml"), LockOptions())] * 2


def test_locked_refuses_instead(tmp_path: Path, capsys: Output) -> None:
    (tmp_path / "spec.yml").write_text(SPEC)
    assert run(["export", "--format", "requirements.txt", "--locked"]) == 4
    assert capsys.readouterr().err == (
        "error: pylock.env.toml: there is no lock yet\nhint: make one: envbuild lock\n"
    )
    locked(tmp_path)
    (tmp_path / "spec.yml").write_text(SPEC.replace("[git]", "[curl]"))
    for target in ("spec.yml", "pylock.env.toml"):
        assert run(["export", "--format", "requirements.txt", "--locked", target]) == 4
        assert capsys.readouterr().err == (
            "error: pylock.env.toml: the lock does not answer the spec any more\n"
            "  apt: + curl\n  apt: - git\nhint: renew it: envbuild lock\n"
        )


Put = Callable[..., None]


@pytest.fixture
def put(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Put:
    """Stand-ins for what the engine and the registry have under any name."""

    def put(
        spec: str = SPEC, *, local: bool = False, digests: tuple[str, ...] = (), foreign: bool = False
    ) -> None:
        locked(tmp_path, spec)
        files = {
            "spec.yml": Path("spec.yml").read_bytes(),
            "pylock.env.toml": Path("pylock.env.toml").read_bytes(),
        }
        for name in files:
            Path(name).unlink()
        held = contained({} if foreign else files, {"dev.envbuild.name": "env"})
        info = ImageInfo(id="sha256:1", digests=digests, layers=(), platform="linux/amd64")
        remote = RemoteImage(
            reference="docker://x.example/lab/env:1".removeprefix("docker://"),
            digest="sha256:" + "d" * 64,
            config="sha256:c",
            media_type="m",
            platform="linux/amd64",
            layers=(),
            base=RemoteBase(name="debian:12"),
            needs=None,  # type: ignore[arg-type]
            contained=held,
        )
        found = LocalImage(name="x", image=info, contained=held) if local else None
        monkeypatch.setattr(sources, "find_local", lambda request, target: found)
        monkeypatch.setattr(sources, "find_remote", lambda request, target, client, strict: remote)

    return put


def test_an_image_in_a_registry(put: Put, capsys: Output) -> None:
    put()
    assert run(["export", "--format", "spec.yml", "x.example/lab/env:1"]) == 0
    assert capsys.readouterr() == (SPEC, "")
    assert run(["export", "--format", "pip", "docker://x.example/lab/env:1"]) == 0
    assert capsys.readouterr().out.endswith(BODY)
    assert run(["export", "--format", "apptainer", "x.example/lab/env:1"]) == 0
    out, err = capsys.readouterr()
    assert f"Bootstrap: docker\nFrom: x.example/lab/env:1@sha256:{'d' * 64}\n".replace(":1@", "@") in out
    assert err == ""


def test_another_platform_than_the_one_asked_for(put: Put, tmp_path: Path, capsys: Output) -> None:
    put(local=True)
    locked(tmp_path)
    for target in ("lab/env:1", "pylock.env.toml"):
        argv = ["export", "--format", "requirements.txt", "--platform", "linux/arm64", target]
        assert run(argv) == 2
        assert capsys.readouterr() == (
            "",
            f"error: {target}: is for linux/amd64, not for linux/arm64\nhint: leave out --platform\n",
        )


def test_an_image_of_the_engine(put: Put, capsys: Output) -> None:
    put(local=True)
    assert run(["export", "--format", "devcontainer.json", "lab/env:1"]) == 0
    assert json.loads(capsys.readouterr().out)["image"] == "lab/env:1"
    assert run(["export", "--format", "apptainer", "lab/env:1"]) == 0
    assert "Bootstrap: docker-daemon\nFrom: lab/env:1\n" in capsys.readouterr().out
    digest = "sha256:" + "e" * 64
    put(local=True, digests=(f"elsewhere.example/env@{digest}", f"lab/env@{digest}"))
    assert run(["export", "--format", "apptainer", "lab/env:1"]) == 0
    assert f"Bootstrap: docker\nFrom: docker.io/lab/env@{digest}\n" in capsys.readouterr().out


def test_an_image_that_envbuild_did_not_make(put: Put, capsys: Output) -> None:
    put(foreign=True)
    assert run(["export", "--format", "spec.yml", "debian:12"]) == 2
    assert capsys.readouterr().err == (
        "error: debian:12: there is no spec and lock to export in this image: it holds no spec.yml;"
        " it holds no pylock.env.toml\nhint: only images that envbuild made carry them\n"
    )


def test_a_context(put: Put, tmp_path: Path, capsys: Output) -> None:
    locked(tmp_path)
    argv = ["export", "--format", "dockerfile", "-o", "context"]
    assert run(argv) == 0
    out, _ = capsys.readouterr()
    assert out.splitlines()[1] == "use it: docker build context"
    text = Path("context/Dockerfile").read_text()
    assert text.startswith("# Made by envbuild ")
    assert Path("context/envbuild/spec.yml").read_text() == SPEC
    put()
    assert run([*argv[:-1], "other", "x.example/lab/env:1"]) == 0
    assert Path("other/Dockerfile").read_text() == text
    (tmp_path / "src").mkdir()
    put(SPEC + "copy: [{from: src, to: /src}]\n")
    assert run([*argv[:-1], "third", "x.example/lab/env:1"]) == 2
    assert capsys.readouterr().err == (
        "error: x.example/lab/env:1: files that its spec names are not in the image: a Dockerfile needs"
        " them\nhint: name the spec; its lock and its files have to lie beside it\n"
    )
    assert not Path("third").exists()
