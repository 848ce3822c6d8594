/* A module has no files: what would read or write one says so. What a cache would hold is the page's to keep, which has it in memory and lays it
 * down where it can. */
#include <stdio.h>

#include "base/base.h"

FROM_PAGE(kept)
extern u32 page_kept(const char *name, void *to, u32 room); /* its bytes, copied where there is room; 0: none */
FROM_PAGE(keep) extern void page_keep(const char *name, const void *data, u32 bytes);

static qn_status no_files(const char *path)
{
    return fail(QN_E_IO, "%s: there are no files here; give the bytes instead", path ? path : "(NULL)");
}

qn_status file_map_open(const char *path, file_map *out)
{
    (void)out;
    return no_files(path);
}

qn_status file_map_open_beside(const char *beside, const char *name, file_map *out)
{
    (void)beside, (void)out;
    return no_files(name);
}

void file_map_close(file_map *f) { *f = (file_map){ 0 }; }

qn_status file_write(const char *path, qn_bytes bytes)
{
    (void)bytes;
    return no_files(path);
}

bool cache_folder(char *out, size_t out_bytes)
{
    (void)out, (void)out_bytes;
    return false;
}

enum { NAME_BYTES = 64 };

static void name_of(const char *kind, cache_key key, char *out)
{
    snprintf(out, NAME_BYTES, "%s-%016llx%016llx", kind, (unsigned long long)key.name, (unsigned long long)key.check);
}

bool cache_get(const char *kind, cache_key key, void **out, size_t *n)
{
    char name[NAME_BYTES];
    name_of(kind, key, name);
    u32 bytes = page_kept(name, NULL, 0);
    *out = bytes ? mem_alloc(bytes) : NULL;
    if (*out) *n = page_kept(name, *out, bytes);
    return *out != NULL;
}

void cache_put(const char *kind, cache_key key, qn_bytes bytes)
{
    char name[NAME_BYTES];
    name_of(kind, key, name);
    page_keep(name, bytes.data, (u32)bytes.n);
}

cache_key cache_key_of(const void *data, size_t n, u64 seed)
{
    return (cache_key){ hash_bytes(data, n, seed), hash_bytes(data, n, ~seed) };
}
