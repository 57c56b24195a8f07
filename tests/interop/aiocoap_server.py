"""An aiocoap server over WebSockets, for our client to be tested against.

usage: aiocoap_server.py PORT [CERTIFICATE KEY]

Listens on coap+ws://127.0.0.1:PORT and prints "ready". With a certificate and its key, PEM files,
also on coaps+ws with the port after that. Runs until it is ended by a signal.

    /hello             GET   the text "hi"
    /store, /store/…   GET PUT POST DELETE   keeps a body for each path
    /echo              POST  gives the payload back
    /large             GET   65,536 bytes, byte i is i % 251
    /separate          GET   a text, after 300 ms
    /obs               GET PUT   a text with observers
    /reverse           GET   asks its own client for /hello, and gives the answer back
    /time              GET   a number of four digits; observe it: five times a second
    /.well-known/core  GET   what there is
"""

import asyncio
import ssl
import sys

from aiocoap import Context, Message, resource
from aiocoap.numbers import codes
from aiocoap.numbers.contentformat import ContentFormat

# aiocoap binds WebSockets to the stated CoAP port plus this (its transports/ws.py says why).
PORT_RULE = 3000

LARGE = bytes(i % 251 for i in range(65_536))


def text(what):
    return Message(payload=what.encode(), content_format=ContentFormat.TEXT)


class Hello(resource.Resource):
    async def render_get(self, request):
        return text("hi")


class Store(resource.Resource):
    """A body for each path."""

    def __init__(self, bodies):
        super().__init__()
        self.bodies = bodies

    async def render_get(self, request):
        stored = self.bodies.get(request.opt.uri_path)
        if stored is None:
            return Message(code=codes.NOT_FOUND, payload=b"nothing is stored here")
        payload, content_format = stored
        return Message(payload=payload, content_format=content_format)

    async def render_put(self, request):
        code = codes.CHANGED if request.opt.uri_path in self.bodies else codes.CREATED
        self.bodies[request.opt.uri_path] = request.payload, request.opt.content_format
        return Message(code=code)

    render_post = render_put

    async def render_delete(self, request):
        self.bodies.pop(request.opt.uri_path, None)
        return Message(code=codes.DELETED)


class StoreBelow(Store, resource.PathCapable):
    """The same for the paths below: aiocoap dispatches the two apart."""


class Echo(resource.Resource):
    async def render_post(self, request):
        return Message(payload=request.payload, content_format=request.opt.content_format)


class Large(resource.Resource):
    async def render_get(self, request):
        return Message(payload=LARGE, content_format=ContentFormat.OCTETSTREAM)


class Separate(resource.Resource):
    async def render_get(self, request):
        await asyncio.sleep(0.3)
        return text("this took a moment")


class Observed(resource.ObservableResource):
    """Whoever puts a new text here has it told to all observers."""

    def __init__(self):
        super().__init__()
        self.body = b"as it was in the beginning"

    async def render_get(self, request):
        return Message(payload=self.body, content_format=ContentFormat.TEXT)

    async def render_put(self, request):
        self.body = request.payload
        self.updated_state()
        return Message(code=codes.CHANGED)


class Reverse(resource.Resource):
    """The client of the connection is asked; it has no URI, so the remote is what names it."""

    context = None

    async def render_get(self, request):
        question = Message(code=codes.GET)
        question.opt.uri_path = ("hello",)
        question.remote = request.remote
        answer = await asyncio.wait_for(self.context.request(question).response, 5)
        if not answer.code.is_successful():
            return Message(code=codes.BAD_GATEWAY, payload=str(answer.code).encode())
        return Message(payload=answer.payload, content_format=answer.opt.content_format)


class Time(resource.ObservableResource):
    """Grows while the server runs."""

    def __init__(self):
        super().__init__()
        self.ticks = 0

    async def tick(self):
        while True:
            await asyncio.sleep(0.2)
            self.ticks += 1
            self.updated_state()

    def update_observation_count(self, count):
        print("observers", count, flush=True)

    async def render_get(self, request):
        return text(f"{self.ticks:04}")


async def main(port, certificate=None, key=None):
    site, bodies, reverse, time = resource.Site(), {}, Reverse(), Time()
    site.add_resource(["hello"], Hello())
    site.add_resource(["store"], Store(bodies))
    site.add_resource(["store"], StoreBelow(bodies))
    site.add_resource(["echo"], Echo())
    site.add_resource(["large"], Large())
    site.add_resource(["separate"], Separate())
    site.add_resource(["obs"], Observed())
    site.add_resource(["reverse"], reverse)
    site.add_resource(["time"], time)
    listing = resource.WKCResource(site.get_resources_as_linkheader)
    site.add_resource([".well-known", "core"], listing)
    tls = None
    if certificate is not None:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(certificate, key)
    reverse.context = await Context.create_server_context(
        site, bind=("127.0.0.1", port - PORT_RULE), transports=["ws"], _ssl_context=tls
    )
    print("ready", flush=True)
    await time.tick()


if __name__ == "__main__":
    known = len(sys.argv) in (2, 4) and sys.argv[1].isdigit()
    if not known or int(sys.argv[1]) <= PORT_RULE:
        sys.exit(f"usage: {sys.argv[0]} PORT [CERTIFICATE KEY] (PORT above {PORT_RULE})")
    asyncio.run(main(int(sys.argv[1]), *sys.argv[2:]))
