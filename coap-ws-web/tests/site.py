"""Serves the pages of the browser's tests, and stands between a page and its server.

usage: site.py DIRECTORY SITE_PORT RELAY_PORT SERVER_PORT RUDE_PORT

RELAY_PORT leads to SERVER_PORT, until `POST /control/lose` cuts every connection and refuses new
ones for `?ms=`. At RUDE_PORT is a WebSocket server that sends two bytes that are no CoAP message,
and keeps the status code that it is closed with for `POST /control/code`.
"""

import base64
import hashlib
import http.server
import socket
import socketserver
import sys
import threading
import time
import urllib.parse

DIRECTORY, PORTS = sys.argv[1], [int(port) for port in sys.argv[2:6]]
SITE, RELAY, SERVER, RUDE = PORTS
LOCK = threading.Lock()
state = {"open": set(), "refuse_until": 0.0, "code": None}


class Page(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    extensions_map = {
        ".html": "text/html", ".js": "text/javascript", ".css": "text/css",
        ".wasm": "application/wasm", "": "application/octet-stream",
    }

    def __init__(self, *args):
        super().__init__(*args, directory=DIRECTORY)

    def log_message(self, *_):
        pass

    def do_POST(self):
        url = urllib.parse.urlsplit(self.path)
        body = {"/control/lose": self.lose, "/control/code": self.code}[url.path](url.query)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def lose(self, query):
        wait = float(urllib.parse.parse_qs(query).get("ms", ["0"])[0]) / 1000
        with LOCK:
            state["refuse_until"] = time.monotonic() + wait
            for end in state["open"]:
                end.shutdown(socket.SHUT_RDWR)
        return b""

    def code(self, _):
        deadline = time.monotonic() + 5
        while state["code"] is None and time.monotonic() < deadline:
            time.sleep(0.02)
        return str(state["code"]).encode()


class Threads(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


class Relay(socketserver.BaseRequestHandler):
    def handle(self):
        if time.monotonic() < state["refuse_until"]:
            return
        with socket.create_connection(("127.0.0.1", SERVER)) as server:
            ends = {self.request, server}
            with LOCK:
                state["open"] |= ends
            back = threading.Thread(target=self.copy, args=(server, self.request))
            back.start()
            self.copy(self.request, server)
            back.join()
            with LOCK:
                state["open"] -= ends

    @staticmethod
    def copy(of, to):
        try:
            while data := of.recv(65_536):
                to.sendall(data)
            to.shutdown(socket.SHUT_WR)
        except OSError:
            for end in of, to:
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass


class Rude(socketserver.StreamRequestHandler):
    def handle(self):
        key = ""
        while (line := self.rfile.readline().decode().strip()):
            name, _, value = line.partition(":")
            if name.lower() == "sec-websocket-key":
                key = value.strip()
        digest = hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
        self.wfile.write((
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Protocol: coap\r\n"
            f"Sec-WebSocket-Accept: {base64.b64encode(digest).decode()}\r\n\r\n"
        ).encode())
        self.wfile.write(b"\x82\x02\xff\xff")
        while (head := self.rfile.read(2)):
            # All that a page sends here is short.
            mask = self.rfile.read(4)
            data = self.rfile.read(head[1] & 0x7F)
            data = bytes(byte ^ mask[i % 4] for i, byte in enumerate(data))
            if head[0] & 0x0F == 8:
                state["code"] = int.from_bytes(data[:2], "big")
                self.wfile.write(bytes([0x88, 2]) + data[:2])
                return


class Site(http.server.ThreadingHTTPServer):
    daemon_threads = True


for port, handler in (RELAY, Relay), (RUDE, Rude):
    threading.Thread(target=Threads(("127.0.0.1", port), handler).serve_forever, daemon=True).start()
Site(("127.0.0.1", SITE), Page).serve_forever()
