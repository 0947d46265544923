# socialcron in a container: small, not root, with /bin/sh for schedulers that start commands by it.
#
#   docker build -t socialcron .                          every command; by default it sleeps, to be exec'ed into
#   docker build -t socialcron-cron --target scheduler .  the same with cron, which runs all jobs
#
# Debian's slim image, and not python:slim: the cron is the one that the tests run, and Python gets Debian's security
# updates by rebuilding. Pin it by digest where builds must repeat: debian:trixie-slim@sha256:...
FROM debian:trixie-slim AS base
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates python3 tini tzdata \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --user-group --create-home --home-dir /srv/socialcron socialcron

FROM base AS build
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends python3-venv
WORKDIR /src
COPY constraints.txt requirements.lock ./
RUN python3 -m venv /opt/socialcron
COPY pyproject.toml README.md LICENSE ./
COPY sql sql
COPY socialcron socialcron
# Exactly the files that were tested, by their hashes. The constraint is for what builds this package, and stays behind.
RUN /opt/socialcron/bin/pip install --no-cache-dir --require-hashes --requirement requirements.lock \
    && PIP_CONSTRAINT=constraints.txt /opt/socialcron/bin/pip install --no-cache-dir --no-deps . \
    && /opt/socialcron/bin/pip uninstall --yes pip

FROM base AS socialcron
COPY --from=build /opt/socialcron /opt/socialcron
ENV PATH=/opt/socialcron/bin:/usr/local/bin:/usr/bin:/bin \
    SOCIALCRON_HOME=/srv/socialcron
WORKDIR /srv/socialcron
USER 10001:10001
# No HEALTHCHECK: nothing here runs for long. Whether the jobs run, and on time, is in the database: `socialcron doctor`.
ENTRYPOINT ["tini", "--"]
CMD ["sleep", "infinity"]

FROM socialcron AS scheduler
# cron starts as root, since it becomes the user of each job; the jobs run as socialcron.
# hadolint ignore=DL3002
USER 0:0
# Only our own jobs; and no pam_loginuid, which wants to write what a container may not, and then starts no job.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends cron \
    && rm -rf /var/lib/apt/lists/* /etc/cron.*/* /etc/crontab \
    && sed -i /pam_loginuid/d /etc/pam.d/cron
# cron passes over a file there that a group may write, as it may in a checkout made with umask 002.
COPY --chmod=644 deploy/scheduler/crontab /etc/cron.d/socialcron
COPY deploy/scheduler/run.sh /usr/local/bin/run-cron
CMD ["sh", "/usr/local/bin/run-cron"]

# The last stage is what `docker build` makes without --target.
FROM socialcron
