"""`load_spec`: the file itself, every message of the model, and what a good spec turns into."""

# ruff: noqa: E501  a table has one row for each exact message

from __future__ import annotations

import hashlib
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from envbuild.errors import SpecError
from envbuild.spec import model
from envbuild.spec.load import load_spec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NOBODY = 65534


def refusal(path: Path) -> str:
    with pytest.raises(SpecError) as caught:
        load_spec(path)
    return str(caught.value)


@pytest.fixture
def ordinary_user() -> Iterator[None]:
    """Tests may run as root, which may read everything: then file access is done as nobody for a moment."""
    if os.geteuid() != 0:
        yield
        return
    try:
        os.seteuid(NOBODY)
    except OSError as error:
        pytest.skip(f"root here cannot act as another user: {error}")
    try:
        yield
    finally:
        os.seteuid(0)


class TestTheFile:
    def test_missing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        said = "a/spec.yml: there is no such file; `envbuild init` writes a spec to start from"
        assert refusal(Path("a/spec.yml")) == said

    def test_folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "spec.yml").mkdir()
        assert refusal(Path("spec.yml")) == "spec.yml: is a folder; name the file in it"

    def test_below_a_file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "a").touch()
        assert refusal(Path("a/spec.yml")) == "a/spec.yml: cannot be read: not a directory; name another file"

    def test_circle_of_links(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "spec.yml").symlink_to("spec.yml")
        said = "spec.yml: cannot be read: too many levels of symbolic links; name another file"
        assert refusal(Path("spec.yml")) == said

    def test_odd_names(self) -> None:
        assert refusal(Path("x" * 300)).endswith(": cannot be read: file name too long; name another file")
        assert refusal(Path("a\0b")).endswith("cannot be read: embedded null byte; name another file")

    def test_named_pipe_and_device(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        assert refusal(tmp_path / "pipe").endswith("/pipe: is no regular file; name a text file")
        assert refusal(Path("/dev/null")) == "/dev/null: is no regular file; name a text file"

    def test_without_permission(self, tmp_path: Path, request: pytest.FixtureRequest) -> None:
        path = tmp_path / "spec.yml"
        path.write_text("name: x\npython: 3.12\n")
        path.chmod(0)
        request.getfixturevalue("ordinary_user")
        assert refusal(path).endswith(
            "/spec.yml: may not be read by you; ask its owner, or change its permissions"
        )

    def test_a_name_that_is_no_unicode(self) -> None:
        name = os.fsdecode(b"\xff.yml")
        assert refusal(Path(name)).startswith("\ufffd.yml: there is no such file")


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("[a]", ["spec.yml:1: the file holds a list where a mapping is expected; begin with a line such as `name: dl-env`"]),
        ("hello", ["spec.yml:1: the file holds one text where a mapping is expected; begin with a line such as `name: dl-env`"]),
        (
            "{}",
            [
                "spec.yml: name: the key is missing; write a name such as dl-env",
                "spec.yml: python: the key is missing; write a version such as 3.12",
            ],
        ),
        (
            "name:\npython: ~",
            [
                'spec.yml:1: name: the value is missing; write one, or "" for an empty text',
                'spec.yml:2: python: the value is missing; write one, or "" for an empty text',
            ],
        ),
    ],
)  # fmt: skip
def test_whole_files(text: str, messages: list[str], problems: Callable[[str], list[str]]) -> None:
    assert problems(text) == messages


LIST = "write each item on a line of its own after `- `"
MAPPING = "write `key: value` lines"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        # unknown keys
        ("pyhton: 3", "pyhton: unknown key; did you mean python?"),
        ("Base: x", "Base: unknown key; did you mean base?"),
        ("pip: {package: [x]}", "pip.package: unknown key; did you mean packages?"),
        ("pip: {index-url: x}", "pip.index-url: unknown key; did you mean index_url?"),
        ("packages: [x]", "packages: unknown key; it belongs under `pip:`"),
        ("channels: [x]", "channels: unknown key; it belongs under `conda:`"),
        ("labels: {a: b}", "labels: unknown key; it belongs under `image:`"),
        ("proxy: x", "proxy: unknown key; it belongs to a site, not to an environment: see docs/site.md"),
        ("dependencies: [x]", "dependencies: unknown key; Python packages go under `pip.packages`, Debian packages under `apt`"),
        ("copy: [{from: spec.yml, to: /x, mode: 1}]", "copy[0].mode: unknown key; known keys are from, to"),
        ("image: {'a b': c}", "image['a b']: unknown key; known keys are repository, tags, labels"),
        # wrong types
        ("base: [x]", "base: a list stands where text is expected"),
        ("apt: git", f"apt: the text 'git' stands where a list is expected; {LIST}"),
        ("apt: {git: 1}", f"apt: a mapping stands where a list is expected; {LIST}"),
        ("apt: [git, [x]]", "apt[1]: a list stands where text is expected"),
        ("apt: [git, ]\nrun: [~]", 'run[0]: the value is missing; write one, or "" for an empty text'),
        ("env: [A=b]", f"env: a list stands where a mapping is expected; {MAPPING}"),
        ("env: {A: }", 'env.A: the value is missing; write one, or "" for an empty text'),
        ("pip: [numpy]", f"pip: a list stands where a mapping is expected; {MAPPING}"),
        ("smoke: yes", f"smoke: the text 'yes' stands where a mapping is expected; {MAPPING}"),
        ("entrypoint: python app.py", f"entrypoint: the text 'python app.py' stands where a list is expected; {LIST}"),
        ("copy: [src]", f"copy[0]: the text 'src' stands where a mapping is expected; {MAPPING}"),
        ("copy: [{from: spec.yml}]", "copy[0].to: the key is missing; add it"),
        ("cuda: []", f"cuda: a list stands where a mapping is expected; {MAPPING}"),
        ("cuda: {}", "cuda.version: the key is missing; add it"),
        ("cuda: {version: 12.8, cudnn: yes}", "cuda.cudnn: 'yes' is neither true nor false; write true or false"),
        ("cuda: {version: 12.8, cudnn: [x]}", "cuda.cudnn: a list or a mapping is neither true nor false; write true or false"),
        ("cuda: {version: 12.8, flavour: big}", "cuda.flavour: the text 'big' is not allowed here; write auto, base, runtime or devel"),
        ("smoke: {gpu: on}", "smoke.gpu: the text 'on' is not allowed here; write required, auto or none"),
        ("smoke: {gpu: [on]}", "smoke.gpu: a list is not allowed here; write required, auto or none"),
        ("image: {tags: []}", "image.tags: the list is empty; name one at least, or leave the key out"),
        # a later release
        ("variants: {cpu: {}}", "variants: variants come in a later release; write one spec file for each until then"),
    ],
)  # fmt: skip
def test_keys_and_types(text: str, message: str, below: Callable[[str], list[str]]) -> None:
    line = 4 if "\n" in text else 3
    assert below(text) == [f"spec.yml:{line}: {message}"]


def test_all_problems_at_once_in_the_order_of_the_file(problems: Callable[[str], list[str]]) -> None:
    text = "nam: x\npython: 3.1\napt: [a b, git, ../x]\ncopy:\n  - {from: gone, to: /x}\napt: []\npip:\n  requirements: [gone.txt]\n"
    assert problems(text) == [
        "spec.yml: name: the key is missing; write a name such as dl-env",
        "spec.yml:1: nam: unknown key; did you mean name?",
        "spec.yml:2: python: Python 3.1 is not supported: 3.6 or later is; did you mean 3.10?",
        "spec.yml:3: apt[0]: 'a b' is no Debian package; write a name such as libgl1, or name=version",
        "spec.yml:3: apt[2]: '../x' is no Debian package; write a name such as libgl1, or name=version",
        "spec.yml:5: copy[0].from: there is no 'gone' beside the spec; create it, or correct the name",
        "spec.yml:6: apt: the key is given twice, first in line 3; keep one of them",
        "spec.yml:8: pip.requirements[0]: there is no 'gone.txt' beside the spec; create it, or correct the name",
    ]


def test_a_flood_is_cut(below: Callable[[str], list[str]]) -> None:
    found = below("apt:\n" + "  - A\n" * 250)
    assert len(found) == 101
    assert found[-1] == "spec.yml: and 150 problems more"


class TestCopy:
    def test_missing(self, below: Callable[[str], list[str]]) -> None:
        said = "spec.yml:3: copy[0].from: there is no 'src/*.py' beside the spec; patterns are not expanded: name a file or a folder"
        assert below("copy: [{from: src/*.py, to: /x}]") == [said]

    def test_out_of_the_folder(self, below: Callable[[str], list[str]], tmp_path: Path) -> None:
        outside = tmp_path.parent / f"{tmp_path.name}-outside"
        outside.mkdir()
        (tmp_path / "link").symlink_to(outside)
        (tmp_path / "in").symlink_to("link/../..")
        assert below(
            "copy:\n- {from: ../a, to: /x}\n- {from: /etc, to: /x}\n- {from: link, to: /x}\n- {from: in, to: /x}"
        ) == [
            "spec.yml:4: copy[0].from: '../a' leaves the spec's folder; move the file there",
            "spec.yml:5: copy[1].from: '/etc' is an absolute path; write one relative to the spec's folder",
            "spec.yml:6: copy[2].from: 'link' leads out of the spec's folder by a symbolic link; copy the file there",
            "spec.yml:7: copy[3].from: 'in' leads out of the spec's folder by a symbolic link; copy the file there",
        ]

    def test_neither_file_nor_folder(self, below: Callable[[str], list[str]], tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind("sock")  # the fixtures have moved into tmp_path
            assert below("copy: [{from: pipe, to: /x}, {from: sock, to: /y}]") == [
                "spec.yml:3: copy[0].from: 'pipe' is neither a file nor a folder; name one of them",
                "spec.yml:3: copy[1].from: 'sock' is neither a file nor a folder; name one of them",
            ]
        (tmp_path / "loop").symlink_to("loop")
        assert len(below("copy: [{from: loop, to: /x}]")) == 1

    def test_paths_are_completed(self, load: Callable[[str], model.Spec], tmp_path: Path) -> None:
        (tmp_path / "src").mkdir()
        (tmp_path / "inner").symlink_to("src")
        text = "name: x\npython: 3.12\ncopy: [{from: ./src/, to: //a//b/}, {from: spec.yml, to: /data/}, {from: ., to: /}, {from: inner, to: /i}]"
        assert load(text).copy == (
            model.Copy(source="src", target="/a/b"),
            model.Copy(source="spec.yml", target="/data/spec.yml"),
            model.Copy(source=".", target="/"),
            model.Copy(source="inner", target="/i"),
        )


def test_the_least_spec(load: Callable[[str], model.Spec], tmp_path: Path) -> None:
    text = "name: x\npython: 3.10"
    assert load(text) == model.Spec(
        name="x",
        python="3.10",
        image=model.ImageName(repository="x"),
        source=model.SpecSource(
            path=Path("spec.yml"),
            text=text,
            digest="sha256:" + hashlib.sha256(text.encode()).hexdigest(),
            lines={(): 1, ("name",): 1, ("python",): 2},
        ),
    )


FULL = """\
name: dl-env
python: 3.12.4
base: debian:bookworm-slim
cuda: {version: 12.8, flavour: devel, cudnn: true, os: ubuntu24.04}
targets: [A100, "RTX 4090", 9.0]
accept: [target, glibc, target]
apt: [git, libgl1=1.6.0-1]
conda:
pip:
  packages: ["torch==2.8.*", " Trans_Formers "]
  index_url: https://packages.example.org/simple
  extra_index_urls: [http://127.0.0.1:8080/x]
  torch_backend: cu128
env: {HF_HOME: /cache, FLAG: no, EMPTY: "", MONEY: "a$b `c` \\"d\\""}
run:
  - git lfs install
  - |
    echo a
    echo b
user: me
workdir: /data/./here/
entrypoint: [python, -m, app]
cmd: []
smoke: {imports: [torch], commands: ["true"], gpu: none, timeout: 20, memory: 512MiB}
image: {repository: registry.example.org:5000/lab/dl-env, tags: [latest, 1.0], labels: {org.example.a: "1"}}
"""


def test_a_full_spec(load: Callable[[str], model.Spec]) -> None:
    spec = load(FULL)
    assert (spec.name, spec.python, spec.base) == ("dl-env", "3.12.4", "debian:bookworm-slim")
    assert spec.cuda == model.Cuda(version="12.8", flavour="devel", cudnn=True, os="ubuntu24.04")
    assert spec.targets == ("A100", "RTX 4090", "9.0")
    assert spec.accept == ("target", "glibc")
    assert spec.apt == ("git", "libgl1=1.6.0-1")
    assert spec.conda is None
    assert spec.pip == model.Pip(
        requirements=(
            model.Requirement(
                text="torch==2.8.*", name="torch", file="spec.yml", line=10, path="pip.packages[0]"
            ),
            model.Requirement(
                text="Trans_Formers", name="trans-formers", file="spec.yml", line=10, path="pip.packages[1]"
            ),
        ),
        index_url="https://packages.example.org/simple",
        extra_index_urls=("http://127.0.0.1:8080/x",),
        torch_backend="cu128",
    )
    assert dict(spec.env) == {"HF_HOME": "/cache", "FLAG": "no", "EMPTY": "", "MONEY": 'a$b `c` "d"'}
    assert spec.run == ("git lfs install", "echo a\necho b\n")
    assert (spec.user, spec.workdir) == ("me", "/data/here")
    assert (spec.entrypoint, spec.cmd) == (("python", "-m", "app"), ())
    assert spec.smoke == model.Smoke(
        imports=("torch",), commands=("true",), gpu="none", timeout=20, memory=512 * 2**20
    )
    assert spec.image.references == (
        "registry.example.org:5000/lab/dl-env:latest",
        "registry.example.org:5000/lab/dl-env:1.0",
    )
    assert spec.image.labels == (("org.example.a", "1"),)
    assert spec.source.line(("run", 1)) == 17
