/* The decoders that tests lend (pages/codecs.mjs), with the packages they come from, in one file that a page can import. */
import { build } from '../../web/node_modules/esbuild/lib/main.js';

const here = new URL('.', import.meta.url).pathname;
let bundle;

async function make() {
  const made = await build({ entryPoints: [`${here}pages/codecs.mjs`], bundle: true, format: 'esm', target: 'es2022', write: false, logLevel: 'silent', external: ['fs', 'path', 'crypto'] });
  return made.outputFiles[0].text;
}

/** For serve(): the module of OpenJPEG, and the bundle, made when a page first asks. */
export const codecMounts = [['/openjpeg/', `${here}node_modules/@cornerstonejs/codec-openjpeg/dist/`]];
export const codecRoutes = {
  '/codecs.js': (request, response) => (bundle ??= make()).then(
    (text) => response.writeHead(200, { 'content-type': 'text/javascript' }).end(text),
    (error) => response.writeHead(500, { 'content-type': 'text/plain' }).end(error.message),
  ),
};
