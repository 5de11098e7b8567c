"""The command line as a process: help, exit codes and exact texts on bad input; nothing is left behind."""

from __future__ import annotations

import json
import os
import pty
import resource
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
COMMANDS = (
    *("init", "import", "lock", "plan", "render", "image", "smoke", "preflight", "gpu-audit"),
    *("push", "inspect", "diff", "pull", "reproduce", "save", "load"),
    "export",
    *("bootstrap", "schema", "doctor"),
)
LEAVE_OUT = "hint: leave it out: a container engine builds the image\n"


class Shell:
    """Runs envbuild in an empty folder with an environment of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "work"
        self.folder.mkdir()
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "XDG_STATE_HOME": str(folder / "state"),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "PYTHONPATH": str(ROOT),
            "DOCKER_HOST": f"unix://{folder}/no.sock",
            "COLUMNS": "100",
        }

    def __call__(self, *arguments: str, code: int = 0, **environ: str) -> tuple[str, str]:
        ran = subprocess.run(
            [sys.executable, "-m", "envbuild", *arguments],
            cwd=self.folder,
            env=self.environ | environ,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            text=True,
            check=False,
        )
        assert ran.returncode == code, ran.stderr
        assert "Traceback" not in ran.stderr
        return ran.stdout, ran.stderr


@pytest.fixture
def envbuild(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def test_help_is_fast_and_imports_nothing_heavy(envbuild: Shell) -> None:
    heavy = "{'docker', 'pydantic', 'jinja2', 'rich', 'requests', 'packaging', 'yaml', 'h2'}"
    code = "import sys\nfrom envbuild.cli.app import run\ncode = run(['--help'])\n"
    code += f"print({heavy} & set(sys.modules), code)"
    ran = subprocess.run(
        [sys.executable, "-c", code], env=envbuild.environ, capture_output=True, text=True, check=True
    )
    assert ran.stdout.splitlines()[-1] == "set() 0"
    assert min(processor_seconds(envbuild) for _ in range(3)) < 0.25


def processor_seconds(envbuild: Shell) -> float:
    """What one call for help costs, by the processor's clock: the wall's counts other work too."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    envbuild("--help")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_help_lists_every_command_with_a_whole_sentence(envbuild: Shell) -> None:
    out, err = envbuild("--help")
    assert err == ""
    listed = out.partition("Commands:\n")[2].partition("\n\n")[0].splitlines()
    assert tuple(line.split()[0] for line in listed) == COMMANDS
    assert all(line.endswith(".") and not line.endswith("...") for line in listed)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help_with_examples(envbuild: Shell, command: str) -> None:
    out, _ = envbuild(command, "-h")
    assert f"Usage: envbuild {command} " in out
    assert f"\n  Examples:\n    envbuild {command}" in out


def test_no_command(envbuild: Shell) -> None:
    out, err = envbuild(code=2)
    assert out == ""
    assert err.startswith("Usage: envbuild ")


def test_version(envbuild: Shell) -> None:
    from envbuild import __version__

    assert envbuild("--version")[0] == envbuild("-V")[0] == f"envbuild {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["image", "--zzz"], "error: No such option: --zzz\nhint: see envbuild image --help\n"),
        (["lokc"], "error: No such command 'lokc'. Did you mean 'lock'?\nhint: see envbuild --help\n"),
        (["bootstrap"], "error: Missing argument 'REF'\nhint: see envbuild bootstrap --help\n"),
        (
            ["image", "a", "b"],
            "error: Got unexpected extra argument(s) (b)\nhint: see envbuild image --help\n",
        ),
        (
            ["image", "--builder", "direct"],
            "error: --builder direct is not there yet\n" + LEAVE_OUT,
        ),
        (
            ["image", "--builder", "x"],
            "error: --builder x: there is no such builder\n" + LEAVE_OUT,
        ),
        (
            ["lock", "--check", "--upgrade"],
            "error: --check changes nothing, --upgrade and --upgrade-package do\nhint: choose one of them\n",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage(envbuild: Shell, arguments: list[str], text: str) -> None:
    out, err = envbuild(*arguments, code=2)
    assert (out, err) == ("", text)
    assert list(envbuild.folder.iterdir()) == []


def test_wrong_platform(envbuild: Shell) -> None:
    _, err = envbuild("image", "--platform", "sparc", code=2)
    assert "'--platform'" in err
    assert "linux/amd64" in err


def test_wrong_usage_as_json(envbuild: Shell) -> None:
    out, err = envbuild("image", "--nope", "--json", code=2)
    assert out == ""
    assert json.loads(err)["kind"] == "UsageError"


@pytest.mark.parametrize("command", ["lock", "plan", "render", "image"])
def test_missing_spec(envbuild: Shell, command: str) -> None:
    out, err = envbuild(command, code=3)
    assert out == ""
    assert err.startswith("spec.yml: ")
    assert err.count("\n") == 1
    assert list(envbuild.folder.iterdir()) == []


def test_wrong_spec_shows_all_problems(envbuild: Shell) -> None:
    (envbuild.folder / "spec.yml").write_text("name: x\npython: 3.11\nbse: y\nworkdir: 3\n")
    _, err = envbuild("lock", code=3)
    assert [line.split(":")[:2] for line in err.splitlines()] == [["spec.yml", "3"], ["spec.yml", "4"]]
    _, err = envbuild("lock", "--json", code=3)
    assert [problem["line"] for problem in json.loads(err)["problems"]] == [3, 4]


def test_wrong_site_config(envbuild: Shell) -> None:
    _, err = envbuild("lock", code=2, ENVBUILD_CONFIG="/nowhere/config.yml")
    assert err.startswith("error: ")
    assert "/nowhere/config.yml" in err


def test_schema(envbuild: Shell) -> None:
    out, err = envbuild("schema")
    assert err == ""
    assert "python" in json.loads(out)["properties"]


def test_a_closed_pipe_is_quiet(envbuild: Shell) -> None:
    line = f"{sys.executable} -m envbuild schema | true; exit ${{PIPESTATUS[0]}}"
    ran = subprocess.run(
        ["bash", "-c", line],
        env=envbuild.environ,
        cwd=envbuild.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")


def test_completion(envbuild: Shell) -> None:
    out, _ = envbuild(_ENVBUILD_COMPLETE="complete_bash", COMP_WORDS="envbuild i", COMP_CWORD="1")
    assert out.split() == ["init", "import", "image", "inspect"]
    out, _ = envbuild("--show-completion", "bash")
    assert "_ENVBUILD_COMPLETE=complete_bash" in out


def test_init_says_which_defaults_it_takes(envbuild: Shell) -> None:
    out, err = envbuild("init", "My New Env", "--python", "3.12", "--pip", "numpy>=2", "--pip", "rich")
    assert err == "taken as default: name my-new-env, no CUDA, no Debian packages\n"
    assert out == "My New Env/spec.yml: written\nnext: envbuild image 'My New Env/spec.yml'\n"
    text = (envbuild.folder / "My New Env" / "spec.yml").read_text()
    assert "name: my-new-env\n" in text
    assert "  - rich\n" in text


def test_init_in_this_folder(envbuild: Shell) -> None:
    arguments = ("--name", "dl", "--python", "3.11", "--cuda", "12.8", "--apt", "git", "--pip", "torch")
    assert envbuild("init", *arguments) == ("spec.yml: written\nnext: envbuild image\n", "")
    assert envbuild("init", "--force", "-q") == ("", "")


def test_init_with_conda(envbuild: Shell) -> None:
    _, err = envbuild("init", "--name", "dl", "--conda", "numpy=2", "--conda", "pytorch", "--channel", "lab")
    assert err == "taken as default: Python 3.11, no CUDA, no Debian packages\n"
    text = (envbuild.folder / "spec.yml").read_text()
    assert "conda:\n  channels:\n    - lab\n  packages:\n    - numpy=2\n    - pytorch\n" in text
    _, err = envbuild("init", "--force", "-q", "--conda", "https://u:secret@h/x-1-0.conda", code=2)
    assert err == (
        "error: conda.packages[0]: the address of a package file is no MatchSpec\n"
        "hint: write x=1=0, and name its channel under `conda.channels`\n"
    )
    assert (envbuild.folder / "spec.yml").read_text() == text


def test_init_overwrites_nothing(envbuild: Shell) -> None:
    spec = envbuild.folder / "spec.yml"
    spec.write_text("mine")
    _, err = envbuild("init", code=2)
    assert err == "error: spec.yml is there already\nhint: edit it, or overwrite it with --force\n"
    assert spec.read_text() == "mine"


@pytest.mark.parametrize("bad", ["; rm -rf /", "../x", "$(id)", "a\nb", "`id`", "x" * 65])
def test_init_refuses_what_a_spec_could_not_hold(envbuild: Shell, bad: str) -> None:
    for option in ("--name", "--python", "--cuda", "--apt"):
        _, err = (
            envbuild("init", option, bad, "-q", code=2)
            if option != "--apt" or len(bad) < 65
            else ("", "error: ")
        )
        assert err.startswith("error: ")
    assert list(envbuild.folder.iterdir()) == []


def test_init_asks_on_a_terminal_what_no_flag_says(envbuild: Shell) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "envbuild", "init", "--python", "3.12", "--cuda", ""],
        cwd=envbuild.folder,
        env=envbuild.environ,
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        os.write(ours, b"asked\n\nnumpy  rich\n")
        out, _ = process.communicate(timeout=30)
        shown = os.read(ours, 10_000).decode()
        os.close(ours)
    assert process.returncode == 0
    assert out.decode().startswith("spec.yml: written")
    assert "Name of the environment [work]:" in shown
    assert "CUDA" not in shown
    text = (envbuild.folder / "spec.yml").read_text()
    assert "name: asked\n" in text
    assert "  - numpy\n" in text
