// Open a URI, list what there is, click on one, watch it change.
//
// ?at=URI connects at once, &show=/path chooses a resource then.

import { FORMATS, connect, parseLinks } from '../coap-ws/index.js';

const by = (id) => document.getElementById(id);
const FORMAT_NAMES = Object.fromEntries(Object.entries(FORMATS).map(([name, n]) => [n, name]));
const SHOWN = 8;
/** More than that is not put into the page. */
const MOST_SHOWN = 16_384;

let client;
let shown;

function setState(kind, text) {
  by('state').className = `pill ${kind}`;
  by('state').textContent = text;
}

async function open(uri) {
  await client?.close();
  client = undefined;
  by('resources').replaceChildren();
  by('resource').hidden = true;
  by('welcome').hidden = false;
  setState('', 'connecting…');
  let asked = 0;
  try {
    client = await connect(uri, {
      // The server may ask too: GET /reverse of the demo server does.
      handlers: { '/hello': () => `hello from a web page, asked ${++asked} times` },
    });
  } catch (error) {
    const why = error.kind === 'refused'
      ? 'no connection: not there, or it does not let pages of this origin in' : error.message;
    setState('failed', why);
    return;
  }
  setState('open', 'connected');
  client.addEventListener('lost', ({ detail: { reason, retryIn } }) => {
    setState('waiting', `lost, again in ${(retryIn / 1000).toFixed(1)} s`);
    by('state').title = reason;
  });
  client.addEventListener('open', () => setState('open', 'connected again'));
  client.addEventListener('close', ({ detail: { reason } }) => setState('failed', reason));
  await discover();
}

async function discover() {
  const answer = await client.get('/.well-known/core', { accept: 'link-format' });
  const links = answer.ok ? parseLinks(answer.text()) : [];
  by('none').hidden = links.length > 0;
  by('resources').replaceChildren(...links.map(({ target, attributes }) => {
    const item = document.createElement('li');
    const button = document.createElement('button');
    const path = document.createElement('code');
    path.textContent = target;
    button.append(path);
    button.dataset.target = target;
    if (attributes.obs) {
      const dot = document.createElement('span');
      dot.className = 'dot';
      dot.title = 'can be observed';
      button.append(' ', dot);
    }
    if (typeof attributes.title === 'string') {
      const title = document.createElement('small');
      title.textContent = attributes.title;
      button.append(title);
    }
    button.addEventListener('click', () => choose(target, attributes));
    item.append(button);
    return item;
  }));
}

async function choose(target, attributes) {
  shown?.observation?.cancel();
  const view = { target, count: 0 };
  shown = view;
  for (const button of document.querySelectorAll('#resources button')) {
    button.toggleAttribute('aria-current', button.dataset.target === target);
  }
  by('welcome').hidden = true;
  by('resource').hidden = false;
  by('watching').hidden = true;
  by('history').replaceChildren();
  by('path').textContent = target;
  by('title').textContent = attributes.title ?? '';
  const tell = (answer) => { if (shown === view) show(view, answer); };
  try {
    if (!attributes.obs) return tell(await client.get(target));
    view.observation = await client.observe(target, tell);
    if (shown !== view) return view.observation.cancel();
    by('watching').hidden = false;
    by('watching').className = 'pill open';
    view.observation.done.catch((error) => fault(view, error)).finally(() => {
      if (shown === view) by('watching').hidden = true;
    });
  } catch (error) {
    fault(view, error);
  }
}

function textOf(answer) {
  if (!answer.body.length) return '(empty)';
  const part = answer.body.subarray(0, MOST_SHOWN);
  const rest = answer.body.length - part.length;
  const more = rest ? `\n… and ${rest.toLocaleString('en')} bytes more` : '';
  if (answer.format === FORMATS.json && !rest) return JSON.stringify(answer.json(), null, 2);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(part) + more;
  } catch {
    const bytes = part.subarray(0, 512);
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ')
      + (answer.body.length > bytes.length ? ' …' : '');
  }
}

function show(view, answer) {
  view.count += 1;
  const text = textOf(answer);
  by('code').textContent = answer.code;
  by('format').textContent = FORMAT_NAMES[answer.format] ?? answer.format ?? 'none';
  by('size').textContent = `${answer.body.length.toLocaleString('en')} bytes`;
  by('count').textContent = view.count;
  const outcome = by('outcome');
  outcome.textContent = text;
  outcome.classList.toggle('bad', !answer.ok);
  outcome.classList.remove('new');
  void outcome.offsetWidth;
  outcome.classList.add('new');
  const item = document.createElement('li');
  const time = document.createElement('time');
  time.textContent = new Date().toLocaleTimeString('en-GB');
  const line = document.createElement('code');
  line.textContent = text.split('\n', 1)[0].slice(0, 120);
  item.append(time, line);
  by('history').prepend(item);
  by('history').children[SHOWN]?.remove();
  // For who looks at this page by program.
  if (view.count >= 4) document.body.dataset.done = 'yes';
}

function fault(view, error) {
  if (shown !== view) return;
  by('outcome').textContent = `${error.kind ?? error.name}: ${error.message}`;
  by('outcome').className = 'bad';
}

by('connect').addEventListener('submit', (event) => {
  event.preventDefault();
  open(by('uri').value).catch((error) => setState('failed', error.message));
});

by('send').addEventListener('submit', async (event) => {
  event.preventDefault();
  const view = shown;
  const [method, body] = [by('method').value, by('body').value];
  try {
    const options = method === 'GET' || method === 'DELETE' ? {} : { body };
    const answer = await client.request(method, view.target, options);
    if (shown === view) show(view, answer);
  } catch (error) {
    fault(view, error);
  }
});

const query = new URLSearchParams(location.search);
const scheme = location.protocol === 'https:' ? 'coaps+ws' : 'coap+ws';
by('uri').value = query.get('at') ?? `${scheme}://${location.host || 'localhost:8683'}`;
if (query.has('at')) {
  await open(query.get('at'));
  const target = query.get('show');
  if (target) document.querySelector(`[data-target="${CSS.escape(target)}"]`)?.click();
}
