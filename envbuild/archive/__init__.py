"""An image as one file for a machine without a network, and back: `save`, `load`.

The file is an OCI image layout in a tar (plain, gzip or zstd): the image, its lock and spec, and what belongs
to it. docs/registry.md says what is in it. No other room knows that form.
"""
