#!/usr/bin/env python3
"""conda.py PREFIX --list FILE --groups FILE --packages CACHE (--folders DIR | --tars DIR): divide an environment.

Makes an environment of conda packages the same whoever installed it, where and when, and divides it by the packages'
own lists of files into groups: a folder each (moved out of PREFIX), or a tar each (PREFIX stays). What belongs to no
package goes into the last group. Run in a build by the environment's own Python (3.6 or later), and by envbuild on a
host; needs nothing but the standard library.
"""

import argparse
import json
import os
import stat
import sys
import tarfile

TIME = 315619200  # 1980-01-02, as of the files in a build context: what no archive gave a time
OF_THE_MACHINE = ("extracted_package_dir", "link", "package_tarball_full_path", "requested_spec", "requested_specs")


def main():
    """Read the arguments and do it. What is wrong is one line, and the exit code 1."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("prefix")
    for name in ("list", "groups", "packages"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--folders")
    parser.add_argument("--tars")
    given = parser.parse_args()
    urls = read_list(given.list)
    groups = read_groups(given.groups)
    records = clean(given.prefix, urls, groups, os.environ.get("ENVBUILD_CONDA_MIRRORS", ""))
    normalise(given.prefix, records, extracted(given.packages))
    owners = find_owners(records, groups)
    if given.folders:
        divide(given.prefix, owners, names_of(groups), given.folders)
    else:
        pack(given.prefix, owners, names_of(groups), given.tars)


def fail(text):
    """End with one line."""
    sys.exit("envbuild: " + text)


def read_list(path):
    """An @EXPLICIT list: the record's name (`numpy-2.1.0-py312_0`) → the URL that its channel has it under."""
    found = {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            line = line.strip()
            if not line or line[0] in "#@":
                continue
            url = line.partition("#")[0]
            name = url.rpartition("/")[2]
            for ending in (".conda", ".tar.bz2"):
                if name.endswith(ending):
                    name = name[: -len(ending)]
            found[name] = url
    return found


def read_groups(path):
    """Pairs of a group's folder and a record's name, in order."""
    with open(path, encoding="utf-8") as file:
        return [tuple(line.split()) for line in file if line.strip()]


def names_of(groups):
    """The groups in order, each once."""
    return list(dict.fromkeys(name for name, _ in groups))


def clean(prefix, urls, groups, mirrors):
    """Let conda-meta say what the channels say, and nothing of this machine or site. Record's name → record."""
    meta = os.path.join(prefix, "conda-meta")
    found = {name[: -len(".json")] for name in os.listdir(meta) if name.endswith(".json")}
    wanted = {record for _, record in groups}
    if found != wanted:
        missing, more = sorted(wanted - found), sorted(found - wanted)
        fail("the environment is not as locked: missing: %s, and not asked for: %s" % (said(missing), said(more)))
    records = {}
    for name in sorted(found):
        path = os.path.join(meta, name + ".json")
        with open(path, encoding="utf-8") as file:
            record = json.load(file)
        url = urls[name]
        record.update(url=url, channel=url.rsplit("/", 2)[0])
        record = {key: value for key, value in record.items() if key not in OF_THE_MACHINE}
        text = json.dumps(record, indent=2, sort_keys=True) + "\n"
        check_clean(text, mirrors, name)
        replace(path, text)
        records[name] = record
    replace(os.path.join(meta, "history"), "")
    return records


def said(names):
    """A few names."""
    return ", ".join(names[:5]) + (", …" if len(names) > 5 else "") if names else "nothing"


def replace(path, text):
    """Write a file anew: never into one that a package cache may share."""
    if os.path.lexists(path):
        os.remove(path)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def check_clean(text, mirrors, name):
    """A site's mirrors and logins may not stay."""
    for pair in mirrors.split():
        old, _, new = pair.partition("=")
        place = new.partition("://")[2]
        login, at, host = place.rpartition("@")
        if (at and login + "@" in text) or (host not in old and host in text):
            fail("conda-meta/%s.json still holds an address of this site" % name)


def extracted(cache):
    """Record's name → the folder that its archive was unpacked to, for what the archive says of times."""
    found = {}
    for folder, folders, _ in os.walk(cache):
        if os.path.isfile(os.path.join(folder, "info", "index.json")):
            found[os.path.basename(folder)] = folder
            del folders[:]
    return found


def normalise(prefix, records, unpacked):
    """Files that everybody may read, and times that do not tell when somebody installed them.

    A file keeps the time that it has in its archive: Python compares it with the compiled file beside it. Whatever
    the install wrote, or changed by putting its own prefix in, gets TIME.
    """
    times = {}
    for name, record in records.items():
        source = unpacked.get(name)
        changed = with_prefix(source) if source else set()
        for path in record.get("files", ()) if source else ():
            times.setdefault(path, time_of(os.path.join(prefix, path), source, changed, path))
    for folder, folders, files in os.walk(prefix, topdown=False):
        for name in files + [name for name in folders if os.path.islink(os.path.join(folder, name))]:
            path = os.path.join(folder, name)
            own(path)
            when = times.get(os.path.relpath(path, prefix)) or TIME
            os.utime(path, (when, when), follow_symlinks=False)
        os.chmod(folder, 0o755)
        os.utime(folder, (TIME, TIME))


def time_of(path, source, changed, name):
    """Seconds, of the file in the unpacked archive that `path` is a copy of; None for what is none."""
    places = [name]
    _, found, module = name.partition("/site-packages/")
    if found:
        places.append("site-packages/" + module)
    if name.startswith("bin/"):
        places.append("python-scripts/" + name[len("bin/") :])
    for place in places:
        try:
            status, mine = os.lstat(os.path.join(source, place)), os.lstat(path)
        except OSError:
            continue
        if stat.S_ISREG(status.st_mode) and status.st_size == mine.st_size and place not in changed:
            return int(status.st_mtime)
    return None


def with_prefix(source):
    """The files of an unpacked archive that an install puts its prefix into."""
    info = os.path.join(source, "info")
    if os.path.isfile(os.path.join(info, "paths.json")):
        with open(os.path.join(info, "paths.json"), encoding="utf-8") as file:
            return {row["_path"] for row in json.load(file)["paths"] if row.get("prefix_placeholder")}
    if os.path.isfile(os.path.join(info, "has_prefix")):
        with open(os.path.join(info, "has_prefix"), encoding="utf-8") as file:
            return {line.split()[-1].strip("\"'") for line in file if line.strip()}
    return set()


def own(path):
    """Permissions as in a build context; a file that a cache shares (a hard link) is made our own first."""
    status = os.lstat(path)
    if not stat.S_ISREG(status.st_mode):
        return
    if status.st_nlink > 1:
        with open(path, "rb") as file:
            data = file.read()
        os.remove(path)
        with open(path, "wb") as file:
            file.write(data)
    os.chmod(path, 0o755 if status.st_mode & 0o100 else 0o644)


def find_owners(records, groups):
    """Path in the prefix → its group. Of two packages that claim a file, the first group's has it."""
    owners = {}
    for group, name in groups:
        for path in [*records[name].get("files", ()), "conda-meta/%s.json" % name]:
            owners.setdefault(os.path.normpath(path), group)
    return owners


def members(prefix):
    """All that is no folder in the prefix, and folders with nothing in them; sorted, relative."""
    found, empty = [], []
    for folder, folders, files in os.walk(prefix):
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        found += [os.path.relpath(os.path.join(folder, name), prefix) for name in files + links]
        if not files and not folders and folder != prefix:
            empty.append(os.path.relpath(folder, prefix))
    return sorted(found), sorted(empty)


def parents(path):
    """The folders that `path` lies in, from the top."""
    parts = path.split("/")[:-1]
    return ["/".join(parts[: end + 1]) for end in range(len(parts))]


def divide(prefix, owners, names, target):
    """Move everything into a folder per group. Empty folders are all that is left of the prefix."""
    files, empty = members(prefix)
    for name in names:
        os.makedirs(os.path.join(target, name))
    for path in files:
        place = os.path.join(target, owners.get(path, names[-1]), path)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        os.rename(os.path.join(prefix, path), place)
    for path in empty:
        os.makedirs(os.path.join(target, names[-1], path), exist_ok=True)
    for folder, _, _ in os.walk(target, topdown=False):
        os.chmod(folder, 0o755)
        os.utime(folder, (TIME, TIME))


def pack(prefix, owners, names, target):
    """Write a tar per group, the same bytes for the same environment."""
    files, empty = members(prefix)
    for name in names:
        mine = [path for path in files if owners.get(path, names[-1]) == name]
        mine += empty if name == names[-1] else []
        wanted = {folder for path in mine for folder in parents(path)} | set(mine)
        part = os.path.join(target, name + ".tar")
        with tarfile.open(part, "w", format=tarfile.GNU_FORMAT) as tar:
            for path in sorted(wanted, key=lambda path: path.split("/")):
                member = tar.gettarinfo(os.path.join(prefix, path), path)
                member.uid = member.gid = 0
                member.uname = member.gname = ""
                member.mtime = int(member.mtime)
                if member.isreg():
                    with open(os.path.join(prefix, path), "rb") as file:
                        tar.addfile(member, file)
                else:
                    tar.addfile(member)


main()
