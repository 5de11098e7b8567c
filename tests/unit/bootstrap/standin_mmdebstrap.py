"""Stand-in mmdebstrap: runs the setup hook as the real one does, then writes a tiny fixed root filesystem.

STANDIN says what it does else: `broken` fails, `hang` says so and waits, `silent` knows no mirror. What it
was asked is written to STANDIN_RECORD.
"""

import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

DEFAULT = (
    "deb [signed-by=/x.gpg] http://deb.example/debian bookworm main\n"
    "deb [signed-by=/x.gpg] http://deb.example/debian bookworm-updates main\n"
    "deb [signed-by=/x.gpg] http://deb.example/debian-security bookworm-security main\n"
)
STATUS = """\
Package: libc6
Status: install ok installed
Version: 2.36-9
Description: a
 Package: not this one

Package: gone
Status: deinstall ok config-files
Version: 1

Package: bash
Status: install ok installed
Version: {bash}
"""


def say(line):
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def setup(hook):
    with tempfile.TemporaryDirectory() as root:
        Path(root, "etc/apt").mkdir(parents=True)
        Path(root, "etc/apt/sources.list").write_text(DEFAULT)
        if os.environ.get("STANDIN") != "silent":
            subprocess.run(["sh", "-c", hook, "exec", root], check=False)
    say("E: the hook failed")
    return 1


def main(argv):
    if argv == ["--version"]:
        sys.stdout.write("mmdebstrap 0.stand-in\n")
        return 0
    hooks = [word.partition("=")[2] for word in argv if word.startswith("--setup-hook=")]
    if "--variant=custom" in argv:
        return setup(hooks[0])
    record = {"argv": argv, "stdin": sys.stdin.read(), "env": dict(os.environ)}
    upload = next(word for word in argv if "upload" in word).split()
    record["uploaded"] = Path(upload[1]).read_text()
    Path(os.environ["STANDIN_RECORD"]).write_text(json.dumps(record))
    say("I: working")
    if os.environ.get("STANDIN") == "broken":
        say("Err:1 http://deb.example/debian bookworm InRelease, tried by https://me:hunter2@mirror.example")
        say("E: apt-get update failed")
        say("E: mmdebstrap failed to run")
        return 1
    if os.environ.get("STANDIN") == "hang":
        say("I: hanging")
        time.sleep(60)
    status = STATUS.format(bash=os.environ.get("STANDIN_BASH", "5.2")).encode()
    with tarfile.open(argv[-2], "w") as tar:
        for name, data in (("./etc/hello", b"hello"), ("./var/lib/dpkg/status", status)):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime = len(data), int(os.environ["SOURCE_DATE_EPOCH"])
            tar.addfile(entry, io.BytesIO(data))
    return 0


sys.exit(main(sys.argv[1:]))
