// The engine as the host calls it: what it is called, and all templates of a Secret against its data. It translates and
// decides nothing.

import { TemplateError, place } from './place.js';
import { render } from './render.js';
import { encode } from './text.js';
import { view } from './view.js';

/**
 * @typedef {{name: string, text: string}} Template
 * @typedef {{strict: boolean, leftDelimiter: string, rightDelimiter: string, nowMs: number, seed: Uint8Array}} Options
 */

export const engine = {
  describe() {
    return { name: 'template-mustache', version: '0.1.0', functions: [] };
  },

  /**
   * @param {Template[]} templates
   * @param {[string, Uint8Array][]} data
   * @param {Options} options
   */
  render(templates, data, { strict, leftDelimiter, rightDelimiter }) {
    const root = view(data);
    const tags = [leftDelimiter || '{{', rightDelimiter || '}}'];
    return templates.map(({ name, text }) => {
      try {
        // Mustache knows no time and no randomness.
        return { name, data: encode(render(text, root, { strict, tags })), varies: false };
      } catch (error) {
        throw failure(name, text, error);
      }
    });
  },
};

/**
 * The record that the host expects: anything else that is thrown ends the call as a crash.
 *
 * @param {string} template
 * @param {string} text
 * @param {unknown} error
 */
function failure(template, text, error) {
  if (error instanceof TemplateError) {
    return { template, ...place(text, error.at), detail: error.message };
  }
  // The words of any other mistake may hold a value.
  const kind = error instanceof Error ? error.name : typeof error;
  return { template, line: 0, column: 0, detail: `a mistake in the plugin: ${kind}` };
}
