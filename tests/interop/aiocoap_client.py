"""An aiocoap client over WebSockets that checks a server: ours, or aiocoap's own.

usage: aiocoap_client.py BASE [CA]   e.g. coap+ws://127.0.0.1:8683

With coaps+ws, CA is the PEM file of the authority that the server's certificate is checked against.

One line for each check, `ok NAME` or `FAIL NAME why`; exits 1 if one failed. All checks use one
connection, in this order. The server's /large and /echo take and give 65,536 bytes, and its
/reverse asks its client (this program) for /hello; its /time is text that grows, and can be
observed.
"""

import asyncio
import sys

from aiocoap import Context, Message, resource
from aiocoap.numbers import codes
from aiocoap.numbers.contentformat import ContentFormat
from aiocoap.util import linkformat

LARGE = bytes(i % 251 for i in range(65_536))
MEBIBYTE = bytes(i % 249 for i in range(1 << 20))
OURS = b"hello from the aiocoap client"
# For each check; a peer that never answers fails one check, not the whole run.
TIMEOUT_S = 10


class Hello(resource.Resource):
    """What this client serves."""

    def __init__(self):
        super().__init__()
        self.asked = 0

    async def render_get(self, request):
        self.asked += 1
        return Message(payload=OURS, content_format=ContentFormat.TEXT)


class Checks:
    def __init__(self, context, base, hello):
        self.context = context
        self.base = base.rstrip("/")
        self.hello = hello
        self.answers = 0

    async def ask(self, code, path, payload=b"", blockwise=True, **options):
        request = Message(code=code, uri=self.base + path, payload=payload, **options)
        answer = await self.context.request(request, handle_blockwise=blockwise).response
        self.answers += 1
        return answer

    async def get_hello(self):
        answer = await self.ask(codes.GET, "/hello")
        expect(answer.code, codes.CONTENT)
        if not answer.payload.decode():
            raise Failed("the text is empty")

    async def put_store(self):
        options = {"content_format": ContentFormat.TEXT}
        answer = await self.ask(codes.PUT, "/store/x", b"kept", **options)
        expect_one_of(answer.code, (codes.CREATED, codes.CHANGED))

    async def get_store(self):
        answer = await self.ask(codes.GET, "/store/x")
        expect(answer.code, codes.CONTENT)
        expect(answer.payload, b"kept")

    async def put_store_again(self):
        answer = await self.ask(codes.PUT, "/store/x", b"changed")
        expect(answer.code, codes.CHANGED)
        expect((await self.ask(codes.GET, "/store/x")).payload, b"changed")

    async def post_echo(self):
        answer = await self.ask(codes.POST, "/echo", b"\x00\x01\xfe\xff")
        expect_one_of(answer.code, (codes.CONTENT, codes.CHANGED))
        expect(answer.payload, b"\x00\x01\xfe\xff")

    async def not_found(self):
        expect((await self.ask(codes.GET, "/nothing")).code, codes.NOT_FOUND)

    async def well_known_core(self):
        answer = await self.ask(codes.GET, "/.well-known/core")
        expect(answer.code, codes.CONTENT)
        expect(answer.opt.content_format, ContentFormat.LINKFORMAT)
        listed = {link.href for link in linkformat.parse(answer.payload.decode()).links}
        missing = {"/hello", "/echo", "/large", "/reverse"} - listed
        if missing:
            raise Failed(f"{sorted(missing)} not among {sorted(listed)}")

    async def get_large_in_one_message(self):
        answer = await self.ask(codes.GET, "/large", blockwise=False)
        expect(answer.code, codes.CONTENT)
        expect(answer.opt.block2, None)
        expect_bytes(answer.payload, LARGE)

    async def get_large_in_blocks(self):
        """In blocks of 1024 bytes, as the first request asks for them."""
        answer = await self.ask(codes.GET, "/large", block2=(0, False, 6))
        expect(answer.code, codes.CONTENT)
        expect_bytes(answer.payload, LARGE)

    async def get_large_in_bert(self):
        """SZX 7 is answered with SZX 7, as both CSMs say (RFC 8323 section 6)."""
        answer = await self.ask(codes.GET, "/large", blockwise=False, block2=(0, False, 7))
        expect(answer.code, codes.CONTENT)
        expect(answer.opt.block2.size_exponent, 7)
        expect(answer.opt.block2.block_number, 0)
        expect_bytes(answer.payload, LARGE)

    async def post_echo_mebibyte(self):
        """1 MiB each way: more than a message holds, so in BERT blocks."""
        answer = await self.ask(codes.POST, "/echo", MEBIBYTE)
        expect_one_of(answer.code, (codes.CONTENT, codes.CHANGED))
        expect_bytes(answer.payload, MEBIBYTE)

    async def post_mebibyte_and_one(self):
        """One byte more than our server takes; aiocoap's own has no such limit."""
        answer = await self.ask(codes.POST, "/echo", MEBIBYTE + b"x")
        expect_one_of(answer.code, (codes.REQUEST_ENTITY_TOO_LARGE, codes.CHANGED))

    async def post_echo_large_in_one_message(self):
        answer = await self.ask(codes.POST, "/echo", LARGE, blockwise=False)
        expect_one_of(answer.code, (codes.CONTENT, codes.CHANGED))
        expect(answer.opt.block2, None)
        expect_bytes(answer.payload, LARGE)

    async def many_at_once(self):
        bodies = [str(n).encode() for n in range(100)]
        asked = [self.ask(codes.POST, "/echo", body) for body in bodies]
        answers = [answer.payload for answer in await asyncio.gather(*asked)]
        expect(answers, bodies)

    async def observe_time(self):
        """The answer and two notifications, of which aiocoap drops what is not numbered
        ascendingly."""
        request = Message(code=codes.GET, uri=self.base + "/time", observe=0)
        asked = self.context.request(request)
        first = await asked.response
        self.answers += 1
        expect(first.code, codes.CONTENT)
        if first.opt.observe is None:
            raise Failed("it is not observed")
        told, number = [first.payload], first.opt.observe
        async for notification in asked.observation:
            expect(notification.code, codes.CONTENT)
            if notification.opt.observe <= number:
                raise Failed(f"number {notification.opt.observe} after {number}")
            number = notification.opt.observe
            told.append(notification.payload)
            if len(told) == 3:
                break
        expect(told, sorted(set(told)))
        asked.observation.cancel()

    async def get_after_observing(self):
        """Whatever aiocoap does to end an observation, the connection lives on."""
        await asyncio.sleep(1.2)
        expect((await self.ask(codes.GET, "/hello")).code, codes.CONTENT)

    async def reverse(self):
        before = self.hello.asked
        answer = await self.ask(codes.GET, "/reverse")
        expect(answer.code, codes.CONTENT)
        expect(answer.payload, OURS)
        expect(self.hello.asked, before + 1)

    async def release(self):
        """aiocoap sends Release and waits, without limit, for the server to close."""
        await self.context.shutdown()
        if not self.answers:
            raise Failed("there was no connection to release")


ALL = [
    Checks.get_hello,  # the first: aiocoap sends small messages until it has the server's CSM
    Checks.put_store,
    Checks.get_store,
    Checks.put_store_again,
    Checks.post_echo,
    Checks.not_found,
    Checks.well_known_core,
    Checks.get_large_in_one_message,
    Checks.get_large_in_blocks,
    Checks.get_large_in_bert,
    Checks.post_echo_large_in_one_message,
    Checks.post_echo_mebibyte,
    Checks.post_mebibyte_and_one,
    Checks.many_at_once,
    Checks.reverse,
    Checks.observe_time,
    Checks.get_after_observing,
    Checks.release,  # the last: it ends the connection
]


class Failed(Exception):
    pass


def expect(got, want):
    if got != want:
        raise Failed(f"{got!r} instead of {want!r}")


def expect_one_of(got, wanted):
    if got not in wanted:
        raise Failed(f"{got!r} instead of one of {wanted!r}")


def expect_bytes(got, want):
    if got != want:
        same = next((i for i, (g, w) in enumerate(zip(got, want)) if g != w), len(got))
        raise Failed(f"{len(got)} bytes instead of {len(want)}, the same up to byte {same}")


async def main(base, ca=None):
    # A client context becomes a server too when it is given a site: CoAP over WebSockets has both
    # roles at both ends.
    context = await Context.create_client_context(transports=["ws"])
    if ca is not None:
        # Credentials go by the scheme and host of the URI.
        trusted = {f"{base.rstrip('/')}/*": {"tlscert": {"certfile": ca}}}
        context.client_credentials.load_from_dict(trusted)
    context.serversite = resource.Site()
    hello = Hello()
    context.serversite.add_resource(["hello"], hello)

    checks, failed = Checks(context, base, hello), 0
    for check in ALL:
        try:
            await asyncio.wait_for(check(checks), TIMEOUT_S)
            print("ok", check.__name__, flush=True)
        except Exception as why:
            failed += 1
            reason = " ".join(f"{type(why).__name__}: {why}".split())
            print("FAIL", check.__name__, reason[:300], flush=True)
    return failed


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(f"usage: {sys.argv[0]} BASE [CA]")
    sys.exit(1 if asyncio.run(main(*sys.argv[1:])) else 0)
