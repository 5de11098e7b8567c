"""Specs of small images on a base with Python, with packages from an index on loopback; and what registries
have of them, asked without the code under test.
"""

import base64
import hashlib
import http.client
import json
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from envbuild.names import parse_reference
from support.commandline import CommandLine
from support.index import Index
from support.place import write_config
from support.registries import Registry

KINDS = (
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
)


class Parcel(CommandLine):
    """A project whose image has two names: `image.repository` with the tags 1 and latest."""

    def __init__(self, folder: Path, home: Path, engine: str, index: Index, base: str) -> None:
        super().__init__(folder, home, engine)
        folder.mkdir(parents=True, exist_ok=True)
        write_config(home, {"index_url": index.url, "build_network": "host"})
        self.home = home
        self.base = base
        self.word = uuid.uuid4().hex[:10]
        self.name = f"parcel-{self.word}"
        self.lock_path = folder / f"pylock.{self.name}.toml"

    def spec(self, repository: str, packages: list[str], more: str = "") -> None:
        lines = [f"name: {self.name}", "python: 3.11", f"base: {self.base}"]
        lines += [f"pip: {{packages: {json.dumps(packages)}}}"]
        lines += [f"image: {{repository: {json.dumps(repository)}, tags: ['1', latest]}}", more]
        (self.folder / "spec.yml").write_text("\n".join(lines) + "\n")

    def knows(self, registry: Registry, password: str | None = None) -> None:
        """From now on the user has a login for this registry, and for no other."""
        registry.docker_config(self.home / "docker", password)


class Shelf:
    """One repository of a registry."""

    def __init__(self, registry: Registry, repository: str) -> None:
        self.registry = registry
        self.repository = parse_reference(repository).repository

    def ask(self, path: str, method: str = "GET") -> tuple[int, Any, bytes]:
        connection = http.client.HTTPConnection(self.registry.host)
        headers = {"Accept": ", ".join(KINDS)}
        if self.registry.user:
            pair = f"{self.registry.user}:{self.registry.password}".encode()
            headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        with closing(connection):
            connection.request(method, f"/v2/{self.repository}/{path}", headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()

    def put(self, tag: str, manifest: bytes, media_type: str) -> None:
        with closing(http.client.HTTPConnection(self.registry.host)) as connection:
            path = f"/v2/{self.repository}/manifests/{tag}"
            connection.request("PUT", path, body=manifest, headers={"Content-Type": media_type})
            assert connection.getresponse().status == 201

    def tags(self) -> list[str]:
        """All tags, but for those that stand in for the referrers API."""
        status, _, data = self.ask("tags/list")
        tags = json.loads(data)["tags"] if status == 200 else []
        return sorted(tag for tag in tags or [] if not tag.startswith("sha256-"))

    def digest(self, tag: str) -> str | None:
        status, headers, _ = self.ask(f"manifests/{tag}", "HEAD")
        return headers["Docker-Content-Digest"] if status == 200 else None

    def manifest(self, name: str) -> Any:
        status, _, data = self.ask(f"manifests/{name}")
        assert status == 200, data
        return json.loads(data)

    def blob(self, digest: str) -> bytes:
        status, _, data = self.ask(f"blobs/{digest}")
        assert status == 200, data
        assert f"sha256:{hashlib.sha256(data).hexdigest()}" == digest
        return data

    def attached(self, digest: str) -> Iterator[tuple[str, bytes]]:
        """(artifact type, file) of what belongs to an image, by the tag that lists it (docker-registry)."""
        status, _, data = self.ask(f"manifests/{digest.replace(':', '-')}")
        for entry in json.loads(data)["manifests"] if status == 200 else ():
            artifact = self.manifest(entry["digest"])
            assert artifact["subject"]["digest"] == digest
            assert entry["artifactType"] == artifact["artifactType"]
            (layer,) = artifact["layers"]
            yield artifact["artifactType"], self.blob(layer["digest"])
