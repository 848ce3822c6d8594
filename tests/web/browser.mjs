/* Debian's Chromium without a screen: WebGPU on SwiftShader, WebGL 2 on Mesa's llvmpipe. */
import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';

export const FLAGS = ['--no-sandbox', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync',
  '--enable-unsafe-webgpu', '--ignore-gpu-blocklist', '--use-angle=gl-egl'];

export const executable = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);

export function launch() {
  return chromium.launch({ executablePath: executable, headless: true, args: FLAGS });
}
