# ruff: noqa: PTH100, PTH118, PTH119, PTH120, UP006, UP035  # Python 3.6 is enough: it also runs inside images
"""Which installed package each shared library belongs to, by every dist-info's RECORD and by conda's records.

Reads files. As a script, `python - FOLDER… < owners.py`, it prints one JSON line per package:
{"name": …, "version": …, "files": […]}.
"""

import csv
import json
import os
import sys
from typing import Dict, Iterator, List, NamedTuple, Tuple


class Owner(NamedTuple):
    """An installed package and its shared libraries, as absolute paths."""

    name: str
    version: str
    files: Tuple[str, ...]


def find_owners(folders: List[str], skip: Tuple[str, ...] = ()) -> Iterator[Owner]:
    """Every package installed below `folders`; a record that cannot be read is left out.

    A conda package that is a Python distribution comes twice, the distribution last.
    """
    for top in folders:
        for folder, inner, names in os.walk(top):
            inner[:] = sorted(name for name in inner if os.path.join(folder, name) not in skip)
            if os.path.basename(folder) == "conda-meta":
                for file in sorted(names):
                    if file.endswith(".json"):
                        yield from read_conda(folder, file)
            if folder.endswith(".dist-info") and "RECORD" in names:
                name, _, version = os.path.basename(folder)[: -len(".dist-info")].partition("-")
                yield Owner(normal(name), version, read_record(folder))


def read_record(folder: str) -> Tuple[str, ...]:
    """The shared libraries that the RECORD of a dist-info folder names."""
    site = os.path.dirname(os.path.abspath(folder))
    found = []
    try:
        with open(os.path.join(folder, "RECORD"), encoding="utf-8", errors="replace", newline="") as file:  # noqa: PTH123
            for row in csv.reader(file):
                name = row[0].rpartition("/")[2] if row else ""
                if is_library(name):
                    found.append(os.path.normpath(os.path.join(site, row[0])))
    except (OSError, csv.Error):
        return ()
    return tuple(found)


def read_conda(folder: str, file: str) -> Iterator[Owner]:
    """The package that a file of conda-meta is about, with the shared libraries that it names."""
    prefix = os.path.dirname(os.path.abspath(folder))
    try:
        with open(os.path.join(folder, file), encoding="utf-8", errors="replace") as opened:  # noqa: PTH123
            record = json.load(opened)
        paths = [path for path in record.get("files") or () if is_library(path.rpartition("/")[2])]
        files = tuple(os.path.normpath(os.path.join(prefix, path)) for path in paths)
        yield Owner(str(record["name"]), str(record["version"]), files)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return


def is_library(name: str) -> bool:
    """Whether a file of that name is a shared library."""
    return name.endswith(".so") or ".so." in name


def normal(name: str) -> str:
    """A package's name as indexes compare it."""
    return "-".join(part for part in name.replace(".", "-").replace("_", "-").lower().split("-") if part)


def by_file(owners: List[Owner]) -> Dict[str, Owner]:
    """The owner of each file."""
    return {path: owner for owner in owners for path in owner.files}


def main(arguments: List[str]) -> None:
    """Print a JSON line for every package below the folders in `arguments`."""
    for owner in find_owners(arguments, ("/proc", "/sys", "/dev")):
        if owner.files:
            sys.stdout.write(json.dumps(owner._asdict()) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
