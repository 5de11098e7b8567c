"""Bootstrap with the real mmdebstrap and a real mirror, into a real engine: twice, with the same bytes."""

import json
import os
import shutil
from collections.abc import Iterator

import docker
import pytest
from support.need import missing

from envbuild.bootstrap.make import bootstrap
from envbuild.engine.engine import Engine
from envbuild.errors import BaseUnavailable
from envbuild.lock.base import RECIPE_LABEL
from envbuild.site.load import load_site

REFERENCE = "debian:trixie-slim"  # a name that no other test uses
SECRET = "hunter2"


@pytest.fixture
def kept_name(engine: Engine, api: docker.APIClient) -> Iterator[None]:
    """Whatever image has the name now has it again afterwards."""
    before = engine.image(REFERENCE)
    yield
    made = engine.image(REFERENCE)
    if before and made and made.id != before.id:
        engine.tag(before.id, REFERENCE)
    if made and (before is None or made.id != before.id):
        api.remove_image(made.id if before else REFERENCE)


@pytest.mark.usefixtures("kept_name")
@pytest.mark.network
def test_twice_the_same(engine: Engine) -> None:
    if not shutil.which("mmdebstrap"):
        missing("network", "mmdebstrap is not installed")
    site = load_site({**os.environ, "ENVBUILD_NO_PROXY": f"{SECRET}.example"})
    try:
        first = bootstrap(REFERENCE, site=site, engine=engine)
        second = bootstrap(REFERENCE, site=site, engine=engine, like=first.recipe)
    except BaseUnavailable as error:
        missing("network", error.message)
    assert (second.same_as_recipe, second.differences, second.image_id) == (True, (), first.image_id)
    image = engine.image(REFERENCE)
    assert image is not None
    assert (image.id, image.layers) == (first.image_id, (first.diff_id,))
    assert json.loads(image.labels[RECIPE_LABEL]) == first.recipe
    assert SECRET not in str(image)
    script = (
        "cat /etc/os-release /etc/apt/sources.list; ls /etc/apt/sources.list.d /etc/apt/apt.conf.d; "
        "dpkg-query -W | wc -l; ! grep -rq 'hunter2\\|envbuild-site' /etc /var"
    )
    ran = engine.run(image.id, ["sh", "-c", script])
    assert ran.code == 0, ran.stderr
    assert "VERSION_CODENAME=trixie" in ran.stdout
    assert "trixie-security main" in ran.stdout
    assert "signed-by" not in ran.stdout
    assert "asked" not in ran.stdout
    assert str(len(first.recipe["packages"])) in ran.stdout.splitlines()
