"""REST: load → service → (body, status). `register` puts all blueprints and hooks on the app."""

from flask import Flask

from chatapp.api import (
    actions,
    auth,
    conversations,
    docs,
    files,
    groups,
    health,
    legacy,
    link_previews,
    media,
    own,
    pins,
    requests,
    search,
    sync,
    uploads,
    users,
    web,
)


def register(app: Flask) -> None:
    """Put every route, hook and error handler on the app."""
    requests.register(app)
    app.register_blueprint(health.bp, url_prefix="/api")
    app.register_blueprint(auth.bp, url_prefix="/api/auth")
    app.register_blueprint(auth.bp, url_prefix="/auth", name="auth_at_root")
    app.register_blueprint(users.bp, url_prefix="/api")
    app.register_blueprint(conversations.bp, url_prefix="/api")
    app.register_blueprint(actions.bp, url_prefix="/api")
    app.register_blueprint(pins.bp, url_prefix="/api")
    app.register_blueprint(own.bp, url_prefix="/api")
    app.register_blueprint(groups.bp, url_prefix="/api")
    app.register_blueprint(sync.bp, url_prefix="/api")
    app.register_blueprint(search.bp, url_prefix="/api")
    app.register_blueprint(link_previews.bp, url_prefix="/api")
    app.register_blueprint(uploads.bp, url_prefix="/api")
    app.register_blueprint(media.bp, url_prefix="/api")
    app.register_blueprint(files.bp)
    app.register_blueprint(legacy.bp)
    app.register_blueprint(docs.bp)
    app.register_blueprint(web.bp)
