// The host's memo, as far as one call at a time can tell.

const DISPOSE = Symbol.dispose ?? Symbol.for('dispose');

/** What is kept, by key. */
export const kept = new Map();

/** Keys whose ticket was given out and not dropped yet. */
export const open = new Set();

export function begin(key) {
  if (kept.has(key)) return { tag: 'hit', val: kept.get(key) };
  if (open.has(key)) throw new Error(`whoever waits for ${key} waits for itself`);
  open.add(key);
  return {
    tag: 'miss',
    val: {
      put: (value, ttlLeftMs) => kept.set(key, { value, ttlLeftMs }),
      [DISPOSE]: () => open.delete(key),
    },
  };
}

export function evict(key, value) {
  if (Buffer.compare(kept.get(key)?.value ?? Buffer.of(), value) === 0) kept.delete(key);
}
