"""mmdebstrap as a subprocess: `Target` → the tar of a root filesystem, reproducible. Not pure.

What it prints goes to a callback line by line. Interrupted, it is told to stop and waited for: it cleans up
after itself.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.bootstrap.sources import mirrored_sources, plain_sources
from envbuild.errors import BaseUnavailable
from envbuild.site.carry import build_args, redact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from envbuild.bootstrap.model import Target
    from envbuild.site.model import Site

# What the official slim images leave out, and keep: copyright files must stay with the packages.
_SLIM = (
    "path-exclude=/usr/share/doc/*",
    "path-include=/usr/share/doc/*/copyright",
    *(f"path-exclude=/usr/share/{name}/*" for name in ("groff", "info", "linda", "lintian", "locale", "man")),
    "path-include=/usr/share/locale/locale.alias",
)
KEYRINGS = Path("/usr/share/keyrings")
_GRACE = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Mmdebstrap:
    """The tool as found. `environ` is its environment, proxies included; `lines` hears what it says."""

    program: str
    keyring: Path
    site: Site
    environ: Mapping[str, str]
    lines: Callable[[str], None]

    @property
    def version(self) -> str:
        """`mmdebstrap 1.3.5`."""
        ran = subprocess.run([self.program, "--version"], capture_output=True, text=True, check=False)
        return ran.stdout.strip() or "mmdebstrap"

    def make(self, target: Target, layer: Path, epoch: int) -> None:
        """Write the root filesystem of `target` to `layer`. Raises BaseUnavailable with its own reason."""
        folder = layer.parent
        default = self._default_sources(target, folder)
        (folder / "plain.list").write_text(plain_sources(default), encoding="utf-8")
        asked = mirrored_sources(default, self.site.apt_mirrors, self.site.debian_mirror)
        argv = [
            *(self.program, "--variant=minbase", "--mode=auto", "--format=tar", "--skip=output/dev"),
            *(f"--dpkgopt={line}" for line in (_SLIM if target.slim else ())),
            *('--aptopt=Acquire::Languages "none"', f"--keyring={self.keyring}"),
            *self._ca_hooks(),
            '--customize-hook=rm -f "$1"/etc/apt/sources.list.d/*',
            f"--customize-hook=upload {shlex.quote(str(folder / 'plain.list'))} /etc/apt/sources.list",
            # The engine mounts its own over these; the host's must not be in the image.
            '--customize-hook=rm -f "$1/etc/hostname" "$1/etc/resolv.conf"',
            *(target.suite, str(layer), "-"),
        ]
        code, printed = self._run(argv, asked, {"SOURCE_DATE_EPOCH": str(epoch)})
        if code:
            raise BaseUnavailable(
                f"mmdebstrap could not make {target.reference}: {redact(_reason(printed), self.site)}",
                hint="is the mirror reachable? Another one: ENVBUILD_DEBIAN_MIRROR, or debian_mirror: in the "
                "site config; --verbose shows all that mmdebstrap said",
            )

    def _default_sources(self, target: Target, folder: Path) -> str:
        """What the tool would write into sources.list by itself: seen before it asks the network anything."""
        found = folder / "default.list"
        # It always fails: the hook ends it as soon as the file is there.
        argv = [
            *(self.program, "--variant=custom", "--format=null", f"--keyring={self.keyring}"),
            f'--setup-hook=cat "$1/etc/apt/sources.list" > {shlex.quote(str(found))}; exit 1',
            *(target.suite, "/dev/null"),
        ]
        ran = subprocess.run(argv, env=dict(self.environ), capture_output=True, text=True, check=False)
        text = found.read_text(encoding="utf-8") if found.exists() else ""
        if not plain_sources(text):
            reason = _reason(ran.stderr.splitlines())
            raise BaseUnavailable(f"mmdebstrap knows no mirror for {target.reference}: {reason}")
        return text

    def _ca_hooks(self) -> list[str]:
        """The site's CA bundle for apt, while the base is made and no longer."""
        if not self.site.ca_bundle:
            return []
        line = shlex.quote(f'Acquire::https::CaInfo "{self.site.ca_bundle}";')
        place = '"$1/etc/apt/apt.conf.d/00envbuild-site"'
        return [f"--setup-hook=printf '%s\\n' {line} > {place}", f"--customize-hook=rm {place}"]

    def _run(self, argv: Sequence[str], stdin: str, more: Mapping[str, str]) -> tuple[int, list[str]]:
        process = subprocess.Popen(
            argv,
            env={**self.environ, **more},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,  # an interrupt is passed on once, to all of its processes, below
        )
        printed: list[str] = []
        with _stopped_at_exit(process):
            if process.stdin:
                with contextlib.suppress(BrokenPipeError), process.stdin:  # it may end before it reads
                    process.stdin.write(stdin)
            for line in process.stderr or ():
                printed.append(line.rstrip())
                self.lines(printed[-1])
            return process.wait(), printed


def find_mmdebstrap(
    target: Target, site: Site, environ: Mapping[str, str], lines: Callable[[str], None]
) -> Mmdebstrap:
    """The tool, ready to run. Raises BaseUnavailable when it or the archive's keyring is missing."""
    program = shutil.which("mmdebstrap", path=environ.get("PATH"))
    if program is None:
        raise BaseUnavailable(
            "mmdebstrap, which makes base images, is not installed", hint=_install_hint(environ)
        )
    keyring = KEYRINGS / f"{target.distribution}-archive-keyring.gpg"
    if not keyring.exists():
        package = {"ubuntu": "ubuntu-keyring"}.get(target.distribution, keyring.stem)
        raise BaseUnavailable(
            f"{target.reference}: the keyring of its archive is missing ({keyring})",
            hint=f"install it: apt-get install {package}",
        )
    environ = {**environ, "LC_ALL": "C", **build_args(site)}
    return Mmdebstrap(program=program, keyring=keyring, site=site, environ=environ, lines=lines)


def _install_hint(environ: Mapping[str, str]) -> str:
    if sys.platform == "linux" and shutil.which("apt-get", path=environ.get("PATH")):
        return "install it: apt-get install mmdebstrap"
    return (
        "it runs on Debian and Ubuntu: make the base there, and carry it over with docker save and docker "
        "load; or set a mirror in registry_mirrors: of the site config"
    )


@contextlib.contextmanager
def _stopped_at_exit(process: subprocess.Popen[str]) -> Iterator[None]:
    """However the block ends, the process and its children are gone afterwards, and its pipe is closed."""
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGKILL):
            if process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, number)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(_GRACE)
        if process.stderr:
            process.stderr.close()


def _reason(printed: Sequence[str]) -> str:
    """The first error that apt or mmdebstrap named; the later ones only follow from it."""
    errors = [line for line in printed if re.match(r"E: |Err:", line)]
    fallback = next((line for line in reversed(printed) if line), "it said nothing")
    return (errors[0] if errors else fallback).removeprefix("E: ")
