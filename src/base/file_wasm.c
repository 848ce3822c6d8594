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
