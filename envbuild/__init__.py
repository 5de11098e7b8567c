"""envbuild: locked, layered, smoke-tested container images from one short spec.yml."""

__version__ = "0.1.0"
