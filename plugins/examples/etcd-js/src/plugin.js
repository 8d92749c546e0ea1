// etcd behind the plugin interface: what a store needs, one key, a page of keys. Everything that can be wrong without a
// network is in the other modules.

import { describe, failure, needSecret, plugin, ready } from './claviger.js';
import { Client, PASSWORD } from './client.js';
import { PASSWORD_AT, config, schema } from './config.js';
import { after, below, isRevision, one, readCursor, writeCursor } from './keys.js';

/** @import { ConnectInput, Step } from '../types/interfaces/claviger-plugin-connection.js' */
/** @import { Health, Item, Page, Query, Value } from '../types/interfaces/claviger-plugin-provider.js' */

const description = describe({
  name: 'etcd-js',
  version: '0.1.0',
  schema,
  capabilities: { get: true, findByName: true, findByPath: true, versions: true },
  origins: ["the store's endpoint"],
});

/**
 * @param {ConnectInput} input
 * @returns {Step}
 */
function connect(input) {
  const { endpoint, caBundle, auth } = config(input.config);
  // First round: the password, if there is a login. The host resolves it and asks again.
  if (auth && input.have.length === 0) return needSecret(PASSWORD, PASSWORD_AT, 'password');
  return ready(input, {
    url: endpoint,
    purpose: 'etcd',
    refs: [auth?.passwordSecretRef],
    paths: ['/v3/kv/range', '/v3/auth/authenticate'],
    caAt: caBundle && endpoint.startsWith('https://') ? '/caBundle' : undefined,
  });
}

/**
 * @param {ConnectInput} session
 * @returns {Promise<Health>}
 */
async function validate(session) {
  const client = Client.of(session);
  try {
    await client.range(one(client.config.prefix || '\0'), { keysOnly: true }, "the store's prefix");
  } catch (error) {
    // The login worked; which keys the user may read is told by reading them.
    if (/** @type {any} */ (error).payload?.tag !== 'denied') throw error;
  }
  return { tag: 'ready' };
}

/**
 * @param {ConnectInput} session
 * @param {Item} item
 * @returns {Promise<Value>}
 */
async function get(session, { key, version, knownVersion }) {
  if (version !== undefined && !isRevision(version)) {
    throw failure('not-found', "versions are etcd's revisions: numbers from 1");
  }
  const client = Client.of(session);
  const { kvs } = await client.range(one(client.config.prefix + key), { revision: version }, key);
  if (kvs.length === 0) throw failure('not-found', 'etcd has no such key');
  const [{ value, revision }] = kvs;
  if (knownVersion === revision) throw failure('not-modified');
  // The same key read by the same login is the same answer for everybody.
  return { data: value, version: revision, shareable: true, dynamic: false };
}

/**
 * A page of keys, without their values.
 *
 * @param {ConnectInput} session
 * @param {Query} query
 * @param {string | undefined} text
 * @returns {Promise<Page>}
 */
async function find(session, query, text) {
  const client = Client.of(session);
  const { prefix } = client.config;
  const cursor = text === undefined ? undefined : readCursor(text);
  const all = below(prefix + (query.path ?? ''));
  const range = cursor ? after(all, cursor.key) : all;
  const answer = await client.range(range, { revision: cursor?.revision, keysOnly: true }, 'the listing');
  const found = answer.kvs.map(({ key }) => name(key)).filter((key) => key !== undefined);
  const last = answer.kvs.at(-1);
  return {
    found: found.map((key) => ({ key: key.startsWith(prefix) ? key.slice(prefix.length) : key })),
    next: answer.more && last ? writeCursor({ revision: cursor?.revision ?? answer.revision, key: last.key }) : undefined,
  };
}

/** A key that is no text cannot be named in a manifest. @param {Uint8Array} key */
function name(key) {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(key);
  } catch {
    return undefined;
  }
}

export const { connection, provider } = plugin({ description, connect, validate, get, find });
