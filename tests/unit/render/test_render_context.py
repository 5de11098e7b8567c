"""Rendering: the Dockerfile's shape, its steps, files and digest; no value can change the shape."""

import re
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.planned import TEMPLATES, lock, lock_of, package, planned, rendered, spec

from envbuild.engine.dockerfile import parse_dockerfile
from envbuild.errors import SpecError
from envbuild.plan.model import EnvLayer, MetadataLayer
from envbuild.plan.weights import MB
from envbuild.render.model import BuildContext
from envbuild.render.render import render
from envbuild.spec.model import Copy, ImageName

PACKAGES = [package("numpy", "2.4.6", 17 * MB), package("six", "1.17.0", 11_000)]
# Line breaks that no Dockerfile knows, but Python's splitlines, are left to the quoting tests.
LINE = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=30)


def instructions(context: BuildContext) -> list[str]:
    return [instruction.keyword for instruction in parse_dockerfile(context.dockerfile)]


def test_steps_lead_back_to_the_spec(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    lines = {("python",): 2, ("pip",): 4, ("run",): 7, ("run", 0): 8, ("copy", 0): 10, ("env",): 12}
    full = spec(tmp_path, lines=lines, run=("true",), copy=(Copy(source="a", target="/a"),))
    context = rendered(full, lock(PACKAGES))
    text = context.dockerfile.splitlines()
    told = [(step.title, step.key, step.line, text[step.last - 1].split()[0]) for step in context.steps]
    assert told == [
        ("uv", "", 0, "COPY"),
        ("base image", "base", 0, "FROM"),
        ("user and working directory", "user", 0, "sh"),
        ("Python 3.11.2 environment", "python", 2, "sh"),
        ("Python packages: large (1)", "pip", 4, "&&"),
        ("Python packages: rest (1)", "pip", 4, "&&"),
        ("environment variables", "env", 12, "WORKDIR"),
        ("run 1: true", "run[0]", 8, '["/bin/sh",'),
        ("copy a", "copy[0]", 10, "COPY"),
        ("spec, lock and labels", "", 0, "USER"),
    ]
    for step in context.steps:
        assert text[step.first - 1].startswith("# ")
        assert step.last == len(text) or text[step.last] == ""
    assert "# A step of yours, as root (spec.yml:8 run[0]):" in text


def test_files_beside_the_dockerfile() -> None:
    context = rendered(lock_=lock(PACKAGES))
    assert sorted(context.files) == [
        "envbuild/pylock.env.toml",
        "envbuild/spec.yml",
        "pip/01-large/pylock.toml",
        "pip/02-rest/pylock.toml",
        "scripts/apt.sh",
        "scripts/python.sh",
        "scripts/site.sh",
        "scripts/user.sh",
    ]
    assert tomllib.loads(context.files["pip/02-rest/pylock.toml"].decode())["packages"][0]["name"] == "six"
    assert context.needs_uv
    assert all(
        f"source={name.rpartition('/')[0]}," in context.dockerfile for name in context.files if "/0" in name
    )


def test_uv_from_a_public_image() -> None:
    context = render(planned(), TEMPLATES, copies={}, uv_image="ghcr.io/astral-sh/uv:0.13.8")
    assert "\nFROM ghcr.io/astral-sh/uv:0.13.8 AS uv\n" in context.dockerfile
    assert not context.needs_uv


def test_only_what_docker_20_10_knows(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    full = spec(tmp_path, run=("cat <<EOF\nx\nEOF",), copy=(Copy(source="a", target="/workspace/a"),))
    text = rendered(full, lock(PACKAGES)).dockerfile
    assert not re.search(r"^#\s*(syntax|escape|check)\s*=", text, re.MULTILINE | re.IGNORECASE)
    code = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    assert "<<" not in code
    assert "--link" not in code
    assert re.findall(r"--chmod=(\S+)", code) == ["0755", "0644"]
    assert "COPY --chown=1000:1000 [" in code


def test_a_step_comes_through_as_data() -> None:
    command = "if true; then\n  echo \"$HOME\" 'x' \\\n    | cat\nfi # end"
    text = rendered(spec(run=(command, "-x"))).dockerfile
    assert (
        '["/bin/sh", "/dev/shm/envbuild/scripts/site.sh", "/bin/sh", "-ec", '
        '"if true; then\\n  echo \\"$HOME\\" \'x\' \\\\\\n    | cat\\nfi # end"]'
    ) in text
    assert '"-ec", "--", "-x"]' in text
    assert "#   if true; then\n#     echo \"$HOME\" 'x' \\\n#       | cat\n#   fi # end\nRUN " in text


def test_packages_from_source_may_be_built_others_may_not() -> None:
    text = rendered(lock_=lock([package("old", source=True)])).dockerfile
    assert "--no-deps --require-hashes -r " in text
    assert "# Built from source, with build tools of the day: old." in text
    assert "--require-hashes --no-build -r " in rendered(lock_=lock(PACKAGES)).dockerfile


@given(
    value=LINE,
    name=st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,5}", fullmatch=True),
    command=LINE.filter(str.strip),
    workdir=LINE.filter(lambda text: "/" not in text),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_value_changes_the_shape(value: str, name: str, command: str, workdir: str) -> None:
    image = ImageName(repository="env", labels=(("org.example", value),))
    odd = spec(
        env=((name, value),),
        run=(command,),
        workdir=f"/{workdir}",
        cmd=(value,),
        entrypoint=(value,),
        image=image,
        text=value,
    )
    assert instructions(rendered(odd)) == instructions(rendered(spec(run=("true",), env=((name, "x"),))))


def test_values_that_look_like_instructions() -> None:
    hostile = "x\nRUN touch /hacked\n# syntax=evil"
    told = {
        "name": "env",
        "base": {"reference": hostile, "digest": None},
        "python": {"version": hostile, "source": "base", "request": "/usr/bin/python3", "reason": hostile},
        "packages": [["six", hostile, 1, "source"]],
    }
    plan = planned(lock_=lock_of(told))
    with pytest.raises(SpecError) as caught:
        render(plan, TEMPLATES, copies={})
    assert "holds a line break, which no line of a Dockerfile can carry" in str(caught.value)
    harmless = lock_of(told | {"base": {"reference": "debian:12"}})
    labels = [layer for layer in planned(lock_=harmless).layers if isinstance(layer, MetadataLayer)]
    plan = planned(lock_=harmless)
    plan = replace(plan, layers=(*plan.layers[:-1], replace(labels[0], labels=())))
    text = render(plan, TEMPLATES, copies={}).dockerfile
    assert [line for line in text.splitlines() if line.startswith("RUN touch")] == []
    # A builder looks for `# syntax=` above the first line that is no such directive.
    assert text.startswith("# Made by envbuild 1.2.3 from ")


def test_a_value_that_cannot_be_written_names_its_place() -> None:
    odd = spec(lines={("env",): 5}, env=(("A", "x\ny"),))
    with pytest.raises(SpecError) as caught:
        rendered(odd)
    assert str(caught.value) == (
        "spec.yml:5: env: 'x\\ny' holds a line break, which no line of a Dockerfile can carry; "
        "write it without that, or set it in a step of `run:`"
    )


def test_where_copies_go(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "a b$.txt").write_text("x")
    copies = (
        Copy(source="data", target="/workspace/data"),
        Copy(source="a b$.txt", target="/srv/"),
        Copy(source="a b$.txt", target='/srv/it\'s "$x"'),
    )
    text = rendered(spec(tmp_path, copy=copies)).dockerfile
    assert 'COPY --chown=1000:1000 ["copy/0/data", "/workspace/data/"]' in text
    assert 'COPY ["copy/1/a_b_.txt", "/srv/a b\\\\$.txt"]' in text
    assert 'COPY ["copy/2/a_b_.txt", "/srv/it\\\\\'s \\\\\\"\\\\$x\\\\\\""]' in text


def test_the_digest_is_over_all_that_changes_the_image(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    made = spec(tmp_path, copy=(Copy(source="a", target="/a"),))
    base = rendered(made)
    assert rendered(made).digest == base.digest
    assert f"dev.envbuild.context={base.digest}\n" in base.dockerfile
    assert rendered(made, lock(platform="linux/arm64")).digest != base.digest
    assert rendered(made, lock(PACKAGES)).digest != base.digest
    (tmp_path / "a").write_text("y")
    assert rendered(made).digest != base.digest


def test_path_keeps_the_bases_own() -> None:
    text = rendered().dockerfile
    usual = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    assert f"ENV PATH=/opt/env/bin:${{PATH:-{usual}}} \\\n" in text
    assert [layer for layer in planned().layers if isinstance(layer, EnvLayer)]


def test_root_is_named_others_have_a_number() -> None:
    assert rendered().dockerfile.endswith("\nUSER 1000\n")
    assert rendered(spec(user="root")).dockerfile.endswith("\nUSER root\n")
