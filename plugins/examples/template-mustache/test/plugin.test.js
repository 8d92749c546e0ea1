// What the corpus does not compare: places of errors, bytes that are no text, several templates. Nothing of the host's
// is imported, so nothing is faked.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { engine } from '../src/plugin.js';
import { decode, encode } from '../src/text.js';

const options = { strict: true, leftDelimiter: '{{', rightDelimiter: '}}', nowMs: 0, seed: new Uint8Array(32) };
const data = [
  ['user', encode('u')],
  ['users', encode('[{"name":"ann"}]')],
  ['bin', Uint8Array.of(0, 255)],
];

const render = (text) => decode(engine.render([{ name: 'data.file', text }], data, options)[0].data);

test('errors know their place and hold no value', () => {
  for (const [text, line, column, detail] of [
    ['{{absent}}', 1, 1, 'there is no key "absent"'],
    ['a\n🗝ü {{#users}}{{absent}}{{/users}}', 2, 14, 'there is no key "absent"'],
    ['a\r\n  {{#users.1}}x{{/users.1}}', 2, 3, 'there is no key "users.1"'],
    ['{{^absent}}x{{/absent}}', 1, 1, 'there is no key "absent"'],
    ['{{constructor}}', 1, 1, 'there is no key "constructor"'],
    ['{{user.length}}', 1, 1, 'there is no key "user.length"'],
    ['{{users.length}}', 1, 1, 'there is no key "users.length"'],
    ['ab\n {{>part}}', 2, 2, 'there are no partials, and so no "part"'],
    ['ab\n {{bin}}', 2, 2, '"bin" is not text'],
    ['ab\n{{#user}}', 2, 10, 'Unclosed section "user"'],
    ['ab\n{{/user}}', 2, 1, 'Unopened section "user"'],
    ['{{#user}}\n{{/users}}', 2, 1, 'Unclosed section "user"'],
    ['{{user', 1, 7, 'Unclosed tag'],
    ['{{=x=}}', 1, 1, 'its delimiters are none'],
  ]) {
    assert.throws(() => render(text), { template: 'data.file', line, column, detail }, text);
  }
});

test('an element of a list has its number as a name', () => {
  assert.equal(render('{{users.0.name}}'), 'ann');
});

test('bytes that are no text can be asked for', () => {
  assert.equal(render('{{#bin}}there{{/bin}}'), 'there');
});

test('what a key is called makes no difference', () => {
  const odd = ['toString', 'hasOwnProperty', '__proto__', 'lookup'].map((name) => [name, encode(name)]);
  const text = '{{toString}} {{hasOwnProperty}} {{__proto__}} {{lookup}}';
  const [{ data: rendered }] = engine.render([{ name: 'x', text }], odd, options);
  assert.equal(decode(rendered), 'toString hasOwnProperty __proto__ lookup');
});

test('each template has its answer, and the first failure ends it', () => {
  const templates = ['{{user}}', '{{#users}}{{name}}{{/users}}'].map((text, n) => ({ name: `t${n}`, text }));
  const answers = engine.render(templates, data, options);
  assert.deepEqual(answers.map(({ name, data, varies }) => [name, decode(data), varies]), [['t0', 'u', false], ['t1', 'ann', false]]);
  assert.throws(() => engine.render([...templates, { name: 'bad', text: '{{x}}' }], data, options), { template: 'bad' });
});
