#!/usr/bin/python3
"""A stand-in for micromamba, for tests of what stands around it: it proves nothing about micromamba itself.

Knows `--version` and `create -p PREFIX --file LIST` of an @EXPLICIT list of .tar.bz2 packages, with the
options that envbuild gives, and refuses whatever else. It ends as micromamba 2.8.1 does for lists that are
good, tampered with, without a hash, with a malformed one, and without a header. Like it, it keeps archives
and what was in them in a cache, copies from there, and writes into conda-meta where each package came from.
Standard library only: it runs inside build stages.
"""

import argparse
import base64
import hashlib
import io
import json
import os
import re
import ssl
import sys
import tarfile
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any, NoReturn

VERSION = "2.8.1"
SYSTEM = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
ENTRY = """#!{prefix}/bin/python{version}
# -*- coding: utf-8 -*-
import re
import sys

from {module} import {first}

if __name__ == '__main__':
    sys.argv[0] = re.sub(r'(-script\\.pyw?|\\.exe)?$', '', sys.argv[0])
    sys.exit({function}())
"""


def main() -> None:
    given = arguments()
    lines = [line.strip() for line in Path(given.file).read_text().splitlines()]
    if "@EXPLICIT" not in lines:
        fail("could not parse the list: not an @EXPLICIT file")
    prefix = Path(given.prefix)
    if (prefix / "conda-meta").exists():
        fail("Non-conda folder exists at prefix")
    cache = Path(os.environ["CONDA_PKGS_DIRS"])
    urls = [line for line in lines if re.match(r"(https?|file)://", line)]
    packages = [(url.partition("#")[0], fetch(url, cache, given)) for url in urls]
    python = next(
        (
            ".".join(index["version"].split(".")[:2])
            for _, index in map(told, packages)
            if index["name"] == "python"
        ),
        "",
    )
    for url, folder in packages:
        install(url, folder, prefix, python)
    history = "".join(f"+{url}\n" for url, _ in packages)
    (prefix / "conda-meta" / "history").write_text(f"==> now <==\n# cmd: {' '.join(sys.argv)}\n{history}")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="micromamba")
    parser.add_argument("--version", action="version", version=VERSION)
    create = parser.add_subparsers(required=True).add_parser("create")
    create.add_argument("-p", "--prefix", required=True)
    create.add_argument("-f", "--file", required=True)
    create.add_argument("--safety-checks", choices=["disabled", "warn", "enabled"], default="warn")
    create.add_argument("--cacert-path")
    for names in ("-y --yes", "-q --quiet", "--no-rc", "--no-pyc"):
        create.add_argument(*names.split(), action="store_true")
    return parser.parse_args()


def fail(text: str) -> NoReturn:
    sys.exit(f"critical libmamba {text}")


def told(package: tuple[str, Path]) -> tuple[str, dict[str, Any]]:
    return package[0], json.loads((package[1] / "info/index.json").read_text())


def fetch(line: str, cache: Path, given: argparse.Namespace) -> Path:
    """The folder in the cache that the package was unpacked to."""
    url, _, mark = line.partition("#")
    digest = mark.removeprefix("sha256:")
    if not re.fullmatch(r"[0-9a-f]{32}|[0-9a-f]{64}", digest):
        if given.safety_checks == "enabled":
            fail(f"Package cache error. ({url}: md5 and sha256 sum unknown)")
        digest = ""
    name = url.rpartition("/")[2]
    archive = cache / name
    data = archive.read_bytes() if archive.is_file() else b""
    algorithm = hashlib.sha256 if len(digest) == 64 else hashlib.md5
    if not data or (digest and algorithm(data).hexdigest() != digest):
        data = download(url, given)
        actual = algorithm(data).hexdigest()
        if digest and actual != digest:
            sys.stderr.write(
                f'error    libmamba File not valid: SHA256 doesn\'t match expectation "{archive}"\n'
                f"    Expected: {digest}\n    Actual: {actual}\n{name} tarball has incorrect SHA256\n"
            )
            fail("Found incorrect downloads. Aborting")
        archive.write_bytes(data)
    folder = cache / name.removesuffix(".tar.bz2")
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:bz2") as tar:
        tar.extractall(folder)
    (folder / "info" / "repodata_record.json").write_text(json.dumps({"url": url}))
    with (cache / "urls.txt").open("a") as known:
        known.write(f"{url}\n")
    return folder


def download(url: str, given: argparse.Namespace) -> bytes:
    parts = urllib.parse.urlsplit(url)
    login, at, host = parts.netloc.rpartition("@")
    asked = urllib.request.Request(parts._replace(netloc=host).geturl())
    if at:
        words = urllib.parse.unquote(login).encode()
        asked.add_header("Authorization", f"Basic {base64.b64encode(words).decode()}")
    tls = trust(given.cacert_path) if parts.scheme == "https" else None
    try:
        with urllib.request.urlopen(asked, context=tls) as answer:
            return bytes(answer.read())
    except urllib.error.HTTPError as error:
        why = f"The requested URL returned error: {error.code}"
        fail(f"Multiple errors occurred:\n    Download error (22) [{url}]: {why}")
    except urllib.error.URLError as error:
        if isinstance(error.reason, ssl.SSLError):
            why = f"SSL peer certificate or SSH remote key was not OK [{url}]\n    {error.reason}"
            fail(f"Multiple errors occurred:\n    Download error (60) {why}")
        why = f"Could not connect to server [{url}]\n    {error.reason}"
        fail(f"Multiple errors occurred:\n    Download error (7) {why}")


def trust(bundle: str | None) -> ssl.SSLContext:
    """Those whom the bundle names, else the system's: variables such as SSL_CERT_FILE count for nothing."""
    file = bundle or next((path for path in SYSTEM if Path(path).exists()), "")
    if not file:
        fail("No CA certificates found on system, aborting")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.load_verify_locations(file)
    return tls


def install(url: str, folder: Path, prefix: Path, python: str) -> None:
    """Copy the files to where they belong, so that they are as new as this install."""
    index = json.loads((folder / "info/index.json").read_text())
    files = []
    for row in json.loads((folder / "info/paths.json").read_text())["paths"]:
        source, path = folder / row["_path"], row["_path"]
        if index.get("noarch") == "python":
            path = re.sub("^site-packages/", f"lib/python{python}/site-packages/", path)
            path = re.sub("^python-scripts/", "bin/", path)
        target = prefix / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_symlink():
            target.symlink_to(source.readlink())
        else:
            data = source.read_bytes()
            if found := row.get("prefix_placeholder"):
                data = data.replace(found.encode(), str(prefix).encode())
            target.write_bytes(data)
            target.chmod(source.stat().st_mode)
        files.append(path)
    link = folder / "info/link.json"
    for entry in json.loads(link.read_text())["noarch"].get("entry_points", []) if link.is_file() else []:
        name, module, function = (word.strip() for word in re.split("[=:]", entry))
        script = prefix / "bin" / name
        script.parent.mkdir(parents=True, exist_ok=True)
        first = function.split(".")[0]
        script.write_text(
            ENTRY.format(prefix=prefix, version=python, module=module, first=first, function=function)
        )
        script.chmod(0o775)
        files.append(f"bin/{name}")
    stem = f"{index['name']}-{index['version']}-{index['build']}"
    record = index | {
        "url": url,
        "channel": url.rsplit("/", 2)[0],
        "fn": f"{stem}.tar.bz2",
        "files": sorted(files),
        "link": {"source": str(folder), "type": 1},
        "extracted_package_dir": str(folder),
        "requested_spec": url,
    }
    meta = prefix / "conda-meta" / f"{stem}.json"
    meta.parent.mkdir(parents=True, exist_ok=True)
    meta.write_text(json.dumps(record, indent=4))


main()
