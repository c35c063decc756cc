"""The WSGI entry point: patch first, so that everything imported afterwards is cooperative."""

from gevent import monkey

monkey.patch_all()

from chatapp import create_app  # noqa: E402

app = create_app()
