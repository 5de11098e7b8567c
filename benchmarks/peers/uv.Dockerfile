# What a careful person writes by hand with uv: one layer, a cache mount, pinned versions.
ARG BASE
FROM ${BASE}
RUN apt-get update \
 && apt-get install -y --no-install-recommends python3 \
 && rm -rf /var/lib/apt/lists/*
COPY requirements.txt /tmp/requirements.txt
RUN --mount=type=bind,from=envbuild-bench-uv,source=/uv,target=/bin/uv \
    --mount=type=cache,target=/root/.cache/uv \
    --mount=type=secret,id=envbuild_site \
    --mount=type=secret,id=envbuild_ca \
    if [ -f /run/secrets/envbuild_site ]; then . /run/secrets/envbuild_site; fi \
 && if [ -f /run/secrets/envbuild_ca ]; then export SSL_CERT_FILE=/run/secrets/envbuild_ca; fi \
 && export UV_LINK_MODE=copy \
 && uv venv --python /usr/bin/python3 /opt/env \
 && uv pip install --python /opt/env/bin/python -r /tmp/requirements.txt
ENV PATH=/opt/env/bin:$PATH
