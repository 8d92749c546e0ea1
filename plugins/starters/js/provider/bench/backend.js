// A backend for bench.yaml, on loopback: `node bench/backend.js [PORT]`. It is what `claviger plugin test` runs the
// plugin against; put your own test server in its place.

import { createServer } from 'node:http';

const TOKEN = 'token-of-the-bench';

const keys = new Map([
  ['app/login', '{"user":"app-user-1","password":"correct-horse","deep":{"a.b":"staple-9"}}'],
  ['app/greeting', 'Grüße aus Zürich – 你好 🗝'],
  ['app/bytes', Buffer.from('AJ+Slv8KDQA=', 'base64')],
  ['app/large', 'x'.repeat(65_536)],
  ...Array.from({ length: 1000 }, (_, n) => /** @type {const} */ ([`many/k-${n}`, `value-of-${n}`])),
]);

const server = createServer(({ url, headers }, response) => {
  const key = (url ?? '').replace('/v1/', '').split('/').map(decodeURIComponent).join('/');
  const value = keys.get(key);
  if (headers.authorization !== `Bearer ${TOKEN}`) response.writeHead(401).end();
  else if (key.startsWith('closed/')) response.writeHead(403).end();
  else if (value === undefined) response.writeHead(404).end();
  else response.writeHead(200, { etag: '"1"' }).end(value);
});
server.listen(Number(process.argv[2] ?? 8085), '127.0.0.1');
