// UTF-8, which the engine in the component has no TextEncoder and TextDecoder for.

/**
 * Text as bytes.
 *
 * @param {string} text
 */
export function encode(text) {
  return Uint8Array.from(unescape(encodeURIComponent(text)), (byte) => byte.charCodeAt(0));
}

/**
 * Bytes as text; `undefined`, where they are none.
 *
 * @param {Uint8Array} bytes
 */
export function decode(bytes) {
  const some = 4096;
  let text = '';
  for (let at = 0; at < bytes.length; at += some) text += String.fromCharCode(...bytes.subarray(at, at + some));
  try {
    return decodeURIComponent(escape(text));
  } catch {
    return undefined;
  }
}
