// Ranges, cursors and what goes over the wire; expected values are those of the example in Rust.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { config } from '../src/config.js';
import { after, below, fromBase64, isRevision, one, readCursor, toBase64, writeCursor } from '../src/keys.js';
import { loginAnswer, rangeAnswer, rangeBody, refusal } from '../src/wire.js';

const bytes = (text) => new TextEncoder().encode(text);

test('a prefix is a range', () => {
  assert.deepEqual(below('/prod/'), { start: bytes('/prod/'), end: bytes('/prod0') });
  assert.deepEqual(below(''), { start: Uint8Array.of(0), end: Uint8Array.of(0) });
  assert.deepEqual(below('ü').end, Uint8Array.of(0xc3, 0xbd));
  assert.deepEqual(after(below('a'), bytes('ab')), { start: bytes('ab\0'), end: bytes('b') });
  assert.deepEqual(one('/prod/db'), { start: bytes('/prod/db') });
});

test('cursors return', () => {
  const cursor = { revision: '42', key: Uint8Array.of(...bytes('a key/with blanks '), 255) };
  assert.deepEqual(readCursor(writeCursor(cursor)), cursor);
  for (const bad of ['', '42', '42 !', 'x YQ==', '0 YQ==', '-1 YQ==', '1 YQ== 2']) {
    assert.throws(() => readCursor(bad), (error) => error.payload.tag === 'other', bad);
  }
  assert.ok(isRevision('9223372036854775807') && !isRevision('9223372036854775808') && !isRevision('1e3'));
});

test('base64 is that of bytes', () => {
  const all = Uint8Array.from({ length: 10_000 }, (_, n) => n % 256);
  assert.equal(toBase64(all), Buffer.from(all).toString('base64'));
  assert.deepEqual(fromBase64(toBase64(all)), all);
});

test('requests are the gateway\'s', () => {
  assert.deepEqual(rangeBody(one('/prod/db'), { revision: '7' }), { key: 'L3Byb2QvZGI=', revision: '7' });
  const page = { key: 'YQ==', range_end: 'Yg==', keys_only: true, limit: 1000 };
  assert.deepEqual(rangeBody(below('a'), { keysOnly: true }), page);
});

test('answers are read', () => {
  const answer = rangeAnswer(bytes(`{"header":{"cluster_id":"1","member_id":"2","revision":"9","raft_term":"2"},
    "kvs":[{"key":"YQ==","create_revision":"2","mod_revision":"4","version":"2","value":"aGk="},
           {"key":"Yg==","create_revision":"5","mod_revision":"5","version":"1"}],"more":true,"count":"3"}`));
  assert.deepEqual(answer, {
    revision: '9',
    more: true,
    kvs: [
      { key: bytes('a'), value: bytes('hi'), revision: '4' },
      { key: bytes('b'), value: bytes(''), revision: '5' },
    ],
  });
  assert.deepEqual(rangeAnswer(bytes('{"header":{"revision":"9"}}')).kvs, []);
  assert.equal(loginAnswer(bytes('{"header":{},"token":"abc.12"}')), 'abc.12');
  for (const odd of ['<html>', '"text"', 'null', '{}', '{"header":{"revision":"9"},"kvs":[{"key":"!"}]}']) {
    assert.throws(() => rangeAnswer(bytes(odd)), (error) => error.payload.tag === 'other', odd);
  }
});

test('refusals drive behaviour', () => {
  const refused = (status, code, message) =>
    refusal(
      { status, headers: new Headers({ 'retry-after': '2' }), body: bytes(JSON.stringify({ code, message })) },
      'k',
    );
  for (const [status, code, message, tag, endedLogin = false] of [
    [401, 16, 'etcdserver: invalid auth token', 'unauthenticated', true],
    [400, 3, 'etcdserver: revision of auth store is old', 'unauthenticated', true],
    [403, 7, 'etcdserver: permission denied', 'denied'],
    [400, 3, 'etcdserver: authentication failed, invalid user ID or password', 'unauthenticated'],
    [400, 3, 'etcdserver: user name is empty', 'unauthenticated'],
    [400, 11, 'etcdserver: mvcc: required revision has been compacted', 'other'],
    [400, 11, 'etcdserver: mvcc: required revision is a future revision', 'not-found'],
    [503, 14, 'etcdserver: no leader', 'unavailable'],
    [429, 8, 'x', 'rate-limited'],
    [400, 3, 'etcdserver: key is not provided', 'other'],
    [404, undefined, '404 page not found', 'other'],
    [502, undefined, undefined, 'unavailable'],
  ]) {
    const { error, endedLogin: ended } = refused(status, code, message);
    assert.deepEqual([error.payload.tag, ended], [tag, endedLogin], message);
  }
  assert.equal(refused(429, 8, 'x').error.payload.val.retryAfterMs, 2000n);
});

test('a config names the field that is wrong', () => {
  assert.equal(config('{"endpoint":"https://etcd.example:2379/"}').endpoint, 'https://etcd.example:2379');
  for (const endpoint of ['etcd.example:2379', 'https://', 'https://etcd.example/path', 'unix:///etcd', undefined]) {
    assert.throws(() => config(JSON.stringify({ endpoint })), (error) => error.payload.val.path === '/endpoint');
  }
});
