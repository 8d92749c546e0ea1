// The provider: what it says of itself, what a store needs, and how a key is read. `claviger.js` has what any
// provider would write in the same way. Start to change things here.

import {
  bytesOf,
  check,
  describe,
  failure,
  needSecret,
  parse,
  plugin,
  ready,
  request,
  secretRef,
  textOf,
} from './claviger.js';

/** @import { ConnectInput, Step } from '../types/interfaces/claviger-plugin-connection.js' */
/** @import { Health, Item, Value } from '../types/interfaces/claviger-plugin-provider.js' */

/** Slot of the token: the name under which the host hands it back. */
const TOKEN = 'token';

const description = describe({
  name: 'plugin-name',
  version: '0.1.0',
  // What a store writes under spec.provider.plugin-name. The host checks it before it calls.
  schema: {
    type: 'object',
    required: ['url'],
    additionalProperties: false,
    properties: {
      url: {
        type: 'string',
        pattern: '^https?://[^/?#]+(/[^?#]*)?$',
        description: 'Where the keys lie: one is read at <url>/<key>',
      },
      tokenSecretRef: { ...secretRef('token, if it is left out'), description: 'The token that is sent along' },
    },
  },
  capabilities: { get: true },
  origins: ["the store's url"],
});

/**
 * What a store needs: the token, if it names one, and the right to reach its server. Without network.
 *
 * @param {ConnectInput} input
 * @returns {Step}
 */
function connect(input) {
  const { url, tokenSecretRef } = config(input);
  if (tokenSecretRef && input.have.length === 0) {
    return needSecret(TOKEN, '/tokenSecretRef', 'token');
  }
  const paths = [new URL(`${url}/`).pathname];
  return ready(input, { url, purpose: 'the store', refs: [tokenSecretRef], paths });
}

/**
 * The cheapest request that shows whether the store works. Which keys may be read is told by reading them.
 *
 * @param {ConnectInput} session
 * @returns {Promise<Health>}
 */
async function validate(session) {
  const answer = await read(session, '');
  if (answer.status === 401 || answer.status === 429 || answer.status >= 500) {
    throw check(answer, 'the store');
  }
  return { tag: 'ready' };
}

/**
 * One key. The host asks for up to 20 at once, which are read side by side.
 *
 * @param {ConnectInput} session
 * @param {Item} item
 * @returns {Promise<Value>}
 */
async function get(session, item) {
  const answer = await read(session, path(item.key));
  const refused = check(answer, item.key);
  if (refused) throw refused;
  const version = answer.headers.get('etag') ?? undefined;
  if (version !== undefined && version === item.knownVersion) throw failure('not-modified');
  // The same key read with the same token is the same answer for everybody.
  return { data: answer.body, version, shareable: true, dynamic: false };
}

/** @param {ConnectInput} input */
function config(input) {
  const { url, tokenSecretRef } = parse(input.config);
  return { url: String(url).replace(/\/+$/, ''), tokenSecretRef };
}

/**
 * @param {ConnectInput} session
 * @param {string} path
 */
function read(session, path) {
  const { url, tokenSecretRef } = config(session);
  /** @type {Record<string, string>} */
  const headers = {};
  if (tokenSecretRef) {
    // A line end is the editor's and not the token's.
    headers.authorization = `Bearer ${textOf(bytesOf(session, TOKEN), 'the token').trimEnd()}`;
  }
  return request(`${url}/${path}`, { headers });
}

/**
 * A key as the path of a URL. Dots would lead out of the folder that the store names.
 *
 * @param {string} key
 */
function path(key) {
  const segments = key.split('/');
  if (segments.some((segment) => ['', '.', '..'].includes(segment))) {
    throw failure('other', `${key}: a key has no empty segments, and none that are . or ..`);
  }
  return segments.map(encodeURIComponent).join('/');
}

export const { connection, provider } = plugin({ description, connect, validate, get });
