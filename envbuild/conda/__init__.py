"""conda packages: channels and wishes in, locked records out. Only this room knows py-rattler."""
