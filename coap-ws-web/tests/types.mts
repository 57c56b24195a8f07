// Uses what index.d.ts declares; compiled, never run. scripts/web.sh does it.

import {
  CoapError, FORMATS, connect, load, parseLinks,
  type CoapClient, type CoapResponse, type Handler, type Observation,
} from './coap-ws/index.js';

await load(new URL('core_bg.wasm', 'https://example.net'));
const handler: Handler = async ({ method, path }) => ({ code: '2.05', body: `${method} ${path}` });
const client: CoapClient = await connect('coap+ws://example.net', {
  handlers: { '/a': handler, '/b': () => undefined, '/c': () => new Uint8Array(1) },
  reconnect: false, timeout: 1000, keepalive: 0, signal: AbortSignal.timeout(1000),
});
const answer: CoapResponse = await client.get('/x', { accept: 'json', timeout: 5 });
const text: string = answer.text();
const where: string | undefined = answer.location;
const watching: Observation = await client.observe('/t', (state) => state.ok);
watching.cancel();
await watching.done;
client.addEventListener('lost', ({ detail }) => detail.retryIn.toFixed());
client.addEventListener('close', ({ detail }) => detail.clean === true);
try {
  await client.put('/x', new Uint8Array(3), { format: FORMATS['cbor'] });
  await client.request('FETCH', '/x', { body: '{}', format: 'json', options: [] });
} catch (error) {
  if (error instanceof CoapError && error.kind === 'lost' && !error.sent) await client.delete('/x');
}
const title: string | true | undefined = parseLinks(text)[0]?.attributes['title'];
// @ts-expect-error: not a method
await client.request('HEAD', where ?? String(title));
// @ts-expect-error: not a format
await client.get('/x', { accept: 'yaml' });
const { clean }: { clean: boolean } = await client.closed;
await client.close();
export { clean };
