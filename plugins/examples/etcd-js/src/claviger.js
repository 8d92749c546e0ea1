// What any provider writes in the same way: needs, errors, HTTP, and the shape of what is exported. It knows
// nothing of a particular store. Change it as you like: it is yours.

/** @import { ConnectInput, Step } from '../types/interfaces/claviger-plugin-connection.js' */
/** @import { Capability, Description, Health, Item, Page, Query, Value } from '../types/interfaces/claviger-plugin-provider.js' */
/** @import { Error as WitError } from '../types/interfaces/claviger-plugin-types.js' */

/** @typedef {{name: string, key?: string, namespace?: string}} SecretRef */
/** @typedef {{status: number, headers: Headers, body: Uint8Array}} Answer */

/** An error as the interface has them. The engine hands `payload` over when it is thrown. */
export class Failure extends Error {
  /** @param {WitError} payload */
  constructor(payload) {
    super(payload.tag);
    this.payload = payload;
  }
}

/**
 * An error. What each drives the host to do: docs/wit.md of Claviger. Its words must hold no secret.
 *
 * @param {'not-found'|'unauthenticated'|'denied'|'unavailable'|'conflict'|'not-modified'|'unsupported'|'other'} tag
 * @param {string} [detail]
 */
export function failure(tag, detail = '') {
  return new Failure(tag === 'not-modified' ? { tag } : { tag, val: detail });
}

/**
 * The store's manifest is wrong at a field, an RFC 6901 pointer such as `/url`.
 *
 * @param {string} path
 * @param {string} detail
 */
export function invalidConfig(path, detail) {
  return new Failure({ tag: 'invalid-config', val: { path, detail } });
}

/**
 * The provider's object of the store. The host has checked it against the schema.
 *
 * @param {string} json
 */
export function parse(json) {
  try {
    return JSON.parse(json);
  } catch {
    throw invalidConfig('', 'it is no JSON');
  }
}

/**
 * JSON Schema of a reference to a Secret's key. A plugin may ask the host for marked places only.
 *
 * @param {string} key What `key` is where it is left out.
 */
export function secretRef(key) {
  return {
    type: 'object',
    'x-claviger': 'secretRef',
    required: ['name'],
    additionalProperties: false,
    properties: {
      name: { type: 'string', minLength: 1 },
      namespace: { type: 'string' },
      key: { type: 'string', description: key },
    },
  };
}

/**
 * What the plugin says of itself, with what most say alike.
 *
 * @param {{name: string, version: string, schema: object, capabilities: Capability, origins: string[], maxBatch?: number}} about
 * @returns {Description}
 */
export function describe({ name, version, schema, capabilities, origins, maxBatch = 20 }) {
  return {
    name,
    version,
    configSchema: JSON.stringify(schema),
    capabilities,
    propertyOrder: ['literal', 'path'],
    metadataOrder: [],
    origins,
    maxBatch,
  };
}

/**
 * A round of `connect` that asks for the key of a Secret. The host reads which one at `at` of the store.
 *
 * @param {string} slot
 * @param {string} at
 * @param {string} defaultKey
 * @returns {Step}
 */
export function needSecret(slot, at, defaultKey) {
  const need = { slot, at, kind: /** @type {const} */ ('secret'), defaultKey, hidden: false, optional: false };
  return { tag: 'need', val: [{ tag: 'object', val: need }] };
}

/**
 * The end of `connect`: the one server that can be reached from now on. `refs` are the references of the
 * store: where one of a ClusterSecretStore leaves its namespace out, the credential is the asking namespace's,
 * and no two of them may share an answer.
 *
 * @param {ConnectInput} input
 * @param {{url: string, purpose: string, refs: (SecretRef|undefined)[], paths: string[], caAt?: string}} server `paths` are
 *   prefixes of what can be asked for, `caAt` points to base64 of PEM.
 * @returns {Step}
 */
export function ready(input, { url, purpose, refs, paths, caAt }) {
  const referent = input.store.namespace === undefined && refs.some((ref) => ref && !ref.namespace);
  const ca = caAt === undefined ? undefined : { ca: [{ tag: /** @type {const} */ ('inline-base64'), val: caAt }] };
  return {
    tag: 'ready',
    val: {
      origins: [{ url: new URL(url).origin, reach: 'network', paths, tls: ca, purpose }],
      partition: referent ? input.requester.namespace : undefined,
      account: '',
    },
  };
}

/**
 * What the host found for a need.
 *
 * @param {ConnectInput} session
 * @param {string} slot
 * @returns {Uint8Array}
 */
export function bytesOf(session, slot) {
  const found = session.have.find((value) => value.slot === slot)?.value;
  if (found?.tag !== 'bytes') throw failure('other', `the host gave no ${slot}`);
  return found.val;
}

/**
 * Bytes as text.
 *
 * @param {Uint8Array} bytes
 * @param {string} what
 */
export function textOf(bytes, what) {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw failure('unauthenticated', `${what} is not text`);
  }
}

/**
 * A request and its whole answer, whatever its status.
 *
 * @param {string} url
 * @param {RequestInit} [options]
 * @returns {Promise<Answer>}
 */
export async function request(url, options) {
  try {
    const response = await fetch(url, options);
    const body = new Uint8Array(await response.arrayBuffer());
    return { status: response.status, headers: response.headers, body };
  } catch {
    // The host knows what the network did, and puts its own words.
    throw failure('unavailable', 'no answer');
  }
}

/**
 * What an answer means, if it is no success. `what` is the key, which is no secret.
 *
 * @param {Answer} answer
 * @param {string} what
 * @returns {Failure|undefined}
 */
export function check({ status, headers }, what) {
  if (status >= 200 && status < 300) return undefined;
  const detail = `${what}: HTTP ${status}`;
  if (status === 404) return failure('not-found', detail);
  if (status === 401) return failure('unauthenticated', detail);
  if (status === 403) return failure('denied', detail);
  if (status === 429) {
    return new Failure({ tag: 'rate-limited', val: { retryAfterMs: retryAfter(headers), detail } });
  }
  return failure(status >= 500 ? 'unavailable' : 'other', detail);
}

/**
 * Milliseconds, where the backend gave seconds.
 *
 * @param {Headers} headers
 */
export function retryAfter(headers) {
  const seconds = headers.get('retry-after')?.trim() ?? '';
  return /^\d{1,9}$/.test(seconds) ? BigInt(seconds) * 1000n : undefined;
}

/**
 * What the component exports, around a provider's own functions. What they throw becomes an error of the
 * interface: anything else would end the call as a crash.
 *
 * @param {{
 *   description: Description,
 *   connect: (input: ConnectInput) => Step,
 *   validate: (session: ConnectInput) => Promise<Health>,
 *   get: (session: ConnectInput, item: Item) => Promise<Value>,
 *   find?: (session: ConnectInput, query: Query, cursor: string | undefined) => Promise<Page>,
 * }} own
 */
export function plugin({ description, connect, validate, get, find }) {
  const { metadata, versions, findByTags } = description.capabilities;
  return {
    connection: { connect: guarded(connect) },
    provider: {
      describe: () => description,
      validate: guarded(validate),
      /** @param {ConnectInput} session @param {Item[]} items */
      get: (session, items) => Promise.all(items.map((item) => settled(() => one(session, item)))),
      find: guarded(async (
        /** @type {ConnectInput} */ session,
        /** @type {Query} */ query,
        /** @type {string | undefined} */ cursor,
      ) => {
        if (!find) throw failure('unsupported', 'keys cannot be listed');
        if (query.tags.length > 0 && !findByTags) throw failure('unsupported', 'keys have no tags');
        return find(session, query, cursor);
      }),
    },
  };

  /** @param {ConnectInput} session @param {Item} item */
  async function one(session, item) {
    if (item.facet === 'metadata' && !metadata) throw failure('unsupported', 'keys have no metadata');
    if (item.version !== undefined && !versions) throw failure('unsupported', 'keys have no versions');
    return get(session, item);
  }
}

/**
 * @template {any[]} A
 * @template R
 * @param {(...args: A) => R | Promise<R>} own
 */
function guarded(own) {
  return async (/** @type {A} */ ...args) => {
    try {
      return await own(...args);
    } catch (error) {
      throw asFailure(error);
    }
  };
}

/**
 * The result of one item: a value, or an error of its own.
 *
 * @template T
 * @param {() => Promise<T>} own
 */
async function settled(own) {
  try {
    return { tag: /** @type {const} */ ('ok'), val: await own() };
  } catch (error) {
    return { tag: /** @type {const} */ ('err'), val: asFailure(error).payload };
  }
}

/** A mistake of this program is told by its kind alone: its words may hold a value. @param {unknown} error */
function asFailure(error) {
  if (error instanceof Failure) return error;
  return failure('other', `a mistake in the plugin: ${error instanceof Error ? error.name : typeof error}`);
}
