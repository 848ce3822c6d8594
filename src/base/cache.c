/* The user's cache folder: what programs keep there of their compiled kernels, with a limit on all of it.
 *
 * Each kind of entry is one file, whole or not there (file_write, or a rename), under a name that says what it is. Using an entry sets its
 * time; when the folder has outgrown the limit, files go from the oldest use on. Several processes may do all of this at once: a file
 * that is mapped or loaded stays so when its name goes, and one that is gone is made again. */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/grow.h"
#include "base/base.h"

enum { MAX_FILES = 1 << 16, NAME_BYTES = 96 };
static const u64 most_bytes = (u64)256 << 20, look_bytes = (u64)8 << 20; /* look again when so much was added */

static _Atomic u64 added = UINT64_MAX / 2; /* since the last look; a process looks when it first adds */

bool cache_path(const char *name, char *out, size_t out_bytes)
{
    char folder[PATH_MAX];
    if (!cache_folder(folder, sizeof folder)) return false;
    int n = snprintf(out, out_bytes, "%s/%s", folder, name);
    return n > 0 && (size_t)n < out_bytes;
}

void cache_used(const char *path) { (void)!utimensat(AT_FDCWD, path, NULL, 0); }

typedef struct entry {
    char name[NAME_BYTES];
    i64 used;
    u64 bytes;
} entry;

typedef struct listing {
    entry *at;
    u32 n, cap;
    u64 bytes;
} listing;

static bool note(listing *l, const char *name, const struct stat *s)
{
    if (l->n >= MAX_FILES || !GROW_ROOM(l->at, l->n, l->cap)) return false;
    entry *e = &l->at[l->n++];
    snprintf(e->name, sizeof e->name, "%s", name);
    e->used = (i64)s->st_mtim.tv_sec * 1000000000 + s->st_mtim.tv_nsec;
    e->bytes = (u64)s->st_size;
    l->bytes += e->bytes;
    return true;
}

/* KIND-, then at least 16 hexadecimal digits: what this library names so. */
static bool is_entry(const char *name)
{
    size_t kind = strspn(name, "abcdefghijklmnopqrstuvwxyz"), digits = kind + 1;
    if (kind == 0 || name[kind] != '-') return false;
    return strspn(name + digits, "0123456789abcdef") >= 16 && strlen(name) < NAME_BYTES;
}

/* Plain files with such names: nothing else is touched, whatever lies there. */
static void list(const char *folder, listing *out)
{
    DIR *d = opendir(folder);
    for (struct dirent *e; d && (e = readdir(d));) {
        struct stat s;
        if (is_entry(e->d_name) && fstatat(dirfd(d), e->d_name, &s, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(s.st_mode) &&
            !note(out, e->d_name, &s))
            break;
    }
    if (d) closedir(d);
}

static int by_use(const void *a, const void *b)
{
    i64 x = ((const entry *)a)->used, y = ((const entry *)b)->used;
    return x < y ? -1 : x > y;
}

void cache_trim(const char *folder, u64 most)
{
    listing l = { 0 };
    list(folder, &l);
    if (l.bytes > most) {
        u64 enough = most / 4 * 3; /* so that the next file does not start this again */
        qsort(l.at, l.n, sizeof *l.at, by_use);
        for (u32 i = 0; i < l.n && l.bytes > enough; i++) {
            char path[PATH_MAX];
            if (snprintf(path, sizeof path, "%s/%s", folder, l.at[i].name) < (int)sizeof path) unlink(path);
            l.bytes -= l.at[i].bytes;
        }
    }
    mem_free(l.at);
}

void cache_added(u64 bytes)
{
    char folder[PATH_MAX];
    if (atomic_fetch_add(&added, bytes) + bytes < look_bytes) return;
    atomic_store(&added, 0);
    if (cache_folder(folder, sizeof folder)) cache_trim(folder, most_bytes);
}

/* ------------------------------------------------------------------ entries that are bytes: a header, then these */
typedef struct header {
    u8 magic[8];
    u64 check, bytes, sum;
} header;

static const u8 magic[8] = { 'Q', 'U', 'E', 'R', 'N', 'C', 'H', 1 };

static bool path_of(const char *kind, cache_key key, char *out, size_t n)
{
    char name[NAME_BYTES];
    int wrote = snprintf(name, sizeof name, "%s-%016llx.bin", kind, (unsigned long long)key.name);
    return wrote > 0 && (size_t)wrote < sizeof name && cache_path(name, out, n);
}

/* A copy of what follows the header; NULL when anything is wrong. */
static void *checked_copy(cache_key key, qn_bytes file, size_t *n)
{
    header h;
    if (file.n < sizeof h) return NULL;
    memcpy(&h, file.data, sizeof h);
    const u8 *body = (const u8 *)file.data + sizeof h;
    size_t bytes = file.n - sizeof h;
    if (memcmp(h.magic, magic, sizeof magic) != 0 || h.check != key.check || h.bytes != bytes) return NULL;
    if (h.sum != hash_bytes(body, bytes, key.check)) return NULL;
    void *copy = mem_alloc(bytes);
    if (copy && bytes) memcpy(copy, body, bytes);
    *n = bytes;
    return copy;
}

cache_key cache_key_of(const void *data, size_t n, u64 seed)
{
    return (cache_key){ hash_bytes(data, n, seed), hash_bytes(data, n, ~seed) };
}

static bool get(const char *kind, cache_key key, void **out, size_t *n)
{
    char path[PATH_MAX];
    file_map file;
    if (!path_of(kind, key, path, sizeof path) || file_map_open(path, &file) != QN_OK) return false;
    *out = checked_copy(key, file.bytes, n);
    file_map_close(&file);
    if (*out) cache_used(path);
    return *out != NULL;
}

static void put(const char *kind, cache_key key, qn_bytes bytes)
{
    char path[PATH_MAX];
    if (!path_of(kind, key, path, sizeof path)) return;
    header h = { .check = key.check, .bytes = bytes.n, .sum = hash_bytes(bytes.data, bytes.n, key.check) };
    memcpy(h.magic, magic, sizeof magic);
    u8 *whole = mem_alloc(sizeof h + bytes.n);
    if (!whole) return;
    memcpy(whole, &h, sizeof h);
    if (bytes.n) memcpy(whole + sizeof h, bytes.data, bytes.n);
    if (file_write(path, (qn_bytes){ whole, sizeof h + bytes.n }) == QN_OK) cache_added(sizeof h + bytes.n);
    mem_free(whole);
}

bool cache_get(const char *kind, cache_key key, void **out, size_t *n)
{
    attempt_begin();
    bool found = get(kind, key, out, n);
    attempt_end(false);
    return found;
}

void cache_put(const char *kind, cache_key key, qn_bytes bytes)
{
    attempt_begin();
    put(kind, key, bytes);
    attempt_end(false);
}
