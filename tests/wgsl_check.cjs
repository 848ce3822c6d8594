// Shows WGSL files to Tint, through Dawn's null backend: no driver is needed.  node wgsl_check.cjs FILE...
// Prints  FILE:line:column: message  for each error; the exit status is 1 when there was one.
const fs = require("fs");
const path = require("path");

async function main(files) {
    const home = path.join(__dirname, "..", ".venv", "node", "node_modules", "webgpu");
    const { create, globals } = await import(path.join(home, "index.js"));
    Object.assign(globalThis, globals);
    const adapter = await create(["backend=null"]).requestAdapter();
    const wanted = ["shader-f16", "subgroups"].filter((f) => adapter.features.has(f));
    const device = await adapter.requestDevice({ requiredFeatures: wanted });
    let bad = 0;
    setInterval(() => {}, 5); // answers come while the loop turns
    for (const file of files) {
        device.pushErrorScope("validation");
        const code = fs.readFileSync(file, "utf8");
        const module = device.createShaderModule({ code });
        const { messages } = await module.getCompilationInfo();
        const errors = messages.filter((m) => m.type === "error");
        const invalid = await device.popErrorScope();
        for (const m of errors) console.log(`${file}:${m.lineNum}:${m.linePos}: ${m.message}`);
        if (invalid && !errors.length) console.log(`${file}: ${invalid.message}`);
        bad += errors.length || invalid ? 1 : 0;
    }
    return bad;
}

main(process.argv.slice(2)).then(
    (bad) => process.exit(bad ? 1 : 0),
    (error) => {
        console.log(`wgsl_check: ${error.message}`);
        process.exit(2);
    },
);
