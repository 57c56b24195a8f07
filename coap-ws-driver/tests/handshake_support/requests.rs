//! Opening handshakes as an acceptor may get them.

use super::REQUEST;

/// What it is, how it differs from the legal one, and what comes of it: `101`, or a status and the
/// beginning of the reason.
pub type Row = (&'static str, &'static [(&'static str, &'static str)], &'static str);

pub const HOST: &str = "Host: localhost:8683";
pub const LINE: &str = "GET /.well-known/coap HTTP/1.1";
pub const UPGRADE: &str = "Upgrade: websocket\r\n";
pub const CONNECTION: &str = "Connection: Upgrade\r\n";
pub const KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
pub const VERSION: &str = "Sec-WebSocket-Version: 13\r\n";
pub const PROTOCOL: &str = "Sec-WebSocket-Protocol: coap\r\n";
pub const END: &str = "coap\r\n\r\n";

pub const LEGAL: &[Row] = &[
    ("as ours", &[], "101"),
    ("connection list, any case", &[(CONNECTION, "connection: Keep-Alive, upgrade\r\n")], "101"),
    ("connection on two lines", &[(CONNECTION, "Connection: a\r\nConnection: upgrade\r\n")], "101"),
    ("names in capitals", &[("Upgrade: websocket", "UPGRADE: WebSocket")], "101"),
    ("names in small letters", &[("Sec-WebSocket-Key", "sec-websocket-key")], "101"),
    ("upgrade list", &[("Upgrade: websocket", "Upgrade: h2c, ,websocket,")], "101"),
    ("protocol list", &[(END, "mqtt, coap\r\n\r\n")], "101"),
    ("protocol list without spaces", &[(END, "coap,foo\r\n\r\n")], "101"),
    (
        "protocol lines",
        &[(PROTOCOL, "Sec-WebSocket-Protocol: foo\r\nSec-WebSocket-Protocol: coap\r\n")],
        "101",
    ),
    (
        "protocol lines of lists",
        &[(END, "a , b\r\nSec-WebSocket-Protocol:c,\tcoap\r\n\r\n")],
        "101",
    ),
    ("protocol twice", &[(END, "coap, coap\r\n\r\n")], "101"),
    ("absolute target", &[("GET ", "GET http://localhost:8683")], "101"),
    ("absolute target, ws in capitals", &[("GET ", "GET WS://LOCALHOST:8683")], "101"),
    (
        "absolute target has the say",
        &[("GET ", "GET http://localhost:8683"), (HOST, "Host: evil.example")],
        "101",
    ),
    ("no space after colon", &[("Host: ", "Host:")], "101"),
    ("spaces around values", &[("Version: 13", "Version: \t 13 \t")], "101"),
    ("unknown fields", &[(END, "coap\r\nX-Any: thing\r\nFoo: bar\r\nX-Empty:\r\n\r\n")], "101"),
    ("bytes beyond ASCII in a value", &[(END, "coap\r\nX-Name: J\u{fc}rgen\r\n\r\n")], "101"),
    (
        "permessage-deflate offered",
        &[(
            END,
            "coap\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n",
        )],
        "101",
    ),
    (
        "extension lines",
        &[(END, "coap\r\nSec-WebSocket-Extensions: a\r\nSec-WebSocket-Extensions: b\r\n\r\n")],
        "101",
    ),
    ("Content-Length: 0", &[(END, "coap\r\nContent-Length: 0\r\n\r\n")], "101"),
    ("Expect", &[(END, "coap\r\nExpect: 100-continue\r\n\r\n")], "101"),
    ("same origin", &[(END, "coap\r\nOrigin: http://localhost:8683\r\n\r\n")], "101"),
    ("same origin, any case", &[(END, "coap\r\nOrigin: HTTP://LocalHost.:8683\r\n\r\n")], "101"),
    (
        "credentials",
        &[(END, "coap\r\nAuthorization: Basic YTpi\r\nCookie: a=b\r\nCookie: c=d\r\n\r\n")],
        "101",
    ),
    ("host localhost", &[(HOST, "Host: localhost")], "101"),
    ("host *.localhost.", &[(HOST, "Host: dev.LocalHost.:1")], "101"),
    ("host 127.1.2.3", &[(HOST, "Host: 127.1.2.3:8683")], "101"),
    ("host [::1]", &[(HOST, "Host: [::1]:8683")], "101"),
    ("key whose spare bits are set", &[("ub25jZQ==", "ub25jZR==")], "101"),
    (
        "as Firefox",
        &[
            ("Connection: Upgrade", "Connection: keep-alive, Upgrade"),
            (
                HOST,
                "Host: localhost:8683\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 \
            Firefox/128.0\r\nAccept: */*\r\nAccept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br, \
            zstd\r\nOrigin: http://localhost:8683\r\nDNT: 1",
            ),
            (
                END,
                "coap\r\nSec-WebSocket-Extensions: permessage-deflate\r\nCookie: sid=0123456789; theme=dark\r\n\
            Sec-Fetch-Dest: empty\r\nSec-Fetch-Mode: websocket\r\nSec-Fetch-Site: same-origin\r\nPragma: no-cache\r\n\
            Cache-Control: no-cache\r\n\r\n",
            ),
        ],
        "101",
    ),
    (
        "through a proxy",
        &[(
            END,
            "coap\r\nX-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\nVia: 1.1 a\r\n\r\n",
        )],
        "101",
    ),
];

pub const REQUEST_LINE: &[Row] = &[
    ("POST", &[("GET", "POST")], "400 Method(POST)"),
    ("HEAD", &[("GET", "HEAD")], "400 Method(HEAD)"),
    ("get", &[("GET", "get")], "400 Method"),
    ("CONNECT", &[("GET", "CONNECT")], "400 Method(CONNECT)"),
    ("HTTP/1.0", &[("HTTP/1.1", "HTTP/1.0")], "400 HttpVersion"),
    ("HTTP/1.2", &[("HTTP/1.1", "HTTP/1.2")], "400 Head(Malformed(Version))"),
    ("HTTP/2.0", &[("HTTP/1.1", "HTTP/2.0")], "400 Head(Malformed(Version))"),
    ("no version", &[(" HTTP/1.1", "")], "400 Head(Malformed"),
    ("root", &[("/.well-known/coap", "/")], "404 Path"),
    ("slash behind", &[("/.well-known/coap", "/.well-known/coap/")], "404 Path"),
    ("slash before", &[("/.well-known/coap", "//.well-known/coap")], "404 Path"),
    ("query", &[("/.well-known/coap", "/.well-known/coap?a=b")], "404 Path"),
    ("empty query", &[("/.well-known/coap", "/.well-known/coap?")], "404 Path"),
    ("escaped path", &[("/.well-known/coap", "/%2Ewell-known/coap")], "404 Path"),
    ("path in capitals", &[("/.well-known/coap", "/.well-known/CoAP")], "404 Path"),
    ("absolute target, other path", &[("/.well-known/coap", "http://localhost:8683/")], "404 Path"),
    ("absolute target, no path", &[("/.well-known/coap", "http://localhost:8683")], "404 Path"),
    ("asterisk", &[("/.well-known/coap", "*")], "404 Path"),
    ("authority as target", &[("/.well-known/coap", "localhost:80")], "404 Path"),
    ("fragment", &[("/.well-known/coap", "/.well-known/coap#a")], "400 Head(Malformed(Target))"),
    (
        "quote in target",
        &[("/.well-known/coap", "/.well-known/\"<>coap")],
        "400 Head(Malformed(Target))",
    ),
    ("absolute target of ftp", &[("GET ", "GET ftp://localhost:8683")], "400 Target"),
    ("absolute target with user", &[("GET ", "GET http://me@localhost:8683")], "400 Target"),
    ("absolute target, foreign", &[("GET ", "GET http://evil.example")], "403 HostForeign"),
    ("two spaces", &[("GET ", "GET  ")], "400 Head(Malformed(StartLine))"),
    ("space before", &[("GET ", " GET ")], "400 Head(Malformed(StartLine))"),
    ("empty line before", &[("GET ", "\r\nGET ")], "400 Head(Malformed(StartLine))"),
    ("tab in line", &[("GET ", "GET\t")], "400 Head(NotHttp(Unknown))"),
    ("only a method", &[(LINE, "GET")], "400 Head(Malformed(StartLine))"),
];

pub const FIELDS: &[Row] = &[
    ("no host", &[("Host: localhost:8683\r\n", "")], "400 HostMissing"),
    (
        "no host, absolute target",
        &[("GET ", "GET http://localhost"), ("Host: localhost:8683\r\n", "")],
        "400 HostMissing",
    ),
    ("two hosts", &[(HOST, "Host: localhost\r\nHost: localhost")], "400 HostRepeated"),
    ("host list", &[(HOST, "Host: localhost, localhost")], "400 HostInvalid"),
    ("empty host", &[(HOST, "Host:")], "400 HostInvalid"),
    ("host with user", &[(HOST, "Host: me@localhost")], "400 HostInvalid"),
    ("host with path", &[(HOST, "Host: localhost/")], "400 HostInvalid"),
    ("host with port 0", &[(HOST, "Host: localhost:0")], "400 HostInvalid"),
    ("host with port 65536", &[(HOST, "Host: localhost:65536")], "400 HostInvalid"),
    ("host with signed port", &[(HOST, "Host: localhost:+80")], "400 HostInvalid"),
    ("host beyond ASCII", &[(HOST, "Host: l\u{f6}calhost")], "400 HostInvalid"),
    ("host 127.1", &[(HOST, "Host: 127.1")], "400 HostInvalid"),
    ("host 0x7f000001", &[(HOST, "Host: 0x7f000001")], "400 HostInvalid"),
    ("foreign host", &[(HOST, "Host: evil.example:8683")], "403 HostForeign"),
    ("foreign address", &[(HOST, "Host: 192.0.2.1")], "403 HostForeign"),
    ("host that ends in localhost", &[(HOST, "Host: evillocalhost")], "403 HostForeign"),
    (
        "foreign origin",
        &[(END, "coap\r\nOrigin: http://evil.example\r\n\r\n")],
        "403 OriginForeign",
    ),
    (
        "origin of another port",
        &[(END, "coap\r\nOrigin: http://localhost:3000\r\n\r\n")],
        "403 OriginForeign",
    ),
    (
        "origin of another scheme",
        &[(END, "coap\r\nOrigin: https://localhost:8683\r\n\r\n")],
        "403 OriginForeign",
    ),
    ("origin null", &[(END, "coap\r\nOrigin: null\r\n\r\n")], "403 OriginForeign(Null)"),
    ("origin empty", &[(END, "coap\r\nOrigin:\r\n\r\n")], "403 OriginInvalid"),
    (
        "origin list",
        &[(END, "coap\r\nOrigin: http://localhost:8683 http://a\r\n\r\n")],
        "403 OriginInvalid",
    ),
    (
        "origin with path",
        &[(END, "coap\r\nOrigin: http://localhost:8683/\r\n\r\n")],
        "403 OriginInvalid",
    ),
    (
        "origin with user",
        &[(END, "coap\r\nOrigin: http://localhost:8683@evil\r\n\r\n")],
        "403 OriginInvalid",
    ),
    (
        "origin twice",
        &[(END, "coap\r\nOrigin: http://localhost:8683\r\nOrigin: null\r\n\r\n")],
        "400 OriginRepeated",
    ),
    ("no upgrade", &[(UPGRADE, "")], "400 Upgrade"),
    ("upgrade to another", &[("Upgrade: websocket", "Upgrade: h2c")], "400 Upgrade"),
    ("upgrade to websockets", &[("Upgrade: websocket", "Upgrade: websockets")], "400 Upgrade"),
    ("no connection", &[(CONNECTION, "")], "400 Connection"),
    ("connection without upgrade", &[(CONNECTION, "Connection: keep-alive\r\n")], "400 Connection"),
    ("proxy dropped both", &[(UPGRADE, ""), (CONNECTION, "Connection: close\r\n")], "400 Upgrade"),
    (
        "plain GET",
        &[(UPGRADE, ""), (CONNECTION, ""), (KEY, ""), (VERSION, ""), (PROTOCOL, "")],
        "426 PlainGet",
    ),
    (
        "browser's address bar",
        &[
            (UPGRADE, "Accept: text/html\r\n"),
            (CONNECTION, "Connection: keep-alive\r\n"),
            (KEY, ""),
            (VERSION, ""),
            (PROTOCOL, ""),
        ],
        "426 PlainGet",
    ),
    ("version 8", &[("Version: 13", "Version: 8")], "426 VersionUnsupported"),
    ("version 13, 8", &[("Version: 13", "Version: 13, 8")], "426 VersionUnsupported"),
    ("version 013", &[("Version: 13", "Version: 013")], "426 VersionUnsupported"),
    ("no version field", &[(VERSION, "")], "400 VersionMissing"),
    (
        "two versions",
        &[(VERSION, "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Version: 13\r\n")],
        "400 VersionRepeated",
    ),
    ("no key", &[(KEY, "")], "400 KeyMissing"),
    (
        "two keys",
        &[(
            KEY,
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        )],
        "400 KeyRepeated",
    ),
    ("short key", &[("dGhlIHNhbXBsZSBub25jZQ==", "AAAA")], "400 KeyInvalid"),
    ("key of 17 bytes", &[("ub25jZQ==", "ub25jZQA=")], "400 KeyInvalid"),
    ("key of 18 bytes", &[("ub25jZQ==", "ub25jZQAA")], "400 KeyInvalid"),
    ("key without padding", &[("ub25jZQ==", "ub25jZQ")], "400 KeyInvalid"),
    ("key of another alphabet", &[("ub25jZQ==", "ub25-_Q==")], "400 KeyInvalid"),
    ("empty key", &[("dGhlIHNhbXBsZSBub25jZQ==", "")], "400 KeyInvalid"),
    ("no protocol", &[(PROTOCOL, "")], "400 Subprotocol"),
    ("empty protocol", &[(END, "\r\n\r\n")], "400 Subprotocol"),
    ("other protocol", &[(END, "mqtt\r\n\r\n")], "400 Subprotocol"),
    ("protocol in capitals", &[(END, "COAP\r\n\r\n")], "400 Subprotocol"),
    ("protocol coap2", &[(END, "coap2, xcoap\r\n\r\n")], "400 Subprotocol"),
    ("chunked", &[(END, "coap\r\nTransfer-Encoding: chunked\r\n\r\n")], "400 Body"),
    (
        "Transfer-Encoding: identity",
        &[(END, "coap\r\nTransfer-Encoding: identity\r\n\r\n")],
        "400 Body",
    ),
    ("Content-Length: 4", &[(END, "coap\r\nContent-Length: 4\r\n\r\n")], "400 Body"),
    (
        "Content-Length: 0, then 4",
        &[(END, "coap\r\nContent-Length: 0\r\nContent-Length: 4\r\n\r\n")],
        "400 Body",
    ),
    ("Content-Length: +0", &[(END, "coap\r\nContent-Length: +0\r\n\r\n")], "400 Body"),
];

pub const SYNTAX: &[Row] = &[
    (
        "bare LF ends a line",
        &[("Upgrade: websocket\r\n", "Upgrade: websocket\n")],
        "400 Head(Malformed(BareLf))",
    ),
    ("bare LF ends the head", &[(END, "coap\r\n\n")], "400 Head(Malformed(BareLf))"),
    (
        "bare LF ends the first line",
        &[("HTTP/1.1\r\n", "HTTP/1.1\n")],
        "400 Head(Malformed(BareLf))",
    ),
    ("bare CR in a line", &[("websocket", "web\rsocket")], "400 Head(Malformed(BareCr))"),
    ("bare CR ends a line", &[("websocket\r\n", "websocket\r\r\n")], "400 Head(Malformed(BareCr))"),
    (
        "bare CR begins a line",
        &[("websocket\r\n", "websocket\r\n\rX: y\r\n")],
        "400 Head(Malformed(BareCr))",
    ),
    ("folded line", &[(END, "coap\r\n , mqtt\r\n\r\n")], "400 Head(Malformed(Fold))"),
    ("line folded with a tab", &[(END, "coap\r\n\tmqtt\r\n\r\n")], "400 Head(Malformed(Fold))"),
    ("NUL in a value", &[("websocket", "web\0socket")], "400 Head(Malformed(Control))"),
    ("NUL in the target", &[("coap HTTP", "coap\0 HTTP")], "400 Head(Malformed(Control))"),
    ("DEL in a value", &[("websocket", "web\x7fsocket")], "400 Head(Malformed(Control))"),
    ("control in a name", &[("Upgrade: ", "Up\x01grade: ")], "400 Head(Malformed(Control))"),
    ("space before colon", &[("Upgrade: ", "Upgrade : ")], "400 Head(Malformed(Header))"),
    ("no colon", &[("Upgrade: websocket", "Upgrade websocket")], "400 Head(Malformed(Header))"),
    ("no name", &[("Upgrade: websocket", ": websocket")], "400 Head(Malformed(Header))"),
    ("name beyond ASCII", &[("Upgrade: ", "\u{fc}pgrade: ")], "400 Head(Malformed(Header))"),
    (
        "PROXY protocol",
        &[("GET ", "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nGET ")],
        "400 Head(NotHttp(ProxyProtocol))",
    ),
    (
        "HTTP/2 preface",
        &[(REQUEST, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")],
        "400 Head(NotHttp(Http2))",
    ),
    ("JSON", &[("GET ", "{\"GET ")], "400 Head(NotHttp(Unknown))"),
    ("SMTP", &[("GET ", "EHLO\r\nGET ")], "400 Head(Malformed(StartLine))"),
];

/// All of them.
pub fn all() -> Vec<Row> {
    [LEGAL, REQUEST_LINE, FIELDS, SYNTAX].concat()
}
