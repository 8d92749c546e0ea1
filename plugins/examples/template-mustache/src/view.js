// The data of a Secret as Mustache sees it. A value that is a JSON object or list can be gone into (`{{#users}}`,
// `{{config.port}}`), and is still the text that it was where it is printed. Bytes that are no text can be looked at
// (`{{#bin}}`) and not printed.

import { decode } from './text.js';

/** How an object prints itself. A symbol, which no JSON has. */
export const PRINTED = Symbol('printed');

/** What cannot be printed. */
export const NO_TEXT = Object.freeze({});

/**
 * @param {[string, Uint8Array][]} data
 * @returns {object} Without a prototype: a key may be called `toString`.
 */
export function view(data) {
  const root = Object.create(null);
  for (const [key, bytes] of data) root[key] = value(bytes);
  return root;
}

/** @param {Uint8Array} bytes */
function value(bytes) {
  const text = decode(bytes);
  if (text === undefined) return NO_TEXT;
  if (!/^\s*[{[]/.test(text)) return text;
  try {
    return printable(JSON.parse(text, (_, inner) => printable(inner)), text);
  } catch {
    return text;
  }
}

/**
 * An object or a list that prints as JSON: as it came, where that is known.
 *
 * @param {unknown} found
 * @param {string} [text]
 */
function printable(found, text) {
  if (typeof found !== 'object' || found === null) return found;
  const toString = () => text ?? JSON.stringify(found);
  return Object.defineProperty(found, PRINTED, { value: toString, configurable: true });
}
