"""From spec and lock to plan and Dockerfile, compared with files. `make golden` writes them anew."""

import json
import os
from pathlib import Path

import pytest
from support.planned import TEMPLATES, lock_of

from envbuild.cli.summaries import plan_rows
from envbuild.conda.source import CondaSource
from envbuild.plan.make import make_plan
from envbuild.plan.model import Plan
from envbuild.render.conda import conda_files, conda_folders
from envbuild.render.copies import read_copies
from envbuild.render.render import render
from envbuild.spec.load import load_spec

HERE = Path(__file__).parent
CASES = sorted(path.parent.name for path in HERE.glob("*/spec.yml"))


def made(case: str) -> dict[str, str]:
    """File name → text, for one case. The lock's text and envbuild's version are fixed."""
    spec = load_spec(HERE / case / "spec.yml")
    lock = lock_of(json.loads((HERE / case / "lock.json").read_text()))
    plan = make_plan(spec, lock, lock_text="# the lock\n", version="1.2.3")
    copies = read_copies(spec)
    context = render(plan, TEMPLATES, copies=copies, line_of=spec.source.line_of)
    rows = "\n".join(" | ".join(row).rstrip().replace("\n", "\\n") for row in plan_rows(plan))
    notes = "".join(f"note: {note}\n" for note in plan.notes)
    found = {"Dockerfile": context.dockerfile, "plan.txt": f"{rows}\n{notes}"}
    if plan.explicit:
        for way, source in conda_ways(plan).items():
            other = render(plan, TEMPLATES, copies=copies, line_of=spec.source.line_of, conda=source)
            found[f"Dockerfile.{way}"] = other.dockerfile
        found |= {Path(name).name: data.decode() for name, data in conda_files(plan, CondaSource()).items()}
    return found


def conda_ways(plan: Plan) -> dict[str, CondaSource]:
    """Besides the default, micromamba's public image."""
    nowhere = Path("/nowhere")
    return {
        "binary": CondaSource(how="binary", binary=nowhere),
        "staged": CondaSource(how="staged", groups=dict.fromkeys(conda_folders(plan), nowhere)),
    }


@pytest.mark.parametrize("case", CASES)
def test_golden(case: str) -> None:
    for name, text in made(case).items():
        path = HERE / case / name
        if os.environ.get("ENVBUILD_GOLDEN") == "write":
            path.write_text(text)
        assert path.is_file(), f"{path} is missing: make golden"
        assert text == path.read_text(), f"{path} differs: look at the change, then make golden"


def test_there_are_cases() -> None:
    assert CASES == ["conda", "managed", "quickstart", "torch_gpu"]
