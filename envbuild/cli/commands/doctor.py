"""`envbuild doctor`: look this machine over."""

import os

from envbuild.cli.options import Engine, Json, examples

NAME = "doctor"
EPILOG = examples(
    "envbuild doctor",
    "envbuild doctor --json | jq '.findings[] | select(.level != \"ok\")'",
)


def command(engine: Engine = None, json: Json = False) -> int:
    """Look this machine over, and say how to mend it.

    Looks at engine, disks, uv, package index, base image and certificates; and at the NVIDIA driver, the GPUs
    with what they can use, and how containers get them. Exit code 8 when something is wrong that would stop a
    build or a GPU check; warnings leave it 0. A machine without a GPU is fine.
    """
    from envbuild.cli.errors import ENGINE, OK
    from envbuild.cli.output import emit, emit_json, emit_table
    from envbuild.cli.surroundings import connector, current_site
    from envbuild.doctor.judge import judge
    from envbuild.doctor.probe import observe

    site = current_site()
    diagnosis = judge(observe(site, os.environ, connector(engine, site)))
    if json:
        emit_json({"level": diagnosis.level, "findings": diagnosis.findings})
    else:
        emit_table(("", "SUBJECT", "FINDING"), [(f.level, f.subject, f.what) for f in diagnosis.findings])
        mends = [f"  {finding.subject}: {finding.todo}" for finding in diagnosis.findings if finding.todo]
        if mends:
            emit("to mend:")
        for line in mends:
            emit(line)
    return ENGINE if diagnosis.level == "problem" else OK
