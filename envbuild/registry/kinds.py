"""What envbuild attaches to an image in a registry, by artifact type: who pushes and who reads agree here.

Pure data. An artifact is an OCI 1.1 manifest whose subject is the image's manifest; its first layer is the
file.
"""

from __future__ import annotations

LOCK = "application/vnd.dev.envbuild.lock.v1+toml"
"""The lock file as pushed."""
SMOKE = "application/vnd.dev.envbuild.smoke.v1+json"
"""The smoke report (smoke/report.py), or `{"run": false, "why": …}` when the tests were left out."""
CYCLONEDX = "application/vnd.cyclonedx+json"
SPDX = "application/spdx+json"

WORDS = {
    LOCK: "lock",
    SMOKE: "smoke report",
    CYCLONEDX: "SBOM (CycloneDX)",
    SPDX: "SBOM (SPDX)",
}
"""For people."""
CREATED = "org.opencontainers.image.created"
"""Annotation of an artifact: when it was made (RFC 3339). Of several of a type the newest counts."""
