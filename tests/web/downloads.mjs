/* Models from the net: what goes wrong gets one sentence, what stopped goes on, what was had is kept. */
import { readFileSync } from 'node:fs';
import { serve } from './server.mjs';

const model = (t) => readFileSync(`${t.root}models/glyphs.onnx`);

/* A second server, of another origin, with routes of its own. */
async function withServer(routes, run) {
  const server = await serve([], { headers: { 'access-control-allow-origin': '*', 'access-control-expose-headers': '*', 'access-control-allow-headers': '*' }, routes });
  try {
    return await run(server);
  } finally {
    server.close();
  }
}

const send = (bytes, type = 'application/octet-stream') => (_, response) => response.writeHead(200, { 'content-type': type, 'content-length': bytes.length }).end(bytes);

async function failureOf(t, url) {
  const page = await t.page(`${t.url}/index.html`);
  await page.waitForFunction(() => globalThis.quern);
  return page.evaluate(async (address) => {
    const device = await quern.Device.open({ kind: 'wasm' });
    try {
      await quern.Session.open(address, { device });
      return { code: 'none', message: 'it opened' };
    } catch (error) {
      return { code: error.code, message: error.message, name: error.name };
    } finally {
      device.close();
    }
  }, url);
}

export const cases = [
  {
    name: 'download: a 404 is one sentence',
    run: (t) => withServer({}, async (server) => {
      const f = await failureOf(t, `${server.url}/no.onnx`);
      t.check(f.name === 'QuernError' && f.code === 'io' && /answered 404/.test(f.message) && !f.message.includes('\n'), JSON.stringify(f));
    }),
  },
  {
    name: 'download: a web page served as a model is one sentence',
    run: (t) => withServer({ '/model.onnx': send(Buffer.from('<!DOCTYPE html><html><body>Sign in</body></html>'), 'text/html') }, async (server) => {
      const f = await failureOf(t, `${server.url}/model.onnx`);
      t.check(f.code === 'format' && /web page, not a model/.test(f.message), JSON.stringify(f));
    }),
  },
  {
    name: 'download: a truncated model is one sentence',
    run: (t) => withServer({ '/model.onnx': send(model(t).subarray(0, 100000)) }, async (server) => {
      const f = await failureOf(t, `${server.url}/model.onnx`);
      t.check(f.code === 'format' && f.message.length > 20 && !f.message.includes('\n'), JSON.stringify(f));
      console.log(`         "${f.message}"`);
    }),
  },
  {
    name: 'download: no server there is one sentence',
    async run(t) {
      const f = await failureOf(t, 'http://127.0.0.1:9/model.onnx');
      t.check(f.code === 'io' && /cannot be fetched/.test(f.message), JSON.stringify(f));
    },
  },
  {
    name: 'download: one that breaks off goes on from there',
    run(t) {
      const bytes = model(t);
      let asked = [];
      const route = (request, response) => {
        const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
        asked.push(from);
        response.writeHead(from ? 206 : 200, { 'content-length': bytes.length - from, ...(from && { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` }) });
        if (from > 120000) return response.end(bytes.subarray(from));
        response.write(bytes.subarray(from, from + 70000));
        return setTimeout(() => response.destroy(), 80);
      };
      return withServer({ '/model.onnx': route }, async (server) => {
        const page = await t.page(`${t.url}/index.html`);
        await page.waitForFunction(() => globalThis.quern);
        const result = await page.evaluate(async (address) => {
          const device = await quern.Device.open({ kind: 'wasm' }), parts = [];
          const session = await quern.Session.open(address, { device, onProgress: (p) => parts.push(p.part) });
          const inputs = session.inputs.map((i) => i.name);
          device.close();
          return { inputs, rising: parts.filter((p) => !Number.isNaN(p)).length > 3 };
        }, `${server.url}/model.onnx`);
        t.same(result, { inputs: ['image'], rising: true }, 'session');
        t.check(asked.length >= 3 && asked.slice(1).every((f) => f > 0), `asked for ${asked}`);
      });
    },
  },
  {
    name: 'download: the second visit needs no second download',
    run(t) {
      const bytes = model(t);
      let gets = 0;
      const route = (request, response) => {
        if (request.method === 'GET') gets++;
        response.writeHead(200, { 'content-length': bytes.length, etag: '"one"' }).end(request.method === 'HEAD' ? undefined : bytes);
      };
      return withServer({ '/model.onnx': route }, async (server) => {
        for (let visit = 0; visit < 2; visit++) {
          const page = await t.page(`${t.url}/index.html`);
          await page.waitForFunction(() => globalThis.quern);
          const cached = await page.evaluate(async (address) => {
            let fromCache = false;
            const got = await quern.download(address, { onProgress: (p) => (fromCache ||= p.fromCache) });
            return [got.length, fromCache];
          }, `${server.url}/model.onnx`);
          t.same(cached, [bytes.length, visit === 1], `visit ${visit}`);
          await page.close();
        }
        t.same(gets, 1, 'downloads');
      });
    },
  },
  {
    name: 'download: can be aborted',
    run: (t) => withServer({ '/slow.onnx': (_, response) => response.writeHead(200, { 'content-length': 1e6 }).write(Buffer.alloc(1000)) }, async (server) => {
      const page = await t.page(`${t.url}/index.html`);
      await page.waitForFunction(() => globalThis.quern);
      const name = await page.evaluate(async (address) => {
        const device = await quern.Device.open({ kind: 'wasm' });
        return quern.Session.open(address, { device, signal: AbortSignal.timeout(200) }).then(() => 'opened', (e) => e.name);
      }, `${server.url}/slow.onnx`);
      t.same(name, 'TimeoutError', 'rejection');
    }),
  },
  {
    name: 'download: a stream that stalls can be aborted, and is cancelled',
    async run(t) {
      const page = await t.page(`${t.url}/index.html`);
      await page.waitForFunction(() => globalThis.quern);
      const got = await page.evaluate(async () => {
        const device = await quern.Device.open({ kind: 'wasm' });
        const open = async (first, signal) => {
          let cancelled = null;
          const stream = new ReadableStream({ start: (c) => first && c.enqueue(new Uint8Array(1000)), cancel: (why) => void (cancelled = why?.name) });
          const said = await quern.Session.open(stream, { device, signal }).then(() => 'opened', (e) => e.name);
          return [said, cancelled];
        };
        const answers = [await open(true, AbortSignal.timeout(50)), await open(false, AbortSignal.timeout(50)), await open(false, AbortSignal.abort())];
        device.close();
        return answers;
      });
      t.same(got, [['TimeoutError', 'TimeoutError'], ['TimeoutError', 'TimeoutError'], ['AbortError', null]], 'rejections, and what the streams heard');
    },
  },
];
