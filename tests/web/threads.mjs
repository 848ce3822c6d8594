/* The wasm device on threads: a page that is cross-origin isolated has them, another has one; what they answer is the same. */
async function answers(t, address, threads) {
  const page = await t.page(`${address}/index.html`);
  await page.waitForFunction(() => globalThis.quern);
  return page.evaluate(async (n) => {
    const device = await quern.Device.open({ kind: 'wasm', threads: n }), N = 50_003;
    const x = device.buffer(Float32Array.from({ length: N }, (_, i) => (i % 1000) / 1000)), y = device.buffer(4 * N);
    const source = '#include "quern_kernel.h"\nMAP(f32) f(u32 i, IN(f32) x) { f32 s = 0.0f; for (u32 k = 0u; k < 20u; k++) s += sin(x[i] + (f32)k); return s; }';
    const kernel = await device.kernel(source);
    const sums = [];
    for (let turn = 0; turn < 10; turn++) { // pieces are shared once the cost is known, and workers start between tasks
      kernel.launch(N, [x, y]);
      const values = new Float32Array(await y.read());
      sums.push(values.reduce((a, b, i) => (a * 31 + Math.round(b * 1000) * (i % 7)) % 1_000_003, 7));
    }
    const workers = device.info.caps.workers;
    const loaded = performance.getEntriesByType('resource').map((r) => r.name.split('/').pop()).filter((f) => f.endsWith('.wasm'));
    device.close();
    const again = await quern.Device.open({ kind: 'wasm', threads: n }); // the same workers serve the next device
    const classifier = await quern.Classifier.glyphs(again), canvas = new OffscreenCanvas(64, 64), to = canvas.getContext('2d');
    to.fillRect(0, 0, 64, 64), (to.fillStyle = 'white'), to.fillRect(28, 8, 8, 48);
    const { top } = await classifier.classify(to.getImageData(0, 0, 64, 64));
    const next = again.info.caps.workers;
    again.close();
    return { workers, next, sum: sums[0], differing: sums.filter((s) => s !== sums[0]).length, loaded, label: top[0].label };
  }, threads);
}

export const cases = [
  {
    name: 'threads: an isolated page has them, another has one',
    run: async (t) => {
      const one = await answers(t, t.url), many = await answers(t, t.isolated, 3), alone = await answers(t, t.isolated, 1);
      t.same([one.workers, one.loaded], [1, ['quern.wasm']], 'a plain page');
      t.same([many.workers, many.next, many.loaded], [3, 3, ['quern-threads.wasm']], 'an isolated page');
      t.same([alone.workers, alone.loaded], [1, ['quern.wasm']], 'an isolated page that wants one');
      t.same([one.differing, many.differing, many.sum, many.label], [0, 0, one.sum, one.label], 'answers');
    },
  },
  {
    name: 'threads: workers that cannot start are left out',
    run: async (t) => {
      await t.context.route('**/worker.js', (route) => route.abort());
      for (const threads of [0, 3]) {
        const got = await answers(t, t.isolated, threads);
        t.same([got.workers, got.differing], [1, 0], `without its script, where ${threads || 'all'} are wanted`);
      }
    },
  },
];
