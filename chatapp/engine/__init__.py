"""The real-time engine: Socket.IO 5 over Engine.IO 4 over RFC 6455, on gevent's event loop. docs/engine.md explains it.

http_handler, http_request      one connection's requests (gevent's WSGI handler, with limits), strictly read
handshake, frames, websocket    RFC 6455: the opening, the frames, the connection
engineio_server                 Engine.IO: the server that answers the requests
engineio_session, inbox, upgrade    one session: what it sends, what it has received, the change to a WebSocket
packets, client_manager, socketio_server   Socket.IO: its packets, who is in which room, the server
fair_queue, timer_wheel         whose turn it is; one timer for all deadlines
stock_server                    the libraries' own server instead (ENGINE=stock)
"""
