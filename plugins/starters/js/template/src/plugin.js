// The template engine as the host calls it: what it is called, and all templates of a Secret against its data. It
// decides nothing: the language is in `template.js`.

import { TemplateError, render } from './template.js';

/**
 * @typedef {{name: string, text: string}} Template
 * @typedef {{strict: boolean, leftDelimiter: string, rightDelimiter: string, nowMs: number, seed: Uint8Array}} Options
 * @typedef {{name: string, data: Uint8Array, varies: boolean}} Rendered
 */

export const engine = {
  describe() {
    // `functions` would name the language's functions and filters; this one has none.
    return { name: 'plugin-name', version: '0.1.0', functions: [] };
  },

  /**
   * @param {Template[]} templates
   * @param {[string, Uint8Array][]} data
   * @param {Options} options
   * @returns {Rendered[]}
   */
  render(templates, data, options) {
    const values = new Map(data);
    return templates.map(({ name, text }) => {
      try {
        // `varies` is for who reads `options.nowMs` or `options.seed`. Nothing else gives time or randomness.
        return { name, data: render(text, values, options.strict), varies: false };
      } catch (error) {
        throw failure(name, error);
      }
    });
  },
};

/**
 * What is thrown has to be this record: anything else ends the call as a crash. The words of a mistake in this program
 * may hold a value, so its kind alone is told.
 *
 * @param {string} template
 * @param {unknown} error
 */
function failure(template, error) {
  if (error instanceof TemplateError) {
    return { template, line: error.line, column: error.column, detail: error.message };
  }
  const kind = error instanceof Error ? error.name : typeof error;
  return { template, line: 0, column: 0, detail: `a mistake in the plugin: ${kind}` };
}
