"""What an image in a registry says of itself, with little transferred. Verb: `look(…) → RemoteImage`.

`history` tells what its layers hold, `tiny` reads spec and lock out of a small layer, `attached` what belongs
to it. docs/registry.md says what is read.
"""
