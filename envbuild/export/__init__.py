"""A spec and its lock → other people's formats: one module per format, all of them pure."""
