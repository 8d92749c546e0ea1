// Mustache, around the package `mustache`, which parses and goes through the tree. Otherwise than there:
//
// - nothing is escaped for HTML, since a password is none: `{{x}}`, `{{{x}}}` and `{{&x}}` are the same;
// - a key that is not there is an error under `strict`, in sections too, and errors know their place;
// - names are looked up in what the data hold and never in JavaScript's own (`{{length}}`, `{{constructor}}`), and
//   dotted ones as the specification has it: the first part decides where the others are;
// - there are no partials and no lambdas: a Secret's templates do not know each other.

import Mustache from 'mustache';

import { TemplateError } from './place.js';
import { NO_TEXT, PRINTED } from './view.js';

/**
 * @param {string} text
 * @param {object} root
 * @param {{strict: boolean, tags: string[]}} options
 * @returns {string}
 */
export function render(text, root, { strict, tags }) {
  const writer = new Writer();
  return writer.renderTokens(parse(text, tags), new View(root, undefined, strict), undefined, text, { tags });
}

/**
 * @param {string} text
 * @param {string[]} tags
 */
function parse(text, tags) {
  try {
    return new Mustache.Writer().parse(text, tags);
  } catch (error) {
    // "Unclosed section "users" at 17"; the words come from the template.
    const [, words, at] = /^(.*) at (\d+)$/s.exec(/** @type {Error} */ (error).message) ?? [];
    throw new TemplateError(Number(at ?? 0), words ?? 'its delimiters are none');
  }
}

/** A value and those around it. */
class View extends Mustache.Context {
  constructor(view, parent, strict) {
    super(view, parent);
    this.strict = strict;
  }

  push(view) {
    return new View(view, this, this.strict);
  }

  /** `undefined`, if there is no such name. */
  find(name) {
    if (name === '.') return this.view;
    const [first, ...rest] = name.split('.');
    let context = this;
    while (context && !has(context.view, first)) context = context.parent;
    let found = context?.view[first];
    for (const part of rest) found = has(found, part) ? found[part] : undefined;
    return found;
  }
}

class Writer extends Mustache.Writer {
  renderSection(token, view, ...rest) {
    return super.renderSection(token, looked(token, view), ...rest);
  }

  renderInverted(token, view, ...rest) {
    return super.renderInverted(token, looked(token, view), ...rest);
  }

  renderPartial([, name, at]) {
    throw new TemplateError(at, `there are no partials, and so no ${JSON.stringify(name)}`);
  }

  unescapedValue(token, view) {
    const value = looked(token, view).lookup();
    if (value === NO_TEXT) throw new TemplateError(token[2], `${JSON.stringify(token[1])} is not text`);
    if (value === undefined || value === null) return '';
    return value[PRINTED]?.() ?? String(value);
  }

  escapedValue(token, view) {
    return this.unescapedValue(token, view);
  }
}

/** A view whose `lookup` is about one token, for the package's methods, which give it no more than a name. */
function looked([, name, at], view) {
  const found = view.find(name);
  if (found === undefined && view.strict) throw new TemplateError(at, `there is no key ${JSON.stringify(name)}`);
  const own = Object.create(view);
  own.lookup = () => found;
  return own;
}

/** An element of a list has its number as a name. */
function has(value, name) {
  if (typeof value !== 'object' || value === null) return false;
  return Object.hasOwn(value, name) && !(Array.isArray(value) && name === 'length');
}
