// CoAP over WebSockets (RFC 8323) for the browser. All that is to be decided is decided in
// WebAssembly; here bytes, timers and promises are carried.

import init, { WebAsk, WebSession } from './core.js';
import {
  CoapError, CoapRequest, CoapResponse, OPTION, codeByte, formatNumber, methodByte, toBody, uint,
} from './values.js';

export { CoapError, CoapRequest, CoapResponse, FORMATS, parseLinks } from './values.js';

let loaded;

/** Loads the WebAssembly module: once, and by itself where nobody asks. */
export function load(source) {
  loaded ??= init(source === undefined ? undefined : { module_or_path: source }).catch((error) => {
    loaded = undefined;
    throw error;
  });
  return loaded.then(() => {});
}

/** Connects to the server of a `coap+ws` or `coaps+ws` URI. */
export async function connect(uri, options = {}) {
  options.signal?.throwIfAborted();
  await load();
  options.signal?.throwIfAborted();
  const client = new CoapClient(KEY, uri, options);
  const abort = () => client.close();
  options.signal?.addEventListener('abort', abort);
  try {
    await client[OPENED];
    return client;
  } catch (error) {
    options.signal?.throwIfAborted();
    throw error;
  } finally {
    options.signal?.removeEventListener('abort', abort);
  }
}

const KEY = Symbol('connect() makes clients');
const OPENED = Symbol('opened');
/** The longest that a timer can wait. */
const LONGEST_MS = 2 ** 31 - 1;
/** What a browser says where there was no Close. */
const NO_CLOSE = 1006;

const SUCCESS = { GET: '2.05', FETCH: '2.05', DELETE: '2.02' };

function settled() {
  const parts = {};
  parts.promise = new Promise((resolve, reject) => Object.assign(parts, { resolve, reject }));
  // Whoever does not look at it is not told.
  parts.promise.catch(() => {});
  return parts;
}

/** Code of the page that fails must not take the connection with it. */
function guarded(callback, ...values) {
  try {
    return callback(...values);
  } catch (error) {
    (globalThis.reportError ?? console.error)(error);
  }
}

/** CoAP with one server. Events: `lost`, `open` (again), `close`. */
export class CoapClient extends EventTarget {
  #session;
  #socket;
  #timer;
  #pumping = false;
  #state = 'connecting';
  #calls = new Map();
  #handlers;
  #opened = settled();
  #closed = settled();
  #cause;

  constructor(key, uri, { handlers, reconnect = true, timeout = 0, keepalive = -1 }) {
    if (key !== KEY) throw new TypeError('clients are made by connect()');
    super();
    this.#handlers = handlers;
    try {
      const seed = Math.random();
      this.#session = new WebSession(
        performance.now(), String(uri), Boolean(handlers), reconnect, timeout, keepalive, seed,
      );
    } catch (why) {
      throw typeof why === 'string' ? new CoapError('invalid', why) : why;
    }
    this.uri = this.#session.uri;
    this.#pump();
  }

  get [OPENED]() { return this.#opened.promise; }
  get state() { return this.#state; }
  get closed() { return this.#closed.promise; }

  get(path, options) { return this.request('GET', path, options); }
  put(path, body, options) { return this.request('PUT', path, { ...options, body }); }
  post(path, body, options) { return this.request('POST', path, { ...options, body }); }
  delete(path, options) { return this.request('DELETE', path, options); }

  /** Any method. Resolves with whatever the server answers, 4.xx and 5.xx too. */
  async request(method, path, options = {}) {
    options.signal?.throwIfAborted();
    const { id, answered } = this.#ask(method, path, options, false);
    return this.#abortable(id, answered.promise, options.signal);
  }

  /** Tells `listener` the state, and every state after it, until `cancel()`. */
  async observe(path, listener, options = {}) {
    options.signal?.throwIfAborted();
    const call = this.#ask('GET', path, options, true);
    call.listener = listener;
    const cancel = () => this.#cancel(call.id);
    const first = await this.#abortable(call.id, call.answered.promise, options.signal);
    options.signal?.addEventListener('abort', cancel);
    call.done.promise
      .catch(() => {})
      .finally(() => options.signal?.removeEventListener('abort', cancel));
    return { first, cancel, done: call.done.promise };
  }

  /** Ends the connection in good order: what was sent is answered first. */
  close() {
    if (this.#session) {
      this.#session.close(performance.now());
      this.#pump();
    }
    return this.#closed.promise.then(() => {});
  }

  #ask(method, path, options, observe) {
    if (!this.#session) throw new CoapError('closed', 'the client is closed');
    const ask = message(methodByte(method), options);
    if (options.accept !== undefined) {
      ask.option(OPTION.ACCEPT, uint(formatNumber(options.accept)));
    }
    if (options.timeout !== undefined) ask.timeout(options.timeout);
    if (observe) ask.observe();
    // The session takes it, also where it refuses.
    const id = this.#session.request(performance.now(), String(path), ask);
    if (id === undefined) {
      throw new CoapError(this.#session.fault_kind(), this.#session.fault());
    }
    const call = { id, answered: settled(), done: settled() };
    this.#calls.set(id, call);
    this.#pump();
    return call;
  }

  async #abortable(id, promise, signal) {
    if (!signal) return promise;
    const aborted = settled();
    const abort = () => {
      this.#cancel(id);
      aborted.reject(signal.reason);
    };
    signal.addEventListener('abort', abort);
    try {
      return await Promise.race([promise, aborted.promise]);
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  #cancel(id) {
    const call = this.#calls.get(id);
    if (!call) return;
    this.#calls.delete(id);
    call.done.resolve();
    this.#session?.cancel(performance.now(), id);
    this.#pump();
  }

  /** Does what is to be done, until there is nothing, and sets the one timer. */
  #pump() {
    if (this.#pumping) return;
    this.#pumping = true;
    try {
      let moved = true;
      while (this.#session && moved) {
        moved = false;
        const output = this.#session.output(performance.now(), this.#socket?.bufferedAmount ?? 0);
        if (output) {
          moved = true;
          this.#carry(output);
        }
        const outcome = this.#session.outcome();
        if (outcome) {
          moved = true;
          this.#tell(outcome);
          outcome.free();
        }
      }
    } finally {
      this.#pumping = false;
    }
    clearTimeout(this.#timer);
    const wait = this.#session?.wait(performance.now());
    if (wait !== undefined) {
      this.#timer = setTimeout(() => {
        this.#session?.timeout(performance.now());
        this.#pump();
      }, Math.min(wait, LONGEST_MS));
    }
  }

  #carry(output) {
    const { url, data, code, reason } = output;
    output.free();
    if (url !== undefined) this.#dial(url);
    else if (data !== undefined) this.#socket?.send(data);
    else this.#hangUp(code, reason);
  }

  #dial(url) {
    let socket;
    try {
      socket = new WebSocket(url, 'coap');
    } catch (error) {
      // Such as a ws: URL on a page of https:.
      this.#cause = error;
      this.#session.closed(performance.now(), NO_CLOSE);
      return;
    }
    socket.binaryType = 'arraybuffer';
    this.#socket = socket;
    // What an earlier one has to say is of no interest.
    const on = (type, listener) => socket.addEventListener(type, (event) => {
      if (this.#socket !== socket || !this.#session) return;
      listener(performance.now(), event);
      this.#pump();
    });
    on('open', (now) => {
      if (socket.protocol === 'coap') this.#session.opened(now);
      else this.#hangUp(4002, 'no subprotocol');
    });
    on('message', (now, { data }) => {
      if (typeof data === 'string') this.#session.text(now);
      else this.#session.message(now, new Uint8Array(data));
    });
    on('close', (now, { code }) => {
      this.#socket = undefined;
      this.#session.closed(now, code);
    });
  }

  #hangUp(code, reason) {
    const socket = this.#socket;
    // Its `close` event still comes, unless the session has given it up before.
    socket?.close(code, reason);
  }

  #tell(outcome) {
    const { id } = outcome;
    switch (outcome.kind) {
      case 'open': return this.#open();
      case 'lost': {
        this.#state = 'waiting';
        this.#emit('lost', { reason: outcome.text, retryIn: outcome.retry_in });
        return;
      }
      case 'closed': return this.#over(outcome);
      case 'response': return this.#response(id, new CoapResponse(outcome), outcome.flag);
      case 'failed': {
        const call = this.#calls.get(id);
        this.#calls.delete(id);
        const error = new CoapError(outcome.failure, outcome.text, { sent: outcome.flag });
        call?.answered.reject(error);
        call?.done.reject(error);
        return;
      }
      case 'request': return void this.#handle(id, new CoapRequest(outcome));
      default:
    }
  }

  #open() {
    const again = this.#state === 'waiting';
    this.#state = 'open';
    this.#opened.resolve();
    if (again) this.#emit('open', {});
  }

  #response(id, response, last) {
    const call = this.#calls.get(id);
    if (!call) return;
    if (last) this.#calls.delete(id);
    call.answered.resolve(response);
    if (call.listener) guarded(call.listener, response);
    if (last) call.done.resolve();
  }

  #over(outcome) {
    const { flag: clean, refused, text: reason } = outcome;
    this.#state = 'closed';
    this.#hangUp(1000, '');
    this.#session.free();
    this.#session = undefined;
    this.#socket = undefined;
    clearTimeout(this.#timer);
    const kind = refused ? 'refused' : 'closed';
    this.#opened.reject(new CoapError(kind, reason, { cause: this.#cause }));
    this.#closed.resolve({ reason, clean });
    this.#emit('close', { reason, clean });
  }

  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  async #handle(id, request) {
    let answer;
    try {
      answer = toAnswer(request.method, await this.#handler(request));
    } catch (error) {
      (globalThis.reportError ?? console.error)(error);
      answer = toAnswer(request.method, { code: '5.00', body: 'the handler failed' });
    }
    this.#session?.respond(performance.now(), id, answer);
    this.#pump();
  }

  #handler(request) {
    const { path } = request;
    if (typeof this.#handlers === 'function') return this.#handlers(request);
    if (!Object.hasOwn(this.#handlers, path)) return { code: '4.04', body: 'no such resource' };
    return this.#handlers[path](request);
  }
}

/** A request or an answer with format, options and body. */
function message(byte, { body, format, etag, options = [] }) {
  const { bytes, format: usual } = toBody(body);
  const number = format === undefined ? usual : formatNumber(format);
  const made = new WebAsk(byte);
  if (number !== undefined) made.option(OPTION.CONTENT_FORMAT, uint(number));
  if (etag !== undefined) made.option(OPTION.ETAG, etag);
  for (const { number, value } of options) made.option(number, toBody(value).bytes);
  if (bytes.length) made.body(bytes);
  return made;
}

function toAnswer(method, value) {
  const plain = typeof value === 'string' || value instanceof ArrayBuffer
    || ArrayBuffer.isView(value);
  const answer = plain ? { body: value } : value ?? {};
  const code = codeByte(answer.code ?? SUCCESS[method] ?? '2.04');
  // A text that says what went wrong has no format (RFC 7252 §5.5.2).
  const made = code < 128 ? answer : { ...answer, body: toBody(answer.body).bytes };
  const message_ = message(code, made);
  if (answer.maxAge !== undefined) message_.option(OPTION.MAX_AGE, uint(answer.maxAge));
  return message_;
}
