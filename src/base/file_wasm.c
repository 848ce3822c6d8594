/* A module has no files: what would read or write one says so. */
#include "base/base.h"

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

bool cache_get(const char *kind, cache_key key, void **out, size_t *n)
{
    (void)kind, (void)key, (void)out, (void)n;
    return false;
}

void cache_put(const char *kind, cache_key key, qn_bytes bytes) { (void)kind, (void)key, (void)bytes; }

cache_key cache_key_of(const void *data, size_t n, u64 seed)
{
    return (cache_key){ hash_bytes(data, n, seed), hash_bytes(data, n, ~seed) };
}
