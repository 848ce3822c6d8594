/* Maps as people and programs read them: "map {setosa: 0.98, virginica: 0.02}", and JSON objects. */
#include <string.h>

#include "cli.h"
#include "compare.h"

enum { ROOM = 120 };

/* As far as ROOM goes, and no further than to the end of a character. */
static const char *start_of(qn_bytes text)
{
    size_t n = text.n < ROOM ? text.n : ROOM;
    while (n && n < text.n && (((const unsigned char *)text.data)[n] & 0xc0) == 0x80) n--;
    return text_print("%.*s", (int)n, (const char *)text.data);
}

/* Element i of keys or values. */
static const char *element(const qn_tensor *t, uint64_t i)
{
    if (t->dtype == QN_STRING) return start_of(((const qn_bytes *)t->data)[i]);
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

static void put_value(const qn_tensor *t, uint64_t i)
{
    if (t->dtype == QN_STRING) json_put_bytes(NULL, ((const qn_bytes *)t->data)[i]);
    else if (t->dtype == QN_I64) json_put_integer(NULL, ((const int64_t *)t->data)[i]);
    else if (t->dtype == QN_U64) json_put_count(NULL, ((const uint64_t *)t->data)[i]);
    else if (t->dtype == QN_BOOL) json_put_bool(NULL, ((const uint8_t *)t->data)[i] != 0);
    else if (t->dtype == QN_F64) json_put_double(NULL, ((const double *)t->data)[i]);
    else json_put_number(NULL, compare_number(t, i));
}

static void put_map(const char *name, const qn_tensor *t)
{
    const qn_tensor *keys = t->data, *values = keys + 1;
    json_begin(name, '{');
    for (uint64_t i = 0; i < qn_tensor_elems(keys); i++) {
        const char *number = keys->dtype == QN_STRING ? "" : element(keys, i);
        json_key(keys->dtype == QN_STRING ? ((const qn_bytes *)keys->data)[i] : (qn_bytes){ number, strlen(number) });
        put_value(values, i);
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
