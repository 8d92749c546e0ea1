// Where in a template something is wrong.

/** What is wrong, at an index into the template's text. Its words hold names out of the template, and no value. */
export class TemplateError extends Error {
  /**
   * @param {number} at
   * @param {string} detail
   */
  constructor(at, detail) {
    super(detail);
    this.at = at;
  }
}

/**
 * Line and column, both from 1, columns in characters.
 *
 * @param {string} text
 * @param {number} at
 */
export function place(text, at) {
  const before = text.slice(0, at).split('\n');
  return { line: before.length, column: [...before[before.length - 1]].length + 1 };
}
