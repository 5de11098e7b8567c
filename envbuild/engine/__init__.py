"""Stage 5: `Engine.build(context, request, sink) → BuiltImage`, by a Docker or Podman engine that `connect`
found.

The only room that imports the docker SDK, and only where it is used. Not pure: sockets, engine, registries.
"""
