/* Finding a driver's files and functions: one after the other until something is missing, which is then said once and for all. */
#include "device/driver_library.h"

#include <dlfcn.h>
#include <stdio.h>

#include "base/platform.h"

/* `opened`: the file that it is. */
static void *open_part(driver_library *l, const driver_part *p, const char **opened)
{
    const char *named = l->setting ? platform_setting(l->setting) : NULL, *reason = NULL;
    void *library = NULL;
    if (named && *named) {
        library = dlopen(named, RTLD_NOW | RTLD_LOCAL);
        reason = library ? NULL : dlerror();
        if (!library) snprintf(l->why, sizeof l->why, "%s: %s", l->setting, reason ? reason : named);
        *opened = named;
        return library;
    }
    for (const char *const *file = p->files; *file && !library; file++) {
        library = dlopen(*file, RTLD_NOW | RTLD_LOCAL);
        *opened = *file;
        const char *said = library ? NULL : dlerror(); /* of the first: the one that most systems have */
        if (!library && file == p->files) snprintf(l->why, sizeof l->why, "%s (%s)", l->absent, said ? said : *file);
    }
    return library;
}

/* POSIX promises that a data pointer can hold a function's; C does not, so it is copied. */
_Static_assert(sizeof(void *) == sizeof(void (*)(void)), "an address of a function is as wide as one of data");

static bool find_all(driver_library *l, void *library, const char *file, const driver_part *p)
{
    for (u32 i = 0; i < p->n; i++) {
        const driver_function *f = &p->functions[i];
        void *found = dlsym(library, f->name);
        memcpy(f->at, &found, sizeof found);
        if (found || f->optional) continue;
        snprintf(l->why, sizeof l->why, "%s lacks %s: %s", file, f->name, l->too_old);
        return false;
    }
    return true;
}

static bool load(driver_library *l)
{
    for (u32 i = 0; i < l->n_parts; i++) {
        const char *file = NULL;
        void *library = open_part(l, &l->parts[i], &file);
        if (!library || !find_all(l, library, file, &l->parts[i])) return false;
    }
    return !l->start || l->start(l->why, sizeof l->why);
}

qn_status driver_library_load(driver_library *l)
{
    pthread_mutex_lock(&l->lock);
    if (!l->tried) l->works = load(l);
    l->tried = true;
    bool works = l->works;
    pthread_mutex_unlock(&l->lock);
    return works ? QN_OK : fail(QN_E_NO_DEVICE, "%s", l->why);
}
