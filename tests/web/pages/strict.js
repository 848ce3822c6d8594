import { Device } from '/pkg/quern.js';
const violations = [];
addEventListener('securitypolicyviolation', (e) => violations.push(`${e.violatedDirective} ${e.blockedURI}`));
const source = '#include "quern_kernel.h"\nMAP(f32) twice(u32 i, IN(f32) x) { return 2.0f * x[i]; }';
globalThis.answer = (async () => {
  const answers = {};
  for (const kind of ['webgpu', 'webgl', 'wasm']) {
    const device = await Device.open({ kind });
    const kernel = await device.kernel(source), x = device.buffer(new Float32Array([1, 2, 3])), y = device.buffer(12);
    kernel.launch(3, [x, y]);
    answers[kind] = [...new Float32Array(await y.read())];
    device.close();
  }
  return { answers, violations };
})();
