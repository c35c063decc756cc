"""The real-time engine: Socket.IO 5 over Engine.IO 4 over RFC 6455, on gevent's event loop. docs/engine.md explains it.

http, http_request   one connection's requests (gevent's WSGI handler, with limits), strictly read; taking it over
handshake, frames, websocket    RFC 6455: the opening, the frames, the connection
session, server                 Engine.IO: one session, and the server that answers the requests
packets, manager, socketio_server   Socket.IO: its packets, who is in which room, the server
wheel      one timer for all deadlines
"""
