// The provider without a sandbox: `fetch`, which is the only thing of the host's that it uses, is a fake.

import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';

import { connection, provider } from '../src/plugin.js';

const asked = [];
let answer = () => new Response('');
globalThis.fetch = async (url, options) => {
  asked.push({ url, authorization: options?.headers?.authorization });
  return answer(url);
};
afterEach(() => asked.splice(0));

const bytes = (text) => new TextEncoder().encode(text);

function session(config = {}, have = []) {
  return {
    store: { kind: 'SecretStore', name: 'store', namespace: 'app', uid: 'u', generation: 1n },
    requester: { namespace: 'app' },
    config: JSON.stringify({ url: 'https://store.example/keys/', ...config }),
    settings: '{}',
    have,
  };
}

const withToken = (token = 'a-token\n') =>
  session({ tokenSecretRef: { name: 'login' } }, [{ slot: 'token', value: { tag: 'bytes', val: bytes(token) } }]);

const item = (key, more = {}) => ({ key, facet: 'value', nature: 'stored', ...more });

test('it asks for its token, then for its server', async () => {
  const first = await connection.connect(session({ tokenSecretRef: { name: 'login' } }));
  assert.equal(first.tag, 'need');
  assert.equal(first.val[0].val.at, '/tokenSecretRef');
  const { tag, val } = await connection.connect(withToken());
  assert.equal(tag, 'ready');
  assert.equal(val.origins[0].url, 'https://store.example');
  assert.deepEqual(val.origins[0].paths, ['/keys/']);
  assert.equal(val.partition, undefined);
  assert.equal((await connection.connect(session())).tag, 'ready', 'a store without a token');
});

test('tenants share nothing where the token is that of whoever asks', async () => {
  const cluster = withToken();
  cluster.store.namespace = undefined;
  assert.equal((await connection.connect(cluster)).val.partition, 'app');
});

test('a key is read with the token', async () => {
  answer = () => new Response(Uint8Array.of(0, 255), { headers: { etag: '"7"' } });
  const [found] = await provider.get(withToken(), [item('team a/db?x')]);
  assert.deepEqual(asked, [{ url: 'https://store.example/keys/team%20a/db%3Fx', authorization: 'Bearer a-token' }]);
  assert.equal(found.tag, 'ok');
  assert.deepEqual([...found.val.data], [0, 255]);
  assert.equal(found.val.version, '"7"');
  const [same] = await provider.get(session(), [item('k', { knownVersion: '"7"' })]);
  assert.deepEqual(same.val, { tag: 'not-modified' });
  assert.equal(asked[1].authorization, undefined);
});

test('each key has an answer of its own', async () => {
  answer = (url) => new Response('v', { status: url.endsWith('/b') ? 404 : 200 });
  const answers = await provider.get(session(), [item('a'), item('b'), item('c')]);
  assert.deepEqual(answers.map(({ tag }) => tag), ['ok', 'err', 'ok']);
});

test('what the backend says becomes an error that drives the host', async () => {
  for (const [status, tag] of [
    [401, 'unauthenticated'],
    [403, 'denied'],
    [404, 'not-found'],
    [429, 'rate-limited'],
    [500, 'unavailable'],
    [503, 'unavailable'],
    [400, 'other'],
  ]) {
    answer = () => new Response('', { status, headers: { 'retry-after': '7' } });
    const [{ val }] = await provider.get(session(), [item('k')]);
    assert.equal(val.tag, tag, String(status));
    if (status === 429) assert.equal(val.val.retryAfterMs, 7000n);
  }
  answer = () => {
    throw new TypeError('NetworkError');
  };
  const [{ val }] = await provider.get(session(), [item('k')]);
  assert.equal(val.tag, 'unavailable');
});

test('no key leads out of the store', async () => {
  for (const key of ['../admin', 'a/../b', 'a/./b', '', '/a', 'a//b', 'a/']) {
    const [{ tag }] = await provider.get(session(), [item(key)]);
    assert.equal(tag, 'err', key);
  }
  assert.deepEqual(asked, []);
});

test('a store is healthy where its server lets the token in', async () => {
  for (const [status, tag] of [[200], [404], [403], [401, 'unauthenticated'], [500, 'unavailable']]) {
    answer = () => new Response('', { status });
    const health = provider.validate(withToken());
    if (tag) await assert.rejects(health, (error) => error.payload.tag === tag);
    else assert.deepEqual(await health, { tag: 'ready' });
  }
});

test('what it cannot do it says', async () => {
  const [metadata, version] = await provider.get(session(), [item('k', { facet: 'metadata' }), item('k', { version: '1' })]);
  assert.deepEqual([metadata.val.tag, version.val.tag], ['unsupported', 'unsupported']);
  await assert.rejects(provider.find(session(), { tags: [] }), (error) => error.payload.tag === 'unsupported');
});
