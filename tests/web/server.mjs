/* A static server on 127.0.0.1 for the tests: several folders under one root, right types, ranges, and ways to misbehave on demand. */
import http from 'node:http';
import { existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';

const TYPES = {
  '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.mjs': 'text/javascript', '.css': 'text/css', '.json': 'application/json',
  '.wasm': 'application/wasm', '.png': 'image/png', '.jpg': 'image/jpeg', '.jpeg': 'image/jpeg', '.svg': 'image/svg+xml', '.woff2': 'font/woff2',
  '.webmanifest': 'application/manifest+json', '.txt': 'text/plain; charset=utf-8', '.onnx': 'application/octet-stream',
};

function find(mounts, url) {
  for (const [prefix, folder] of mounts) {
    if (!url.startsWith(prefix)) continue;
    let file = path.join(folder, url.slice(prefix.length));
    if (!file.startsWith(folder)) return undefined;
    if (existsSync(file) && statSync(file).isDirectory()) file = path.join(file, 'index.html');
    if (existsSync(file)) return file;
  }
  return undefined;
}

/** mounts: [["/sub/", "/folder"], ...]. headers: added to every answer. routes: { "/path": (request, response) => ... }.
 * Gives { url, requests, close }. */
export function serve(mounts, { headers = {}, routes = {} } = {}) {
  const requests = [];
  const server = http.createServer((request, response) => {
    const url = decodeURIComponent(new URL(request.url, 'http://localhost').pathname);
    requests.push({ method: request.method, url, range: request.headers.range });
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    response.setHeader('cache-control', 'no-store');
    if (routes[url]) return routes[url](request, response);
    const file = find(mounts, url);
    if (!file) return response.writeHead(404, { 'content-type': 'text/plain' }).end('not found');
    const bytes = readFileSync(file);
    response.setHeader('content-type', TYPES[path.extname(file)] ?? 'application/octet-stream');
    response.setHeader('accept-ranges', 'bytes');
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
    if (range) {
      const from = Number(range[1]), to = range[2] ? Number(range[2]) : bytes.length - 1;
      if (from >= bytes.length) return response.writeHead(416, { 'content-range': `bytes */${bytes.length}` }).end();
      response.writeHead(206, { 'content-range': `bytes ${from}-${to}/${bytes.length}`, 'content-length': to - from + 1 });
      return response.end(bytes.subarray(from, to + 1));
    }
    response.setHeader('content-length', bytes.length);
    return response.end(request.method === 'HEAD' ? undefined : bytes);
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve({
    url: `http://127.0.0.1:${server.address().port}`,
    requests,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  })));
}

export const ISOLATED = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' };
