/* What 'auto' opens in a page: the kind with the least time for the probe, measured step by step; kept for the next page; given up without a trace. */

/* In the page: what is kept, and how often devices are asked for. */
function prepare() {
  globalThis.keptFolder = async () => (await (await navigator.storage.getDirectory()).getDirectoryHandle('quern', { create: true })).getDirectoryHandle('kept', { create: true });
  /* Those that are written: a file is empty until all of it is there, and for a moment not to be had. */
  globalThis.keptEntries = async (kind) => {
    const all = (await Array.fromAsync((await keptFolder()).entries())).filter(([name]) => name.startsWith(kind));
    const files = await Promise.all(all.map(async ([, handle]) => [handle, await handle.getFile().catch(() => ({ size: 0 }))]));
    return files.filter(([, file]) => file.size > 0).map(([handle]) => handle);
  };
  globalThis.asked = { adapters: 0, contexts: 0, modules: 0 };
  const count = (type, name, what) => {
    const call = type.prototype[name];
    type.prototype[name] = function (...args) {
      asked[what]++;
      return call.apply(this, args);
    };
  };
  count(GPU, 'requestAdapter', 'adapters');
  count(OffscreenCanvas, 'getContext', 'contexts');
  count(GPUDevice, 'createShaderModule', 'modules');
  globalThis.openAuto = async () => {
    const device = await quern.Device.open(), { measured } = device.report(), { kind } = device;
    device.close();
    return { kind, measured, asked };
  };
}

async function ready(t) {
  const page = await t.page(`${t.url}/index.html`);
  await page.waitForFunction(() => globalThis.quern);
  await page.evaluate((prepared) => eval(prepared)(), `(${prepare})`);
  return page;
}

const least = (measured) => measured.filter((m) => m.ms !== undefined).sort((a, b) => a.ms - b.ms)[0]?.kind;
const measuredAll = (measured) => measured.length === 3 && measured.every((m) => (m.ms > 0) !== (m.why?.length > 0)) && measured.some((m) => m.kind === 'wasm' && m.ms > 0);

export const cases = [
  {
    name: 'auto: every kind is measured, the fastest is taken, and the next page opens that alone',
    async run(t) {
      const page = await ready(t);
      const first = await page.evaluate(() => openAuto());
      t.check(measuredAll(first.measured) && first.kind === least(first.measured), JSON.stringify(first));
      t.check(first.asked.adapters === 1 && first.asked.contexts === 1, `asked for ${JSON.stringify(first.asked)}`);
      console.log(`         ${first.measured.map((m) => `${m.kind} ${m.ms?.toFixed(1) ?? m.why}${m.ms ? ' ms' : ''}`).join(', ')}`);
      await page.waitForFunction(async () => (await keptEntries('auto')).length === 1);
      const next = await (await ready(t)).evaluate(() => openAuto());
      t.same([next.kind, next.measured], [first.kind, first.measured], 'the next page');
      t.same([next.asked.adapters, next.asked.contexts], [Number(first.kind === 'webgpu'), Number(first.kind === 'webgl')], 'asked for by the next page');
    },
  },
  {
    name: 'auto: what was measured is kept by device, and decides without another measuring',
    async run(t) {
      const page = await ready(t);
      const first = await page.evaluate(() => openAuto());
      const timed = first.measured.filter((m) => m.ms !== undefined), late = first.measured.find((m) => m.why?.startsWith('not measured within'));
      if (late) t.skip(`${late.kind}: ${late.why}: this machine has no time for it now`); // what was not measured is measured again
      await page.waitForFunction(async (n) => (await keptEntries('probe-')).length === n && (await keptEntries('auto')).length === 1, timed.length);
      for (const { kind } of timed) {
        const page = await ready(t);
        await page.evaluate(async ([fastest, figures]) => { // another figure for each device, and no choice
          for (const handle of await keptEntries('probe-')) {
            const [ms] = new Float64Array(await (await handle.getFile()).arrayBuffer());
            const { kind } = figures.reduce((a, b) => (Math.abs(a.ms - ms) < Math.abs(b.ms - ms) ? a : b));
            const out = await handle.createWritable();
            await out.write(Float64Array.of(kind === fastest ? 0.25 : ms + 1e3));
            await out.close();
            figures.find((f) => f.kind === kind).ms = kind === fastest ? 0.25 : ms + 1e3;
          }
          await (await keptFolder()).removeEntry('auto');
        }, [kind, timed]);
        const got = await page.evaluate(() => openAuto());
        t.check(got.kind === kind && got.measured.find((m) => m.kind === kind).ms === 0.25, `${got.kind}, not ${kind}: ${JSON.stringify(got.measured)}`);
        t.same(got.asked.modules, 0, 'shaders made');
        for (const row of timed) row.ms = got.measured.find((m) => m.kind === row.kind).ms;
        await page.waitForFunction(async () => (await keptEntries('auto')).length === 1);
      }
    },
  },
  {
    name: 'auto: the page has its turns meanwhile; given up in the middle it leaves nothing; what is lent is not measured',
    async run(t) {
      const page = await ready(t);
      const got = await page.evaluate(async () => {
        const none = await quern.Device.open({ kind: 'wasm' }), { engine } = none;
        none.close();
        engine.json(engine.x.qw_devices()); // the one document that stays
        const before = engine.x.qw_blocks(), probes = [];
        const begin = engine.x.qw_probe_begin;
        engine.x.qw_probe_begin = (...args) => {
          const probe = begin(...args);
          probes.push(probe);
          return probe;
        };
        const given = new AbortController();
        let turns = 0, running = true;
        const beat = async () => {
          for (; running; turns++) {
            await new Promise((next) => setTimeout(next));
            if (probes.length === 1) given.abort();
          }
        };
        const beating = beat();
        const aborted = await quern.Device.open({ signal: given.signal }).then(() => 'opened', (e) => e.name);
        running = false;
        await beating;
        const after = [engine.x.qw_blocks(), engine.webgpu.bufferCount], gl = new OffscreenCanvas(1, 1).getContext('webgl2');
        const lent = await quern.Device.open({ gl, kind: 'auto' }), { kind } = lent, { measured } = lent.report();
        lent.close();
        return { before, after, aborted, turns, begun: probes.length, lent: [kind, measured === undefined, gl.isContextLost()] };
      });
      t.same([got.aborted, got.begun, got.after], ['AbortError', 1, [got.before, 0]], 'given up');
      t.check(got.turns > 3, `${got.turns} turns`);
      t.same(got.lent, ['webgl', true, false], 'lent');
    },
  },
  {
    name: 'auto: another version of the browser finds everything out anew',
    async run(t) {
      const page = await ready(t);
      await page.evaluate(() => openAuto());
      await page.waitForFunction(async () => (await keptEntries('auto')).length === 1 && (await keptEntries('browser')).length === 1);
      await page.evaluate(async () => {
        const out = await (await keptEntries('browser'))[0].createWritable();
        await out.write('an older one');
        await out.close();
      });
      const next = await (await ready(t)).evaluate(() => openAuto());
      t.check(next.asked.adapters === 1 && next.asked.contexts === 1 && next.asked.modules > 0 && measuredAll(next.measured), JSON.stringify(next));
    },
  },
];
