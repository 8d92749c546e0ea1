// Puts the fakes beside this file in the place of `claviger:plugin/…`. Runs on Node's thread for modules.

const memo = new URL('./memo.js', import.meta.url).href;

export function resolve(specifier, context, next) {
  return next(specifier.startsWith('claviger:plugin/memo@') ? memo : specifier, context);
}
