// Requests to etcd, with a login where the store has one. The token is kept by the host between calls; when etcd
// refuses it, exactly that token is given up and one more login is tried. No other retries: when to try again is the
// host's decision.

import { begin, evict } from 'claviger:plugin/memo@1.0.0';

import { bytesOf, request, textOf } from './claviger.js';
import { config } from './config.js';
import { loginAnswer, rangeAnswer, rangeBody, refusal } from './wire.js';

/** @import { ConnectInput } from '../types/interfaces/claviger-plugin-connection.js' */

/** Slot of the password, and key of the token in the memo. */
export const PASSWORD = 'password';
const TOKEN = 'token';

/** etcd's simple tokens live for five minutes. */
const TOKEN_TTL_MS = 4n * 60n * 1000n;

/** How the engine names it, which does not know `Symbol.dispose` yet. */
const DISPOSE = Symbol.dispose ?? Symbol.for('dispose');

/** @type {WeakMap<ConnectInput, Client>} */
const clients = new WeakMap();

/** A connected etcd, for one call. */
export class Client {
  /** That of the call: its items share one. @param {ConnectInput} session */
  static of(session) {
    let client = clients.get(session);
    if (!client) clients.set(session, (client = new Client(session)));
    return client;
  }

  /** @param {ConnectInput} session */
  constructor(session) {
    this.session = session;
    this.config = config(session.config);
    /** @type {Promise<string | undefined> | undefined} */
    this.login = undefined;
  }

  /**
   * A range request; `what` names it in errors.
   *
   * @param {import('./keys.js').Range} range
   * @param {{revision?: string, keysOnly?: boolean}} query
   * @param {string} what
   */
  async range(range, query, what) {
    const body = rangeBody(range, query);
    const first = this.loggedIn();
    const answer = await this.post('/v3/kv/range', body, await first);
    if (answer.status === 200) return rangeAnswer(answer.body);
    const refused = refusal(answer, what);
    if (!refused.endedLogin || !this.config.auth) throw refused.error;
    this.giveUp(first, await first);
    const second = this.loggedIn();
    const again = await this.post('/v3/kv/range', body, await second);
    if (again.status === 200) return rangeAnswer(again.body);
    const last = refusal(again, what);
    // Whoever answers that a credential was refused leaves no token behind.
    if (last.endedLogin) this.giveUp(second, await second);
    throw last.error;
  }

  /** The token, which is looked up once: all requests of the call share it. */
  loggedIn() {
    this.login ??= this.lookUp();
    return this.login;
  }

  /**
   * Gives a refused token up, unless another request of this call has done so already. The memo drops it only if it is
   * still that one: another call may have logged in again.
   *
   * @param {Promise<string | undefined>} login
   * @param {string | undefined} token
   */
  giveUp(login, token) {
    if (this.login !== login || token === undefined) return;
    evict(TOKEN, new TextEncoder().encode(token));
    this.login = undefined;
  }

  /**
   * The token of the memo, or of a login that all calls which wait for it share. `begin` stops the whole call while it
   * waits, so only one request of a call may be in here.
   */
  async lookUp() {
    if (!this.config.auth) return undefined;
    const found = begin(TOKEN);
    if (found.tag === 'hit') return textOf(found.val.value, 'the token');
    try {
      const token = await this.logIn();
      if (found.tag === 'miss') found.val.put(new TextEncoder().encode(token), TOKEN_TTL_MS);
      return token;
    } finally {
      // A ticket that is dropped lets the next one try. The engine would drop it when it collects garbage: perhaps never.
      if (found.tag === 'miss') /** @type {any} */ (found.val)[DISPOSE]();
    }
  }

  async logIn() {
    const name = this.config.auth?.username;
    // A line end is the editor's and not the password's.
    const password = textOf(bytesOf(this.session, PASSWORD), 'the password').replace(/[\r\n]+$/, '');
    const answer = await this.post('/v3/auth/authenticate', { name, password });
    if (answer.status !== 200) throw refusal(answer, 'login').error;
    return loginAnswer(answer.body);
  }

  /**
   * @param {string} path
   * @param {object} body
   * @param {string} [token]
   */
  post(path, body, token) {
    /** @type {Record<string, string>} */
    const headers = { 'content-type': 'application/json' };
    if (token !== undefined) headers.authorization = token;
    return request(this.config.endpoint + path, { method: 'POST', headers, body: JSON.stringify(body) });
  }
}
