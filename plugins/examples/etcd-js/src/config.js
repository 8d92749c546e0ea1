// The provider's object of a store. The host has checked it against the schema already; what is checked here is what a
// schema says less well, with the field's pointer in the error.

import { invalidConfig, parse, secretRef } from './claviger.js';

/** Where the password's reference stands, a place that the schema marks. */
export const PASSWORD_AT = '/auth/passwordSecretRef';

/** JSON Schema of a store's config; that of the example in Rust. */
export const schema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  required: ['endpoint'],
  additionalProperties: false,
  properties: {
    endpoint: {
      type: 'string',
      pattern: '^https?://[^/?#]+/?$',
      description: 'Where etcd serves clients: scheme, host and port',
    },
    prefix: { type: 'string', description: 'What stands before every key of this store' },
    caBundle: {
      type: 'string',
      minLength: 1,
      description: "base64 of the PEM certificates that sign the server's; without it the public ones",
    },
    auth: {
      type: 'object',
      required: ['username', 'passwordSecretRef'],
      additionalProperties: false,
      properties: {
        username: { type: 'string', minLength: 1 },
        passwordSecretRef: secretRef('password, if it is left out'),
      },
    },
  },
};

/**
 * @typedef {{username: string, passwordSecretRef: import('./claviger.js').SecretRef}} Auth
 * @typedef {{endpoint: string, prefix: string, caBundle?: string, auth?: Auth}} Config
 */

/**
 * @param {string} json
 * @returns {Config}
 */
export function config(json) {
  const { endpoint, prefix = '', caBundle, auth } = parse(json);
  if (!/^https?:\/\/[^/?#]+\/?$/.test(endpoint)) {
    throw invalidConfig('/endpoint', 'it must be https://host:port (or http://host:port)');
  }
  return { endpoint: endpoint.replace(/\/$/, ''), prefix, caBundle, auth };
}
