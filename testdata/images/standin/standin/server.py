"""HTTP with JSON, over TLS, a thread for each connection."""
import http.server
import json
import socket
import socketserver
import threading

from .common import Refusal, warn


class JsonHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60

    def setup(self):
        # The handshake runs here, in the connection's own thread: a silent client must not hold up the others.
        self.request.settimeout(10)
        self.request.do_handshake()
        super().setup()

    def body(self):
        n = int(self.headers.get("Content-Length") or 0)
        if n > 4 << 20:
            raise Refusal("request entity too large", 413)
        return json.loads(self.rfile.read(n) or b"{}")

    def answer(self, function):
        try:
            status, out = function()
        except Refusal as r:
            status, out = r.code, {"error": r.message}
        except (OSError, ValueError, KeyError, TypeError) as e:
            warn("internal error: %r" % e)
            status, out = 500, {"error": "internal error: %s" % type(e).__name__}
        data = out.encode() if isinstance(out, str) else json.dumps(out).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain" if isinstance(out, str) else "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


class _Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        pass  # broken handshakes and cut connections are the clients' affair


def serve_tls(address, port, handler, context, mixin, background=None, **attributes):
    """Serves for ever. The server has the mixin's methods and the attributes; background names one that runs beside."""
    server = type("Server", (mixin, _Server), {"address_family": socket.AF_INET})((address, port), handler)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    for k, v in attributes.items():
        setattr(server, k, v)
    if background:
        threading.Thread(target=getattr(server, background), daemon=True).start()
    server.serve_forever(poll_interval=3600)


