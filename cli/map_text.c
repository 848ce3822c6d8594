/* Maps as people and programs read them: "map {setosa: 0.98, virginica: 0.02}", and JSON objects. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "compare.h"

enum { ROOM = 120 };

/* Element i of keys or values, as far as ROOM goes. */
static const char *element(const qn_tensor *t, uint64_t i)
{
    const qn_bytes *texts = t->data;
    if (t->dtype == QN_STRING)
        return text_print("%.*s", (int)(texts[i].n < ROOM ? texts[i].n : ROOM), (const char *)texts[i].data);
    if (t->dtype == QN_I64) return text_print("%lld", (long long)((const int64_t *)t->data)[i]);
    return text_print("%.6g", compare_number(t, i));
}

const char *text_map(const qn_tensor *t)
{
    const qn_tensor *keys = t->data, *values = keys + 1;
    char line[400] = "";
    size_t at = 0;
    int64_t i = 0;
    for (; i < keys->dims[0] && at < ROOM; i++)
        at += (size_t)snprintf(line + at, sizeof line - at, "%s%.*s: %.*s", i ? ", " : "", ROOM, element(keys, (uint64_t)i),
                               ROOM, element(values, (uint64_t)i));
    return text_print("map {%s%s}", line, i < keys->dims[0] ? ", ..." : "");
}

/* ---- JSON */

/* A text with its end. What JSON's writer would take for an end inside it shows as a character that is none. */
static char *ended(qn_bytes text)
{
    char *out = malloc(text.n + 1);
    if (!out) return NULL;
    for (size_t i = 0; i < text.n; i++) out[i] = ((const char *)text.data)[i] ? ((const char *)text.data)[i] : '\xff';
    out[text.n] = 0;
    return out;
}

static void put_value(const char *key, const qn_tensor *t, uint64_t i)
{
    if (t->dtype == QN_STRING) {
        char *text = ended(((const qn_bytes *)t->data)[i]);
        json_put_text(key, text);
        free(text);
    } else if (t->dtype == QN_I64) json_put_integer(key, ((const int64_t *)t->data)[i]);
    else if (t->dtype == QN_U64) json_put_count(key, ((const uint64_t *)t->data)[i]);
    else if (t->dtype == QN_BOOL) json_put_bool(key, ((const uint8_t *)t->data)[i] != 0);
    else json_put_number(key, compare_number(t, i));
}

static void put_map(const char *name, const qn_tensor *t)
{
    const qn_tensor *keys = t->data, *values = keys + 1;
    json_begin(name, '{');
    for (uint64_t i = 0; i < qn_tensor_elems(keys); i++) {
        char *key = keys->dtype == QN_STRING ? ended(((const qn_bytes *)keys->data)[i]) : NULL;
        put_value(key ? key : element(keys, i), values, i);
        free(key);
    }
    json_end('}');
}

void json_put_maps(const char *name, const qn_tensor *t)
{
    const qn_tensor *list = t->data;
    if (t->dtype == QN_MAP) put_map(name, t);
    else if (t->dtype == QN_OPTIONAL && t->dims[0] == 0) json_put_text(name, NULL);
    else if (t->dtype == QN_OPTIONAL) json_put_maps(name, list);
    else {
        json_begin(name, '[');
        for (int64_t i = 0; i < t->dims[0]; i++) json_put_maps(NULL, &list[i]);
        json_end(']');
    }
}
