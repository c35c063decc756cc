# chatapp with its web app: `docker build -t chatapp .`; docs/operations.md says what it needs to run.

FROM node:22.22.2-bookworm-slim AS web
WORKDIR /build/clients/web
COPY clients/web/package.json clients/web/package-lock.json ./
RUN npm ci --omit=dev --no-audit --no-fund
COPY clients/js/src /build/clients/js/src
COPY clients/js/package.json clients/js/tsconfig.json /build/clients/js/
COPY clients/web ./
RUN npm run build

FROM python:3.11.14-slim-bookworm AS packages
RUN python -m venv /venv
COPY requirements.txt /
RUN /venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r /requirements.txt

FROM python:3.11.14-slim-bookworm
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin chatapp
WORKDIR /app
COPY --from=packages /venv /venv
COPY config.py gunicorn.conf.py wsgi.py ./
COPY migrations_seed migrations_seed
COPY chatapp chatapp
COPY --from=web /build/clients/web/dist clients/web/dist
RUN /venv/bin/python -m compileall -q . && install -d -o chatapp -m 0700 instance instance/media
ENV PATH=/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    FLASK_APP=wsgi \
    APP_ENV=production \
    PORT=3000
USER 10001
EXPOSE 3000
# Whether the process answers: one whose database is away has to be left alone, it recovers without a restart.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/api/health', timeout=4)"]
CMD ["gunicorn", "wsgi:app"]
