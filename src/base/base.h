/* What everything stands on: number types, memory, text, errors. Depends on nothing but C11 and quern.h's public types.
 *
 * Errors: `return fail(QN_E_SHAPE, "Conv '%s': ...")` stores one sentence for this thread and gives the code back; QN_TRY passes it up.
 * Memory: arenas own; what lives in one is never freed alone. All memory comes from mem_alloc, which tests can make fail. */
#ifndef BASE_H
#define BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "quern.h"

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t i8;
typedef int16_t i16;
typedef int32_t i32;
typedef int64_t i64;
typedef float f32;
typedef double f64;

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MIN(a, b)    ((a) < (b) ? (a) : (b))
#define MAX(a, b)    ((a) > (b) ? (a) : (b))

#if defined(__GNUC__)
#define PRINTF_LIKE(format_at, args_at) __attribute__((format(printf, format_at, args_at)))
#define THREAD_LOCAL                    _Thread_local
#else
#define PRINTF_LIKE(format_at, args_at)
#define THREAD_LOCAL _Thread_local
#endif

/* Leave the calling function with the status of `call` when it failed. */
#define QN_TRY(call)                                                                                                        \
    do {                                                                                                                    \
        qn_status try_status = (call);                                                                                      \
        if (try_status != QN_OK) return try_status;                                                                         \
    } while (0)

/* ---- status.c: the sentence of the last failure on this thread */
qn_status fail(qn_status code, const char *format, ...) PRINTF_LIKE(2, 3);
qn_status fail_nomem(u64 bytes); /* QN_E_NOMEM with the size that was wanted */
/* A failure is never QN_OK: said where the compiler sees it, so that it knows which outputs are set. */
static inline qn_status fail_is_no_success(qn_status s)
{
#if defined(__GNUC__)
    if (s == QN_OK) __builtin_unreachable();
#endif
    return s;
}
#define fail(...)       fail_is_no_success((fail)(__VA_ARGS__))
#define fail_nomem(...) fail_is_no_success((fail_nomem)(__VA_ARGS__))
/* Put words in front of the stored sentence ("model.onnx: ..."); gives `code` back. No effect when code is QN_OK. */
qn_status fail_in(qn_status code, const char *format, ...) PRINTF_LIKE(2, 3);
/* What fails between these is an attempt, with something else to try: qn_last_error outside is as before. failed: nothing helped, and the
 * last sentence is the caller's failure. They nest; inside, qn_last_error is what the attempt said. */
void attempt_begin(void);
void attempt_end(bool failed);

/* ---- mem.c: the one door to the heap. Sizes are u64, so that what a file says cannot shrink on its way to a 32-bit system: what that
 * cannot address is no memory. */
void *mem_alloc(u64 bytes); /* NULL when there is none; bytes 0 gives a valid pointer */
void *mem_zalloc(u64 bytes);
void *mem_resize(void *p, u64 old_bytes, u64 new_bytes); /* like realloc; the old block lives on failure */
void mem_free(void *p);
void *mem_alloc_aligned(size_t align, u64 bytes); /* power of two up to 4096; free with mem_free_aligned */
void mem_free_aligned(void *p);
/* Tests: let the n-th allocation from now fail (0: none), count them, count blocks alive. */
void mem_fail_at(u64 n);
u64 mem_allocations(void);
u64 mem_blocks_alive(void);

/* ---- arena.c: memory of one lifetime. Not thread safe: one arena, one owner. */
typedef struct arena arena;
arena *arena_make(void);                /* NULL when there is no memory */
void arena_free(arena *a);              /* NULL is fine */
void *arena_alloc(arena *a, u64 bytes); /* 16-aligned, uninitialised; NULL when there is no memory */
void *arena_zalloc(arena *a, u64 bytes);
void *arena_array(arena *a, u64 n, u64 elem_bytes);     /* zeroed; NULL also when n * elem_bytes overflows */
char *arena_text(arena *a, const char *text, size_t n); /* a NUL-terminated copy */
char *arena_print(arena *a, const char *format, ...) PRINTF_LIKE(2, 3);
size_t arena_bytes(const arena *a);
#define ARENA_NEW(a, type)      ((type *)arena_zalloc((a), sizeof(type)))
#define ARENA_ARRAY(a, n, type) ((type *)arena_array((a), (n), sizeof(type)))

/* Make room for one more in a growable arena array, doubling; false when there is no memory or `max` is reached.
 *     if (!ARENA_PUSH_ROOM(a, items, n_items, cap, MAX_ITEMS)) return fail(...);   items[n_items++] = x; */
bool arena_grow(arena *a, void *array_of_pointer, size_t n, u32 *cap, size_t elem_bytes, size_t max);
#define ARENA_PUSH_ROOM(a, items, n, cap, max) arena_grow((a), &(items), (n), &(cap), sizeof *(items), (max))

/* ---- str.c: text that grows (owns its memory; str_free). A failed growth sets `bad` and later writes do nothing. */
typedef struct str {
    char *text;
    size_t n, cap;
    bool bad;
} str; /* {0} is the empty text; text is NUL-terminated or NULL */
void str_add(str *s, const char *text);
void str_add_n(str *s, const char *text, size_t n);
void str_print(str *s, const char *format, ...) PRINTF_LIKE(2, 3);
void str_vprint(str *s, const char *format, va_list args);
void str_free(str *s);
bool text_same(const char *a, const char *b); /* NULL is the empty text */
bool text_starts(const char *text, const char *head);
u32 utf8_bytes(const u8 *at,
               size_t left); /* of the well-formed character there (no overlong forms, no surrogates); 0: it is none */

/* ---- number.c: numbers and their text, with a '.' whatever the host program's locale says */
/* The longest number at *text, and *text moves behind it: sign, digits, point, exponent ("-1.5e3", ".5", "7."), or inf or nan in any
 * case, with a sign or not. end NULL: a NUL ends the text. Rounded once, to the nearest of QN_F32, QN_F16, QN_BF16, or QN_F64 for all others; too
 * large is an infinity. false: no number is there. */
bool number_read(const char **text, const char *end, qn_dtype as, f64 *out);
/* The fewest digits that number_read reads back as v, a number of that type: "0.1", "1e+20", "-inf", "nan". Gives `to` back. */
enum { NUMBER_BYTES = 32 };
const char *number_print(char to[NUMBER_BYTES], f64 v, qn_dtype as);

/* In a module: a function that the page gives (docs/web-module.md). */
#define FROM_PAGE(name) __attribute__((import_module("quern"), import_name(#name)))

/* ---- api_types.c */
u32 dtype_bits(qn_dtype d); /* of an element where it takes no more room than it must; 0: texts and lists */

/* ---- tensor_copy.c: a tensor with all that it points to, as one block of 16-aligned memory */
static inline bool dtype_is_list(qn_dtype d) { return d >= QN_SEQUENCE && d <= QN_MAP; } /* its elements are tensors */
static inline bool dtype_is_complex(qn_dtype d) { return d >= QN_C64; }                  /* c64 and c128 are the last */
/* What an element is made of: a complex number is two of these, all else is one of itself. */
static inline qn_dtype dtype_part(qn_dtype d) { return d == QN_C64 ? QN_F32 : d == QN_C128 ? QN_F64 : d; }
/* Operators that move elements move the places of these: op/place_moves.c. */
static inline bool dtype_is_placed(qn_dtype d) { return d == QN_STRING || dtype_is_complex(d); }
static inline bool dtype_is_for_host(qn_dtype d) { return d == QN_STRING || d >= QN_SEQUENCE; } /* no device holds it */
u64 tensor_room(const qn_tensor *t); /* the bytes of that block; UINT64_MAX: more than can be counted */
void tensor_place(const qn_tensor *t, void *room, qn_tensor *out);
qn_status tensor_copy(arena *mem, const qn_tensor *t, qn_tensor *out);
bool tensor_has_texts(const qn_tensor *t); /* false: one of its texts has a length and no bytes */

/* ---- cursor.c: reading untrusted bytes. Past the end every read gives 0 and sets `bad`; check it once a record. */
typedef struct cursor {
    const u8 *at, *end, *base;
    bool bad;
} cursor;
cursor cursor_of(qn_bytes bytes);
u8 cursor_u8(cursor *c);
u16 cursor_u16(cursor *c); /* little endian */
u32 cursor_u32(cursor *c);
u64 cursor_u64(cursor *c);
u64 cursor_varint(cursor *c);           /* LEB128 as in protobuf, at most 10 bytes */
qn_bytes cursor_take(cursor *c, u64 n); /* the next n bytes, lent */
u64 cursor_left(const cursor *c);
u64 cursor_offset(const cursor *c); /* from the start of the file, for messages */
qn_bytes bytes_slice(qn_bytes b, u64 from, u64 to, bool *bad);

/* ---- checked arithmetic: false on overflow, *out untouched */
bool mul_u64(u64 a, u64 b, u64 *out);
bool add_u64(u64 a, u64 b, u64 *out);

/* ---- half.c: narrow floats, round to nearest even, NaN stays NaN */
u16 f16_from_f32(f32 v);
f32 f16_to_f32(u16 bits);
u16 bf16_from_f32(f32 v);
f32 bf16_to_f32(u16 bits);

/* ---- hash.c */
u64 hash_bytes(const void *data, size_t n, u64 seed);
typedef struct map {
    u64 *keys;
    u32 *values;
    u32 cap, n;
} map;                                    /* u64 -> u32; {0} is empty; owns, map_free */
bool map_put(map *m, u64 key, u32 value); /* false: no memory */
bool map_get(const map *m, u64 key, u32 *out);
void map_free(map *m);

/* ---- log.c: through the caller's hook (qn_set_log), silent without one. The library itself prints nothing. */
void log_line(qn_log_level level, const char *format, ...) PRINTF_LIKE(2, 3);

/* ---- platform_posix.c, platform_wasm.c (the rest of what a system gives is in platform.h) */
u64 clock_ns(void);       /* monotonic */
u64 clock_calendar(void); /* seconds since 1970; 0 where nothing is kept that could grow old */

/* ---- file.c: whole files, read by mapping */
typedef struct file_map {
    qn_bytes bytes;
    void *handle;
} file_map;
qn_status file_map_open(const char *path, file_map *out); /* QN_E_IO with path and reason */
/* Open `name` beside the file `beside`: same folder only, no links, no "..", regular files only. */
qn_status file_map_open_beside(const char *beside, const char *name, file_map *out);
void file_map_close(file_map *f);
qn_status file_write(const char *path, qn_bytes bytes); /* whole, through a temporary name and rename */
/* The user's cache folder for this program ($QUERN_CACHE, $XDG_CACHE_HOME/quern, ~/.cache/quern), made when absent; false: none,
 * or one that others can write to. */
bool cache_folder(char *out, size_t out_bytes);

/* Made by the build (cmake/build_hash.cmake): a hash of the kernels, of kc and of the devices. What is kept of how these do goes by it. */
extern const char quern_build[];

/* ---- cache.c: the files in that folder, named KIND-HEX...; all together stay under 256 MiB, the longest unused go first. Any process may
 * do so at any time. Best effort: nothing here fails. */
typedef struct cache_key { /* two hashes of the same thing: one names the file, the other is checked inside it */
    u64 name, check;
} cache_key;
cache_key cache_key_of(const void *data, size_t n, u64 seed);
bool cache_get(const char *kind, cache_key key, void **out, size_t *n); /* a copy, mem_free; false: nothing whole is there */
void cache_put(const char *kind, cache_key key, qn_bytes bytes);
/* For those who write an entry themselves: */
bool cache_path(const char *name, char *out, size_t out_bytes); /* false: there is no folder */
void cache_used(const char *path);
void cache_added(u64 bytes);                   /* this much came into the folder: time to look at its size? */
void cache_trim(const char *folder, u64 most); /* now */

/* ---- json.c: writing (commas and quoting kept right) and a small, bounded reader */
typedef struct json {
    str *out;
    u32 depth;
    bool after[32];
    bool pretty;
} json;
void json_open(json *j, const char *key, char bracket); /* key NULL in arrays; bracket '{' or '[' */
void json_close(json *j, char bracket);
void json_text(json *j, const char *key, const char *value);
void json_number(json *j, const char *key, f64 value);
void json_integer(json *j, const char *key, i64 value);
void json_bool(json *j, const char *key, bool value);
void json_null(json *j, const char *key);
typedef struct json_value {
    char kind; /* 'n'ull 'b'ool '#'number 's'tring '[' '{' */
    bool yes;
    f64 number;
    const char *text;
    const char *key;
    struct json_value *first, *next;
} json_value;
qn_status json_read(arena *a, qn_bytes text, json_value **out); /* depth and size bounded */
const json_value *json_get(const json_value *object, const char *key);

/* ---- thread.c: a pool that sleeps when idle */
typedef struct pool pool;
qn_status pool_make(u32 threads, pool **out); /* at most so many; 0: one per core; 1: no thread is made */
void pool_free(pool *p);
u32 pool_threads(const pool *p);
/* Run body(data, from, to, worker) over [0, n) in pieces of at least `grain`; returns when all are done. */
void pool_for(pool *p, u64 n, u64 grain, void (*body)(void *data, u64 from, u64 to, u32 worker), void *data);

#endif
