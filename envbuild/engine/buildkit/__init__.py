"""BuildKit over the engine's own API: wire codec, session, request, progress. No docker CLI."""
