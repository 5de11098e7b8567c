"""What `envbuild image` starts from, end to end: stale and missing locks, changed files, bases that are hard
to have, and values that no shell may change.
"""

import json
import subprocess
import tomllib
import uuid
from pathlib import Path
from typing import Any

import docker
import pytest
import yaml
from support.contexts import context
from support.plain_docker import docker_build
from support.processes import free_port
from support.projects import Project, id_of, in_image

from envbuild.engine.engine import Engine
from envbuild.engine.model import BuildRequest
from envbuild.lock.base import RECIPE_LABEL

pytestmark = pytest.mark.network


# --- plain docker build ---


def test_a_rendered_context_builds_with_plain_docker(
    project: Project, api: docker.APIClient, engine: Engine, tmp_path: Path
) -> None:
    (project.folder / "data").mkdir()
    (project.folder / "data" / "a file").write_text("content")
    project.spec("copy: [{from: data, to: /srv/data}]\nrun: ['touch /made']\n")
    base = locked_base(project.lock_path)["image_id"]
    base_name = f"envbuild-base:{base.removeprefix('sha256:')[:16]}"
    engine.untag(base_name)  # which a mere `lock` does not give
    _, err = project("render", "-o", str(tmp_path / "context"))
    assert err == ""
    assert id_of(engine, base_name) == base
    docker_build(tmp_path / "context", project.tag, project.environ)
    say = "import os, sys; print(sys.prefix, open('/srv/data/a file').read(), os.path.exists('/made'))"
    assert in_image(api, project.tag, ["python", "-c", say]) == "/opt/env content True\n"
    assert in_image(api, project.tag, ["find", "/opt/env", "!", "-type", "l", "-perm", "-o+w"]) == ""


# --- lock and spec ---


def test_a_stale_lock_is_refused_in_ci(project: Project, engine: Engine) -> None:
    project("image", "--locked")
    before = id_of(engine, project.tag), project.lock_path.read_bytes()
    project.spec("apt: [tree]\npip: {packages: [idna]}\n")
    out, err = project("image", "--locked", code=4)
    assert out == ""
    assert err.splitlines() == [
        f"error: {project.lock_path.name}: the lock does not answer the spec any more",
        "  apt: + tree",
        "  pip: + idna",
        "hint: renew it: envbuild lock",
    ]
    assert (id_of(engine, project.tag), project.lock_path.read_bytes()) == before


def test_a_changed_spec_is_locked_anew_and_said(project: Project) -> None:
    project("image")
    project.spec("env: {A: b}\n")
    assert "made anew" not in project("image")[1]  # the lock still answers it
    project.spec("pip: {packages: [idna==3.10]}\n")
    name, err = project.lock_path.name, project("image")[1].splitlines()
    assert f"{name}: made anew, for the spec has changed: pip: + idna==3.10" in err
    assert f"{name}: pip: + idna 3.10" in err
    project.spec("pip: {packages: [idna==3.7]}\n")
    assert f"{name}: pip: idna 3.10 -> 3.7" in project("plan")[1].splitlines()


def test_what_is_only_tried_or_run_makes_no_lock_stale(project: Project, engine: Engine) -> None:
    project("image")
    before = id_of(engine, project.tag)
    project.spec("smoke: {imports: [json]}\nenv: {A: b}\n")
    project("lock", "--check")
    made = project.json("image", "--locked")
    assert [check["name"] for check in made["smoke"]["checks"]] == ["import json"]
    assert made["id"] != before
    assert project.lock_path.read_bytes() == project.family.lock


def test_a_missing_lock_and_one_edited_by_hand_are_refused(project: Project, engine: Engine) -> None:
    text = project.lock_path.read_text()
    project.lock_path.write_text(text.replace('platform = "linux/', 'platform = "Linux/', 1))
    for arguments in (["image"], ["image", "--locked"], ["lock", "--check"]):
        out, err = project(*arguments, code=4)
        assert out == ""
        assert err.splitlines()[0] == (
            f"error: {project.lock_path.name}: was edited by hand: its digest does not fit its content"
        )
    project.lock_path.unlink()
    _, err = project("image", "--locked", code=4)
    assert err.splitlines() == [
        f"error: {project.lock_path.name}: there is no lock yet",
        "hint: make one: envbuild lock",
    ]
    assert not project.lock_path.exists()
    assert id_of(engine, project.tag) is None


def test_a_copied_file_that_changed_makes_a_new_image(
    project: Project, api: docker.APIClient, engine: Engine
) -> None:
    (project.folder / "src").mkdir()
    (project.folder / "src" / "a.py").write_text("print(1)\n")
    project.spec("copy: [{from: src, to: /workspace/src}]\n")
    project("image")
    first = id_of(engine, project.tag)
    assert project.json("image")["up_to_date"] is True
    (project.folder / "src" / "a.py").write_text("print(2)\n")
    assert project.json("image")["up_to_date"] is False
    assert id_of(engine, project.tag) != first
    assert in_image(api, project.tag, ["python", "src/a.py"]) == "2\n"
    (project.folder / "src" / "a.py").write_text("print(1)\n")
    project("image")
    assert in_image(api, project.tag, ["python", "src/a.py"]) == "1\n"


def test_a_lost_or_taken_name_is_given_again(project: Project, engine: Engine, base_image: str) -> None:
    project("image")
    made = id_of(engine, project.tag)
    assert made is not None
    other = id_of(engine, base_image)
    assert other is not None
    engine.tag(other, project.tag)
    assert project.json("image")["up_to_date"] is False
    assert id_of(engine, project.tag) not in {other, None}


def test_a_folder_that_cannot_be_written(project: Project, tmp_path: Path, engine: Engine) -> None:
    def read_only(*arguments: str, code: int) -> tuple[str, str]:
        mount = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && cd "$0" && exec "$@"'
        ran = subprocess.run(
            ["unshare", "--mount", "sh", "-c", mount, str(project.folder), *project.argv(*arguments)],
            env=project.environ,
            capture_output=True,
            text=True,
            check=False,
        )
        if "unshare" in ran.stderr or "mount:" in ran.stderr:
            pytest.skip(f"needs a folder that is read-only even for root: {ran.stderr.strip()}")
        assert ran.returncode == code, ran.stderr
        return ran.stdout, ran.stderr

    out, _ = read_only("image", code=0)
    assert out.startswith(f"{project.tag}: the image is ready\n")
    made = id_of(engine, project.tag)
    project.spec("pip: {packages: [idna]}\n")
    for command in ("lock", "image"):
        out, err = read_only(command, code=4)
        assert (out, err.splitlines()) == (
            "",
            [
                f"error: {project.lock_path.name}: cannot write the lock: the folder is read-only",
                "hint: make the folder writable, or work on a copy of the spec",
            ],
        )
    assert project.lock_path.read_bytes() == project.family.lock
    assert id_of(engine, project.tag) == made


# --- bases that are hard to have ---


def with_recipe(engine: Engine, base: str, name: str, recipe: dict[str, str], more: str = "") -> str:
    """A stand-in for a bootstrapped base: it says of itself how it was made."""
    label = json.dumps(json.dumps(recipe)).replace("$", "\\$")
    dockerfile = f"FROM {base}\nLABEL {RECIPE_LABEL}={label}\n{more}"
    return engine.build(context(dockerfile), BuildRequest(tags=(name,))).id


def test_a_base_that_only_a_store_had_is_asked_for_by_its_recipe(
    project: Project, api: docker.APIClient, engine: Engine, base_image: str, name: str
) -> None:
    base = f"{name}:latest"
    bootstrapped = with_recipe(engine, base_image, base, {"tool": "mmdebstrap 1.3.5", "run": "1"})
    project.lock_path.unlink()
    project.spec(f"base: {base}\n")
    project("lock")
    engine.remove(bootstrapped, force=True)
    said = [
        (
            f"error: the base {base} ({bootstrapped[:19]}) exists in no registry,"
            " and this engine does not have it"
        ),
        (
            "hint: it was made by mmdebstrap 1.3.5; make it again:"
            f" envbuild bootstrap {base} --like {project.lock_path.name}"
        ),
    ]
    assert project("image", code=7)[1].splitlines()[-2:] == said
    with_recipe(engine, base_image, base, {"tool": "another"}, more=f"RUN echo {uuid.uuid4()} > /etc/other\n")
    assert project("image", code=7)[1].splitlines()[-2:] == said
    assert id_of(engine, project.tag) is None
    # Made again with the same layers, though not the same id: it is the locked one.
    again = with_recipe(engine, base_image, base, {"tool": "mmdebstrap 1.3.5", "run": "2"})
    assert again != bootstrapped
    lock = project.lock_path.read_bytes()
    project("image", "--locked")
    assert project.lock_path.read_bytes() == lock
    engine.untag(f"envbuild-base:{bootstrapped.removeprefix('sha256:')[:16]}")


def test_a_base_out_of_reach(project: Project, engine: Engine) -> None:
    base = f"127.0.0.1:{free_port()}/lab/none:1"
    project.lock_path.unlink()
    project.spec(f"base: {base}\n")
    _, err = project("image", code=7)
    assert f"base image {base}: not in the engine's store, and its registry gives no answer: " in err
    assert "three ways on:" in err
    assert not project.lock_path.exists()
    out, err = project("lock", "--allow-unpinned-base")
    assert f"base {base} (not pinned)" in out
    assert f"{base} is not pinned: the lock holds all but the base, and its image cannot be pushed" in err
    assert "digest" not in locked_base(project.lock_path)
    _, err = project("image", code=7)
    assert f"error: the base image {base} cannot be had: " in err
    assert id_of(engine, project.tag) is None


def locked_base(lock: Path) -> dict[str, Any]:
    base: dict[str, Any] = tomllib.loads(lock.read_text())["tool"]["envbuild"]["base"]
    return base


# --- every value comes back as it was written ---


HOSTILE = (
    r"""it's "quoted" $HOME ${PATH:-x} $(id) `id` \$x \\ \n \ %s {{ x }} {% if %}"""
    r""" # <<END ; & | > < * ? ~ ! é"""
)
LINES = f"{HOSTILE}\n# no comment\nRUN false\nFROM scratch\n\t\\\n\\\\\n\n  END of it \\"


def test_nothing_that_a_spec_says_is_changed_by_a_shell(
    project: Project, api: docker.APIClient, engine: Engine
) -> None:
    odd = """it's "a" $HOME `x` \\ [1] dir"""
    (project.folder / odd).mkdir()
    (project.folder / odd / odd).write_text("odd content")
    (project.folder / "plain").write_text("plain content")
    python = "import json, os, sys; print(json.dumps([sys.argv[1:], dict(os.environ)]))"
    parts = {
        "env": {"HOSTILE": HOSTILE, "TRAILING": "\\", "EMPTY": "", "SPACES": "  a  b "},
        "run": [
            f"cat > /made <<'END'\n{LINES}\nEND\n",
            """printf '%s' "$HOSTILE" > /env; test "$(echo \\$x)" = '$x' || exit 1""",
            "printf '%s\\n' 'a\\' # a comment at the end \\",
        ],
        "copy": [{"from": odd, "to": f"/srv/{odd}"}, {"from": "plain", "to": f"/srv/to {odd}/{odd}"}],
        "entrypoint": ["python", "-c", python, HOSTILE, ""],
        "cmd": [LINES, " "],
        "smoke": {
            "commands": [
                f"""python - <<'END'\nimport os\nassert os.environ['HOSTILE'] == {HOSTILE!r}\nEND\n""",
                """test "$(printf '%s' "$HOSTILE" | wc -c)" = "$(wc -c < /env)" """,
            ]
        },
        "image": {"repository": project.repository, "labels": {"org.example.odd": HOSTILE, "b": "\\"}},
    }
    head = {"name": project.family.name, "python": "3.11"}
    text = yaml.safe_dump({**head, **parts}, allow_unicode=True, sort_keys=False)
    (project.folder / "spec.yml").write_text(text)
    made = project.json("image")
    assert [check["status"] for check in made["smoke"]["checks"]] == ["passed", "passed"]
    arguments, environ = json.loads(in_image(api, project.tag))
    assert arguments == [HOSTILE, "", LINES, " "]
    for key, value in parts["env"].items():  # type: ignore[attr-defined]
        assert environ[key] == value, key
    image = engine.image(project.tag)
    assert image is not None
    assert (image.labels["org.example.odd"], image.labels["b"]) == (HOSTILE, "\\")
    assert engine.run(project.tag, ["cat", "/made"]).stdout == f"{LINES}\n"
    assert engine.run(project.tag, ["cat", "/env"]).stdout == HOSTILE
    assert engine.run(project.tag, ["cat", f"/srv/{odd}/{odd}"]).stdout == "odd content"
    assert engine.run(project.tag, ["cat", f"/srv/to {odd}/{odd}"]).stdout == "plain content"
