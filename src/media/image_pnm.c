/* PBM, PGM and PPM -> RGBA, P1 to P6: as text or as bytes, up to 16 bits. Written here because a head of three numbers needs no library
 * (docs/dependencies.md). */
#include "media/media.h"

typedef struct pnm {
    cursor file;
    u32 width, height, top; /* top: the largest sample */
    bool bits, rgb, text;   /* bits: of P1 and P4, where 1 is black */
    qn_image image;
} pnm;

static bool is_space(u8 c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

static u8 next_byte(cursor *c) /* what a comment holds is left out */
{
    u8 b = cursor_u8(c);
    while (b == '#') {
        while (!c->bad && b != '\n' && b != '\r') b = cursor_u8(c);
    }
    return b;
}

/* A number of at most 65535, and the one byte behind it. */
static u32 number(cursor *c)
{
    u8 b = next_byte(c);
    while (!c->bad && is_space(b)) b = next_byte(c);
    u32 v = 0;
    if (b < '0' || b > '9') c->bad = true;
    for (; !c->bad && b >= '0' && b <= '9'; b = cursor_left(c) ? next_byte(c) : ' ') {
        v = v * 10 + (b - '0');
        if (v > 65535) c->bad = true;
    }
    if (!is_space(b)) c->bad = true;
    return v;
}

/* In P1 the digits need no space between them. */
static u32 digit(cursor *c)
{
    u8 b = next_byte(c);
    while (!c->bad && is_space(b)) b = next_byte(c);
    if (b != '0' && b != '1') c->bad = true;
    return b == '1';
}

static qn_status read_head(pnm *p)
{
    cursor_u8(&p->file);
    u32 kind = cursor_u8(&p->file) - (u32)'0';
    if (p->file.bad || kind < 1 || kind > 6) return fail(QN_E_FORMAT, "PNM: neither of P1 to P6");
    p->text = kind <= 3;
    p->bits = kind % 3 == 1;
    p->rgb = kind % 3 == 0;
    p->width = number(&p->file);
    p->height = number(&p->file);
    p->top = p->bits ? 1 : number(&p->file);
    if (p->file.bad || !p->top) return fail(QN_E_FORMAT, "PNM: damaged head");
    return image_make("PNM", p->width, p->height, &p->image);
}

/* The least bytes that the samples can take: asked for before any is read. */
static u64 least_bytes(const pnm *p)
{
    u64 samples = (u64)p->width * (p->rgb ? 3 : 1);
    if (p->bits && !p->text) return (samples + 7) / 8 * p->height;
    return samples * p->height * (p->text ? (p->bits ? 1 : 2) : p->top > 255 ? 2 : 1) - (p->text && !p->bits);
}

static u32 sample(pnm *p)
{
    if (p->text) return p->bits ? digit(&p->file) : number(&p->file);
    u32 high = cursor_u8(&p->file);
    return p->top > 255 ? high << 8 | cursor_u8(&p->file) : high;
}

static u8 as_byte(const pnm *p, u32 v) { return (u8)((v * 255ull + p->top / 2) / p->top); }

static qn_status row_of_samples(pnm *p, u8 *to)
{
    for (u32 x = 0; x < p->width; x++, to += 4) {
        for (u32 c = 0; c < 3; c++) {
            u32 v = c && !p->rgb ? 0 : sample(p);
            if (v > p->top) return fail(QN_E_FORMAT, "PNM: a sample of %u where %u is the most", v, p->top);
            to[c] = c && !p->rgb ? to[0] : as_byte(p, p->bits ? 1 - v : v);
        }
        to[3] = 255;
    }
    return QN_OK;
}

static qn_status row_of_bits(pnm *p, u8 *to)
{
    const u8 *from = cursor_take(&p->file, (p->width + 7) / 8).data;
    for (u32 x = 0; !p->file.bad && x < p->width; x++, to += 4) {
        to[0] = to[1] = to[2] = from[x / 8] >> (7 - x % 8) & 1 ? 0 : 255;
        to[3] = 255;
    }
    return QN_OK;
}

static qn_status decode_into(pnm *p)
{
    QN_TRY(read_head(p));
    if (cursor_left(&p->file) < least_bytes(p)) return fail(QN_E_FORMAT, "PNM: the file ends too early");
    for (u32 y = 0; y < p->height; y++) {
        u8 *to = p->image.rgba + (size_t)y * p->width * 4;
        QN_TRY(p->bits && !p->text ? row_of_bits(p, to) : row_of_samples(p, to));
        if (p->file.bad) return fail(QN_E_FORMAT, "PNM: damaged in row %u of %u", y, p->height);
    }
    return QN_OK;
}

qn_status image_pnm_decode(qn_bytes file, decoded *out)
{
    pnm p = { .file = cursor_of(file) };
    qn_status s = decode_into(&p);
    if (s != QN_OK) qn_image_free(&p.image);
    else *out = (decoded){ .image = p.image, .orientation = 1 };
    return s;
}
