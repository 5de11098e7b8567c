"""What several test folders share: engines, registries, small servers. `from support.… import …`."""
