"""The real-time engine: Socket.IO 5 over Engine.IO 4 over RFC 6455, on gevent's event loop. docs/engine.md explains it.

HTTP        http_handler (gevent's WSGI handler, with limits), http_request, http_answer, idle_connections, hangup,
            lingering_close
WebSocket   handshake, frames, frame_reader; websocket is one connection, with its socket_reader and socket_writer
Engine.IO   engineio_server answers the requests (answers, post_body, retained_environ); live_sessions has the sessions;
            engineio_session is one session, with its session_transport (polling, upgrade), heartbeat and inbox
Socket.IO   packets, client_manager (who is in which room), dispatch, socketio_server
Others      relay (to another worker of the machine); far_sessions asks another machine, foreign_requests answers one,
            over streams, each with two ends (stream), and a tunnel for a WebSocket
Time        fair_queue (whose turn it is), timer_wheel (one timer for all deadlines), per_loop
            stock_server is the libraries' own server instead (ENGINE=stock)
"""
