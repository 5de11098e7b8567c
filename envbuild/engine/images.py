"""The engine's image store: look up, pull, tag, load, remove; and what a registry says through the engine.
Not pure.

Input: references. Output: `ImageInfo`, digests, events. Raises RegistryError, EngineError.
"""

from __future__ import annotations

import re
import time
import urllib.parse
from typing import IO, TYPE_CHECKING, Any

from envbuild.engine.errors import from_status, is_disk_full, translated, wants_login
from envbuild.engine.inspected import image_info, platform_of
from envbuild.engine.transport import Call, Refused
from envbuild.errors import EngineError, RegistryError
from envbuild.events import StepDone, StepFailed, StepProgress, StepStarted, ignore
from envbuild.names import mirrored, parse_reference

if TYPE_CHECKING:
    from collections.abc import Mapping

    import docker

    from envbuild.engine.credentials import Credentials
    from envbuild.engine.model import EngineInfo
    from envbuild.engine.transport import Transport
    from envbuild.events import Sink
    from envbuild.images import ImageInfo

CHUNK = 1 << 20


class Images:
    """The image store of one engine. `mirrors`: registry host → mirror prefix."""

    def __init__(
        self,
        api: docker.APIClient,
        transport: Transport,
        info: EngineInfo,
        credentials: Credentials,
        mirrors: Mapping[str, str],
    ) -> None:
        self._api = api
        self._transport = transport
        self._info = info
        self._credentials = credentials
        self._mirrors = dict(mirrors)

    def image(self, reference: str) -> ImageInfo | None:
        """The image of that name, digest or id in the engine's store; None when there is none.

        None, too, for what is a path rather than a name: in a question's URL `.` and `..` mean another one.
        """
        if {"", ".", ".."} & set(reference.split("/")):
            return None
        local = self.local_reference(reference)
        return self._inspect(local) if local else None

    def local_reference(self, reference: str) -> str | None:
        """The name that the store has it under: itself, or as the mirror names it; None: none."""
        for name in dict.fromkeys((reference, mirrored(reference, self._mirrors))):
            if self._inspect(name):
                return name
        return None

    def _inspect(self, reference: str) -> ImageInfo | None:
        import docker.errors

        with translated(f"looking for the image {reference}", self._transport.endpoint):
            try:
                found: dict[str, Any] = self._api.inspect_image(reference)  # type: ignore[no-untyped-call]
                return image_info(found)
            except docker.errors.NotFound:
                return None

    def remote_digest(self, reference: str, platform: str) -> str:
        """The digest that the registry (or its mirror) has for `reference`. Raises RegistryError."""
        name = mirrored(reference, self._mirrors)
        if (
            self._info.kind == "podman"
        ):  # it has no such question: what the registry has is what a pull brings
            return self._pulled_digest(reference, platform)
        with translated(f"asking for {reference}", self._transport.endpoint):
            status, body = self._transport.ask(
                "GET",
                f"/distribution/{urllib.parse.quote(name, safe='/:@')}/json",
                headers=self._credentials.header(parse_reference(name).host),
            )
        if status != 200:
            raise registry_error(name, Refused(status, body))
        found = _json(body)
        offered = sorted({platform_of(entry) for entry in found.get("Platforms") or ()})
        if offered and not any(_same_platform(platform, entry) for entry in offered):
            raise _wrong_platform(reference, platform, ", ".join(offered))
        return str(found["Descriptor"]["digest"])

    def _pulled_digest(self, reference: str, platform: str) -> str:
        image = self.pull(reference, platform, ignore)
        for entry in image.digests:
            return entry.partition("@")[2]
        raise RegistryError(f"{reference}: pulled, but the engine knows no digest of it")

    def pull(self, reference: str, platform: str, sink: Sink) -> ImageInfo:
        """Pull with the user's credentials, through the site's mirror if any, and name it `reference`."""
        began = time.monotonic()
        step = f"pull:{reference}"
        name = mirrored(reference, self._mirrors)
        via = "" if name == reference else f" (as {name})"
        sink(StepStarted(id=step, stage="base", name=f"pull {reference}{via}"))
        try:
            self._pull(name, platform, step, sink)
            image = self._arrived(reference, name, platform)
        except BaseException as error:
            sink(StepFailed(id=step, seconds=time.monotonic() - began, reason=str(error) or "stopped"))
            raise
        sink(StepDone(id=step, seconds=time.monotonic() - began))
        return image

    def _pull(self, name: str, platform: str, step: str, sink: Sink) -> None:
        wanted = parse_reference(name)
        query = [
            ("fromImage", wanted.name),
            ("tag", wanted.digest or wanted.tag or "latest"),
            ("platform", platform),
        ]
        layers: dict[str, tuple[int, int]] = {}
        with translated(f"pulling {name}", self._transport.endpoint):
            try:
                headers = self._credentials.header(wanted.host)
                with self._transport.stream("/images/create", query=query, headers=headers) as messages:
                    for message in messages:
                        _check(message)
                        if message.get("status") == "Downloading":
                            detail = message.get("progressDetail") or {}
                            layers[str(message.get("id"))] = (
                                detail.get("current") or 0,
                                detail.get("total") or 0,
                            )
                            current, total = (sum(column) for column in zip(*layers.values(), strict=True))
                            sink(StepProgress(id=step, current=current, total=total))
            except Refused as error:
                raise registry_error(name, error) from error

    def _arrived(self, reference: str, name: str, platform: str) -> ImageInfo:
        image = self._inspect(name)
        if image is None:
            raise RegistryError(f"{name}: the engine says that it was pulled, and does not have it")
        if not _same_platform(platform, image.platform):
            raise _wrong_platform(reference, platform, image.platform)
        if name != reference and not parse_reference(reference).digest:
            self.tag(image.id, reference)
        return image

    def tag(self, image_id: str, reference: str) -> None:
        """Give an image a further name; an image that had that name loses it."""
        wanted = parse_reference(reference)
        with translated(f"naming the image {reference}", self._transport.endpoint):
            self._api.tag(image_id, wanted.familiar, wanted.tag or "latest", force=True)

    def untag(self, reference: str) -> None:
        """Take a name away; the image itself goes only if it has no other name. Nothing happens when there is
        none.
        """
        import docker.errors

        with translated(f"removing the name {reference}", self._transport.endpoint):
            try:
                self._api.remove_image(reference, noprune=False)
            except docker.errors.NotFound:
                return

    def remove(self, reference: str, *, force: bool = False) -> None:
        """Remove an image by name or id, with all its names if `force`. Fine when it is not there."""
        import docker.errors

        with translated(f"removing the image {reference}", self._transport.endpoint):
            try:
                self._api.remove_image(reference, force=force)
            except docker.errors.NotFound:
                return

    def load(self, stream: IO[bytes]) -> ImageInfo:
        """Load a docker archive (what `docker save` writes) holding one image."""

        def send(call: Call) -> None:
            while data := stream.read(CHUNK):
                call.write(data)

        headers = (("Content-Type", "application/x-tar"),)
        said = ""
        with (
            translated("loading an image", self._transport.endpoint),
            self._transport.stream(
                "/images/load", query=[("quiet", "1")], headers=headers, send=send
            ) as messages,
        ):
            for message in messages:
                if "error" in message:
                    raise from_status("loading an image", 0, str(message["error"]))
                said += str(message.get("stream") or "")
        # The one place where an engine names the image is this text: "Loaded image: NAME" or "Loaded image
        # ID: sha256:…".
        names = [
            line.partition(": ")[2].strip() for line in said.splitlines() if line.startswith("Loaded image")
        ]
        image = self._inspect(names[-1].split(",")[-1].strip()) if names else None
        if image is None:
            raise EngineError(
                f"loading an image: the engine did not say which ({said.strip() or 'no answer'})"
            )
        return image


# How the engine's HTTP library begins its reasons: the address again, and who was asked for it.
_GO_SAYS = re.compile(r'^(?:Get|Head) "[^"]*": (?:dial tcp: )?(?:lookup \S+ on \S+: )?')


def _check(message: Mapping[str, Any]) -> None:
    if "error" in message:
        code = (message.get("errorDetail") or {}).get("code")
        raise Refused(int(code or 0), str(message["error"]).encode())


def registry_error(name: str, error: Refused) -> RegistryError | EngineError:
    """What a failed pull or question to a registry means, by status."""
    host = parse_reference(name).host
    if is_disk_full(error.text):
        return from_status(f"pulling {name}", error.status, error.text)
    if wants_login(error.status, error.text):
        return RegistryError(
            f"{name}: the registry {host} refuses without the right credentials",
            hint=f"log in with `docker login{'' if host == 'docker.io' else ' ' + host}`, then try again",
        )
    if error.status == 404:
        return RegistryError(
            f"{name}: the registry {host} has no such image (or does not show it to you)",
            hint="check the name and the tag; a private image needs `docker login`",
        )
    return RegistryError(
        f"{name}: the registry {host} cannot be reached from the engine: {_GO_SAYS.sub('', error.text)}",
        hint="check the engine's network and proxy, or name a mirror for it in the site config",
    )


def _wrong_platform(reference: str, platform: str, offered: str) -> RegistryError:
    return RegistryError(
        f"{reference}: wanted for {platform}, its registry has it for {offered} only",
        hint="choose another base, or build for a platform that it has",
    )


def _json(body: bytes) -> dict[str, Any]:
    import json

    found = json.loads(body)
    return found if isinstance(found, dict) else {}


def _same_platform(wanted: str, offered: str) -> bool:
    """linux/arm64 takes linux/arm64/v8; an image that does not say its platform is taken as well."""
    return not wanted or not offered or offered.split("/")[:2] == wanted.split("/")[:2]
