// Keys, ranges and cursors. etcd has no folders: a path is a prefix, and a prefix is the range that ends before the
// next possible one. Nothing here knows JSON or HTTP.

import { failure } from './claviger.js';

/** @typedef {{start: Uint8Array, end?: Uint8Array}} Range Without its end; where there is none, a single key. */

const utf8 = new TextEncoder();

/**
 * @param {string} key
 * @returns {Range}
 */
export function one(key) {
  return { start: utf8.encode(key) };
}

/**
 * Every key that begins with the prefix.
 *
 * @param {string} prefix
 * @returns {Range}
 */
export function below(prefix) {
  // A zero byte stands for the first of all keys, and as an end for the last. No byte of UTF-8 is the greatest, so the
  // last one always has a successor.
  if (prefix === '') return { start: Uint8Array.of(0), end: Uint8Array.of(0) };
  const start = utf8.encode(prefix);
  const end = start.slice();
  end[end.length - 1] += 1;
  return { start, end };
}

/**
 * The rest of a range, behind a key: from the least one that is greater.
 *
 * @param {Range} range
 * @param {Uint8Array} key
 * @returns {Range}
 */
export function after(range, key) {
  return { ...range, start: Uint8Array.of(...key, 0) };
}

/** Is it a revision, which is what this provider calls a version? @param {string} text */
export function isRevision(text) {
  return /^[1-9]\d{0,18}$/.test(text) && BigInt(text) < 2n ** 63n;
}

/**
 * Where a listing goes on: behind a key, as of the revision of its first page, so that keys that come and go between
 * two pages neither appear twice nor hide others.
 *
 * @typedef {{revision: string, key: Uint8Array}} Cursor
 */

/** @param {Cursor} cursor */
export function writeCursor({ revision, key }) {
  return `${revision} ${toBase64(key)}`;
}

/**
 * @param {string} text
 * @returns {Cursor}
 */
export function readCursor(text) {
  const [revision, key, ...more] = text.split(' ');
  const bytes = key === undefined || more.length > 0 ? undefined : fromBase64(key);
  if (!isRevision(revision) || !bytes) throw failure('other', "the cursor is not this plugin's");
  return { revision, key: bytes };
}

/** @param {Uint8Array} bytes */
export function toBase64(bytes) {
  const some = 4096;
  let text = '';
  for (let at = 0; at < bytes.length; at += some) text += String.fromCharCode(...bytes.subarray(at, at + some));
  return btoa(text);
}

/**
 * `undefined`, where it is none.
 *
 * @param {string} text
 */
export function fromBase64(text) {
  try {
    return Uint8Array.from(atob(text), (byte) => byte.charCodeAt(0));
  } catch {
    return undefined;
  }
}
