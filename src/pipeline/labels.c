/* Label files -> names by index. Text: a name a line, or every line begins with its index; JSON: an array, an object by index,
 * or an object with id2label. ImageNet's "n01440764 " heads are taken off. */
#include <stdlib.h>

#include "base/base.h"

enum { MAX_LABELS = 1 << 20, MAX_FILE_BYTES = 64 << 20 };

struct qn_labels {
    arena *mem;
    const char **names; /* [n], NULL: none */
    u32 n, cap;
};

static qn_status put(qn_labels *l, u64 index, const char *name, size_t n)
{
    if (index >= MAX_LABELS)
        return fail(QN_E_FORMAT, "labels: index %llu; at most %d are read", (unsigned long long)index, MAX_LABELS);
    while (l->n <= index) {
        if (!ARENA_PUSH_ROOM(l->mem, l->names, l->n, l->cap, MAX_LABELS)) return fail_nomem(l->n * sizeof(char *));
        l->names[l->n++] = NULL;
    }
    char *copy = arena_text(l->mem, name, n);
    if (!copy) return fail_nomem(n);
    l->names[index] = copy;
    return QN_OK;
}

/* ---- text */
typedef struct line {
    const char *text;
    size_t n;
} line;

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

static bool next_line(const char **at, const char *end, line *out)
{
    if (*at == end) return false;
    const char *stop = memchr(*at, '\n', (size_t)(end - *at));
    line l = { *at, (size_t)((stop ? stop : end) - *at) };
    *at = stop ? stop + 1 : end;
    while (l.n && is_space(l.text[l.n - 1])) l.n--;
    while (l.n && is_space(*l.text)) l.text++, l.n--;
    *out = l;
    return true;
}

/* "12,name", "12: name", "12 name": the index, and the line without it. */
static bool split_index(line *l, u64 *index)
{
    size_t i = 0;
    u64 v = 0;
    while (i < l->n && is_digit(l->text[i]) && v < UINT32_MAX) v = v * 10 + (u64)(l->text[i++] - '0');
    if (i == 0 || i == l->n || !(l->text[i] == ',' || l->text[i] == ':' || is_space(l->text[i]))) return false;
    i++;
    while (i < l->n && is_space(l->text[i])) i++;
    l->text += i;
    l->n -= i;
    *index = v;
    return true;
}

static void drop_synset(line *l)
{
    if (l->n < 11 || l->text[0] != 'n' || !is_space(l->text[9])) return;
    for (int i = 1; i < 9; i++)
        if (!is_digit(l->text[i])) return;
    l->text += 10;
    l->n -= 10;
}

static bool every_line_has_index(const char *at, const char *end)
{
    line l;
    u64 index;
    bool any = false;
    while (next_line(&at, end, &l)) {
        if (!l.n) continue;
        if (!split_index(&l, &index)) return false;
        any = true;
    }
    return any;
}

static qn_status read_lines(qn_labels *l, const char *at, const char *end)
{
    bool indexed = every_line_has_index(at, end);
    line text;
    for (u64 number = 0; next_line(&at, end, &text); number++) {
        if (!text.n) continue;
        u64 index = number;
        if (indexed) split_index(&text, &index);
        drop_synset(&text);
        QN_TRY(put(l, index, text.text, text.n));
    }
    return QN_OK;
}

/* ---- JSON */
static const char *name_in(const json_value *v)
{
    if (v->kind == 's') return v->text;
    if (v->kind != '[') return NULL;
    const char *last = NULL; /* ["n01440764", "tench"] */
    for (const json_value *i = v->first; i; i = i->next)
        if (i->kind == 's') last = i->text;
    return last;
}

static qn_status read_json_list(qn_labels *l, const json_value *list)
{
    u64 number = 0;
    for (const json_value *v = list->first; v; v = v->next) {
        const char *name = name_in(v);
        if (!name) return fail(QN_E_FORMAT, "labels: entry %llu is not a name", (unsigned long long)number);
        QN_TRY(put(l, number++, name, strlen(name)));
    }
    return QN_OK;
}

static qn_status read_json_entry(qn_labels *l, const json_value *v)
{
    char *end;
    u64 index = strtoull(v->key, &end, 10);
    const char *name = name_in(v);
    if (is_digit(v->key[0]) && *end == 0 && name) return put(l, index, name, strlen(name));
    if (v->kind == '#' && v->number >= 0 && v->number < (f64)MAX_LABELS && v->number == (f64)(u32)v->number)
        return put(l, (u64)v->number, v->key, strlen(v->key));
    return fail(QN_E_FORMAT, "labels: \"%s\" is neither an index with a name nor a name with an index", v->key);
}

static qn_status read_json(qn_labels *l, qn_bytes text)
{
    json_value *root;
    QN_TRY(json_read(l->mem, text, &root));
    const json_value *names = json_get(root, "id2label");
    if (!names) names = root;
    if (names->kind == '[') return read_json_list(l, names);
    if (names->kind != '{') return fail(QN_E_FORMAT, "labels: an object or an array of names is wanted");
    for (const json_value *v = names->first; v; v = v->next) QN_TRY(read_json_entry(l, v));
    return QN_OK;
}

static qn_status read_any(qn_labels *l, qn_bytes text)
{
    if (text.n > MAX_FILE_BYTES) return fail(QN_E_FORMAT, "labels: a file of %zu bytes is no list of names", text.n);
    const char *at = text.data, *end = at + text.n;
    if (text.n >= 3 && memcmp(at, "\xef\xbb\xbf", 3) == 0) at += 3;
    if (memchr(at, 0, (size_t)(end - at))) return fail(QN_E_FORMAT, "labels: not a text file");
    while (at < end && is_space(*at)) at++;
    bool is_json = at < end && (*at == '{' || *at == '[');
    QN_TRY(is_json ? read_json(l, (qn_bytes){ at, (size_t)(end - at) }) : read_lines(l, at, end));
    return l->n ? QN_OK : fail(QN_E_FORMAT, "labels: there is none in the file");
}

qn_status qn_labels_read(qn_bytes text, qn_labels **out)
{
    if (!out || (!text.data && text.n)) return fail(QN_E_USAGE, "qn_labels_read: text and out are needed");
    qn_bytes some = text.data ? text : (qn_bytes){ "", 0 };
    arena *mem = arena_make();
    qn_labels *l = mem ? ARENA_NEW(mem, qn_labels) : NULL;
    if (!l) {
        arena_free(mem);
        return fail_nomem(sizeof *l);
    }
    l->mem = mem;
    qn_status s = read_any(l, some);
    if (s != QN_OK) arena_free(mem);
    else *out = l;
    return s;
}

qn_status qn_labels_load(const char *path, qn_labels **out)
{
    if (!path || !out) return fail(QN_E_USAGE, "qn_labels_load: path and out are needed");
    file_map file;
    QN_TRY(file_map_open(path, &file));
    qn_status s = qn_labels_read(file.bytes, out);
    file_map_close(&file);
    return fail_in(s, "%s: ", path);
}

void qn_labels_free(qn_labels *l)
{
    if (l) arena_free(l->mem);
}

uint32_t qn_labels_count(const qn_labels *l) { return l ? l->n : 0; }
const char *qn_label(const qn_labels *l, uint32_t index) { return l && index < l->n ? l->names[index] : NULL; }
