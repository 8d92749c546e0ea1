// The language: `${name}` stands for the value of that key of the data, byte for byte; everything else is text. Put your
// own in its place.

import { encode } from './text.js';

/** What is wrong with a template, and where: line and column from 1, columns in characters. */
export class TemplateError extends Error {
  /**
   * @param {string} text
   * @param {number} at Index into the text.
   * @param {string} detail
   */
  constructor(text, at, detail) {
    super(detail);
    const before = text.slice(0, at).split('\n');
    this.line = before.length;
    this.column = [...before[before.length - 1]].length + 1;
  }
}

/**
 * @param {string} text
 * @param {Map<string, Uint8Array>} values
 * @param {boolean} strict Whether a key that is not there is an error; otherwise it is empty.
 * @returns {Uint8Array}
 */
export function render(text, values, strict) {
  const parts = [];
  let done = 0;
  for (let start; (start = text.indexOf('${', done)) !== -1; ) {
    const end = text.indexOf('}', start);
    if (end === -1) throw new TemplateError(text, start, 'there is no } behind it');
    const name = text.slice(start + 2, end);
    const value = values.get(name);
    if (value === undefined && strict) throw new TemplateError(text, start, `there is no key ${JSON.stringify(name)}`);
    parts.push(encode(text.slice(done, start)), value ?? new Uint8Array());
    done = end + 1;
  }
  parts.push(encode(text.slice(done)));
  return joined(parts);
}

/** @param {Uint8Array[]} parts */
function joined(parts) {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
