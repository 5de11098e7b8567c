"""What builds containers elsewhere → a `Draft`: Dockerfiles, cog, repo2docker, dev containers."""
