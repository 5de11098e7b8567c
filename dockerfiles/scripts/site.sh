#!/bin/sh
# site.sh COMMAND [ARG...]: run a command with what this site says about its network, if it says anything.
# The variables live as long as the command; the secrets are mounted, and are not part of the image.
set -eu
umask 022
if [ -f /run/secrets/envbuild_site ]; then
    . /run/secrets/envbuild_site
fi
if [ -f /run/secrets/envbuild_ca ]; then
    for name in SSL_CERT_FILE REQUESTS_CA_BUNDLE CURL_CA_BUNDLE PIP_CERT GIT_SSL_CAINFO NODE_EXTRA_CA_CERTS ENVBUILD_CA; do
        export "$name=/run/secrets/envbuild_ca"
    done
fi
export UV_CACHE_DIR=/run/envbuild/cache UV_LINK_MODE=copy UV_NO_CONFIG=1 UV_NO_PROGRESS=1 UV_PYTHON_DOWNLOADS="${UV_PYTHON_DOWNLOADS:-manual}"
exec "$@"
