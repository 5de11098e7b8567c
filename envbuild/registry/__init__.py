"""Stage 7: what a registry has, and what engines cannot ask it for. Verb: `RegistryClient(site, logins)`.

Manifests, blobs with resume, uploads, tags, referrers. `wire` alone speaks HTTP, by urllib3, imported where
it is used. docs/registry.md says why.
"""
