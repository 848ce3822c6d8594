// What a page downloads: prints the raw, gzip and brotli size of each file, and fails above the budget for their sum.
//     node tools/web_size.mjs BUDGET_BYTES FILE...
import fs from "node:fs";
import path from "node:path";
import zlib from "node:zlib";

const [budget, ...files] = process.argv.slice(2);
const quality = { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 11, [zlib.constants.BROTLI_PARAM_LGWIN]: 22 } };
let sum = 0;
const row = (...cells) => console.log(cells.map((c, i) => (i ? String(c).padStart(10) : c.padEnd(24))).join(""));
row("bytes", "raw", "gzip", "brotli");
for (const file of files) {
  const raw = fs.readFileSync(file);
  const brotli = zlib.brotliCompressSync(raw, quality).length;
  row(path.basename(file), raw.length, zlib.gzipSync(raw, { level: 9 }).length, brotli);
  sum += brotli;
}
if (sum > Number(budget)) {
  console.error(`web: ${sum} bytes of brotli are ${sum - budget} more than the budget of ${budget}`);
  process.exit(1);
}
