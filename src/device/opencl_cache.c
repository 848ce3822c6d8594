/* Program binaries on disk: NAME.bin is a header, then the binary. Files that are damaged, cut short or of another key are ignored
 * and later written over; writing is whole or not at all (file_write), so several processes may share the folder. */
#include <stdio.h>

#include "device/opencl_cache.h"

typedef struct header {
    u8 magic[8];
    u64 check, bytes, sum;
} header;

static const u8 magic[8] = { 'Q', 'N', 'C', 'L', 'B', 'I', 'N', 1 };

static bool path_of(cache_key key, char *out, size_t n)
{
    char folder[1024];
    if (!cache_folder(folder, sizeof folder)) return false;
    int wrote = snprintf(out, n, "%s/opencl-%016llx.bin", folder, (unsigned long long)key.name);
    return wrote > 0 && (size_t)wrote < n;
}

/* A copy of what follows the header; NULL when anything is wrong. */
static void *checked_copy(cache_key key, qn_bytes file, size_t *n)
{
    header h;
    if (file.n <= sizeof h) return NULL;
    memcpy(&h, file.data, sizeof h);
    const u8 *body = (const u8 *)file.data + sizeof h;
    size_t bytes = file.n - sizeof h;
    if (memcmp(h.magic, magic, sizeof magic) != 0 || h.check != key.check || h.bytes != bytes) return NULL;
    if (h.sum != hash_bytes(body, bytes, key.check)) return NULL;
    void *copy = mem_alloc(bytes);
    if (copy) memcpy(copy, body, bytes);
    *n = bytes;
    return copy;
}

bool opencl_cache_get(cache_key key, void **out, size_t *n)
{
    char path[1100];
    file_map file;
    if (!path_of(key, path, sizeof path) || file_map_open(path, &file) != QN_OK) return false;
    *out = checked_copy(key, file.bytes, n);
    file_map_close(&file);
    return *out != NULL;
}

void opencl_cache_put(cache_key key, qn_bytes binary)
{
    char path[1100];
    if (!path_of(key, path, sizeof path)) return;
    header h = { .check = key.check, .bytes = binary.n, .sum = hash_bytes(binary.data, binary.n, key.check) };
    memcpy(h.magic, magic, sizeof magic);
    u8 *whole = mem_alloc(sizeof h + binary.n);
    if (!whole) return;
    memcpy(whole, &h, sizeof h);
    memcpy(whole + sizeof h, binary.data, binary.n);
    file_write(path, (qn_bytes){ whole, sizeof h + binary.n });
    mem_free(whole);
}
