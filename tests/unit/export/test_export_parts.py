"""What exports say and leave out, in parts; what they refuse."""

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from support.exported import (
    MANAGED,
    NUMPY,
    PYTHON,
    conda_lock,
    conda_source,
    conda_spec,
    pip_source,
    record,
    wish,
)
from support.planned import lock, package, spec

from envbuild.cli.commands import export as command
from envbuild.errors import LockError, UsageError
from envbuild.export import apptainer, devcontainer, environment, explicit, pixi, requirements, spec_yml
from envbuild.export import conda_lock as conda_lock_format
from envbuild.export.formats import FORMATS, find_format
from envbuild.export.left import PARTS, few, left_of
from envbuild.export.model import Left, Source, Wishes
from envbuild.export.said import pip_wishes
from envbuild.export.yaml import dump
from envbuild.spec.model import Conda, Copy, Pip, Smoke

ALL = (
    "take one of environment.yml, requirements.txt, pylock.toml, explicit, conda-lock.yml, pixi.toml,"
    " dockerfile, devcontainer.json, apptainer, spec.yml"
)
LOCKLESS = Source(name="spec.yml", spec=conda_spec())


def test_formats_are_found_by_name() -> None:
    for each in FORMATS:
        assert {find_format(name) for name in (each.name, each.name.upper(), *each.others)} == {each}
    words = [word for each in FORMATS for word in (each.name, *each.others)]
    assert len(words) == len(set(words))


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("enviroment.yml", "did you mean environment.yml?"),
        ("pixie", "did you mean pixi.toml?"),
        ("singularty", "did you mean apptainer?"),
        ("nix", ALL),
    ],
)
def test_formats_that_do_not_exist(name: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        find_format(name)
    assert (caught.value.message, caught.value.hint) == (f"--format {name}: there is no such format", hint)


def test_the_command_lists_all_formats() -> None:
    listed = [line.split()[0] for line in command.EPILOG.partition("Formats:\n")[2].splitlines()]
    assert listed == [each.name for each in FORMATS]


def test_every_part_of_a_full_spec_is_named_or_said() -> None:
    full = conda_source(spec=conda_spec(base="debian:12", accept=("target",), user="root", workdir="/w"))
    keys = [left.key for left in left_of(full, ())]
    assert keys == [
        *("python", "base", "cuda", "targets", "accept", "apt", "conda", "pip", "env", "copy[0]", "run[0]"),
        *("user", "workdir", "entrypoint", "cmd", "smoke"),
    ]
    assert left_of(full, PARTS) == ()
    assert [left.key for left in left_of(pip_source(), {"python", "pip"})] == []


def test_words_of_what_is_left() -> None:
    assert str(Left(key="apt", what="Debian packages: git", todo="install them")) == (
        "apt: Debian packages: git; install them"
    )
    assert few([str(number) for number in range(10)]) == "0, 1, 2, 3, 4, 5, 6, 7 and 2 more"
    gpu = replace(LOCKLESS, spec=spec(smoke=Smoke(gpu="none")))
    assert [str(left) for left in left_of(gpu, {"python"})] == ["smoke: smoke tests, gpu: none"]
    told = {left.key: left.what for left in left_of(LOCKLESS, ())}
    assert told["python"] == "Python 3.12"
    assert told["pip"].startswith("3 Python packages: transformers[torch]")
    assert told["conda"].startswith("3 conda packages: numpy=2.1, ")


@pytest.mark.parametrize("module", [environment, requirements, explicit, conda_lock_format, pixi])
def test_formats_of_what_was_locked_need_a_lock(module) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(LockError) as caught:
        module.export(LOCKLESS)
    assert caught.value.message == "spec.yml: it has no lock, and this format says what was locked"


@pytest.mark.parametrize("module", [explicit, conda_lock_format])
def test_formats_of_conda_packages_need_some(module) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(LockError) as caught:
        module.export(pip_source())
    assert caught.value.message == "spec.yml: it has no conda packages, and this format says nothing else"


def test_md5_that_nobody_knows() -> None:
    source = conda_source(lock=conda_lock(conda=(replace(NUMPY, md5=""), PYTHON)))
    with pytest.raises(
        LockError, match=r"^--md5: the lock knows no md5 of numpy-2.1.0-py312h1103770_0.conda$"
    ):
        explicit.export(source, Wishes(md5=True))
    text = explicit.export(source).files["explicit.txt"]
    assert f"{NUMPY.url}#sha256:{NUMPY.sha256}\n" in text


def test_packages_without_a_hash_are_left_out_of_a_file_with_hashes() -> None:
    document = {"packages": [{"name": "a", "version": "1", "wheels": [{"url": "https://x.example/a.whl"}]}]}
    source = Source(name="s", spec=spec(), lock=lock(document=document))
    done = requirements.export(source)
    assert "a==1" not in done.files["requirements.txt"].splitlines()
    assert str(done.left[-1]) == (
        "pip: a==1: the lock has no hash of it, and pip takes all with hashes or none; leave all of them out:"
        " --no-hashes"
    )
    assert "a==1" in requirements.export(source, Wishes(hashes=False)).files["requirements.txt"].splitlines()
    with_conda = replace(source, lock=conda_lock(document=document))
    done = conda_lock_format.export(with_conda)
    assert str(done.left[0]) == "pip: a: the lock has no sha256 or address of it"


def test_no_credentials_come_out() -> None:
    pip = Pip(
        requirements=(wish("a", "a"),),
        index_url="https://me:secret@index.example/simple",
        extra_index_urls=("https://token@more.example/simple",),
    )
    url = "https://me:secret@files.example/a-1-py3-none-any.whl"
    document = {
        "packages": [{"name": "a", "version": "1", "archive": {"url": url, "hashes": {"sha256": "a" * 64}}}]
    }
    source = conda_source(spec=conda_spec(pip=pip), lock=conda_lock(document=document))
    for module in (environment, requirements, pixi, conda_lock_format):
        for wishes in (Wishes(), Wishes(from_history=True)):
            (text,) = module.export(source, wishes).files.values()  # type: ignore[attr-defined]
            assert "secret" not in text
            assert "token" not in text


def test_requirements_of_files_that_are_not_at_hand_come_from_the_lock() -> None:
    """A spec out of an image stands alone: its requirements files are not beside it."""
    locked = lock([package("rich")], inputs={"pip": ["old", "rich>=13"]}, python=MANAGED)
    source = Source(name="image", spec=spec(pip=Pip(requirements=(wish("rich>=13", "rich"),))), lock=locked)
    assert pip_wishes(source) == ("rich>=13", "old")


def test_an_environment_that_has_pip_and_python_already() -> None:
    wishes = Conda(packages=("python=3.12.*", "pip>=24"))
    pip = Pip(requirements=(wish("rich", "rich"),))
    source = Source(name="s", spec=spec(conda=wishes, pip=pip, python="3.12"))
    text = environment.export(source, Wishes(from_history=True)).files["environment.yml"]
    assert text.partition("dependencies:\n")[2] == "- python=3.12.*\n- pip>=24\n- pip:\n  - rich\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("numpy", "*"),
        ("numpy=*", "*"),
        ("numpy=2.1", "2.1.*"),
        ("numpy=2.1.*", "2.1.*"),
        ("numpy 2.1.*", "2.1.*"),
        ("numpy==2.1", "==2.1"),
        ("numpy>=2,<3", ">=2,<3"),
        ("numpy~=2.1", "~=2.1"),
        ("numpy=2.1=py*", {"version": "==2.1", "build": "py*"}),
        ("numpy=2.1.*=py*", {"version": "2.1.*", "build": "py*"}),
        ("lab::numpy", {"version": "*", "channel": "lab"}),
        ("numpy[version='>=2', build_number=1]", {"version": ">=2", "build-number": "1"}),
    ],
)
def test_wishes_as_pixi_says_them(text: str, told: object) -> None:
    import tomllib

    source = Source(name="s", spec=spec(conda=Conda(channels=("lab",), packages=(text,))))
    data = tomllib.loads(pixi.export(source, Wishes(from_history=True)).files["pixi.toml"])
    assert data["dependencies"]["numpy"] == told


def test_python_as_pixi_says_it() -> None:
    import tomllib

    for python, said in (("3.12", "3.12.*"), ("3.12.5", "3.12.5.*")):
        text = pixi.export(Source(name="s", spec=spec(python=python)), Wishes(from_history=True))
        assert tomllib.loads(text.files["pixi.toml"])["dependencies"] == {"python": said}


def test_several_wishes_for_one_package() -> None:
    pip = Pip(requirements=(wish("a>=1", "a"), wish("a[x]<3", "a"), wish("b @ https://x.example/b.whl", "b")))
    import tomllib

    text = pixi.export(Source(name="s", spec=spec(pip=pip)), Wishes(from_history=True)).files["pixi.toml"]
    assert tomllib.loads(text)["pypi-dependencies"] == {
        "a": {"version": ">=1,<3", "extras": ["x"]},
        "b": {"url": "https://x.example/b.whl"},
    }


def test_dependencies_of_one_name_are_joined() -> None:
    row = record("a", depends=("b >=1", "b", "b <2", "c", "__glibc >=2.17"))
    text = conda_lock_format.export(conda_source(lock=conda_lock(conda=(row,)))).files["conda-lock.yml"]
    assert "    __glibc: '>=2.17'\n    b: '>=1,<2'\n    c: ''\n" in text


@pytest.mark.parametrize(
    "text", ["1e3", "12", "0x1f", "0o17", "1.5", "3.10", "yes", "~", "2024-01-01", "", "a: b"]
)
def test_texts_stay_texts_in_yaml(text: str) -> None:
    import yaml

    assert yaml.safe_load(dump({"a": text})) == {"a": text}
    plain = dump({"a": text}).removeprefix("a: ").strip()
    assert plain.startswith(("'", '"'))


@pytest.mark.parametrize(
    ("image", "place", "said"),
    [
        ("env:latest", "", ("docker-daemon", "env:latest", 1)),
        ("lab/env:1", "", ("docker-daemon", "lab/env:1", 1)),
        ("docker.io/lab/env:1", "", ("docker", "docker.io/lab/env:1", 1)),
        ("localhost:5000/env:1", "", ("docker", "localhost:5000/env:1", 1)),
        ("localhost:5000/env:1", "engine", ("docker-daemon", "localhost:5000/env:1", 1)),
        ("lab/env:1", "registry", ("docker", "lab/env:1", 1)),
        (f"lab/env:1@sha256:{'a' * 64}", "registry", ("docker", f"docker.io/lab/env@sha256:{'a' * 64}", 0)),
        (f"x.example/env@sha256:{'a' * 64}", "registry", ("docker", f"x.example/env@sha256:{'a' * 64}", 0)),
    ],
)
def test_where_apptainer_takes_the_image_from(image: str, place: str, said: tuple[str, str, int]) -> None:
    done = apptainer.export(replace(pip_source(), image=image, place=place))  # type: ignore[arg-type]
    lines = done.files["apptainer.def"].splitlines()
    bootstrap = next(line.removeprefix("Bootstrap: ") for line in lines if line.startswith("Bootstrap: "))
    reference = next(line.removeprefix("From: ") for line in lines if line.startswith("From: "))
    assert (bootstrap, reference, [left.key for left in done.left].count("image")) == said


WORDS = [
    "plain",
    "",
    "it's",
    "{{ a }}",
    "{{{{",
    "}}}'{{",
    "%a",
    "a\n%post\n  %x",
    "$HOME `id` \\",
    "a\n\n{{\n'",
    "a\nBootstrap: x\n bootstrap: y",
]


def test_words_mean_the_same_to_a_shell() -> None:
    """Read by this machine's /bin/sh; Apptainer's own rules on braces and % are held by looking."""
    script = "".join(f"printf '%s\\0' {apptainer._word(word)}\n" for word in WORDS)
    ran = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.split("\0")[:-1] == WORDS
    assert "{{" not in script
    assert "}}" not in script
    assert not [line for line in script.splitlines() if line.lstrip().lower().startswith(("%", "bootstrap:"))]


def test_a_dev_container_with_a_gpu() -> None:
    import json

    def gpu(source: Source) -> object:
        data = json.loads(devcontainer.export(source).files["devcontainer.json"])
        return data.get("hostRequirements", {}).get("gpu")

    assert gpu(conda_source()) is True
    assert gpu(conda_source(spec=conda_spec(smoke=Smoke()))) == "optional"
    assert gpu(pip_source()) is None
    torch = lock([package("torch", "2.8.0+cu128")], python=MANAGED)
    assert gpu(replace(pip_source(), lock=torch)) == "optional"


def test_a_dev_container_replaces_no_values() -> None:
    import json

    source = Source(name="s", spec=spec(env=(("A", "${localEnv:HOME}"), ("B", "$HOME"))))
    data = json.loads(devcontainer.export(source).files["devcontainer.json"])
    assert data["containerEnv"] == {"B": "$HOME"}


def test_channels_that_are_folders_are_named_and_not_brought() -> None:
    wishes = Conda(channels=("./lab", "file:///srv/lab", "conda-forge"))
    source = conda_source(spec=conda_spec(conda=wishes))
    for module in (environment, explicit, conda_lock_format, pixi):
        told = [str(left) for left in module.export(source).left if left.key == "conda.channels"]  # type: ignore[attr-defined]
        assert told == [
            "conda.channels: the folder ./lab; put it beside this file",
            "conda.channels: file:///srv/lab, a folder of this machine; serve it",
        ]


def test_files_beside_a_spec() -> None:
    own = spec(
        copy=(Copy(source="src", target="/src"),),
        conda=Conda(channels=("./channel",)),
        lines={("pip", "requirements"): 3},
    )
    done = spec_yml.export(Source(name="image", spec=own, place="registry"))
    assert done.files == {"spec.yml": own.source.text}
    assert [str(left) for left in done.left] == [
        "copy[0]: the file or folder src; it is in the image, not beside the spec",
        "pip.requirements: the files that it names; export --format requirements.txt writes what was locked",
        "conda.channels: the folder ./channel; take it along",
    ]
    beside = replace(own, pip=Pip(files=("r.txt", "s.txt")))
    assert [str(left) for left in spec_yml.export(Source(name="spec.yml", spec=beside)).left][:2] == [
        "copy[0]: the file or folder src; take it along",
        "pip.requirements: the files r.txt, s.txt; take them along",
    ]


def test_the_page_has_a_row_for_each_format() -> None:
    page = (Path(__file__).parents[3] / "docs" / "exporting.md").read_text(encoding="utf-8")
    table = page.partition("## What a format does not say")[2].partition("\n- ")[0]
    rows = [line.split("|")[1].strip(" `") for line in table.splitlines() if line.startswith("| `")]
    assert rows == [each.name for each in FORMATS]
