// Logins, reads and pages against a made-up gateway behind `fetch`, with a fake of the host's memo.

import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import '../fake/host.js';

const { connection, provider } = await import('../src/plugin.js');
const { kept, open } = await import('../fake/memo.js');

const base64 = (text) => Buffer.from(text).toString('base64');
const text = (bytes) => new TextDecoder().decode(bytes);

let gateway;
beforeEach(() => {
  kept.clear();
  open.clear();
  gateway = { logins: 0, valid: undefined, refuseLogins: false, keys: new Map([['/p/a', 'va'], ['/p/b', 'vb']]) };
});

globalThis.fetch = async (url, { headers, body }) => {
  const asked = JSON.parse(body);
  const refuse = (message, status = 400) => Response.json({ code: 3, message: `etcdserver: ${message}` }, { status });
  if (url.endsWith('/v3/auth/authenticate')) {
    gateway.logins += 1;
    if (gateway.refuseLogins || asked.password !== 'pw') return refuse('authentication failed');
    gateway.valid = `token-${gateway.logins}`;
    return Response.json({ token: gateway.valid });
  }
  if (headers.authorization !== gateway.valid) return refuse('invalid auth token', 401);
  const start = Buffer.from(asked.key, 'base64').toString();
  const end = asked.range_end && Buffer.from(asked.range_end, 'base64').toString();
  const found = [...gateway.keys].filter(([key]) => (end ? key >= start && key < end : key === start));
  const kvs = found.map(([key, value]) => ({ key: base64(key), value: base64(value), mod_revision: '5' }));
  return Response.json({ header: { revision: '9' }, kvs: kvs.slice(0, 1), more: kvs.length > 1 });
};

function session() {
  return {
    store: { kind: 'SecretStore', name: 's', namespace: 'app', uid: 'u', generation: 1n },
    requester: { namespace: 'app' },
    config: JSON.stringify({
      endpoint: 'https://etcd.example:2379',
      prefix: '/p/',
      caBundle: 'TUlJQg==',
      auth: { username: 'reader', passwordSecretRef: { name: 'login' } },
    }),
    settings: '{}',
    have: [{ slot: 'password', value: { tag: 'bytes', val: Buffer.from('pw\n') } }],
  };
}

const item = (key, more = {}) => ({ key, facet: 'value', nature: 'stored', ...more });
const tags = (answers) => answers.map(({ tag, val }) => (tag === 'ok' ? text(val.data) : val.tag));

test('it asks for the password, then for one origin with its CA', async () => {
  const first = await connection.connect({ ...session(), have: [] });
  assert.deepEqual(first.val[0].val.at, '/auth/passwordSecretRef');
  const { val } = await connection.connect(session());
  assert.equal(val.origins[0].url, 'https://etcd.example:2379');
  assert.deepEqual(val.origins[0].tls, { ca: [{ tag: 'inline-base64', val: '/caBundle' }] });
});

test('all keys of a call are one login, which the memo keeps', async () => {
  assert.deepEqual(tags(await provider.get(session(), ['a', 'b', 'c'].map((key) => item(key)))), ['va', 'vb', 'not-found']);
  assert.deepEqual(tags(await provider.get(session(), [item('a')])), ['va']);
  assert.equal(gateway.logins, 1);
  assert.equal(kept.get('token').ttlLeftMs, 240_000n);
  assert.equal(open.size, 0, 'the ticket is dropped');
});

test('a token that ended is given up, and one more login tried', async () => {
  await provider.get(session(), [item('a')]);
  gateway.valid = 'another';
  assert.deepEqual(tags(await provider.get(session(), ['a', 'b', 'a', 'b'].map((key) => item(key)))), ['va', 'vb', 'va', 'vb']);
  assert.equal(gateway.logins, 2);
  gateway.valid = 'another';
  gateway.refuseLogins = true;
  const refused = await provider.get(session(), [item('a'), item('b')]);
  assert.deepEqual(tags(refused), ['unauthenticated', 'unauthenticated']);
  assert.equal(gateway.logins, 3);
  assert.deepEqual([kept.size, open.size], [0, 0]);
});

test('versions are revisions', async () => {
  const versions = [item('a', { version: 'seven' }), item('a', { knownVersion: '5' }), item('a', { version: '5' })];
  assert.deepEqual(tags(await provider.get(session(), versions)), ['not-found', 'not-modified', 'va']);
});

test('a listing comes in pages', async () => {
  const query = { tags: [] };
  const first = await provider.find(session(), query);
  assert.deepEqual(first, { found: [{ key: 'a' }], next: `9 ${base64('/p/a')}` });
  const second = await provider.find(session(), query, first.next);
  assert.deepEqual(second, { found: [{ key: 'b' }], next: undefined });
  await assert.rejects(provider.find(session(), query, 'odd'), (error) => error.payload.tag === 'other');
  const tagged = provider.find(session(), { tags: [['a', 'b']] });
  await assert.rejects(tagged, (error) => error.payload.tag === 'unsupported');
});

test('it is healthy once the login works', async () => {
  assert.deepEqual(await provider.validate(session()), { tag: 'ready' });
  gateway.refuseLogins = true;
  kept.clear();
  await assert.rejects(provider.validate(session()), (error) => error.payload.tag === 'unauthenticated');
});
