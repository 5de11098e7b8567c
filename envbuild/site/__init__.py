"""Site: what belongs to a place and not to an environment. Verb: `load_site(environ, config) -> Site`.

`load` makes a `Site`; `carry` turns it into what network steps need: variables for uv, build secrets, proxy
build args, redaction.
"""
