"""Stand-in images that run and say of themselves what envbuild's do: labels, spec and lock, on the tiny image
of `engines.have_tiny`. No envbuild made them: their lock names no package, their Python is a shell script.
"""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from envbuild.engine.engine import Engine
from envbuild.engine.model import BuildRequest
from envbuild.lock.model import Lock
from envbuild.lock.pylock import dump_lock
from support.contexts import context
from support.engines import TINY, have_tiny
from support.inspectable import a_lock, labels_for

SPEC = "name: env\npython: 3.11\nsmoke: {{commands: [{command}], gpu: {gpu}}}\n"

STANDIN_PYTHON = b"""\
#!/bin/sh
case "$2" in
*stdin.buffer.read*) exec cat >/dev/null ;;
*) echo '{"status": "not run", "detail": "a stand-in for Python"}' ;;
esac
"""


@dataclass(frozen=True)
class Small:
    """What a small image is made of."""

    spec: str
    lock: Lock
    labels: Mapping[str, str]
    files: Mapping[str, bytes]

    def build(self, engine: Engine, *tags: str, no_cache: bool = False) -> str:
        """The image in an engine; returns its id."""
        have_tiny(engine.info.url)
        lines = [f"FROM {TINY}", "COPY --chmod=0755 python /opt/env/bin/python"]
        lines += [*(f"COPY {name} /data/{name}" for name in self.files)]
        lines.append("COPY spec.yml pylock.env.toml /opt/envbuild/")
        lines += [f"LABEL {name}={json.dumps(value)}" for name, value in self.labels.items()]
        lines += ["ENV PATH=/bin", 'CMD ["sh"]']
        files = {"spec.yml": self.spec.encode(), "pylock.env.toml": dump_lock(self.lock).encode()}
        files["python"] = STANDIN_PYTHON
        made = context("\n".join(lines) + "\n", files | dict(self.files))
        return engine.build(made, BuildRequest(tags=tags, no_cache=no_cache)).id


def small(
    command: str = "true",
    *,
    gpu: str = "none",
    labels: Mapping[str, str] | None = None,
    files: Mapping[str, bytes] | None = None,
) -> Small:
    """A small image that no other test has; its smoke test is `command`. `labels` replace its own."""
    spec = SPEC.format(command=json.dumps(command), gpu=gpu) + f"# {uuid.uuid4().hex}\n"
    lock = a_lock(packages=(), apt=(), gpu={"uses": []}, cuda={}, inputs={"python": "3.11"})
    own = {key: value for key, value in labels_for(lock, spec).items() if value}
    return Small(spec, lock, own | dict(labels or {}), dict(files or {}))
