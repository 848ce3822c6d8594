/* What a JPEG 2000 file of a few hundred bytes makes its library allocate: structures for all code blocks and precincts of a tile, before their
 * bytes are looked for. In: the file, the sizes that its head has. Out: whether they are few enough.
 *
 * Each COD and COC segment is looked at, in the main head and in those of tile-parts. Not here: whether the file is right otherwise. */
#include "media/media.h"

#if defined(QUERN_HAVE_JP2) && QUERN_HAVE_JP2
enum { MOST_BLOCKS = 4 << 20, MOST_LEVELS = 32, JP2C = 0x6a703263 };
enum { SOC = 0xff4f, COD = 0xff52, COC = 0xff53, SOT = 0xff90, SOD = 0xff93, EOC = 0xffd9 };

static u32 number(cursor *c, u32 bytes) /* big endian */
{
    u32 v = 0;
    for (u32 i = 0; i < bytes; i++) v = v << 8 | cursor_u8(c);
    return v;
}

/* The code stream: the whole file, or what a box holds. */
static cursor code_stream(qn_bytes file)
{
    cursor c = cursor_of(file);
    if (file.n > 1 && number(&c, 2) == SOC) return cursor_of(file);
    for (c = cursor_of(file); cursor_left(&c) >= 8;) {
        u64 n = number(&c, 4), head = 8;
        u32 type = number(&c, 4);
        if (n == 1) n = (u64)number(&c, 4) << 32, n |= number(&c, 4), head = 16;
        n = n < head ? cursor_left(&c) : MIN(n - head, cursor_left(&c)); /* 0: up to the file's end */
        qn_bytes inside = cursor_take(&c, n);
        if (type == JP2C) return cursor_of(inside);
    }
    return cursor_of((qn_bytes){ 0 });
}

static u64 in_steps(u64 n, u32 log2) { return (n + (((u64)1 << log2) - 1)) >> log2; }

/* Of one component whose samples are so wide and high. The first resolution is one band, each other three of half its size. */
static void count_parts(cursor coding, bool custom, u64 w, u64 h, u64 *blocks, u64 *precincts)
{
    u32 levels = MIN(cursor_u8(&coding), MOST_LEVELS), bw = (cursor_u8(&coding) & 15u) + 2,
        bh = (cursor_u8(&coding) & 15u) + 2;
    cursor_take(&coding, 2);
    *blocks = *precincts = 0;
    for (u32 r = 0; r <= levels; r++) {
        u32 size = custom ? cursor_u8(&coding) : 0xff, pw = size & 15, ph = size >> 4, half = r > 0;
        u64 rw = in_steps(w, levels - r), rh = in_steps(h, levels - r);
        *blocks += (half ? 3u : 1u) * in_steps(rw, MIN(bw + half, pw)) * in_steps(rh, MIN(bh + half, ph));
        *precincts += in_steps(rw, pw) * in_steps(rh, ph);
    }
}

/* One segment of the kind COD, for all components, or COC. Each layer of a precinct is a packet, and takes a byte at least. */
static qn_status check_coding(qn_bytes file, const jp2_sizes *s, u32 marker, cursor segment, u32 *layers)
{
    u64 blocks, precincts, fewest;
    if (marker == COC) cursor_u8(&segment);
    bool custom = cursor_u8(&segment) & 1;
    if (marker == COD) cursor_u8(&segment), *layers = number(&segment, 2), cursor_u8(&segment);
    count_parts(segment, custom, s->width, s->height, &blocks, &precincts);
    count_parts(segment, custom, s->width / s->step_x, s->height / s->step_y, &fewest, &precincts);
    if (blocks * (marker == COD ? s->components : 1) > MOST_BLOCKS)
        return fail(QN_E_UNSUPPORTED, "JPEG 2000: a tile of more than %d code blocks", MOST_BLOCKS);
    if (precincts * *layers > file.n)
        return fail(QN_E_FORMAT, "JPEG 2000: the file has fewer bytes than a tile has packets");
    return QN_OK;
}

qn_status image_jp2_head_check(qn_bytes file, const jp2_sizes *s)
{
    cursor c = code_stream(file);
    u32 layers = 1, length = 0;
    u64 part = 0, part_length = 0; /* the tile-part's start, and its bytes; 0: all that are left */
    for (cursor_take(&c, 2); !c.bad;) {
        u64 at = cursor_offset(&c);
        u32 marker = number(&c, 2);
        if (marker == EOC) break;
        if (marker == SOD) {
            u64 done = cursor_offset(&c) - part;
            if (part_length < done) break;
            cursor_take(&c, part_length - done);
            continue;
        }
        length = number(&c, 2);
        cursor segment = cursor_of(cursor_take(&c, length < 2 ? 0 : length - 2));
        if (marker == SOT) part = at, number(&segment, 2), part_length = number(&segment, 4);
        if (marker == COD || marker == COC) QN_TRY(check_coding(file, s, marker, segment, &layers));
    }
    return QN_OK;
}
#else
typedef int image_jp2_head_left_out;
#endif
