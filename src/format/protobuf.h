/* Protocol buffers, the wire format (protobuf.dev, "Encoding"): a message is fields, each a number, a wire type and a payload. */
#ifndef PROTOBUF_H
#define PROTOBUF_H

#include "base/base.h"

typedef enum pb_wire { PB_VARINT = 0, PB_FIXED64 = 1, PB_BYTES = 2, PB_FIXED32 = 5 } pb_wire;
/* bytes: the payload, without the length of PB_BYTES; bits: its value, of the other three. */
typedef struct pb_field {
    u32 number;
    pb_wire wire;
    u64 bits;
    qn_bytes bytes;
} pb_field;

/* The next field of a message; false at its end, and when it is damaged (c->bad is set then). Groups count as damage. */
bool pb_next(cursor *c, pb_field *f);
bool pb_is(const pb_field *f, u32 number, pb_wire wire);

/* What a field begins with, of which only a part may be there: a tag, and a length or a number. */
enum { PB_MOST_HEAD = 20 };
typedef struct pb_head {
    u32 field, wire;
    u64 bytes, payload; /* of the head itself; behind it */
} pb_head;
bool pb_head_read(qn_bytes left, pb_head *h); /* false: it is cut off, or damaged */

/* Payloads of one repeated field, in order. */
typedef struct pb_list {
    qn_bytes *items;
    u32 n, cap;
} pb_list;
bool pb_list_add(arena *mem, pb_list *list, qn_bytes item); /* false: no memory */

/* Repeated numbers stand one a field or packed, many in the payload of one: a list of payloads, each holding one or more. */
typedef struct pb_numbers {
    pb_list parts;
    u64 n;
    pb_wire wire;
    bool bad;
} pb_numbers;
/* Add what this field holds, numbers of that wire type; sets `bad` for a payload that is no whole number of them. */
bool pb_numbers_add(arena *mem, pb_numbers *list, const pb_field *f, pb_wire wire); /* false: no memory */
typedef struct pb_walk {
    u32 part;
    cursor c;
} pb_walk;                                               /* {0} is the start */
u64 pb_numbers_next(const pb_numbers *list, pb_walk *w); /* to be called n times */
#endif
