# slotwarden serve, on a read-only root file system and without privileges.
#   docker build -t slotwarden .
#   docker run --read-only --tmpfs /tmp -v slotwarden:/var/lib/slotwarden -p 50051:50051 slotwarden
# Pin the base by its digest where you build: a tag may move.
FROM python:3.11-slim-bookworm AS build
# Kernels are compiled for a kind of processor, not for the builder's own: any x86-64 server since
# 2015. On Arm: --build-arg CPU=neoverse-n1. Another processor compiles them at each start, a minute.
ARG CPU=x86-64-v3
ENV NUMBA_CPU_NAME=${CPU} NUMBA_CPU_FEATURES="" PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
COPY .ci/lock/run.txt .ci/lock/run.txt
RUN python -m venv /opt/slotwarden \
    && /opt/slotwarden/bin/pip install --no-cache-dir --require-hashes --only-binary :all: \
       -r .ci/lock/run.txt
COPY pyproject.toml README.md LICENSE ./
COPY constraints constraints
COPY ranker ranker
COPY training training
RUN /opt/slotwarden/bin/pip install --no-cache-dir --no-index --no-deps --no-build-isolation . \
    && /opt/slotwarden/bin/python -P -m ranker.serving.warming

FROM python:3.11-slim-bookworm
ARG CPU=x86-64-v3
ENV NUMBA_CPU_NAME=${CPU} NUMBA_CPU_FEATURES="" \
    PATH=/opt/slotwarden/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    SLOTWARDEN_HOST=0.0.0.0 \
    SLOTWARDEN_DATA_DIR=/var/lib/slotwarden \
    SLOTWARDEN_METRICS_PORT=9464 \
    SLOTWARDEN_LINGER_S=5
RUN groupadd --gid 10001 slotwarden \
    && useradd --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin slotwarden \
    && install --directory --owner 10001 --group 10001 --mode 0700 /var/lib/slotwarden
COPY --from=build /opt/slotwarden /opt/slotwarden
USER 10001:10001
WORKDIR /var/lib/slotwarden
VOLUME /var/lib/slotwarden
EXPOSE 50051 9464
HEALTHCHECK --interval=10s --timeout=4s --start-period=60s CMD ["python", "-P", "-m", "ranker.probe"]
ENTRYPOINT ["slotwarden"]
CMD ["serve"]
