// What goes over the wire: bodies of requests, answers, and errors as the host understands them. The gateway writes
// bytes as base64, 64-bit numbers as text, and leaves out what is zero or empty.

import { Failure, failure, retryAfter } from './claviger.js';
import { fromBase64, toBase64 } from './keys.js';

/** Keys of one page. */
export const PAGE = 1000;

/**
 * The body of a range request.
 *
 * @param {import('./keys.js').Range} range
 * @param {{revision?: string, keysOnly?: boolean}} [query]
 */
export function rangeBody({ start, end }, { revision, keysOnly } = {}) {
  return {
    key: toBase64(start),
    ...(end && { range_end: toBase64(end) }),
    ...(revision && { revision }),
    ...(keysOnly && { keys_only: true, limit: PAGE }),
  };
}

/**
 * @typedef {{key: Uint8Array, value: Uint8Array, revision: string}} KeyValue
 * @typedef {{revision: string, kvs: KeyValue[], more: boolean}} Answer
 */

/**
 * The answer to a range request.
 *
 * @param {Uint8Array} body
 * @returns {Answer}
 */
export function rangeAnswer(body) {
  const { header, kvs = [], more = false } = json(body) ?? {};
  if (typeof header?.revision !== 'string' || !Array.isArray(kvs)) throw odd();
  return {
    revision: header.revision,
    more: more === true,
    kvs: kvs.map(({ key, value = '', mod_revision: revision }) => {
      if (typeof revision !== 'string') throw odd();
      return { key: bytes(key), value: bytes(value), revision };
    }),
  };
}

/**
 * The token of a login.
 *
 * @param {Uint8Array} body
 * @returns {string}
 */
export function loginAnswer(body) {
  const token = json(body)?.token;
  if (typeof token !== 'string') throw odd();
  return token;
}

/** gRPC's codes, as far as they make a difference. */
const CODE = {
  DEADLINE_EXCEEDED: 4,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  OUT_OF_RANGE: 11,
  UNAVAILABLE: 14,
  UNAUTHENTICATED: 16,
};

/**
 * An answer that is no success, as an error; `what` is the key, which is no secret. `endedLogin`: has the token ended,
 * so that another login helps? Both when it ran out and when roles have changed since it was made.
 *
 * @param {import('./claviger.js').Answer} answer
 * @param {string} what
 * @returns {{error: Failure, endedLogin: boolean}}
 */
export function refusal({ status, headers, body }, what) {
  const said = json(body) ?? {};
  const code = Number(said.code ?? 0);
  const message = String(said.message ?? '');
  const says = (/** @type {string} */ text) => message.includes(text);
  const endedLogin =
    status === 401 ||
    code === CODE.UNAUTHENTICATED ||
    says('invalid auth token') ||
    says('revision of auth store is old');
  const detail = `${what}: ${message || `HTTP ${status}`}`;
  return { error: error(), endedLogin };

  function error() {
    // Logins that fail, and reads without one, are invalid arguments to etcd.
    if (endedLogin || says('authentication failed') || says('user name is empty')) {
      return failure('unauthenticated', detail);
    }
    if (status === 403 || code === CODE.PERMISSION_DENIED) return failure('denied', detail);
    // A revision of the future is not there. One that was compacted away says nothing about the key, and `not-found` may
    // delete a Secret: so it is no such answer.
    if (code === CODE.OUT_OF_RANGE && !says('compacted')) return failure('not-found', detail);
    if (status === 429 || code === CODE.RESOURCE_EXHAUSTED) {
      return new Failure({ tag: 'rate-limited', val: { retryAfterMs: retryAfter(headers), detail } });
    }
    const later = status >= 500 && status < 600;
    if (later || code === CODE.UNAVAILABLE || code === CODE.DEADLINE_EXCEEDED) return failure('unavailable', detail);
    // A 404 is a wrong address and no missing key: etcd answers those with an empty list.
    return failure('other', detail);
  }
}

/**
 * `undefined`, where it is no object.
 *
 * @param {Uint8Array} body
 */
function json(body) {
  try {
    const found = JSON.parse(new TextDecoder().decode(body));
    return typeof found === 'object' && found !== null ? found : undefined;
  } catch {
    return undefined;
  }
}

/** @param {unknown} text */
function bytes(text) {
  const found = typeof text === 'string' ? fromBase64(text) : undefined;
  if (!found) throw odd();
  return found;
}

function odd() {
  return failure('other', "the answer is not etcd's");
}
