/* BMP -> RGBA. Written here because no small library reads it (docs/dependencies.md).
 *
 *     file head, info head --> pixel layout --> palette or masks --> rows, packed or run-length coded
 *
 * Reads OS/2 1.x and Windows 3 to 5 heads; 1, 4, 8, 16, 24 and 32 bits; RLE4, RLE8; bit fields; bottom-up and top-down.
 * Refuses what it would have to guess: an index outside the palette, a run past its row, masks with holes. */
#include "media/media.h"

enum { RAW, RLE8, RLE4, FIELDS, ALPHA_FIELDS = 6 }; /* biCompression */

typedef struct field {    /* one channel of a packed pixel */
    u32 mask, shift, top; /* top: the largest value; 0: the channel is absent */
} field;

typedef struct bmp {
    cursor file;
    u32 width, height, bits, compression;
    u32 data_at, head_bytes, colors;
    bool top_down;
    u8 palette[256][4]; /* rgba */
    field fields[4];    /* red, green, blue, alpha */
    qn_image image;
} bmp;

static qn_status read_core_head(bmp *b, cursor *c)
{
    b->width = cursor_u16(c);
    b->height = cursor_u16(c);
    u32 planes = cursor_u16(c);
    b->bits = cursor_u16(c);
    if (c->bad || planes != 1) return fail(QN_E_FORMAT, "BMP: damaged head");
    return QN_OK;
}

static qn_status read_info_head(bmp *b, cursor *c)
{
    i32 width = (i32)cursor_u32(c), height = (i32)cursor_u32(c);
    u32 planes = cursor_u16(c);
    b->bits = cursor_u16(c);
    b->compression = cursor_u32(c);
    cursor_take(c, 12); /* size of the data and resolution: nobody keeps them right */
    b->colors = cursor_u32(c);
    cursor_u32(c);
    if (c->bad || planes != 1 || width <= 0 || height == 0 || height == INT32_MIN)
        return fail(QN_E_FORMAT, "BMP: damaged head");
    b->width = (u32)width;
    b->height = (u32)(height < 0 ? -height : height);
    b->top_down = height < 0;
    return QN_OK;
}

static bool layout_is_known(const bmp *b)
{
    switch (b->compression) {
    case RAW: return b->bits == 1 || b->bits == 4 || b->bits == 8 || b->bits == 16 || b->bits == 24 || b->bits == 32;
    case RLE8: return b->bits == 8 && !b->top_down;
    case RLE4: return b->bits == 4 && !b->top_down;
    case FIELDS:
    case ALPHA_FIELDS: return (b->bits == 16 || b->bits == 32) && b->head_bytes != 64;
    default: return false;
    }
}

static qn_status read_head(bmp *b)
{
    cursor *c = &b->file;
    cursor_take(c, 10);
    b->data_at = cursor_u32(c);
    b->head_bytes = cursor_u32(c);
    bool known = b->head_bytes == 12 || b->head_bytes == 40 || b->head_bytes == 52 || b->head_bytes == 56 ||
                 b->head_bytes == 64 || b->head_bytes == 108 || b->head_bytes == 124;
    if (c->bad || !known) return fail(QN_E_FORMAT, "BMP: a head of %u bytes is none that is known", b->head_bytes);
    QN_TRY(b->head_bytes == 12 ? read_core_head(b, c) : read_info_head(b, c));
    if (!layout_is_known(b))
        return fail(QN_E_UNSUPPORTED, "BMP: %u bits with compression %u%s", b->bits, b->compression,
                    b->top_down ? ", top-down" : "");
    return QN_OK;
}

static qn_status field_of(u32 mask, field *out)
{
    *out = (field){ .mask = mask };
    if (!mask) return QN_OK;
    while (!(mask >> out->shift & 1)) out->shift++;
    out->top = mask >> out->shift;
    if (out->top & ((u64)out->top + 1)) return fail(QN_E_FORMAT, "BMP: bit mask %08x has a hole", mask);
    return QN_OK;
}

static qn_status read_masks(bmp *b)
{
    u32 masks[4] = { 0x7c00, 0x03e0, 0x001f, 0 };
    if (b->bits == 32) masks[0] = 0xff0000, masks[1] = 0xff00, masks[2] = 0xff;
    if (b->compression != RAW) {
        bool alpha = b->compression == ALPHA_FIELDS || b->head_bytes >= 56;
        for (int i = 0; i < (alpha ? 4 : 3); i++) masks[i] = cursor_u32(&b->file);
        if (b->file.bad) return fail(QN_E_FORMAT, "BMP: the file ends inside its bit masks");
    }
    for (int i = 0; i < 4; i++) QN_TRY(field_of(masks[i], &b->fields[i]));
    return QN_OK;
}

static qn_status read_palette(bmp *b)
{
    u32 most = 1u << b->bits;
    if (b->colors == 0 || b->colors > most) b->colors = most;
    u32 entry_bytes = b->head_bytes == 12 ? 3 : 4;
    u64 at = 14u + (u64)b->head_bytes; /* later heads hold more than was read here */
    if (b->data_at > at && b->data_at < at + (u64)b->colors * entry_bytes)
        b->colors = (u32)((b->data_at - at) / entry_bytes);
    b->file = cursor_of((qn_bytes){ b->file.base, (size_t)(b->file.end - b->file.base) });
    cursor_take(&b->file, at);
    for (u32 i = 0; i < b->colors; i++) {
        u8 *rgba = b->palette[i];
        rgba[2] = cursor_u8(&b->file);
        rgba[1] = cursor_u8(&b->file);
        rgba[0] = cursor_u8(&b->file);
        rgba[3] = 255;
        if (entry_bytes == 4) cursor_u8(&b->file);
    }
    return b->file.bad ? fail(QN_E_FORMAT, "BMP: the file ends inside its palette") : QN_OK;
}

static u8 *row_of(const bmp *b, u32 y)
{
    u32 from_top = b->top_down ? y : b->height - 1 - y;
    return b->image.rgba + (size_t)from_top * b->width * 4;
}

static qn_status fail_index(u32 index, const bmp *b)
{
    return fail(QN_E_FORMAT, "BMP: colour %u of a palette of %u", index, b->colors);
}

static qn_status row_from_indices(const bmp *b, const u8 *from, u8 *to)
{
    u32 per_byte = 8 / b->bits, mask = (1u << b->bits) - 1;
    for (u32 x = 0; x < b->width; x++) {
        u32 shift = 8 - b->bits * (x % per_byte + 1);
        u32 index = (u32)from[x / per_byte] >> shift & mask;
        if (index >= b->colors) return fail_index(index, b);
        memcpy(to + (size_t)x * 4, b->palette[index], 4);
    }
    return QN_OK;
}

static qn_status row_from_fields(const bmp *b, const u8 *from, u8 *to)
{
    u32 bytes = b->bits / 8;
    for (u32 x = 0; x < b->width; x++, from += bytes) {
        u32 pixel = from[0] | (u32)from[1] << 8;
        if (bytes == 4) pixel |= (u32)from[2] << 16 | (u32)from[3] << 24;
        for (int c = 0; c < 4; c++) {
            const field *f = &b->fields[c];
            u64 v = (pixel & f->mask) >> f->shift;
            u64 absent = c == 3 ? 255 : 0;
            to[(size_t)x * 4 + (size_t)c] = (u8)(f->top ? (v * 255 + f->top / 2) / f->top : absent);
        }
    }
    return QN_OK;
}

static qn_status row_from_bgr(const bmp *b, const u8 *from, u8 *to)
{
    for (u32 x = 0; x < b->width; x++, from += 3, to += 4) to[0] = from[2], to[1] = from[1], to[2] = from[0], to[3] = 255;
    return QN_OK;
}

static qn_status decode_rows(bmp *b, cursor *data)
{
    qn_status (*row)(const bmp *, const u8 *, u8 *) = b->bits <= 8 ? row_from_indices : row_from_fields;
    if (b->bits == 24) row = row_from_bgr;
    u64 stride = ((u64)b->width * b->bits + 31) / 32 * 4, least = ((u64)b->width * b->bits + 7) / 8;
    for (u32 y = 0; y < b->height; y++) {
        bool last = y + 1 == b->height; /* its padding is often left out */
        qn_bytes from = cursor_take(data, last ? least : stride);
        if (data->bad) return fail(QN_E_FORMAT, "BMP: the file ends in row %u of %u", y, b->height);
        QN_TRY(row(b, from.data, row_of(b, y)));
    }
    return QN_OK;
}

/* ---- run-length coding: pairs (n, index) repeat; (0, n) is a command or n pixels as they are */
typedef struct pen {
    u32 x, y;
    bool done;
} pen;

static qn_status put(const bmp *b, pen *p, u32 index)
{
    if (p->x >= b->width || p->y >= b->height) return fail(QN_E_FORMAT, "BMP: a run goes past the end of row %u", p->y);
    if (index >= b->colors) return fail_index(index, b);
    memcpy(row_of(b, p->y) + (size_t)p->x++ * 4, b->palette[index], 4);
    return QN_OK;
}

static qn_status put_literal(const bmp *b, pen *p, cursor *data, u32 n)
{
    u32 bytes = (n * b->bits + 7) / 8;
    qn_bytes from = cursor_take(data, bytes + (bytes & 1));
    if (data->bad) return QN_OK; /* reported once, by the caller */
    const u8 *in = from.data;
    for (u32 i = 0; i < n; i++) QN_TRY(put(b, p, b->bits == 8 ? in[i] : (i & 1 ? in[i / 2] & 15u : (u32)in[i / 2] >> 4)));
    return QN_OK;
}

static qn_status put_run(const bmp *b, pen *p, u32 n, u32 index)
{
    for (u32 i = 0; i < n; i++) QN_TRY(put(b, p, b->bits == 8 ? index : (i & 1 ? index & 15 : index >> 4)));
    return QN_OK;
}

static qn_status obey(const bmp *b, pen *p, cursor *data, u32 command)
{
    switch (command) {
    case 0: p->x = 0, p->y++; return QN_OK;
    case 1: p->done = true; return QN_OK;
    case 2: p->x += cursor_u8(data), p->y += cursor_u8(data); return QN_OK;
    default: return put_literal(b, p, data, command);
    }
}

static qn_status decode_runs(bmp *b, cursor *data)
{
    for (u64 i = 0; i < (u64)b->width * b->height; i++) memcpy(b->image.rgba + i * 4, b->palette[0], 4);
    pen p = { 0 };
    while (!p.done && p.y < b->height) {
        bool full = p.y + 1 == b->height && p.x == b->width; /* the end mark is often left out */
        if (full && cursor_left(data) < 2) break;
        u32 n = cursor_u8(data), what = cursor_u8(data);
        QN_TRY(n ? put_run(b, &p, n, what) : obey(b, &p, data, what));
        if (data->bad) return fail(QN_E_FORMAT, "BMP: the file ends in row %u of %u", p.y, b->height);
    }
    return QN_OK;
}

static qn_status decode_into(bmp *b)
{
    QN_TRY(read_head(b));
    QN_TRY(b->bits <= 8 ? read_palette(b) : b->bits == 24 ? QN_OK : read_masks(b));
    cursor data = b->file;
    data.at = data.base;
    data.bad = false;
    cursor_take(&data, b->data_at);
    if (data.bad) return fail(QN_E_FORMAT, "BMP: pixels said to start at byte %u, outside the file", b->data_at);
    QN_TRY(image_make("BMP", b->width, b->height, &b->image));
    return b->compression == RLE8 || b->compression == RLE4 ? decode_runs(b, &data) : decode_rows(b, &data);
}

qn_status image_bmp_decode(qn_bytes file, decoded *out)
{
    bmp b = { .file = cursor_of(file) };
    qn_status s = decode_into(&b);
    if (s != QN_OK) {
        qn_image_free(&b.image);
        return s;
    }
    *out = (decoded){ .image = b.image, .orientation = 1 };
    return QN_OK;
}
