"""Measures envbuild beside hand-written Dockerfiles; see run.py."""
