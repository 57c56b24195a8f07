"""The plain ends of an opening handshake, for what no CoAP program can be made to do.

usage: peer.py ask PORT CA NAME [FIELD...]      asks for the upgrade; prints status and text
       peer.py hold PORT CA NAME SECONDS        then sends nothing; prints when it was cut
       peer.py record PORT                      is the server; prints the requests' heads

`ask` and `hold` connect to 127.0.0.1:PORT by TLS, trust CA only, and call the server NAME:PORT.
Each FIELD is one more header line, such as "Origin: https://evil.example".
"""

import socket
import ssl
import sys
import time

# A CSM without options, and its frame with a mask of zeros.
CSM = bytes.fromhex("828200000000" "00e1")


def connect(port, ca, name):
    context = ssl.create_default_context(cafile=ca)
    stream = socket.create_connection(("127.0.0.1", port), timeout=10)
    return context.wrap_socket(stream, server_hostname=name)


def upgrade(stream, port, name, fields=()):
    """Sends the request; gives the head of the answer, and what came behind it."""
    lines = [
        "GET /.well-known/coap HTTP/1.1",
        f"Host: {name}:{port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Protocol: coap",
        *fields,
    ]
    stream.sendall("\r\n".join([*lines, "", ""]).encode())
    return read_head(stream)


def read_head(stream):
    """The head as text, and what came behind it; the head is empty where none came."""
    came = b""
    while b"\r\n\r\n" not in came:
        more = stream.recv(4096)
        if not more:
            return "", came
        came += more
    head, _, rest = came.partition(b"\r\n\r\n")
    return head.decode("latin-1"), rest


def ask(port, ca, name, *fields):
    with connect(port, ca, name) as stream:
        head, rest = upgrade(stream, port, name, fields)
        status = head.split("\r\n")[0].partition(" ")[2]
        if not status.startswith("101"):
            length = next(
                (int(line.split(":")[1]) for line in head.split("\r\n")
                 if line.lower().startswith("content-length:")), 0)
            while len(rest) < length:
                more = stream.recv(4096)
                if not more:
                    break
                rest += more
        print(status)
        if not status.startswith("101"):
            print(rest.decode("utf-8", "replace").strip())


def hold(port, ca, name, seconds):
    """How long a proxy keeps a connection on which nothing is said after the CSMs."""
    with connect(port, ca, name) as stream:
        head, _ = upgrade(stream, port, name)
        if " 101 " not in head.split("\r\n")[0] + " ":
            sys.exit(f"no upgrade: {head}")
        stream.sendall(CSM)
        begun = time.monotonic()
        while (left := begun + float(seconds) - time.monotonic()) > 0:
            stream.settimeout(left)
            try:
                # The server's CSM comes at once; after that whatever comes is the end.
                if not stream.recv(4096):
                    break
            except TimeoutError:
                print("still open")
                return
            except (OSError, ssl.SSLError):
                break
        print(f"cut after {time.monotonic() - begun:.1f} s")


def record(port):
    with socket.create_server(("127.0.0.1", port)) as listener:
        print("ready", flush=True)
        while True:
            stream, _ = listener.accept()
            with stream:
                head, _ = read_head(stream)
                # A health check only connects.
                if not head:
                    continue
                print(head.replace("\r\n", "\n"), end="\n\n", flush=True)
                stream.sendall(b"HTTP/1.1 403 Seen\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["ask", port, ca, name, *fields]:
            ask(int(port), ca, name, *fields)
        case ["hold", port, ca, name, seconds]:
            hold(int(port), ca, name, seconds)
        case ["record", port]:
            record(int(port))
        case _:
            sys.exit(__doc__)
