# The same by pip, as most tutorials have it.
ARG BASE
FROM ${BASE}
RUN apt-get update \
 && apt-get install -y --no-install-recommends python3 python3-venv \
 && rm -rf /var/lib/apt/lists/*
COPY requirements.txt /tmp/requirements.txt
RUN --mount=type=secret,id=envbuild_site \
    --mount=type=secret,id=envbuild_ca \
    if [ -f /run/secrets/envbuild_site ]; then . /run/secrets/envbuild_site; fi \
 && if [ -f /run/secrets/envbuild_ca ]; then export PIP_CERT=/run/secrets/envbuild_ca; fi \
 && python3 -m venv /opt/env \
 && /opt/env/bin/pip install --no-cache-dir -r /tmp/requirements.txt
ENV PATH=/opt/env/bin:$PATH
