/* Debian's Chromium without a screen: WebGPU on SwiftShader, WebGL 2 on Mesa's llvmpipe. */
import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';

export const FLAGS = ['--no-sandbox', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync',
  '--enable-unsafe-webgpu', '--ignore-gpu-blocklist', '--use-angle=gl-egl'];

export const executable = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);

export function launch() {
  return chromium.launch({ executablePath: executable, headless: true, args: FLAGS });
}

/* The kinds of device that a page has, as two columns, each for a browser of its own, side by side: a driver that compiles keeps one core busy. */
export const COLUMNS = [
  [{ name: 'webgpu-browser', kind: 'webgpu', lanes: 2, slow: true }, { name: 'wasm-browser', kind: 'wasm', threads: 1 }],
  [{ name: 'webgl-browser', kind: 'webgl', lanes: 2, slow: true }, { name: 'wasm-threads-browser', kind: 'wasm', threads: 3, isolated: true }],
];
