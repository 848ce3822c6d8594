/* Whole files. Reading maps, so that weights need no copy; writing goes through a temporary name, so that nobody ever sees half
 * a file. A file that another program cuts short while it is mapped ends the process (SIGBUS), as with any mapped file.
 *
 * Names that come from inside a model are opened with file_map_open_beside: same folder, regular file, no link of any kind. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#if defined(SYS_openat2)
#include <linux/openat2.h>
#endif

#include "base/base.h"

static qn_status fail_errno(const char *what, const char *path)
{
    char reason[128];
    return fail(QN_E_IO, "%s: cannot %s: %s", path, what, strerror_r(errno, reason, sizeof reason));
}

/* Maps the open file; `name` is for messages. fd stays the caller's. */
static qn_status map_fd(int fd, const char *name, file_map *out)
{
    struct stat st;
    if (fstat(fd, &st) != 0) return fail_errno("read", name);
    if (!S_ISREG(st.st_mode)) return fail(QN_E_IO, "%s: is not a regular file", name);
    if ((u64)st.st_size > SIZE_MAX / 2) return fail(QN_E_IO, "%s: is too large to be mapped", name);
    if (st.st_size == 0) {
        *out = (file_map){ .bytes = { "", 0 } };
        return QN_OK;
    }
    void *at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (at == MAP_FAILED) return fail_errno("map", name);
    *out = (file_map){ .bytes = { at, (size_t)st.st_size }, .handle = at };
    return QN_OK;
}

qn_status file_map_open(const char *path, file_map *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return fail_errno("open", path);
    qn_status status = map_fd(fd, path, out);
    close(fd);
    return status;
}

void file_map_close(file_map *f)
{
    if (f->handle) munmap(f->handle, f->bytes.n);
    *f = (file_map){ 0 };
}

/* Opened by the kernel's own rules where it has them; the name holds no '/', so O_NOFOLLOW says the same elsewhere. */
static int open_inside(int folder, const char *name)
{
    int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW;
#if defined(SYS_openat2)
    struct open_how how = { .flags = (u32)flags, .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS };
    long fd = syscall(SYS_openat2, folder, name, &how, sizeof how);
    if (fd >= 0 || (errno != ENOSYS && errno != EPERM && errno != EINVAL)) return (int)fd;
#endif
    return openat(folder, name, flags);
}

static int open_folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    char folder[PATH_MAX] = ".";
    if (slash) {
        size_t n = MAX((size_t)(slash - path), 1);
        if (n >= sizeof folder) {
            errno = ENAMETOOLONG;
            return -1;
        }
        memcpy(folder, path, n);
        folder[n] = 0;
    }
    return open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static qn_status map_only_link(int fd, const char *name, file_map *out)
{
    struct stat st;
    if (fstat(fd, &st) != 0) return fail_errno("read", name);
    if (S_ISREG(st.st_mode) && st.st_nlink > 1)
        return fail(QN_E_IO, "%s: has a second name (hard link), which is refused", name);
    return map_fd(fd, name, out);
}

qn_status file_map_open_beside(const char *beside, const char *name, file_map *out)
{
    if (!name || !name[0] || strchr(name, '/') || strchr(name, '\\') || text_same(name, ".") || text_same(name, ".."))
        return fail(QN_E_IO, "'%s' is not a plain file name; only a file in the folder of '%s' may be named",
                    name ? name : "", beside);
    int folder = open_folder_of(beside);
    if (folder < 0) return fail_errno("open its folder", beside);
    int fd = open_inside(folder, name);
    qn_status status = QN_OK;
    if (fd >= 0) status = map_only_link(fd, name, out);
    else if (errno == ELOOP || errno == EXDEV) status = fail(QN_E_IO, "%s: is a link, which is refused", name);
    else status = fail_errno("open", name);
    if (fd >= 0) close(fd);
    close(folder);
    return status;
}

static bool write_all(int fd, qn_bytes bytes)
{
    const u8 *at = bytes.data;
    for (size_t left = bytes.n; left > 0;) {
        ssize_t n = write(fd, at, MIN(left, (size_t)1 << 30));
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        at += n;
        left -= (size_t)n;
    }
    return true;
}

qn_status file_write(const char *path, qn_bytes bytes)
{
    static _Atomic u32 counter;
    char temporary[PATH_MAX];
    int n = snprintf(temporary, sizeof temporary, "%s.%ld.%u.tmp", path, (long)getpid(), atomic_fetch_add(&counter, 1));
    if (n < 0 || (size_t)n >= sizeof temporary) return fail(QN_E_IO, "%s: the path is too long", path);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0) return fail_errno("write", path);
    bool written = write_all(fd, bytes);
    int error = errno;
    if (close(fd) != 0 && written) error = errno, written = false;
    if (written && rename(temporary, path) == 0) return QN_OK;
    if (written) error = errno;
    unlink(temporary);
    errno = error;
    return fail_errno("write", path);
}

/* Makes each missing folder of the path, for this user only. */
static bool make_folders(char *path)
{
    for (char *at = path + 1; *at; at++) {
        if (*at != '/') continue;
        *at = 0;
        bool made = mkdir(path, 0700) == 0 || errno == EEXIST;
        *at = '/';
        if (!made) return false;
    }
    return mkdir(path, 0700) == 0 || errno == EEXIST;
}

/* What lies there is loaded as code, so nobody else may be able to put it there. */
static bool only_ours(const char *folder)
{
    struct stat st;
    if (stat(folder, &st) != 0 || !S_ISDIR(st.st_mode)) return false;
    return st.st_uid == geteuid() && !(st.st_mode & (S_IWGRP | S_IWOTH)) && access(folder, W_OK) == 0;
}

bool cache_folder(char *out, size_t out_bytes)
{
    const struct {
        const char *variable, *below;
    } places[] = {
        { "QUERN_CACHE", "" },
        { "XDG_CACHE_HOME", "/quern" },
        { "HOME", "/.cache/quern" },
    };
    for (size_t i = 0; i < COUNT(places); i++) {
        const char *root = getenv(places[i].variable);
        if (!root || root[0] != '/') continue;
        int n = snprintf(out, out_bytes, "%s%s", root, places[i].below);
        if (n < 0 || (size_t)n >= out_bytes) continue;
        return make_folders(out) && only_ours(out);
    }
    return false;
}
