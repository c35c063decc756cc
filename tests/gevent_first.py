"""Loaded by pytest before anything else (`-p`), because gevent has to patch before others import sockets."""

from gevent import monkey

monkey.patch_all()
