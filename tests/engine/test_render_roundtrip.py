"""A rendered image on a real engine: each value arrives as it was written, and nothing of a step stays."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.contexts import context
from support.planned import TEMPLATES, lock, planned, spec

from envbuild.engine.connect import connect
from envbuild.engine.engine import Engine
from envbuild.engine.model import BuildRequest
from envbuild.errors import BuildError
from envbuild.images import ImageInfo
from envbuild.lock.model import LockedBase
from envbuild.plan.model import AptLayer, PipLayer, Plan, PythonLayer
from envbuild.render.copies import read_copies
from envbuild.render.render import render
from envbuild.spec.model import Copy, ImageName, Spec

pytestmark = pytest.mark.engine

NASTY = (
    "",
    " two  spaces ",
    'it\'s "odd"',
    "back\\slash \\\\ and \\n and at the end\\",
    "$HOME ${HOME} ${HOME:-x} $(id) `id` $$",
    "; rm -rf / # no comment",
    "<<EOF cat <<-'EOF'",
    "tab\there * ? [a] ~ !! %s {{ x }} {% y %}",
    "é ü 漢字 😀 \u00a0",
    "-n --flag",
    "@a=b,c",
)
SCRIPT = (
    "printf '%s' 'a\\b $HOME \"x\" it'\\''s <<E' > /tmp/said\n"
    "# not a comment of the Dockerfile's \\\n"
    'echo "$V4" > /tmp/v4\n'
)


@pytest.fixture(scope="module")
def engine(engine_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with connect(engine_url, {"HOME": str(tmp_path_factory.mktemp("home"))}) as found:
        yield found


def without_python(plan: Plan) -> Plan:
    """The plan without the layers that install something: those need the network."""
    kept = tuple(layer for layer in plan.layers if not isinstance(layer, AptLayer | PythonLayer | PipLayer))
    return Plan(name=plan.name, platform=plan.platform, layers=kept, reference=plan.reference, version="1")


def build(engine: Engine, made: Spec, base: str, tag: str) -> ImageInfo:
    plan = without_python(planned(made, lock(base=LockedBase(reference=base))))
    rendered = render(plan, TEMPLATES, copies=read_copies(made), line_of=made.source.line_of)
    uv = made.source.folder / "uv-stand-in"
    uv.write_bytes(b"a stand-in for uv")
    secrets = {"envbuild_site": b"export ENVBUILD_SAID=site\n", "envbuild_ca": b"a stand-in for a PEM\n"}
    engine.build(rendered, BuildRequest(uv_binary=uv, tags=(tag,), secrets=secrets))
    image = engine.image(tag)
    assert image is not None
    return image


@pytest.fixture(scope="module")
def odd(engine: Engine, base_image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ImageInfo]:
    folder = tmp_path_factory.mktemp("spec")
    (folder / "my data").mkdir()
    (folder / "my data" / "it's $x").write_text("inside")
    (folder / "tool.sh").write_text("#!/bin/sh\necho ran\n")
    (folder / "tool.sh").chmod(0o755)
    made = spec(
        folder,
        env=tuple((f"V{number}", value) for number, value in enumerate(NASTY)),
        run=(SCRIPT, 'test "$ENVBUILD_SAID" = site; test -s "$SSL_CERT_FILE"', "-unknown || true"),
        copy=(
            Copy(source="my data", target='/srv/it\'s "$HOME" \\ [a]'),
            Copy(source="tool.sh", target="/workspace/odd dir/"),
            Copy(source="tool.sh", target="/etc/tool"),
        ),
        workdir="/work dir/$HOME",
        cmd=NASTY,
        entrypoint=("printf", "%s\\0", *NASTY),
        image=ImageName(
            repository="env", labels=tuple((f"org.v{n}", value) for n, value in enumerate(NASTY))
        ),
    )
    yield build(engine, made, base_image, "envbuild-test-render:odd")
    engine.remove("envbuild-test-render:odd", force=True)


def test_settings_and_labels_arrive(odd: ImageInfo) -> None:
    environ = dict(item.partition("=")[::2] for item in odd.env)
    assert [environ[f"V{number}"] for number in range(len(NASTY))] == list(NASTY)
    assert environ["PATH"].startswith("/opt/env/bin:/")
    assert [odd.labels[f"org.v{number}"] for number in range(len(NASTY))] == list(NASTY)


def test_steps_copies_and_the_account(engine: Engine, odd: ImageInfo) -> None:
    def said(command: str) -> str:
        ran = engine.run(odd.id, ["/bin/sh", "-ec", command], user="1000")
        assert (ran.code, ran.stderr) == (0, "")
        return ran.stdout

    assert said("cat /tmp/said") == 'a\\b $HOME "x" it\'s <<E'
    assert said("cat /tmp/v4") == f"{NASTY[4]}\n"
    assert said('cat "/srv/it\'s \\"\\$HOME\\" \\\\ [a]/it\'s \\$x"') == "inside"
    assert said('"/workspace/odd dir/tool.sh"; /etc/tool') == "ran\nran\n"
    assert said("stat -c %u:%g /etc/tool '/work dir/$HOME'") == "0:0\n1000:1000\n"
    assert said("id -un; id -u; pwd; touch ~/mine; stat -c %a ~") == "app\n1000\n/work dir/$HOME\n755\n"
    assert said("stat -c '%a %n' /opt/envbuild/*") == (
        "644 /opt/envbuild/pylock.env.toml\n644 /opt/envbuild/spec.yml\n"
    )


def test_nothing_of_a_step_stays(engine: Engine, odd: ImageInfo) -> None:
    left = engine.run(
        odd.id, ["find", "/", "-xdev", "-path", "*envbuild*", "-not", "-path", "/opt/envbuild*"]
    )
    assert left.stdout == ""
    backups = engine.run(
        odd.id, ["sh", "-c", "ls -A /dev/shm /run/secrets /etc/passwd- /etc/shadow- 2>/dev/null"]
    )
    assert backups.stdout.replace("/dev/shm:\n", "") == ""


def test_an_account_with_our_id_gives_way(engine: Engine, base_image: str, tmp_path: Path) -> None:
    dockerfile = f"FROM {base_image}\nRUN useradd --uid 1000 --create-home ubuntu && mkdir -p /srv/theirs\n"
    engine.build(context(dockerfile), BuildRequest(tags=("envbuild-test-render:ubuntu",)))
    try:
        made = spec(tmp_path, workdir="/srv/theirs")
        build(engine, made, "envbuild-test-render:ubuntu", "envbuild-test-render:on-ubuntu")
        ran = engine.run(
            "envbuild-test-render:on-ubuntu", ["sh", "-c", "getent passwd 1000; ls /home; id ubuntu"]
        )
        assert ran.stdout == "app:x:1000:1000::/home/app:/bin/bash\napp\n"
        named = spec(tmp_path, user="daemon")
        with pytest.raises(BuildError) as caught:
            build(engine, named, "envbuild-test-render:ubuntu", "envbuild-test-render:never")
        assert caught.value.log[-1] == (
            "envbuild: the base image has an account daemon already, with id 1, not 1000; "
            "name another: user: app"
        )
    finally:
        for tag in ("on-ubuntu", "ubuntu"):
            engine.remove(f"envbuild-test-render:{tag}", force=True)
