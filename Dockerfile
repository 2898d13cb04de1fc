# Curbside in a small image that does not run as root.
FROM python:3.11-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
RUN python -m venv /opt/curbside
COPY constraints.txt ./
COPY pyproject.toml README.md LICENSE ./
COPY bot ./bot
COPY bridges ./bridges
COPY migrations ./migrations
RUN /opt/curbside/bin/pip install -c constraints.txt '.[postgres]' \
 && /opt/curbside/bin/pip uninstall --yes pip setuptools \
 && find /opt/curbside -name __pycache__ -prune -exec rm -rf {} +

FROM python:3.11-slim
LABEL org.opencontainers.image.title="Curbside" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --uid 10001 --user-group --home-dir /curbside --create-home --shell /usr/sbin/nologin curbside
COPY --from=build /opt/curbside /opt/curbside
ENV PATH=/opt/curbside/bin:$PATH PYTHONUNBUFFERED=1 CURBSIDE_CONFIG=/curbside/curbside.toml
USER 10001:10001
# The settings, the secrets and the data all live here: mount one volume or folder.
WORKDIR /curbside
VOLUME ["/curbside"]
EXPOSE 8090
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8090/livez', timeout=4)"]
ENTRYPOINT ["curbside"]
CMD ["run"]
