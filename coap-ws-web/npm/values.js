// Codes, formats, bodies and options as JavaScript has them.

const METHODS = { GET: 1, POST: 2, PUT: 3, DELETE: 4, FETCH: 5, PATCH: 6, iPATCH: 7 };
const METHOD_NAMES = Object.keys(METHODS);

/** Content-Formats by short name (RFC 7252 §12.3). */
export const FORMATS = Object.freeze({
  text: 0, 'link-format': 40, xml: 41, 'octet-stream': 42, exi: 47, json: 50, cbor: 60,
  'senml-json': 110, 'senml-cbor': 112,
});

export const OPTION = Object.freeze({
  ETAG: 4, LOCATION_PATH: 8, URI_PATH: 11, CONTENT_FORMAT: 12, MAX_AGE: 14, URI_QUERY: 15,
  ACCEPT: 17, LOCATION_QUERY: 20,
});

const utf8 = new TextEncoder();
const text = new TextDecoder();

/** The byte of a method's name. */
export function methodByte(name) {
  const byte = METHODS[name];
  if (byte === undefined) throw new TypeError(`'${name}' is not a method of CoAP`);
  return byte;
}

/** The byte of a response code such as '2.05'. */
export function codeByte(code) {
  const match = /^([245])\.(\d\d)$/.exec(code);
  if (!match || Number(match[2]) > 31) throw new TypeError(`'${code}' is not a response code`);
  return Number(match[1]) * 32 + Number(match[2]);
}

export function codeName(byte) {
  return `${byte >> 5}.${String(byte & 31).padStart(2, '0')}`;
}

/** The number of a format that is given by number or by short name. */
export function formatNumber(format) {
  const number = typeof format === 'string' ? FORMATS[format] : format;
  if (!Number.isInteger(number) || number < 0 || number > 65535) {
    throw new TypeError(`'${format}' is not a Content-Format`);
  }
  return number;
}

/** An unsigned integer in as few bytes as it needs. */
export function uint(value) {
  const bytes = [];
  for (let rest = value; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return Uint8Array.from(bytes);
}

export function toUint(bytes) {
  return bytes.reduce((sum, byte) => sum * 256 + byte, 0);
}

/** The bytes of a body, and the format that goes without saying. */
export function toBody(body) {
  if (body === undefined || body === null) return { bytes: new Uint8Array() };
  if (typeof body === 'string') return { bytes: utf8.encode(body), format: FORMATS.text };
  if (body instanceof ArrayBuffer) return { bytes: new Uint8Array(body) };
  if (ArrayBuffer.isView(body)) {
    return { bytes: new Uint8Array(body.buffer, body.byteOffset, body.byteLength) };
  }
  throw new TypeError('a body is a string, an ArrayBuffer or a view of one');
}

/** The options of an outcome. */
function optionsOf(outcome) {
  const options = [];
  for (let index = 0; ; index++) {
    const number = outcome.option_number(index);
    if (number === undefined) return options;
    options.push({ number, value: outcome.option_value(index) });
  }
}

class Message {
  constructor(outcome) {
    this.options = optionsOf(outcome);
    this.body = outcome.body;
  }

  #first(number) {
    return this.options.find((option) => option.number === number)?.value;
  }

  #uint(number) {
    const value = this.#first(number);
    return value && toUint(value);
  }

  get format() { return this.#uint(OPTION.CONTENT_FORMAT); }
  get accept() { return this.#uint(OPTION.ACCEPT); }
  get maxAge() { return this.#uint(OPTION.MAX_AGE); }
  get etag() { return this.#first(OPTION.ETAG); }

  values(number) {
    return this.options.filter((option) => option.number === number).map(({ value }) => value);
  }

  text() { return text.decode(this.body); }
  json() { return JSON.parse(this.text()); }
}

const decoded = (values) => values.map((value) => text.decode(value));
const path = (values) => `/${decoded(values).map(encodeURIComponent).join('/')}`;

/** What the server answers. */
export class CoapResponse extends Message {
  constructor(outcome) {
    super(outcome);
    this.code = codeName(outcome.code);
  }

  get ok() { return this.code.startsWith('2.'); }

  get location() {
    const segments = this.values(OPTION.LOCATION_PATH);
    const query = decoded(this.values(OPTION.LOCATION_QUERY)).join('&');
    if (!segments.length && !query) return undefined;
    return path(segments) + (query && `?${query}`);
  }
}

/** What the server asks. */
export class CoapRequest extends Message {
  constructor(outcome) {
    super(outcome);
    this.method = METHOD_NAMES[outcome.code - 1];
    this.path = path(this.values(OPTION.URI_PATH));
    this.query = decoded(this.values(OPTION.URI_QUERY));
  }
}

/** Why something did not work. */
export class CoapError extends Error {
  constructor(kind, message, { sent = false, cause } = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'CoapError';
    this.kind = kind;
    this.sent = sent;
  }
}

/** The links of a text in link format (RFC 6690): each its target and attributes. */
export function parseLinks(text) {
  const links = [];
  const link = /\s*<([^>]*)>((?:\s*;\s*[^\s=;,]+(?:=(?:"(?:[^"\\]|\\.)*"|[^\s;,"]*))?)*)\s*(?:,|$)/y;
  for (let match; (match = link.exec(text)); ) {
    const attributes = {};
    for (const [, name, quoted, token] of match[2].matchAll(
      /;\s*([^\s=;,]+)(?:=(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*)))?/g,
    )) {
      attributes[name] ??= quoted?.replace(/\\(.)/g, '$1') ?? token ?? true;
    }
    links.push({ target: match[1], attributes });
  }
  return links;
}
