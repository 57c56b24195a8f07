// Asks a CoAP server for /hello, with nothing but the browser's WebSocket.
//
// ?at=wss://host:port is whom to ask; without, it is who served this page.

const element = (id) => document.getElementById(id);
const scheme = location.protocol === "https:" ? "wss:" : "ws:";
const server = new URLSearchParams(location.search).get("at") ?? `${scheme}//${location.host}`;
const at = `${server}/.well-known/coap`;

element("origin").textContent = location.origin;
element("at").textContent = at;

// A CSM: Max-Message-Size 1 MiB, Block-Wise-Transfer.
const csm = Uint8Array.of(0x00, 0xe1, 0x23, 0x10, 0x00, 0x00, 0x20);
// A GET with the token 2a and the option Uri-Path, "hello".
const get = Uint8Array.of(0x01, 0x01, 0x2a, 0xb5, ...new TextEncoder().encode("hello"));

const socket = new WebSocket(at, "coap");
socket.binaryType = "arraybuffer";
let isOpen = false;

socket.onopen = () => {
  isOpen = true;
  send(csm);
  send(get);
};

socket.onmessage = ({ data }) => {
  const message = new Uint8Array(data);
  show("<", message);
  const answer = parse(message);
  // The CSM of the server has no token.
  if (answer.token.length === 1 && answer.token[0] === 0x2a) {
    done(answer.code === "2.05", `${answer.code} ${answer.payload}`);
    socket.close(1000);
  }
};

socket.onclose = ({ code, wasClean }) => {
  if (isOpen) done(false, `closed with ${code} ${wasClean ? "cleanly" : "at once"}, no answer`);
  // More than this a browser does not tell a page.
  else done(false, `refused: closed with ${code} before it was open`);
};

function send(message) {
  show(">", message);
  socket.send(message);
}

// RFC 7252 §3 and RFC 8323 §3.3, as far as a short answer needs it.
function parse(message) {
  const tokenLength = message[0] & 0x0f;
  const code = `${message[1] >> 5}.${String(message[1] & 0x1f).padStart(2, "0")}`;
  const token = message.slice(2, 2 + tokenLength);
  let i = 2 + tokenLength;
  const extended = (nibble) => {
    if (nibble === 13) return message[i++] + 13;
    if (nibble === 14) return ((message[i++] << 8) | message[i++]) + 269;
    return nibble;
  };
  while (i < message.length && message[i] !== 0xff) {
    const head = message[i++];
    extended(head >> 4);
    i += extended(head & 0x0f);
  }
  return { code, token, payload: new TextDecoder().decode(message.slice(i + 1)) };
}

function show(way, message) {
  const hex = [...message].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
  element("bytes").append(`${way} ${hex}\n`);
}

function done(isGood, outcome) {
  if (document.body.dataset.done) return;
  element("outcome").textContent = outcome;
  element("outcome").className = isGood ? "good" : "bad";
  document.body.dataset.done = "yes";
}
