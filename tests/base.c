/* The base library: text, memory, numbers, untrusted bytes, files, JSON, and the pool. */
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "test.h"

static void errors(test *t)
{
    CHECK(t, fail(QN_E_SHAPE, "Conv '%s': %d", "c1", 3) == QN_E_SHAPE, "fail gives its code back");
    CHECK(t, text_same(qn_last_error(), "Conv 'c1': 3"), "got '%s'", qn_last_error());
    fail_in(QN_E_SHAPE, "%s: ", "model.onnx");
    CHECK(t, text_same(qn_last_error(), "model.onnx: Conv 'c1': 3"), "got '%s'", qn_last_error());
    fail_in(QN_OK, "never");
    attempt_begin();
    fail(QN_E_IO, "a way that does not work");
    attempt_begin();
    fail(QN_E_IO, "nor this");
    attempt_end(false);
    CHECK(t, text_same(qn_last_error(), "nor this"), "inside: %s", qn_last_error());
    attempt_end(false);
    fail(QN_E_IO, "again: %s", qn_last_error());
    CHECK(t, text_same(qn_last_error(), "again: model.onnx: Conv 'c1': 3"), "got '%s'", qn_last_error());
    char long_text[5000];
    memset(long_text, 'x', sizeof long_text);
    long_text[sizeof long_text - 1] = 0;
    fail(QN_E_IO, "%s", long_text);
    size_t n = strlen(qn_last_error());
    CHECK(t, n >= 1000 && n < 5000 && text_same(qn_last_error() + n - 3, "..."), "a long sentence is cut: %zu bytes", n);
    fail_in(QN_E_IO, "%s", long_text);
    CHECK(t, strlen(qn_last_error()) == n, "and stays cut with a head");
    fail(QN_E_FORMAT, "node '%s'", "\x1b[2J\r\n\t\x7f\xc2\x9b \xc3\xa9 \xff\xe2\x82");
    CHECK(t, text_same(qn_last_error(), "node '\\x1b[2J\\x0d\\x0a\\x09\\x7f\\xc2\\x9b \xc3\xa9 \\xff\\xe2\\x82'"),
          "what a terminal obeys is escaped: '%s'", qn_last_error());
    fail_in(QN_E_FORMAT, "\x1b%s: ", "\n");
    CHECK(t, text_starts(qn_last_error(), "\\x1b\\x0a: node '\\x1b"), "in a head too: '%s'", qn_last_error());
    fail(QN_E_KERNEL, "k.c:1:1: %s\n\tx\x1b\n\t^", "no");
    CHECK(t, text_same(qn_last_error(), "k.c:1:1: no\n\tx\\x1b\n\t^"), "diagnostics keep their lines: '%s'",
          qn_last_error());
}

static void api_names(test *t)
{
    static const qn_status statuses[] = { QN_OK,          QN_E_USAGE,       QN_E_NAME,   QN_E_SHAPE, QN_E_DTYPE,
                                          QN_E_FORMAT,    QN_E_UNSUPPORTED, QN_E_KERNEL, QN_E_IO,    QN_E_NOMEM,
                                          QN_E_NO_DEVICE, QN_E_DEVICE,      QN_E_LOST,   QN_E_DATA,  QN_E_BUG };
    for (size_t i = 0; i < COUNT(statuses); i++)
        CHECK(t, !text_same(qn_status_text(statuses[i]), "unknown status"), "status %d has a text", statuses[i]);
    CHECK(t, text_same(qn_status_text((qn_status)77), "unknown status"), "an unknown status has a text too");
    for (u32 i = 1; i < QN_DTYPE_COUNT; i++)
        CHECK(t, qn_dtype_name((qn_dtype)i) && qn_dtype_bytes((qn_dtype)i), "dtype %u", i);
    CHECK(t, qn_dtype_bytes((qn_dtype)999) == 0 && qn_dtype_name((qn_dtype)999), "dtypes outside the list");
    CHECK(t, text_same(qn_version(), "0.1.0"), "version %s", qn_version());

    qn_tensor x = { QN_F32, 3, { 2, 3, 4 }, NULL };
    CHECK(t, qn_tensor_elems(&x) == 24 && qn_tensor_bytes(&x) == 96, "2x3x4 f32");
    qn_tensor scalar = { QN_I64, 0, { 0 }, NULL }, empty = { QN_F32, 2, { INT64_MAX, 0 }, NULL };
    CHECK(t, qn_tensor_elems(&scalar) == 1 && qn_tensor_bytes(&scalar) == 8, "a scalar");
    CHECK(t, qn_tensor_elems(&empty) == 0 && qn_tensor_bytes(&empty) == 0, "an empty tensor");
    qn_tensor huge = { QN_F32, 3, { INT64_MAX, INT64_MAX, 4 }, NULL }, negative = { QN_F32, 1, { -1 }, NULL };
    CHECK(t, qn_tensor_elems(&huge) == UINT64_MAX && qn_tensor_bytes(&huge) == UINT64_MAX, "sizes saturate");
    CHECK(t, qn_tensor_elems(&negative) == UINT64_MAX, "a negative size saturates");
    qn_tensor wide = { QN_F64, 1, { INT64_MAX }, NULL }, ranked = { QN_F32, 99, { 1, 1, 1, 1, 1, 1, 1, 1 }, NULL };
    CHECK(t, qn_tensor_bytes(&wide) == UINT64_MAX && qn_tensor_elems(&ranked) == UINT64_MAX,
          "bytes saturate; so does a bad rank");
}

static void memory(test *t)
{
    u64 alive = mem_blocks_alive(), made = mem_allocations();
    void *p = mem_alloc(0);
    CHECK(t, p && mem_blocks_alive() == alive + 1 && mem_allocations() == made + 1, "an empty block counts");
    mem_free(p);
    mem_free(NULL);
    for (size_t align = 16; align <= 4096; align *= 2) {
        u8 *a = mem_alloc_aligned(align, 100);
        CHECK(t, a && (uintptr_t)a % align == 0, "aligned to %zu", align);
        memset(a, 1, 100);
        mem_free_aligned(a);
    }
    CHECK(t, !mem_alloc_aligned(64, SIZE_MAX - 10), "an impossible aligned block");
    u8 *grown = mem_zalloc(4);
    grown[3] = 7;
    grown = mem_resize(grown, 4, 400);
    CHECK(t, grown[3] == 7, "resize keeps the bytes");
    mem_fail_at(1);
    CHECK(t, !mem_resize(grown, 400, 800) && grown[3] == 7, "a failed resize keeps the block");
    mem_free(grown);
    mem_fail_at(3);
    void *a = mem_alloc(1), *b = mem_alloc(1), *c = mem_alloc(1), *d = mem_alloc(1);
    CHECK(t, a && b && !c && d, "the third allocation fails, and only that");
    mem_fail_at(0);
    mem_free(a), mem_free(b), mem_free(c), mem_free(d);
    CHECK(t, mem_blocks_alive() == alive, "nothing leaks");
}

static void arenas(test *t)
{
    u64 alive = mem_blocks_alive();
    arena *a = arena_make();
    u64 sum = 0;
    for (u32 i = 0; i < 3000; i++) {
        u8 *p = arena_alloc(a, i % 700);
        if (!p || (uintptr_t)p % 16) break;
        memset(p, (int)i, i % 700);
        sum += 1;
    }
    CHECK(t, sum == 3000, "3000 small blocks, 16-aligned");
    u8 *large = arena_zalloc(a, 5 << 20);
    CHECK(t, large && large[(5 << 20) - 1] == 0, "a block larger than a chunk");
    CHECK(t, arena_bytes(a) >= 5 << 20, "bytes are counted");
    CHECK(t, !arena_array(a, SIZE_MAX / 2, 3) && !arena_alloc(a, SIZE_MAX), "overflow gives NULL");
    CHECK(t, text_same(arena_print(a, "%d-%s", 5, "x"), "5-x") && text_same(arena_text(a, "abc", 2), "ab"), "texts");
    u32 *items = NULL, cap = 0;
    for (u32 n = 0; n < 100; n++) {
        if (!ARENA_PUSH_ROOM(a, items, n, cap, 100)) break;
        items[n] = n * n;
    }
    CHECK(t, cap == 100 && items && items[99] == 99 * 99 && items[0] == 0, "a growable array");
    CHECK(t, !ARENA_PUSH_ROOM(a, items, 100, cap, 100), "stops at its maximum");
    arena_free(a);
    CHECK(t, mem_blocks_alive() == alive, "an arena frees all");
}

static void text(test *t)
{
    str s = { 0 };
    str_add(&s, "a");
    str_add(&s, NULL);
    for (int i = 0; i < 1000; i++) str_print(&s, "%d,", i);
    CHECK(t, !s.bad && s.n == 1 + 3890 && text_starts(s.text, "a0,1,2,") && strlen(s.text) == s.n, "1000 numbers");
    mem_fail_at(1);
    for (int i = 0; i < 4000 && !s.bad; i++) str_add(&s, "more");
    mem_fail_at(0);
    size_t n = s.n;
    str_add(&s, "ignored");
    CHECK(t, s.bad && s.n == n, "after a failed growth writes do nothing");
    str_free(&s);
    CHECK(t, text_same(NULL, "") && !text_same("a", NULL) && !text_starts("ab", "abc") && !text_starts(NULL, "a"),
          "comparing");
}

static void cursors(test *t)
{
    static const u8 data[] = {
        1, 2, 3, 4, 5, 6, 7, 8, 0xac, 0x02, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01
    };
    cursor c = cursor_of((qn_bytes){ data, sizeof data });
    CHECK(t, cursor_u8(&c) == 1 && cursor_u16(&c) == 0x0302 && cursor_u32(&c) == 0x07060504 && cursor_u8(&c) == 8,
          "numbers");
    CHECK(t, cursor_offset(&c) == 8 && cursor_varint(&c) == 300 && cursor_varint(&c) == UINT64_MAX && !c.bad, "varints");
    CHECK(t, cursor_left(&c) == 0 && cursor_u8(&c) == 0 && c.bad && cursor_left(&c) == 0, "past the end");
    static const u8 endless[] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01 };
    c = cursor_of((qn_bytes){ endless, sizeof endless });
    CHECK(t, cursor_varint(&c) == 0 && c.bad, "a varint of more than ten bytes");
    static const u8 too_wide[] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02 };
    c = cursor_of((qn_bytes){ too_wide, sizeof too_wide });
    CHECK(t, cursor_varint(&c) == 0 && c.bad, "a varint of more than 64 bits");
    c = cursor_of((qn_bytes){ data, sizeof data });
    qn_bytes taken = cursor_take(&c, 4);
    CHECK(t, taken.n == 4 && taken.data == data && cursor_u8(&c) == 5, "taking");
    CHECK(t, cursor_take(&c, UINT64_MAX).n == 0 && c.bad && cursor_u64(&c) == 0, "taking too much");
    bool bad = false;
    CHECK(t, bytes_slice((qn_bytes){ data, 8 }, 2, 8, &bad).n == 6 && !bad, "a slice");
    CHECK(t, bytes_slice((qn_bytes){ data, 8 }, 5, 9, &bad).n == 0 && bad, "a slice outside");
    bad = false;
    CHECK(t, bytes_slice((qn_bytes){ data, 8 }, 5, 4, &bad).n == 0 && bad, "a slice turned round");
    c = cursor_of((qn_bytes){ NULL, 0 });
    CHECK(t, cursor_u64(&c) == 0 && c.bad, "no bytes at all");
    u64 out = 7;
    CHECK(t, !mul_u64(UINT64_MAX / 2 + 1, 2, &out) && !add_u64(UINT64_MAX, 1, &out) && out == 7,
          "overflow leaves out alone");
    CHECK(t, mul_u64(0, UINT64_MAX, &out) && out == 0 && mul_u64(UINT64_MAX, 1, &out) && out == UINT64_MAX,
          "products that fit");
}

static u32 float_bits(f32 v)
{
    u32 bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

/* Each f16 must come back; halfway points must go to even. */
static void halves(test *t)
{
    u32 wrong = 0, ties = 0;
    for (u32 bits = 0; bits < 0x10000; bits++) {
        f32 v = f16_to_f32((u16)bits);
        bool nan = (bits & 0x7fff) > 0x7c00;
        wrong += nan ? !isnan(v) || !isnan(f16_to_f32(f16_from_f32(v))) : f16_from_f32(v) != bits;
        if (nan || (bits & 0x7fff) >= 0x7bff) continue;
        f32 next = f16_to_f32((u16)(bits + 1)), middle = v + (next - v) * 0.5f;
        u16 even = (u16)(bits & 1 ? bits + 1 : bits);
        ties += f16_from_f32(middle) != even || f16_from_f32(nextafterf(middle, next)) != bits + 1 ||
                f16_from_f32(nextafterf(middle, v)) != bits;
    }
    CHECK(t, wrong == 0, "%u of 65536 f16 values do not come back", wrong);
    CHECK(t, ties == 0, "%u halfway points go the wrong way", ties);
    CHECK(t, f16_from_f32(65519.0f) == 0x7bff && f16_from_f32(65520.0f) == 0x7c00 && f16_from_f32(-INFINITY) == 0xfc00,
          "the top of f16");
    wrong = 0;
    for (u32 bits = 0; bits < 0x10000; bits++) {
        f32 v = bf16_to_f32((u16)bits);
        wrong += (u32)(isnan(v) ? !isnan(bf16_to_f32(bf16_from_f32(v))) : bf16_from_f32(v) != bits);
    }
    CHECK(t, wrong == 0, "%u of 65536 bf16 values do not come back", wrong);
    f32 tie = 1.00390625f; /* 1 + 2^-8: halfway between 0x3f80 and 0x3f81 */
    CHECK(t, bf16_from_f32(tie) == 0x3f80 && bf16_from_f32(nextafterf(tie, 2)) == 0x3f81 && float_bits(tie) == 0x3f808000,
          "bf16 ties go to even");
}

static void converted_floats(test *t)
{
    static const f32 wide[] = { 0, -0.0f, 1, -2.5f, 65504, 65519, 65520, 1e-7f, 3e38f, INFINITY, 1.00390625f };
    static const u16 as_f16[] = { 0, 0x8000, 0x3c00, 0xc100, 0x7bff, 0x7bff, 0x7c00, 0x0002, 0x7c00, 0x7c00, 0x3c04 };
    static const u16 as_bf16[] = { 0, 0x8000, 0x3f80, 0xc020, 0x4780, 0x4780, 0x4780, 0x33d7, 0x7f62, 0x7f80, 0x3f80 };
    enum { N = COUNT(wide) };
    u16 narrow[N], same[N];
    f32 back[N];
    CHECK_OK(t, qn_convert_floats(QN_F32, wide, QN_F16, narrow, N));
    CHECK(t, memcmp(narrow, as_f16, sizeof narrow) == 0, "f32 to f16");
    CHECK_OK(t, qn_convert_floats(QN_F16, narrow, QN_F32, back, N));
    for (u32 i = 0; i < N; i++) CHECK(t, float_bits(back[i]) == float_bits(f16_to_f32(as_f16[i])), "f16 to f32, %u", i);
    CHECK_OK(t, qn_convert_floats(QN_F32, wide, QN_BF16, narrow, N));
    CHECK(t, memcmp(narrow, as_bf16, sizeof narrow) == 0, "f32 to bf16");
    CHECK_OK(t, qn_convert_floats(QN_BF16, narrow, QN_F16, same, N));
    CHECK_OK(t, qn_convert_floats(QN_BF16, narrow, QN_F16, narrow, N));
    CHECK(t, memcmp(narrow, same, sizeof same) == 0 && narrow[3] == 0xc100 && narrow[8] == 0x7c00,
          "bf16 to f16, in its place");
    u8 odd[1 + sizeof wide];
    CHECK_OK(t, qn_convert_floats(QN_F16, as_f16, QN_F32, odd + 1, N));
    memcpy(back, odd + 1, sizeof back);
    CHECK(t, back[3] == -2.5f, "at an odd address");
    f32 nan = NAN;
    CHECK_OK(t, qn_convert_floats(QN_F32, &nan, QN_F16, narrow, 1));
    CHECK(t, isnan(f16_to_f32(narrow[0])), "a NaN stays one");
    CHECK(t,
          qn_convert_floats(QN_F32, wide, QN_I8, narrow, N) == QN_E_DTYPE &&
              qn_convert_floats(QN_F64, wide, QN_F32, back, 1) == QN_E_DTYPE,
          "other types");
    CHECK(t, qn_convert_floats(QN_F32, NULL, QN_F16, narrow, 1) == QN_E_USAGE, "no place");
    CHECK_OK(t, qn_convert_floats(QN_F32, NULL, QN_F16, NULL, 0));
}

static void hashes(test *t)
{
    map m = { 0 };
    u32 value = 0, wrong = 0;
    CHECK(t, !map_get(&m, 0, &value), "an empty map");
    for (u32 i = 0; i < 20000; i++) map_put(&m, (u64)i << 32, i);
    map_put(&m, 0, 77);
    map_put(&m, UINT64_MAX, UINT32_MAX);
    for (u32 i = 1; i < 20000; i++) wrong += !map_get(&m, (u64)i << 32, &value) || value != i;
    CHECK(t, wrong == 0 && m.n == 20001, "%u of 20000 keys are wrong", wrong);
    CHECK(t, map_get(&m, 0, &value) && value == 77 && map_get(&m, UINT64_MAX, &value) && value == UINT32_MAX,
          "0 and the largest key");
    CHECK(t, !map_get(&m, 1, &value), "a key that was never put");
    map_free(&m);
    char bytes[64] = { 0 };
    map seen = { 0 };
    u32 collisions = 0;
    for (u32 n = 0; n <= 64; n++)
        for (u32 bit = 0; bit < n * 8; bit++) {
            bytes[bit / 8] = (char)(bytes[bit / 8] ^ 1 << bit % 8);
            u64 h = hash_bytes(bytes, n, 1);
            collisions += map_get(&seen, h, &value);
            map_put(&seen, h, n);
            bytes[bit / 8] = (char)(bytes[bit / 8] ^ 1 << bit % 8);
        }
    CHECK(t, collisions == 0 && hash_bytes("a", 1, 1) != hash_bytes("a", 1, 2), "%u collisions", collisions);
    map_free(&seen);
}

static void log_catch(void *user, qn_log_level level, const char *line) { snprintf(user, 64, "%d %s", (int)level, line); }

static void logs_and_clock(test *t)
{
    char line[64] = "";
    log_line(QN_LOG_WARN, "nobody listens");
    qn_set_log(log_catch, line);
    log_line(QN_LOG_WARN, "x is %d", 3);
    qn_set_log(NULL, NULL);
    log_line(QN_LOG_WARN, "nobody listens");
    CHECK(t, text_same(line, "1 x is 3"), "got '%s'", line);
    u64 from = clock_ns();
    CHECK(t, from > 0 && clock_ns() >= from, "the clock runs");
}

static void put_file(const char *folder, const char *name, const char *text_in)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    file_write(path, (qn_bytes){ text_in, strlen(text_in) });
}

static void files(test *t)
{
    char folder[128], path[256], other[256];
    file_map f;
    snprintf(folder, sizeof folder, "%s/base", test_temp_folder());
    mkdir(folder, 0700);
    put_file(folder, "a.bin", "hello");
    put_file(folder, "a.bin", "hello again");
    put_file(folder, "empty", "");
    snprintf(path, sizeof path, "%s/a.bin", folder);
    CHECK_OK(t, file_map_open(path, &f));
    CHECK(t, f.bytes.n == 11 && memcmp(f.bytes.data, "hello again", 11) == 0, "the file has the second text");
    file_map_close(&f);
    CHECK(t, file_map_open(folder, &f) == QN_E_IO && file_map_open("/dev/null", &f) == QN_E_IO, "only regular files: %s",
          qn_last_error());
    CHECK(t, file_map_open("/nowhere/x", &f) == QN_E_IO && text_starts(qn_last_error(), "/nowhere/x: cannot open"), "%s",
          qn_last_error());
    CHECK(t, file_write("/nowhere/x", (qn_bytes){ "", 0 }) == QN_E_IO, "a folder that is not there");

    CHECK_OK(t, file_map_open_beside(path, "empty", &f));
    CHECK(t, f.bytes.n == 0, "an empty file has no bytes");
    file_map_close(&f);
    static const char *const refused[] = { "",           ".",         "..",   "../a.bin", "/etc/passwd",
                                           "x/../a.bin", "sub/a.bin", "a\\b", "missing" };
    for (size_t i = 0; i < COUNT(refused); i++)
        CHECK(t, file_map_open_beside(path, refused[i], &f) == QN_E_IO, "'%s' must be refused", refused[i]);
    CHECK(t, file_map_open_beside(path, NULL, &f) == QN_E_IO, "NULL must be refused");
    snprintf(other, sizeof other, "%s/link", folder);
    CHECK(t, symlink("a.bin", other) == 0 && file_map_open_beside(path, "link", &f) == QN_E_IO, "a link must be refused");
    snprintf(other, sizeof other, "%s/pipe", folder);
    CHECK(t, mkfifo(other, 0600) == 0 && file_map_open_beside(path, "pipe", &f) == QN_E_IO, "a pipe must be refused");
    snprintf(other, sizeof other, "%s/twin", folder);
    CHECK(t, link(path, other) == 0 && file_map_open_beside(path, "twin", &f) == QN_E_IO, "a hard link must be refused");
}

static void caches(test *t)
{
    char folder[256], want[256];
    const char *before = getenv("QUERN_CACHE");
    char kept[256];
    snprintf(kept, sizeof kept, "%s", before ? before : "");
    snprintf(want, sizeof want, "%s/cache/deep", test_temp_folder());
    setenv("QUERN_CACHE", want, 1);
    CHECK(t, cache_folder(folder, sizeof folder) && text_same(folder, want) && access(want, W_OK) == 0,
          "the cache is where QUERN_CACHE says");
    CHECK(t, !cache_folder(folder, 2) || !text_starts(folder, want), "a buffer that is too small");
    CHECK(t, chmod(want, 0777) == 0 && !cache_folder(folder, sizeof folder), "a cache that others can write to is refused");
    chmod(want, 0700);
    if (before) setenv("QUERN_CACHE", kept, 1);
    else unsetenv("QUERN_CACHE");
}

static void json_writing(test *t)
{
    str s = { 0 };
    json j = { .out = &s };
    json_open(&j, NULL, '{');
    json_text(&j, "name", "a \"b\"\n\x01\xff\xc3\xa9");
    json_open(&j, "list", '[');
    json_integer(&j, NULL, INT64_MIN);
    json_number(&j, NULL, 0.1);
    json_number(&j, NULL, (f64)NAN);
    json_bool(&j, NULL, true);
    json_close(&j, '[');
    json_open(&j, "none", '{');
    json_close(&j, '{');
    json_null(&j, "last");
    json_text(&j, "absent", NULL);
    json_close(&j, '{');
    const char *want =
        "{\"name\": \"a \\\"b\\\"\\n\\u0001\xef\xbf\xbd\xc3\xa9\", \"list\": [-9223372036854775808, 0.1, null, true], "
        "\"none\": {}, \"last\": null, \"absent\": null}";
    CHECK(t, text_same(s.text, want), "got %s", s.text);
    str_free(&s);
}

/* Text, and the same text after reading and writing; NULL: it must be refused. */
/* clang-format off */
static const struct { const char *text, *back; } json_cases[] = {
    { "{}", "{}" },
    { " [ ] ", "[]" },
    { "[1, -2.5e3, 0, 1e-7, 123456789012345678]", "[1, -2500, 0, 1e-07, 1.2345678901234568e+17]" },
    { "{\"a\": {\"b\": [true, false, null]}}", "{\"a\": {\"b\": [true, false, null]}}" },
    { "\"\\u00e9\\ud83d\\ude00\\n\\/\"", "\"\xc3\xa9\xf0\x9f\x98\x80\\n/\"" },
    { "4.9406564584124654e-324", "5e-324" },
    { "1.7976931348623157e308", "1.7976931348623157e+308" },
    { "", NULL }, { "[", NULL }, { "[1", NULL }, { "[1,]", NULL }, { "{\"a\" 1}", NULL }, { "{a: 1}", NULL }, { "[1] 2", NULL },
    { "01", NULL }, { "-", NULL }, { "1.", NULL }, { "1e", NULL }, { "+1", NULL }, { "tru", NULL }, { "\"", NULL }, { "\"\\", NULL },
    { "\"\\q\"", NULL }, { "\"\\u12\"", NULL }, { "\"\\ud800\"", NULL }, { "\"\\ud800\\u0041\"", NULL }, { "\"\\udc00\"", NULL },
    { "\"\\u0000\"", NULL }, { "\"\xff\"", NULL }, { "\"\xed\xa0\x80\"", NULL }, { "\"\xc0\x80\"", NULL }, { "\"\n\"", NULL },
};
/* clang-format on */

static void write_back(json *j, const char *key, const json_value *v)
{
    if (v->kind == '{' || v->kind == '[') {
        json_open(j, key, v->kind);
        for (const json_value *m = v->first; m; m = m->next) write_back(j, m->key, m);
        json_close(j, v->kind);
    } else if (v->kind == 's') {
        json_text(j, key, v->text);
    } else if (v->kind == '#') {
        json_number(j, key, v->number);
    } else if (v->kind == 'b') {
        json_bool(j, key, v->yes);
    } else {
        json_null(j, key);
    }
}

static void json_reading(test *t)
{
    for (size_t i = 0; i < COUNT(json_cases); i++) {
        arena *a = arena_make();
        json_value *v = NULL;
        str s = { 0 };
        json j = { .out = &s };
        qn_status status = json_read(a, (qn_bytes){ json_cases[i].text, strlen(json_cases[i].text) }, &v);
        if (status == QN_OK) write_back(&j, NULL, v);
        if (json_cases[i].back)
            CHECK(t, status == QN_OK && text_same(s.text, json_cases[i].back), "%s: got %s", json_cases[i].text,
                  s.text ? s.text : qn_last_error());
        else CHECK(t, status == QN_E_FORMAT, "%s must be refused", json_cases[i].text);
        str_free(&s);
        arena_free(a);
    }
    arena *a = arena_make();
    json_value *v = NULL;
    char deep[400];
    memset(deep, '[', sizeof deep);
    CHECK(t, json_read(a, (qn_bytes){ deep, sizeof deep }, &v) == QN_E_FORMAT, "400 levels must be refused");
    CHECK_OK(t, json_read(a, (qn_bytes){ "{\"x\": 5, \"y\": [1]}", 18 }, &v));
    CHECK(t,
          json_get(v, "x")->number == 5.0 && !json_get(v, "z") && !json_get(json_get(v, "y"), "x") && !json_get(NULL, "x"),
          "members by key");
    arena_free(a);
}

/* ---- the pool */

typedef struct visits {
    _Atomic u32 seen[20000];
    _Atomic u32 bad_worker;
    pool *inner;
} visits;

static void visit(void *data, u64 from, u64 to, u32 worker)
{
    visits *v = data;
    if (v->inner && worker >= pool_threads(v->inner)) atomic_fetch_add(&v->bad_worker, 1);
    for (u64 i = from; i < to; i++) atomic_fetch_add(&v->seen[i], 1);
}

static u32 wrong_visits(visits *v, u64 n, u32 want)
{
    u32 wrong = atomic_load(&v->bad_worker);
    for (u64 i = 0; i < COUNT(v->seen); i++) wrong += atomic_load(&v->seen[i]) != (i < n ? want : 0);
    return wrong;
}

static void nested(void *data, u64 from, u64 to, u32 worker)
{
    (void)worker;
    visits *v = data;
    for (u64 i = from; i < to; i++) pool_for(v->inner, 100, 3, visit, v);
}

typedef struct caller {
    pool *p;
    visits *v;
} caller;

static void *call_often(void *data)
{
    caller *c = data;
    for (u32 i = 0; i < 200; i++) pool_for(c->p, 1000, 7, visit, c->v);
    return NULL;
}

static void several_callers(test *t, pool *p, visits *v)
{
    pthread_t threads[4];
    caller c = { p, v };
    memset(v, 0, sizeof *v);
    v->inner = p;
    for (u32 i = 0; i < COUNT(threads); i++) pthread_create(&threads[i], NULL, call_often, &c);
    for (u32 i = 0; i < COUNT(threads); i++) pthread_join(threads[i], NULL);
    CHECK(t, wrong_visits(v, 1000, 800) == 0, "four callers at once, %u threads", pool_threads(p));
}

static void pools(test *t)
{
    static const u32 counts[] = { 1, 2, 3, 8 };
    static const u64 sizes[] = { 0, 1, 2, 63, 64, 65, 20000 };
    visits *v = mem_alloc(sizeof *v);
    for (size_t c = 0; c < COUNT(counts); c++) {
        pool *p = NULL;
        CHECK_OK(t, pool_make(counts[c], &p));
        CHECK(t, pool_threads(p) == counts[c], "%u threads", counts[c]);
        for (size_t s = 0; s < COUNT(sizes); s++)
            for (u64 grain = 0; grain < 200; grain += 33) {
                memset(v, 0, sizeof *v);
                v->inner = p;
                pool_for(p, sizes[s], grain, visit, v);
                CHECK(t, wrong_visits(v, sizes[s], 1) == 0, "%llu in pieces of %llu on %u threads",
                      (unsigned long long)sizes[s], (unsigned long long)grain, counts[c]);
            }
        memset(v, 0, sizeof *v);
        v->inner = p;
        pool_for(p, 50, 1, nested, v);
        CHECK(t, wrong_visits(v, 100, 50) == 0, "a job inside a job on %u threads", counts[c]);
        several_callers(t, p, v);
        pool_free(p);
    }
    mem_free(v);
    pool *p = NULL;
    mem_fail_at(1);
    CHECK(t, pool_make(2, &p) == QN_E_NOMEM && !p, "no memory for a pool");
    mem_fail_at(0);
    pool_free(NULL);
}

static u64 process_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (u64)now.tv_sec * 1000000000u + (u64)now.tv_nsec;
}

static void idle_pool_sleeps(test *t)
{
    pool *p = NULL;
    visits *v = mem_zalloc(sizeof *v);
    CHECK_OK(t, pool_make(4, &p));
    pool_for(p, 1000, 1, visit, v);
    u64 from = process_ns();
    nanosleep(&(struct timespec){ .tv_nsec = 100000000 }, NULL);
    u64 used = process_ns() - from;
    CHECK(t, used < 10000000, "an idle pool used %llu us in 100 ms", (unsigned long long)used / 1000);
    pool_free(p);
    mem_free(v);
}

void test_base(test *t)
{
    u64 alive = mem_blocks_alive();
    errors(t);
    api_names(t);
    memory(t);
    arenas(t);
    text(t);
    cursors(t);
    halves(t);
    converted_floats(t);
    hashes(t);
    logs_and_clock(t);
    files(t);
    caches(t);
    json_writing(t);
    json_reading(t);
    pools(t);
    idle_pool_sleeps(t);
    CHECK(t, mem_blocks_alive() == alive, "%llu blocks are left", (unsigned long long)(mem_blocks_alive() - alive));
}
