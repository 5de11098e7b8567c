"""Packages of a later Debian than this machine has, unpacked and not installed: newer engines for tests."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from support.processes import DidNotStart

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


def unpacked(suite: str, packages: Sequence[str], cache: Path) -> Path:
    """A folder with what these packages of `suite` hold; fetched once into `cache`, from the mirror that this
    machine's own apt uses. Raises DidNotStart.
    """
    folder = cache / f"{suite}-{'-'.join(packages)}"
    if folder.is_dir():
        return folder
    for program in ("apt-get", "dpkg-deb"):
        if not shutil.which(program):
            raise DidNotStart(f"{program} is not here: this is no Debian")
    with tempfile.TemporaryDirectory(prefix="envbuild-apt-") as name:
        place = Path(name)
        options = _options(place, suite)
        _run(["apt-get", *options, "update"], place)
        _run(["apt-get", *options, "download", *packages], place)
        # Beside the folder that it becomes: a rename is all or nothing.
        part = Path(tempfile.mkdtemp(prefix="part-", dir=cache))
        for package in place.glob("*.deb"):
            _run(["dpkg-deb", "-x", str(package), str(part)], place)
    try:
        return part.rename(folder)
    except OSError:  # somebody else was quicker
        shutil.rmtree(part)
        return folder


def _options(place: Path, suite: str) -> list[str]:
    """For an apt that knows that suite only, keeps its lists in `place`, and is else as this machine's."""
    signed = f"[signed-by={KEYRING}] " if KEYRING.is_file() else ""
    (place / "sources.list").write_text(f"deb {signed}{_mirror()} {suite} main\n")
    for folder in ("lists/partial", "cache/archives/partial"):
        (place / folder).mkdir(parents=True)
    named = {
        "Dir::Etc::SourceList": place / "sources.list",
        "Dir::Etc::SourceParts": "-",
        "Dir::State::Lists": place / "lists",
        "Dir::Cache": place / "cache",
        "Acquire::Languages": "none",
        "APT::Sandbox::User": "root",
        "APT::Update::Post-Invoke": "",
    }
    return [text for key, value in named.items() for text in ("-o", f"{key}={value}")]


def _mirror() -> str:
    """Where this machine's apt has its own Debian from."""
    release = {}
    for line in Path("/etc/os-release").read_text().splitlines():
        key, _, value = line.partition("=")
        release[key] = value.strip('"')
    if release.get("ID") != "debian":
        raise DidNotStart(f"this machine is no Debian but {release.get('ID')}")
    wanted = ["apt-get", "indextargets", "--format", "$(RELEASE) $(COMPONENT) $(REPO_URI)"]
    for line in _run([*wanted, "Created-By: Packages"], Path("/")).splitlines():
        suite, component, uri = line.split()
        if (suite, component) == (release.get("VERSION_CODENAME"), "main"):
            return uri
    raise DidNotStart("apt has no source for this Debian's main")


def _run(argv: Sequence[str], folder: Path) -> str:
    environment = {**os.environ, "LC_ALL": "C"}
    ended = subprocess.run(
        argv, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    if ended.returncode:
        raise DidNotStart(f"{' '.join(argv[:1] + list(argv[-2:]))}: {ended.stderr.strip()[-500:]}")
    return ended.stdout
