"""What several test folders share: engines, registries, small servers. Import it as `from support.… import
…`.
"""
