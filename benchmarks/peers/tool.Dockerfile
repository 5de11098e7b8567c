# uv as an image of its own, as people take it from uv's registry; the same binary that envbuild uses.
FROM scratch
COPY uv /uv
