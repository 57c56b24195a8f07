/** A Content-Format by its number (RFC 7252 §12.3) or its short name. */
export type Format =
  | number
  | 'text' | 'link-format' | 'xml' | 'octet-stream' | 'exi' | 'json' | 'cbor'
  | 'senml-json' | 'senml-cbor';

/** Strings go as UTF-8, with the format `text` where none is given. */
export type Body = string | ArrayBuffer | ArrayBufferView;

/** A method of RFC 7252 and RFC 8132. */
export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE' | 'FETCH' | 'PATCH' | 'iPATCH';

/** An option as it is on the wire. */
export interface CoapOption {
  number: number;
  value: Uint8Array;
}

export interface RequestOptions {
  /** The format that is wanted. */
  accept?: Format;
  /** An ETag that the page has: the server may answer 2.03 (RFC 7252 §5.10.6). */
  etag?: Uint8Array;
  /** How long to wait, in milliseconds. A transfer in blocks has it anew for each block. */
  timeout?: number;
  /** Ends the request, or the observation. */
  signal?: AbortSignal;
  /** Further options. Block1, Block2 and Observe are written by the module. */
  options?: { number: number; value: Body }[];
}

export interface BodyOptions extends RequestOptions {
  /** What the body is. */
  format?: Format;
}

interface CoapMessage {
  readonly options: readonly CoapOption[];
  /** The whole body, however many blocks it came in. */
  readonly body: Uint8Array;
  readonly format: number | undefined;
  readonly accept: number | undefined;
  /** For how many seconds it is fresh; 60 where it is not said. */
  readonly maxAge: number | undefined;
  readonly etag: Uint8Array | undefined;
  /** The values of all options of this number. */
  values(number: number): Uint8Array[];
  text(): string;
  json(): unknown;
}

/** What the server answers: 4.xx and 5.xx are answers too. */
export interface CoapResponse extends CoapMessage {
  /** Such as '2.05'. */
  readonly code: string;
  /** Whether the code is 2.xx. */
  readonly ok: boolean;
  /** Where what was created is, as a path with query. */
  readonly location: string | undefined;
}
export declare const CoapResponse: { readonly prototype: CoapResponse };

/** What the server asks. */
export interface CoapRequest extends CoapMessage {
  readonly method: Method;
  /** Percent-encoded, with a leading slash. */
  readonly path: string;
  readonly query: readonly string[];
}
export declare const CoapRequest: { readonly prototype: CoapRequest };

export interface Answer {
  /** 2.05 to GET and FETCH, 2.02 to DELETE, else 2.04, where it is not given. */
  code?: string;
  body?: Body;
  format?: Format;
  maxAge?: number;
  etag?: Uint8Array;
  options?: { number: number; value: Body }[];
}

/** Answers a request of the server. One that throws answers 5.00. It has 25 seconds. */
export type Handler = (
  request: CoapRequest,
) => Body | Answer | undefined | Promise<Body | Answer | undefined>;

export interface ConnectOptions {
  /**
   * Who answers requests of the server: one function for all, or one for each path; other paths
   * get 4.04. Without handlers every request gets 5.01.
   */
  handlers?: Handler | Record<string, Handler>;
  /** Whether to connect again after a loss. True. The first attempt is never repeated. */
  reconnect?: boolean;
  /** How long requests wait for their answer where they do not say, in milliseconds. 60,000. */
  timeout?: number;
  /** After how many milliseconds of silence to send a Ping. 25,000; 0 for never. */
  keepalive?: number;
  /** Gives up connecting. */
  signal?: AbortSignal;
}

export interface Observation {
  /** The first state. */
  readonly first: CoapResponse;
  /** Ends it; the server is told. */
  cancel(): void;
  /** Settled when it is over; rejected with a {@link CoapError} where it failed. */
  readonly done: Promise<void>;
}

export interface ClientEventMap {
  /** The connection is lost; the next attempt is made in so many milliseconds. */
  lost: CustomEvent<{ reason: string; retryIn: number }>;
  /** There is a connection again, and observations have registered anew. */
  open: CustomEvent<Record<string, never>>;
  /** The end. */
  close: CustomEvent<{ reason: string; clean: boolean }>;
}

/** CoAP with one server, over one WebSocket after the other. */
export interface CoapClient extends EventTarget {
  /** The URI in normal form. */
  readonly uri: string;
  readonly state: 'connecting' | 'open' | 'waiting' | 'closed';
  /** Resolved when the client is closed, by whomever. */
  readonly closed: Promise<{ reason: string; clean: boolean }>;

  get(path: string, options?: RequestOptions): Promise<CoapResponse>;
  put(path: string, body?: Body, options?: BodyOptions): Promise<CoapResponse>;
  post(path: string, body?: Body, options?: BodyOptions): Promise<CoapResponse>;
  delete(path: string, options?: RequestOptions): Promise<CoapResponse>;
  request(
    method: Method, path: string, options?: BodyOptions & { body?: Body },
  ): Promise<CoapResponse>;

  /**
   * Tells the state of a resource, now and whenever it changes. Registers anew after a loss. A
   * resource that cannot be observed is told once, and `done` is settled then.
   */
  observe(
    path: string, listener: (state: CoapResponse) => void, options?: RequestOptions,
  ): Promise<Observation>;

  /** Ends the connection in good order: what was sent is answered first. */
  close(): Promise<void>;

  addEventListener<K extends keyof ClientEventMap>(
    type: K, listener: (event: ClientEventMap[K]) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string, listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  removeEventListener<K extends keyof ClientEventMap>(
    type: K, listener: (event: ClientEventMap[K]) => void, options?: boolean | EventListenerOptions,
  ): void;
  removeEventListener(
    type: string, listener: EventListenerOrEventListenerObject | null,
    options?: boolean | EventListenerOptions,
  ): void;
}
export declare const CoapClient: { readonly prototype: CoapClient };

/**
 * What went wrong:
 *
 * - `refused`: there was no connection at all. A browser does not say why;
 * - `lost`: the connection was lost before the answer;
 * - `timeout`: no answer in time;
 * - `closed`: the client was closed;
 * - `protocol`: the answer makes no sense;
 * - `invalid`: the URI, path or an option cannot be;
 * - `too-large`: the body is above 16 MiB;
 * - `limit`: 256 requests are open.
 */
export declare class CoapError extends Error {
  readonly kind:
    | 'refused' | 'lost' | 'timeout' | 'closed' | 'protocol' | 'invalid' | 'too-large' | 'limit';
  /** Whether the server may have seen the request. */
  readonly sent: boolean;
}

/** Connects to the server of a `coap+ws` or `coaps+ws` URI. */
export declare function connect(uri: string | URL, options?: ConnectOptions): Promise<CoapClient>;

/**
 * Loads the WebAssembly module from elsewhere than beside this file: a URL, a Response, or its
 * bytes. `connect` does it where nobody has.
 */
export declare function load(
  source?: URL | string | Response | BufferSource | WebAssembly.Module,
): Promise<void>;

/** Content-Formats by short name. */
export declare const FORMATS: Readonly<Record<string, number>>;

/** Reads a text in link format (RFC 6690), such as what /.well-known/core says. */
export declare function parseLinks(
  text: string,
): { target: string; attributes: Record<string, string | true> }[];
