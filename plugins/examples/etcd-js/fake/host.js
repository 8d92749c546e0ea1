// A fake of what the plugin imports of the host: import this first, then the plugin with `await import`.

import { register } from 'node:module';

register('./loader.js', import.meta.url);
