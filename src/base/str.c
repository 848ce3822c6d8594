/* Text that grows. The writer never has to check: the first failed growth sets `bad`, and the reader of the result looks once. */
#include <stdio.h>

#include "base/base.h"

/* Room for `more` bytes and the NUL. */
static bool make_room(str *s, size_t more)
{
    if (s->bad) return false;
    if (s->cap - s->n > more) return true;
    if (more >= SIZE_MAX / 4 || s->n >= SIZE_MAX / 4) {
        s->bad = true;
        return false;
    }
    size_t cap = MAX(s->cap * 2, s->n + more + 1);
    cap = MAX(cap, 64);
    char *moved = mem_resize(s->text, s->n, cap);
    if (!moved) {
        s->bad = true;
        return false;
    }
    s->text = moved;
    s->cap = cap;
    return true;
}

void str_add_n(str *s, const char *text, size_t n)
{
    if (!make_room(s, n)) return;
    if (n) memcpy(s->text + s->n, text, n);
    s->n += n;
    s->text[s->n] = 0;
}

void str_add(str *s, const char *text)
{
    if (text) str_add_n(s, text, strlen(text));
}

void str_vprint(str *s, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    if (n < 0) s->bad = true;
    else if (make_room(s, (size_t)n)) {
        vsnprintf(s->text + s->n, (size_t)n + 1, format, again);
        s->n += (size_t)n;
    }
    va_end(again);
}

void str_print(str *s, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    str_vprint(s, format, args);
    va_end(args);
}

void str_free(str *s)
{
    mem_free(s->text);
    *s = (str){ 0 };
}

bool text_same(const char *a, const char *b) { return strcmp(a ? a : "", b ? b : "") == 0; }

bool text_starts(const char *text, const char *head) { return text && strncmp(text, head, strlen(head)) == 0; }

u32 utf8_bytes(const u8 *at, size_t left)
{
    u8 head = at[0];
    if (head < 0x80) return 1;
    u32 n = head >= 0xf0 ? 4 : head >= 0xe0 ? 3 : 2;
    if (head < 0xc2 || head > 0xf4 || left < n) return 0;
    for (u32 i = 1; i < n; i++)
        if ((at[i] & 0xc0) != 0x80) return 0;
    bool overlong = (head == 0xe0 && at[1] < 0xa0) || (head == 0xf0 && at[1] < 0x90);
    bool outside = (head == 0xed && at[1] > 0x9f) || (head == 0xf4 && at[1] > 0x8f);
    return overlong || outside ? 0 : n;
}
