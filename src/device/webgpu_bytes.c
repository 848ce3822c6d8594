/* Bytes on a device that only knows words: what does not start or end on a word goes through two small kernels. One sets some bits of a word, for the
 * ends of a write; one shifts bytes while it copies. Copies within a buffer, which WebGPU refuses, and odd ones take the way over a buffer between. */
#include "device/webgpu.h"

static const char patch_text[] =
    "struct Params {\n    word: u32,\n    keep: u32,\n    bits: u32,\n}\n"
    "@group(0) @binding(0) var<storage, read_write> y: array<u32>;\n"
    "@group(0) @binding(1) var<uniform> qk: Params;\n"
    "@compute @workgroup_size(1)\nfn qk_run() {\n    y[qk.word] = (y[qk.word] & qk.keep) | qk.bits;\n}\n";

/* Byte `from` + k of x to byte `to` + k of y, for k < bytes; an item makes one word of y. */
static const char shift_text[] = "struct Params {\n    to: u32,\n    start: u32,\n    bytes: u32,\n}\n"
                                 "@group(0) @binding(0) var<storage, read> x: array<u32>;\n@group(0) @binding(1) "
                                 "var<storage, read_write> y: array<u32>;\n"
                                 "@group(0) @binding(2) var<uniform> qk: Params;\n"
                                 "@compute @workgroup_size(64)\nfn qk_run(@builtin(global_invocation_id) id: vec3<u32>, "
                                 "@builtin(num_workgroups) groups: vec3<u32>) {\n"
                                 "    let w = qk.to / 4u + id.x + id.y * groups.x * 64u;\n    if (w * 4u >= qk.to + "
                                 "qk.bytes) {\n        return;\n    }\n    var word = y[w];\n"
                                 "    for (var k = 0u; k < 4u; k++) {\n        let b = w * 4u + k;\n        if (b >= qk.to "
                                 "&& b < qk.to + qk.bytes) {\n            let a = b - qk.to + qk.start;\n"
                                 "            word = insertBits(word, extractBits(x[a / 4u], (a & 3u) * 8u, 8u), k * 8u, "
                                 "8u);\n        }\n    }\n    y[w] = word;\n}\n";

static qn_status own_pipeline(webgpu_device *w, u32 *kept, const char *text, u32 n, u32 n_spans, u32 reads)
{
    if (!*kept) *kept = w->api->pipeline_make(w->id, text, n, n_spans, reads);
    if (*kept) return QN_OK;
    QN_TRY(webgpu_trouble(w));
    return fail(QN_E_DEVICE, "%s: a kernel of the library was refused", w->head.info.name);
}

/* One of our own two kernels. */
static qn_status run(webgpu_device *w, u32 pipeline, const webgpu_span *spans, u32 n_spans, const u32 *words, u32 n_words,
                     u32 groups)
{
    webgpu_work work = { .kind = WEBGPU_RUN };
    work.of.run.pipeline = pipeline, work.of.run.groups = groups;
    work.of.run.n_spans = n_spans, work.of.run.n_words = n_words;
    memcpy(work.of.run.spans, spans, n_spans * sizeof *spans);
    memcpy(work.of.run.words, words, n_words * sizeof *words);
    return webgpu_do(w, &work);
}

static qn_status copy_words(webgpu_device *w, u32 to, u64 to_at, u32 from, u64 from_at, u32 words)
{
    const webgpu_work work = { .kind = WEBGPU_COPY, .of.copy = { to, (u32)(to_at / 4), from, (u32)(from_at / 4), words } };
    return webgpu_do(w, &work);
}

static webgpu_span block_span(const webgpu_buf *b, u64 at, u64 bytes)
{
    u32 block = (u32)(at / WEBGPU_BLOCK);
    return (webgpu_span){ b->id, block, (u32)((at + bytes - (u64)block * WEBGPU_BLOCK + 3) / 4) };
}

/* n < 4 bytes inside one word. */
static qn_status patch(webgpu_device *w, const webgpu_buf *to, u64 at, const u8 *from, u32 n)
{
    u32 first = (u32)(at % 4), mask = 0, bits = 0;
    for (u32 k = 0; k < n; k++) {
        mask |= 0xffu << 8 * (first + k);
        bits |= (u32)from[k] << 8 * (first + k);
    }
    webgpu_span span = block_span(to, at, n);
    const u32 words[] = { (u32)(at % WEBGPU_BLOCK / 4), ~mask, bits };
    QN_TRY(own_pipeline(w, &w->patch, patch_text, sizeof patch_text - 1, 1, 0));
    return run(w, w->patch, &span, 1, words, COUNT(words), 1);
}

static qn_status write_words(webgpu_device *w, const webgpu_buf *to, u64 at, const u8 *from, u64 bytes)
{
    const webgpu_work work = { .kind = WEBGPU_WRITE, .of.write = { to->id, (u32)(at / 4), (u32)(bytes / 4), from } };
    return bytes ? webgpu_do(w, &work) : QN_OK;
}

qn_status webgpu_write_bytes(webgpu_device *w, const webgpu_buf *to, u64 at, qn_bytes from)
{
    const u8 *data = from.data;
    u64 left = from.n, head = MIN(left, (4 - at % 4) % 4), body = (left - head) / 4 * 4;
    u32 tail = (u32)(left - head - body);
    const u8 *rest = data + head + body;
    bool ends = !to->lent && at + left == to->bytes; /* what is behind it belongs to nobody */
    if (body) QN_TRY(write_words(w, to, at + head, data + head, body));
    if (head) QN_TRY(patch(w, to, at, data, (u32)head));
    if (tail && !ends) QN_TRY(patch(w, to, at + head + body, rest, tail));
    if (tail && ends) QN_TRY(write_words(w, to, at + head + body, memcpy((u8[4]){ 0 }, rest, tail), 4));
    return QN_OK;
}

static qn_status copy_through(webgpu_device *w, const webgpu_buf *to, u64 to_at, const webgpu_buf *from, u64 from_at,
                              u64 bytes)
{
    u32 start = (u32)(from_at % 4), words = (u32)((start + bytes + 3) / 4), groups = (words + 1 + 63) / 64;
    bool odd = start || to_at % 4 || bytes % 4;
    webgpu_buf between = { .bytes = (u64)words * 4 };
    if (odd) QN_TRY(own_pipeline(w, &w->shift, shift_text, sizeof shift_text - 1, 2, 1));
    between.id = w->api->buffer_make(w->id, WEBGPU_STORAGE, words / (WEBGPU_BLOCK / 4) + 1);
    if (!between.id) return fail_nomem((size_t)bytes);
    qn_status status = copy_words(w, between.id, 0, from->id, from_at, words);
    const webgpu_span spans[] = { { between.id, 0, words }, block_span(to, to_at, bytes) };
    const u32 params[] = { (u32)(to_at % WEBGPU_BLOCK), start, (u32)bytes };
    if (status == QN_OK && odd) status = run(w, w->shift, spans, 2, params, COUNT(params), groups);
    else if (status == QN_OK) status = copy_words(w, to->id, to_at, between.id, 0, words);
    webgpu_free(w, WEBGPU_FREE_BUFFER, between.id);
    return status;
}

qn_status webgpu_copy_bytes(webgpu_device *w, const webgpu_buf *to, u64 to_at, const webgpu_buf *from, u64 from_at,
                            u64 bytes)
{
    bool even = to_at % 4 == 0 && from_at % 4 == 0 && bytes % 4 == 0;
    if (!even || to == from) return copy_through(w, to, to_at, from, from_at, bytes);
    return copy_words(w, to->id, to_at, from->id, from_at, (u32)(bytes / 4));
}
