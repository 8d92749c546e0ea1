// Every template of corpus/corpus.json, compared byte for byte with what pystache made of it (corpus/expected.json,
// written by the Python program beside it). Where pystache fails, so must this; the words of errors are not compared.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { engine } from '../src/plugin.js';
import { decode, encode } from '../src/text.js';

const read = (name) => JSON.parse(readFileSync(new URL(`corpus/${name}`, import.meta.url), 'utf8'));
const { data, cases } = read('corpus.json');
const expected = read('expected.json');
const values = Object.entries(data).map(([key, text]) => [key, encode(text)]);

test('it renders as pystache does', () => {
  assert.equal(cases.length, expected.length, 'run the Python program again');
  assert.ok(cases.length > 100, 'the corpus has shrunk');
  const differences = [];
  for (const [index, { template, lenient = false, tags = ['{{', '}}'] }] of cases.entries()) {
    assert.equal(template, expected[index].template, 'run the Python program again');
    const options = { strict: !lenient, leftDelimiter: tags[0], rightDelimiter: tags[1], nowMs: 0, seed: new Uint8Array(32) };
    let output;
    try {
      output = decode(engine.render([{ name: 'data.file', text: template }], values, options)[0].data);
    } catch (error) {
      assert.equal(error.template, 'data.file', `${template}: ${error}`);
    }
    if (output !== expected[index].output) differences.push({ template, output, expected: expected[index] });
  }
  assert.deepEqual(differences, []);
});
