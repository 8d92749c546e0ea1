// The engine without a sandbox. It imports nothing of the host's, so nothing has to be faked.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { engine } from '../src/plugin.js';
import { decode, encode } from '../src/text.js';

const options = { strict: true, leftDelimiter: '{{', rightDelimiter: '}}', nowMs: 0, seed: new Uint8Array(32) };

function rendered(text, data = {}, strict = true) {
  const values = Object.entries(data).map(([key, value]) => [key, typeof value === 'string' ? encode(value) : value]);
  return engine.render([{ name: 'data.file', text }], values, { ...options, strict })[0].data;
}

test('values stand where their keys are named', () => {
  const data = { user: 'ünï', password: '${user}' };
  for (const [text, expected] of [
    ['postgres://${user}:${password}@db', 'postgres://ünï:${user}@db'],
    ['${user}${user}', 'ünïünï'],
    ['no key, $5 and {user}', 'no key, $5 and {user}'],
    ['', ''],
    ['🗝 ${user}', '🗝 ünï'],
  ]) {
    assert.equal(decode(rendered(text, data)), expected, text);
  }
  assert.deepEqual([...rendered('${b}!', { b: Uint8Array.of(0, 255) })], [0, 255, 33], 'bytes stay as they are');
});

test('a missing key is an error where it is asked for', () => {
  const text = 'user: ${user}\n🗝ü: ${absent}';
  assert.throws(() => rendered(text, { user: 'u' }), {
    template: 'data.file',
    line: 2,
    column: 5,
    detail: 'there is no key "absent"',
  });
  assert.equal(decode(rendered(text, { user: 'u' }, false)), 'user: u\n🗝ü: ');
  assert.throws(() => rendered('a ${toString}'), { column: 3 });
  assert.throws(() => rendered('a ${user'), { line: 1, column: 3, detail: 'there is no } behind it' });
});

test('every template has its own text', () => {
  const templates = [{ name: 'a', text: '${k}' }, { name: 'b', text: '-' }];
  const answers = engine.render(templates, [['k', encode('v')]], options);
  assert.deepEqual(answers.map(({ name, data, varies }) => [name, decode(data), varies]), [['a', 'v', false], ['b', '-', false]]);
});

test('text is UTF-8', () => {
  for (const text of ['', 'a', 'Grüße', '你好', '🗝', 'x'.repeat(10_000)]) {
    assert.deepEqual(encode(text), new TextEncoder().encode(text));
    assert.equal(decode(encode(text)), text);
  }
  for (const bytes of [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf0, 0x9f, 0x97]]) {
    assert.equal(decode(Uint8Array.from(bytes)), undefined);
  }
});
