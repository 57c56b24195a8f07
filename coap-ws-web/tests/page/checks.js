// Runs the checks that ?run= names against the server at ?at=, one line of the outcome for each.

import { CoapError, connect, parseLinks } from '../coap-ws/index.js';

const query = new URLSearchParams(location.search);
const at = query.get('at');
const MEBIBYTE = 1 << 20;
const lines = [];

/** The most that was ever in a WebSocket, and the codes that it was closed with. */
const watched = { buffered: 0, codes: [], sockets: [] };
const { send, close } = WebSocket.prototype;
WebSocket.prototype.send = function (data) {
  send.call(this, data);
  if (!watched.sockets.includes(this)) watched.sockets.push(this);
  watched.buffered = Math.max(watched.buffered, this.bufferedAmount);
};
WebSocket.prototype.close = function (code, reason) {
  watched.codes.push(code);
  close.call(this, code, reason);
};

function is(got, wanted, what) {
  if (JSON.stringify(got) !== JSON.stringify(wanted)) {
    throw new Error(`${what}: ${JSON.stringify(got)} instead of ${JSON.stringify(wanted)}`);
  }
}

function pattern(length) {
  return Uint8Array.from({ length }, (_, index) => index % 251);
}

function same(got, wanted, what) {
  is(got.length, wanted.length, `length of ${what}`);
  is(got.findIndex((byte, index) => byte !== wanted[index]), -1, `wrong byte of ${what}`);
}

async function fails(promise, kind) {
  const error = await promise.then(() => undefined, (error) => error);
  if (!(error instanceof CoapError)) throw new Error(`${error} instead of a CoapError`);
  is(error.kind, kind, 'kind');
  return error;
}

const event = (target, type) =>
  new Promise((resolve) => target.addEventListener(type, resolve, { once: true }));
const control = (path) => fetch(path, { method: 'POST' }).then((answer) => answer.text());

async function check(name, body) {
  const began = performance.now();
  try {
    await Promise.race([
      body(),
      new Promise((_, reject) => setTimeout(() => reject(new Error('takes too long')), 20_000)),
    ]);
    lines.push(`ok ${name} (${Math.round(performance.now() - began)} ms)`);
  } catch (error) {
    lines.push(`FAIL ${name} ${error.stack ?? error}`);
  }
  document.getElementById('outcome').textContent = lines.join('\n');
}

const RUNS = {
  async works() {
    const handlers = {
      '/hello': (request) => `${request.method} on the page`,
      '/large': () => pattern(200_000),
    };
    const client = await connect(at, { handlers });
    const name = `/store/web-${Math.random().toString(36).slice(2)}`;
    await check('get', async () => {
      const answer = await client.get('/hello');
      is([answer.code, answer.ok, answer.format], ['2.05', true, 0], 'answer');
      is(answer.text(), 'hello from coap-ws', 'text');
      is((await client.get('/none')).code, '4.04', 'code');
      is((await client.get('/whoami', { accept: 'text' })).code, '4.06', 'code');
      is(typeof (await client.get('/whoami')).json(), 'object', 'json');
    });
    await check('put', async () => {
      is((await client.put(name, 'première')).code, '2.01', 'code');
      is((await client.put(name, '{"n":1}', { format: 'json' })).code, '2.04', 'code');
      const answer = await client.get(name);
      is([answer.format, answer.json()], [50, { n: 1 }], 'what is kept');
    });
    await check('post', async () => {
      is((await client.post('/echo', 'données')).text(), 'données', 'text');
      const { code, location: where } = await client.post('/location-query', 'x');
      is([code, where.startsWith('/?')], ['2.01', true], `what was created at ${where}`);
    });
    await check('delete', async () => {
      is((await client.delete(name)).code, '2.02', 'code');
      is((await client.get(name)).code, '4.04', 'code');
    });
    await check('discover', async () => {
      const links = parseLinks((await client.get('/.well-known/core')).text());
      const clock = links.find(({ target }) => target === '/time');
      is([clock.attributes.rt, clock.attributes.obs], ['clock', true], 'attributes');
    });
    await check('ten_notifications', async () => {
      const states = [];
      let told = () => {};
      const heard = () => new Promise((resolve) => { told = resolve; });
      await client.put('/obs', 'state 0');
      const observation = await client.observe('/obs', (state) => {
        states.push(state.text());
        told();
      });
      is(observation.first.text(), 'state 0', 'first');
      for (let n = 1; n <= 10; n++) {
        const next = heard();
        await client.put('/obs', `state ${n}`);
        await next;
      }
      observation.cancel();
      await observation.done;
      await client.put('/obs', 'after');
      await client.get('/hello');
      is(states, Array.from({ length: 11 }, (_, n) => `state ${n}`), 'states');
      await client.delete('/obs');
    });
    await check('mebibyte_out_and_back', async () => {
      const body = pattern(MEBIBYTE);
      const answer = await client.post('/echo', body);
      is(answer.code, '2.04', 'code');
      same(answer.body, body, 'the echo');
    });
    await check('mebibyte_put_and_got', async () => {
      // The store counts the name too.
      const body = pattern(MEBIBYTE - 1);
      is((await client.put('/store/a', body)).ok, true, 'PUT');
      const answer = await client.get('/store/a');
      await client.delete('/store/a');
      same(answer.body, body, 'what was kept');
    });
    await check('asked_by_the_server', async () => {
      is((await client.get('/reverse')).text(), 'GET on the page', 'text');
    });
    await check('limits_what_is_buffered', async () => {
      watched.buffered = 0;
      const body = pattern(60_000);
      const answers = await Promise.all(Array.from({ length: 32 }, () => client.post('/echo', body)));
      is(answers.every((answer) => answer.body.length === body.length), true, 'all echoed');
      if (watched.buffered > 256 * 1024) throw new Error(`${watched.buffered} were buffered`);
      if (watched.buffered < 60_000) throw new Error('nothing was measured');
    });
    await check('aborts', async () => {
      const given = new AbortController();
      const slow = client.get('/slow?ms=5000', { signal: given.signal });
      given.abort();
      is(await slow.catch((error) => error.name), 'AbortError', 'error');
      is((await fails(client.get('/slow?ms=5000', { timeout: 100 }), 'timeout')).sent, true, 'sent');
      await fails(client.get('http://elsewhere/'), 'invalid');
    });
    await check('closes', async () => {
      const last = client.get('/slow?ms=300');
      await client.close();
      is((await last).code, '2.05', 'what was begun');
      is([client.state, (await client.closed).clean], ['closed', true], 'state');
      await fails(client.get('/hello'), 'closed');
    });
  },

  async loses() {
    const client = await connect(at);
    const states = [];
    const observation = await client.observe('/obs', (state) => states.push(state.text()));
    await check('loss_is_told', async () => {
      const slow = client.get('/slow?ms=5000').catch((error) => error);
      await client.get('/hello');
      const lost = event(client, 'lost');
      await control('/control/lose');
      const { detail } = await lost;
      is([typeof detail.reason, typeof detail.retryIn, client.state], ['string', 'number', 'waiting'],
        'event');
      const error = await slow;
      is([error.kind, error.sent], ['lost', true], 'what was asked');
    });
    await check('asked_while_lost', async () => {
      is((await client.get('/hello')).text(), 'hello from coap-ws', 'text');
      is(client.state, 'open', 'state');
    });
    await check('observes_again', async () => {
      const before = states.length;
      await client.put('/obs', 'after the loss');
      while (!states.includes('after the loss')) await new Promise((go) => setTimeout(go, 20));
      if (states.length === before) throw new Error('no state came');
      observation.cancel();
      await client.delete('/obs');
    });
    await check('tries_until_it_is_back', async () => {
      let losses = 0;
      client.addEventListener('lost', () => { losses += 1; });
      const back = event(client, 'open');
      await control('/control/lose?ms=1500');
      await back;
      if (losses < 2) throw new Error(`${losses} losses`);
      is((await client.get('/hello')).ok, true, 'ok');
    });
    await check('without_reconnect_it_is_the_end', async () => {
      const once = await connect(at, { reconnect: false });
      await control('/control/lose');
      is((await once.closed).clean, false, 'clean');
    });
    await client.close();
  },

  async refused() {
    await check('refused', async () => {
      const error = await fails(connect(at), 'refused');
      is(error.sent, false, 'sent');
    });
  },

  async codes() {
    await check('closes_4002', async () => {
      watched.codes = [];
      const client = await connect(at);
      is((await client.closed).clean, false, 'clean');
      is(watched.codes.includes(4002), true, `4002 among ${watched.codes}`);
      is(await control('/control/code'), '4002', 'what the server got');
    });
  },
};

try {
  await RUNS[query.get('run')]();
} catch (error) {
  lines.push(`FAIL ${query.get('run')} ${error.stack ?? error}`);
}
document.getElementById('outcome').textContent = lines.join('\n');
document.body.dataset.done = 'yes';
