/* Nodes from a line of text: "g * (1 - y * y)".
 *
 *     line    = { letter "=" choice ";" } choice               the letter means that from here on
 *     choice  = compare [ "?" choice ":" choice ]              Where
 *     compare = sum [ ( "<" | ">" | "==" ) sum ]
 *     sum     = product { ( "+" | "-" ) product }
 *     product = factor { ( "*" | "/" ) factor }
 *     factor  = "-" factor | number | letter | Op "(" choice { "," choice } ")" | "(" choice ")"
 * A letter is a lower-case one; an op is one of ai.onnx without attributes, by its name; numbers are scalars of one dtype. The text is the
 * library's own: what is wrong with it is an assertion. */
#ifndef FORMULA_H
#define FORMULA_H

#include "op/op.h"

typedef struct formula {
    build *b;
    qn_dtype dtype; /* of numbers */
    val of['z' - 'a' + 1];
} formula;
static inline void formula_set(formula *f, char letter, val v) { f->of[letter - 'a'] = v; }
/* 0 after a failure, which sticks in f->b. */
val formula_build(formula *f, const char *text);
/* "ab", x, y: the letters' values in turn. Numbers are of the first one's dtype. */
val build_formula(build *b, const char *text, const char *letters, ...);
#endif
