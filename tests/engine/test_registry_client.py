"""The registry client and an engine with one registry between them: what one stores, the other reads."""

import uuid
from dataclasses import replace
from pathlib import Path

import docker
import pytest
from support.contexts import PLATFORM, context
from support.pushed import somewhere
from support.registries import Registry

from envbuild.engine.connect import connect
from envbuild.engine.engine import Engine
from envbuild.engine.model import BuildRequest
from envbuild.logins import Logins
from envbuild.registry.client import RegistryClient
from envbuild.registry.model import Attachment
from envbuild.site.model import Site

pytestmark = pytest.mark.registry


def test_an_image_that_an_engine_pushed(
    api: docker.APIClient, engine: Engine, engine_url: str, registry: Registry, tmp_path: Path
) -> None:
    """Read, given another name without moving a layer, and pulled under it: the same digest all the way."""
    content = uuid.uuid4().bytes
    reference = somewhere(registry.host)
    tiny = context("FROM scratch\nLABEL a=b\nCOPY f /f\nCOPY g /g\n", {"f": content, "g": content * 9})
    built = engine.build(tiny, BuildRequest(tags=(str(reference),)))
    for message in api.push(
        reference.name, reference.tag, stream=True, decode=True, auth_config=registry.auth()
    ):
        assert "error" not in message, message
    engine.remove(built.id, force=True)
    environ = registry.docker_config(tmp_path / "config")
    with RegistryClient(Site(), Logins(environ)) as client:
        image = client.resolve(reference, PLATFORM)
        config = client.config(reference, image)
        assert config["config"]["Labels"] == {"a": "b"}
        assert tuple(config["rootfs"]["diff_ids"]) == built.layers
        other = somewhere(registry.host)
        for part in (image.config, *image.layers):
            client.fetch_blob(reference, part, tmp_path / "part")
            assert client.upload_blob(other, tmp_path / "part", part, mount_from=reference) == "mounted"
        assert client.put_manifest(other, image.data, image.media_type) == image.digest
        client.attach(other, "application/vnd.test", [Attachment(data=b"x", media_type="text/plain")])
        assert len(client.referrers(replace(other, digest=image.digest))) == 1
    with connect(engine_url, environ) as known:
        pulled = known.pull(str(other), PLATFORM)
        assert f"{other.name}@{image.digest}" in pulled.digests
        assert pulled.layers == built.layers
        assert known.remote_digest(str(other), PLATFORM) == image.digest
        known.remove(pulled.id, force=True)
