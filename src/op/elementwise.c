/* The elementwise ops: one row each. In: operands that broadcast. Out: one tensor of the broadcast shape.
 *
 * A row says what the op is, in the kernel language (elementwise.h has the letters); elementwise_chain.c turns rows into kernels.
 * Besides a, b, c and p .. s a row may use  T  the word of the computing type, and  SIGNED  whether it is a signed integer,  BITS  how many the dtype has.
 * Float literals carry an 'f', which is dropped in f64. Ops whose operands are many ("many" slot) are their row folded from the left.
 * Not here: what is elementwise only after a rewrite (elementwise_composite.c). */
#include "op/elementwise.h"
#include "op/elems.h"
#include "op/gradient.h"
#include "op/narrow.h"
#include "op/op_util.h"
#include "plan/lower.h"

/* ------------------------------------------------------------------ inference */
static qn_dtype row_dtype(const infer *c)
{
    const ew_row *row = op_of(c->n)->row;
    if (row->result) return QN_BOOL;
    return infer_in(c, c->n->op == OP_Where ? 1 : 0)->dtype;
}

static qn_status infer_row(infer *c)
{
    const type *first = infer_in(c, 0);
    type out = *first;
    if (c->n->op == OP_BitShift && !text_same(attr_text(c->g, c->n, "direction", ""), "LEFT") &&
        !text_same(attr_text(c->g, c->n, "direction", ""), "RIGHT"))
        return infer_fail(c, QN_E_FORMAT, "direction is neither LEFT nor RIGHT");
    for (u32 i = 1; i < c->n->n_in; i++) {
        const type *t = infer_in(c, i);
        if (!t) continue;
        type wide;
        QN_TRY(infer_broadcast(c, &out, t, &wide));
        out = wide;
    }
    out.dtype = row_dtype(c);
    return elems_infer_row(c, &out);
}

static qn_status infer_cast(infer *c)
{
    type out = type_with(infer_in(c, 0), node_dtype(c->n, "to", QN_NONE));
    return dtype_is_for_host(out.dtype) ? infer_out(c, 0, &out) : elems_infer_cast(c, &out);
}

/* Strings are compared on the host. */
static qn_status expand_equal(build *b, const node *n)
{
    (void)n;
    val y = build_op2(b, OP_EqualText, build_in(b, 0), build_in(b, 1));
    return build_done(b, &y, 1);
}

/* A float8 is looked at as f32. */
static qn_status expand_wider(build *b, const node *n)
{
    val x = build_cast(b, build_in(b, 0), QN_F32), y = build_node(b, (op_id)n->op, &x, 1, n->attrs, n->n_attrs);
    return build_done(b, &y, 1);
}

/* ------------------------------------------------------------------ cases, shared by what takes the same numbers */
/* clang-format off */
static const op_case any_cases[] = {
    { "f32[3,1000]",           "", 1e-6, "the common case"          }, { "f32[7]=20",    "", 1e-6, "large magnitudes" },
    { "f32[]",                 "", 1e-6, "rank 0"                   }, { "f32[0,4]",     "", 0,    "empty"            },
    { "f16[2,33]",             "", 1e-3, "half"                     }, { "bf16[5,3]",    "", 8e-3, "bfloat16"         },
    { "f64[17]",               "", 1e-12, "double"                  }, { 0 }
};
static const op_case classed_cases[] = {
    { "f32[5]={inf,-inf,nan,0,-1}", "", 0, "of each kind"           }, { "f32[3,1000]",  "", 0,    "numbers"          },
    { "f64[3]={inf,nan,1}",    "", 0,    "double"                   }, { "f16[3]={inf,nan,1}", "", 0, "half"           },
    { "f8e4m3fn[256]=0..255",  "", 0,    "e4m3fn"                   }, { "f8e4m3fnuz[256]=0..255", "", 0, "e4m3fnuz"  },
    { "f8e5m2[256]=0..255",    "", 0,    "e5m2"                     }, { "f8e5m2fnuz[256]=0..255", "", 0, "e5m2fnuz"  },
    { "f32[0,4]",              "", 0,    "empty"                    }, { 0 }
};
static const op_case positive_cases[] = {
    { "f32[3,1000]=0.1..9",    "", 1e-6, "the common case"          }, { "f32[]=1..2",   "", 1e-6, "rank 0"           },
    { "f16[2,33]=0.1..9",      "", 1e-3, "half"                     }, { "f64[17]=0.1..9", "", 1e-12, "double"        },
    { "f32[0]",                "", 0,    "empty"                    }, { 0 }
};
static const op_case unit_cases[] = {
    { "f32[3,1000]=-0.98..0.98", "", 1e-6, "inside the domain"      }, { "f64[17]=-0.9..0.9", "", 1e-12, "double"     },
    { "f16[2,33]=-0.9..0.9",   "", 2e-3, "half"                     }, { 0 }
};
static const op_case above_one_cases[] = {
    { "f32[3,100]=1.1..9",     "", 1e-6, "inside the domain"        }, { "f64[17]=1.1..9", "", 1e-12, "double"        }, { 0 }
};
static const op_case number_cases[] = {
    { "f32[3,1000]",           "", 1e-6, "the common case"          }, { "f16[2,33]",    "", 1e-3, "half"             },
    { "i32[9]=-1000..1000",    "", 0,    "integers stay integers"   }, { "i8[40]=-128..127", "", 0, "narrow"          },
    { "i64[3]={-4294967297,0,4294967297}", "", 0, "beyond 32 bits"  }, { "f64[17]",      "", 1e-12, "double"          },
    { "f32[]",                 "", 1e-6, "rank 0"                   }, { "f32[2,0]",     "", 0,    "empty"            }, { 0 }
};
static const op_case truth_cases[] = {
    { "bool[3,5]=0..1",        "", 0,    "the common case"          }, { "bool[]=1..1",  "", 0,    "rank 0"           }, { 0 }
};
static const op_case bits_cases[] = {
    { "i32[9]=-1000..1000",    "", 0,    "signed"                   }, { "u8[40]=0..255", "", 0,   "narrow"           },
    { "u64[3]={0,1,4294967297}", "", 0,  "beyond 32 bits"           }, { 0 }
};
static const op_case number2_cases[] = {
    { "f32[3,1000] f32[3,1000]", "", 1e-6, "the common case"        }, { "f32[2,3,4] f32[4]", "", 1e-6, "a row"       },
    { "f32[4] f32[2,3,4]",     "", 1e-6, "the other way round"      }, { "f32[2,1,4] f32[1,3,1]", "", 1e-6, "both ways" },
    { "f32[2,3,4,5] f32[3,1,1]", "", 1e-6, "a channel"              }, { "f32[] f32[3]",  "", 1e-6, "a scalar"        },
    { "f32[0,3] f32[1]",       "", 0,    "empty"                    }, { "f16[2,33] f16[33]", "", 2e-3, "half"        },
    { "bf16[2,3] bf16[3]",     "", 8e-3, "bfloat16"                 }, { "f64[17] f64[1]", "", 1e-12, "double"        },
    { "i32[9]=-1000..1000 i32[9]=1..70", "", 0, "integers"          }, { "i64[4]=-9..9 i64[1]={4294967297}", "", 0, "beyond 32 bits" },
    { "i8[40]=-128..127 i8[40]=1..127", "", 0, "narrow ones wrap"   }, { "u8[40]=0..255 u8[40]=1..255", "", 0, "unsigned" },
    { "u32[3]={4294967295,7,0} u32[3]={2,3,4294967295}", "", 0, "the top bit is a number" }, { 0 }
};
static const op_case truth2_cases[] = {
    { "bool[3,5]=0..1 bool[5]=0..1", "", 0, "a row"                 }, { "bool[1,4]=0..1 bool[3,1]=0..1", "", 0, "both ways" }, { 0 }
};
static const op_case compare_cases[] = {
    { "f32[3,100] f32[100]",   "", 0,    "a row"                    }, { "i32[9]=0..3 i32[9]=0..3", "", 0, "integers" },
    { "i64[2]={4294967297,1} i64[2]={1,4294967297}", "", 0, "beyond 32 bits" }, { "f16[9] f16[9]", "", 0, "half"      },
    { "u64[2]={9223372036854775809,1} u64[2]={1,2}", "", 0, "the top bit is a number" }, { "f32[0] f32[]", "", 0, "empty" }, { 0 }
};
static const op_case bits2_cases[] = {
    { "i32[9]=-1000..1000 i32[9]=-1000..1000", "", 0, "signed"      }, { "u8[2,20]=0..255 u8[20]=0..255", "", 0, "narrow" },
    { "u64[2]={0,4294967297} u64[1]={4294967296}", "", 0, "beyond 32 bits" }, { 0 }
};
static const op_case shift_cases[] = {
    { "u8[9]=0..255 u8[9]=0..7", "direction=\"LEFT\"", 0, "bits fall off" }, { "u32[9]=0..99999 u32[1]={31}", "direction=\"RIGHT\"", 0, "all but one" },
    { "u64[2]={1,9} u64[1]={40}", "direction=\"LEFT\"", 0, "beyond 32 bits" },
    { "i8[4]={-16,16,-1,5} i8[4]={9,8,-2,1}", "direction=\"RIGHT\"", 0, "all of the bits, or a negative count" }, { 0 }
};
static const op_case mod_cases[] = {
    { "i32[9]=-50..50 i32[9]=1..7", "", 0, "the sign of the divisor" }, { "i32[9]=-50..50 i32[1]={-7}", "", 0, "negative divisor" },
    { "i64[9]=-50..50 i64[1]={-7}", "fmod=1", 0, "the sign of the dividend" }, { "u8[9]=0..255 u8[1]={7}", "", 0, "unsigned" },
    { "f32[90]=-50..50 f32[90]=1..7", "fmod=1", 1e-5, "floats"      }, { "i32[2]={-2147483648,5} i32[1]={-1}", "", 0, "no overflow" },
    { "f32[90]=-50..50 f32[90]=-7..7", "", 1e-4, "floats, the sign of the divisor" }, { 0 }
};
static const op_case div_cases[] = {
    { "f32[3,100] f32[100]=0.5..4", "", 1e-6, "a row"               }, { "i32[9]=-50..50 i32[9]=1..7", "", 0, "toward zero" },
    { "i32[2]={-2147483648,5} i32[1]={-1}", "", 0, "no overflow"    }, { "u64[2]={9223372036854775809,5} u64[1]={2}", "", 0, "the top bit" },
    { "i8[40]=-128..127 i8[1]={-3}", "", 0, "narrow"                }, { "f16[9] f16[9]=1..2", "", 2e-3, "half"       }, { 0 }
};
static const op_case pow_cases[] = {
    { "f32[3,100]=0.1..3 f32[1]={2.5}", "", 1e-5, "the common case" }, { "f32[9] i64[1]={3}", "", 1e-6, "an integer exponent, negative base" },
    { "i32[9]=-9..9 i32[1]={3}", "", 0,  "integers"                 }, { "i64[9]=-9..9 f32[1]={2}", "", 0, "integer base, float exponent" },
    { "f16[9]=0.1..3 f16[9]",  "", 5e-3, "half"                     }, { "f64[9]=0.1..3 f64[9]", "", 1e-12, "double"  }, { 0 }
};
static const op_case clip_cases[] = {
    { "f32[3,100] f32[]={-0.5} f32[]={0.5}", "", 0, "the common case" }, { "f32[9] _ f32[]={0.5}", "", 0, "no lower bound" },
    { "f32[9] f32[]={0.5}",    "", 0,    "no upper bound"           }, { "i8[9]=-128..127 i8[]={-3} i8[]={50}", "", 0, "integers" },
    { "i64[9]=-9..9 _ i64[]={4}", "", 0, "64 bits"                  }, { "f16[9] f16[]={-1} f16[]={1}", "", 1e-3, "half" },
    { "f32[9] f32[]={2} f32[]={-1}", "", 0, "the least is above the most: the most" }, { "i32[9]=-9..9 i32[]={4} i32[]={-3}", "", 0, "likewise, integers" },
    { "u8[9]=0..20 u8[]={9} u8[]={3}", "", 0, "likewise, narrow" }, { "i64[9]=-9..9 i64[]={4} i64[]={-3}", "", 0, "likewise, 64 bits" }, { 0 }
};
static const op_case where_cases[] = {
    { "bool[3,100]=0..1 f32[3,100] f32[100]", "", 0, "a row"        }, { "bool[1,4]=0..1 i64[3,1] i64[]={7}", "", 0, "both ways" },
    { "bool[9]=0..1 u8[9]=0..255 u8[1]={0}", "", 0, "narrow"        }, { "bool[4]=0..1 bool[4]=0..1 bool[]={0}", "", 0, "truth values" }, { 0 }
};
static const op_case cast_cases[] = {
    { "f32[9]=-300..300",      "to=6",   0, "to i32: toward zero"   }, { "f32[9]",       "to=10",  1e-3, "to f16"        },
    { "f32[9]",                "to=9",   0, "to bool"               }, { "i32[3]={300,-1,-129}", "to=3", 0, "to i8: wraps" },
    { "i64[2]={4294967297,-1}", "to=6",  0, "to i32: wraps"         }, { "i64[2]={9007199254740993,-1}", "to=1", 1e-7, "to f32: rounds" },
    { "bool[4]=0..1",          "to=1",   0, "from bool"             }, { "f16[9]",       "to=1",   0, "from half"        },
    { "f32[9]",                "to=16",  8e-3, "to bf16"            }, { "f64[9]",       "to=1",   1e-7, "from double"    },
    { "f32[3]={1e10,-1e10,5}", "to=6",   0, "to i32: out of range saturates" },
    { "f32[8]={-9,-8,-1.5,0,7,8,300,nan}", "to=22", 0, "to i4: the low bits of a byte" }, { "u8[6]={0,3,4,15,16,255}", "to=25", 0, "to u2" },
    { "i4[4]={-8,-1,0,7}",     "to=1",   0, "from i4"               }, { "u2[4]={0,1,2,3}", "to=21", 0, "from u2 to u4" }, { 0 }
};
static const op_case many_number_cases[] = {
    { "f32[3,4] f32[4] f32[3,1]", "", 0, "three, broadcasting"      }, { "i64[5]=-9..9 i64[1]={2}", "", 0, "integers" },
    { "u64[2]={9223372036854775809,1} u64[2]={2,2}", "", 0, "the top bit is a number" }, { "f32[5]", "", 0, "one"     },
    { "i8[5]=-128..127 i8[5]=-128..127", "", 0, "narrow"            }, { 0 }
};
/* clang-format on */

/* ------------------------------------------------------------------ the rows */
/* clang-format off */
#define ROW(name_, ins, out_type, row_result, expr_, ints_, grads_, params_, cases_, doc_, ...)                               \
    static const ew_row row_##name_ = { .expr = expr_, .ints = ints_, .result = row_result, .params = LIST params_, .grad = FORMULAS grads_ }; \
    const op_def op_##name_ = { .name = #name_, .doc = DOC(doc_), .in = ins, .out = { { "y", out_type } }, .infer = infer_row,       \
                              .host_elems = true, .variants = ew_variants, .row = &row_##name_, .cases = CASES(cases_), __VA_ARGS__ };
#define LIST(...)           { __VA_ARGS__ }
#define IN1(types)          { { "x", types } }
#define IN2(types)          { { "a", types }, { "b", "as a" } }
#define ANY_INT             "int|uint"
/*      ROW1: one operand    ROW1I: of no format    ROW1P: with attributes    ROW2: two alike    TRUTH: giving a truth value    ROWN: any number, folded */
#define ROW1(op, types, expr, ints, grads, cases, doc)   ROW(op, IN1(types), "as x", NULL, expr, ints, grads, (NULL), cases, doc, .min_in = 1)
#define ROW1I(op, types, expr, ints, grads, cases, doc)  ROW(op, IN1(types), "as x", NULL, expr, ints, grads, (NULL), cases, doc, .min_in = 1, .domain = "quern")
#define ROW1P(op, types, expr, ints, grads, params, cases, doc, attrs_) ROW(op, IN1(types), "as x", NULL, expr, ints, grads, params, cases, doc, .attrs = attrs_)
#define ROW2(op, types, expr, ints, grads, cases, doc)   ROW(op, IN2(types), "as a", NULL, expr, ints, grads, (NULL), cases, doc, .min_in = 2)
#define TRUTH1(op, types, expr, cases, doc)       ROW(op, IN1(types), "bool", "bool", expr, NULL, (NULL), (NULL), cases, doc, .min_in = 1)
#define TRUTH2(op, types, expr, cases, doc)       ROW(op, IN2(types), "bool", "bool", expr, NULL, (NULL), (NULL), cases, doc, .min_in = 2)
#define ROWN(op, types, expr, cases, doc)         ROW(op, LIST({ "x", "many " types }), "as x", NULL, expr, NULL, (NULL), (NULL), cases, doc, .min_in = 1, .expand = ew_expand_many, \
                                                      .gradient = GRADIENT(gradient_extreme))

/* one operand, any number */
ROW1(Abs,             "number", "fabs(a)",     "SIGNED ? abs(a) : a", ("g * Sign(a)"),                    number_cases,   "|x|")
ROW1(Neg,             "signed", "-a",          "(T)0 - a", ("-g"),                             number_cases,   "-x")
ROW1(Relu,            "signed", "max(a, (T)0)", NULL, ("a > 0 ? g : 0"),                  number_cases,   "max(x, 0)")
ROW1(Sign,            "number", "isnan(a) ? a : (T)(a > (T)0) - (T)(a < (T)0)", "(T)(a > (T)0) - (T)(a < (T)0)", ("0"),                              number_cases,   "-1, 0 or 1")
ROW1(BitwiseNot,      ANY_INT, "~a",          NULL, (NULL),                             bits_cases,     "every bit turned")
ROW1P(Shrink,            "number", "a < -p ? a + q : a > p ? a - q : (T)0", "(f32)a < -p ? TO(T, (f32)a + q) : (f32)a > p ? TO(T, (f32)a - q) : (T)0",
      ("a < -p ? g : a > p ? g : 0"),
      ("lambd", "bias"), number_cases, "x moved by bias toward 0 outside [-lambd, lambd], 0 inside", LIST(FLOAT("bias", 0), FLOAT("lambd", 0.5)))
/* one operand, floats */
ROW1(Acos,            "float", "acos(a)",     NULL, ("-g / Sqrt(1 - a * a)"),           unit_cases,     "arc cosine")
ROW1(Acosh,           "float", "acosh(a)",    NULL, ("g / (Sqrt(a - 1) * Sqrt(a + 1))"), above_one_cases, "inverse hyperbolic cosine")
ROW1(Asin,            "float", "asin(a)",     NULL, ("g / Sqrt(1 - a * a)"),            unit_cases,     "arc sine")
ROW1(Asinh,           "float", "asinh(a)",    NULL, ("g / Sqrt(a * a + 1)"),            any_cases,      "inverse hyperbolic sine")
ROW1(Atan,            "float", "atan(a)",     NULL, ("g / (1 + a * a)"),                any_cases,      "arc tangent")
ROW1(Atanh,           "float", "atanh(a)",    NULL, ("g / (1 - a * a)"),                unit_cases,     "inverse hyperbolic tangent")
ROW1(Ceil,            "float", "ceil(a)",     NULL, ("0"),                              any_cases,      "the next integer up")
ROW1(Cos,             "float", "cos(a)",      NULL, ("-g * Sin(a)"),                    any_cases,      "cosine")
ROW1(Cosh,            "float", "cosh(a)",     NULL, ("g * Sinh(a)"),                    unit_cases,     "hyperbolic cosine")
ROW1(Erf,             "float", "erf(a)",      NULL, ("1.1283791670955126 * g * Exp(-a * a)"), any_cases,      "the error function")
ROW1(Exp,             "float", "exp(a)",      NULL, ("g * y"),                          unit_cases,     "e to the x")
ROW1(Floor,           "float", "floor(a)",    NULL, ("0"),                              any_cases,      "the next integer down")
ROW1I(GeluErf,        "float", "gelu(a)",     NULL,
      ("g * (0.5 + 0.5 * Erf(0.7071067811865476 * a) + 0.3989422804014327 * a * Exp(-0.5 * a * a))"), any_cases, "x * (1 + erf(x / sqrt 2)) / 2")
ROW1I(GeluTanh,       "float", "0.5f * a * (1.0f + tanh((T)0.7978845608028654 * (a + (T)0.044715 * a * a * a)))", NULL,
      ("t = Sigmoid(1.5957691216057308 * (a + 0.044715 * a * a * a)); g * t * (1 + a * (1 - t) * (1.5957691216057308 + 0.21406844408790178 * a * a))"),
      any_cases,      "Gelu's usual approximation")
ROW1(HardSwish,       "float", "a * max(0.0f, min(1.0f, a / 6.0f + 0.5f))", NULL,
      ("a > -3 ? a < 3 ? g * (a / 3 + 0.5) : g : 0"), any_cases,      "x * HardSigmoid(x) with alpha 1/6")
ROW1(Log,             "float", "log(a)",      NULL, ("g / a"),                          positive_cases, "natural logarithm")
ROW1(Mish,            "float", "a * tanh(max(a, 0.0f) + log1p(exp(-fabs(a))))", NULL,
      ("t = Tanh(Softplus(a)); g * (t + a * (1 - t * t) * Sigmoid(a))"), any_cases,      "x * tanh(Softplus(x))")
ROW1(Reciprocal,      "float", "1.0f / a",    NULL, ("-g * y * y"),                     positive_cases, "1 / x")
ROW1(Round,           "float", "round(a)",    NULL, ("0"),                              any_cases,      "to the nearest integer, halves to even")
ROW1(Sigmoid,         "float", "sigmoid(a)",  NULL, ("g * y * (1 - y)"),                any_cases,      "1 / (1 + e^-x)")
ROW1(Sin,             "float", "sin(a)",      NULL, ("g * Cos(a)"),                     any_cases,      "sine")
ROW1(Sinh,            "float", "sinh(a)",     NULL, ("g * Cosh(a)"),                    unit_cases,     "hyperbolic sine")
ROW1(Softplus,        "float", "max(a, 0.0f) + log1p(exp(-fabs(a)))", NULL, ("g * Sigmoid(a)"),                 any_cases,      "log(1 + e^x), without overflow")
ROW1(Softsign,        "float", "a / (1.0f + fabs(a))", NULL, ("t = 1 + Abs(a); g / (t * t)"),    any_cases,      "x / (1 + |x|)")
ROW1(Sqrt,            "float", "sqrt(a)",     NULL, ("0.5 * g / y"),                    positive_cases, "square root")
ROW1(Tan,             "float", "tan(a)",      NULL, ("g * (1 + y * y)"),                unit_cases,     "tangent")
ROW1(Tanh,            "float", "tanh(a)",     NULL, ("g * (1 - y * y)"),                any_cases,      "hyperbolic tangent")
/* one operand, floats, attributes */
ROW1P(Celu,              "float", "max(a, 0.0f) + min(0.0f, p * expm1(a / p))", NULL,
      ("a > 0 ? g : g * Exp(Min(a, 0) / p)"), ("alpha"), any_cases, "Elu, smooth for every alpha",
      LIST(FLOAT("alpha", 1)))
ROW1P(Elu,               "float", "select(a > 0.0f, a, p * expm1(min(a, 0.0f)))", NULL,
      ("a > 0 ? g : g * p * Exp(Min(a, 0))"), ("alpha"), any_cases, "x, or alpha (e^x - 1) below 0",
      LIST(FLOAT("alpha", 1)))
ROW1P(HardSigmoid,       "float", "max(0.0f, min(1.0f, p * a + q))", NULL,
      ("y > 0 ? y < 1 ? g * p : 0 : 0"), ("alpha", "beta"), any_cases, "alpha x + beta, held in [0, 1]",
      LIST(FLOAT("alpha", 0.20000000298023224), FLOAT("beta", 0.5)))
ROW1P(LeakyRelu,         "float", "select(a >= 0.0f, a, p * a)", NULL,
      ("a < 0 ? g * p : g"), ("alpha"), any_cases, "x, or alpha x below 0",
      LIST(FLOAT("alpha", 0.009999999776482582)))
ROW1P(Selu,              "float", "q * select(a > 0.0f, a, p * expm1(min(a, 0.0f)))", NULL,
      ("a > 0 ? g * q : g * q * p * Exp(Min(a, 0))"), ("alpha", "gamma"), any_cases, "gamma Elu(x)",
      LIST(FLOAT("alpha", 1.67326319217681884765625), FLOAT("gamma", 1.05070102214813232421875)))
ROW1P(Swish,             "float", "a * sigmoid(p * a)", NULL,
      ("t = Sigmoid(p * a); g * (t + y * p * (1 - t))"), ("alpha"), any_cases, "x Sigmoid(alpha x); SiLU", LIST(FLOAT("alpha", 1)))
ROW1P(ThresholdedRelu,   "float", "a > p ? a : 0.0f", NULL, ("a > p ? g : 0"), ("alpha"), any_cases, "x where x > alpha, else 0", LIST(FLOAT("alpha", 1)))

/* truth values */
ROW(IsNaN, IN1("float|float8"), "bool", "bool", "isnan(a)", NULL, (NULL), (NULL), classed_cases, "is not a number", .expand = expand_wider)
ROW(IsInf, IN1("float|float8"), "bool", "bool", "isinf(a) && (a > 0.0f ? q != 0.0f : p != 0.0f)", NULL, (NULL), ("detect_negative", "detect_positive"), classed_cases,
    "is infinite, on the sides asked for", .expand = expand_wider, .attrs = LIST(INT("detect_negative", 1), INT("detect_positive", 1)))
TRUTH1(Not,        "bool",  "!a",                                           truth_cases,    "the opposite")
TRUTH2(And,        "bool",  "a && b",                                       truth2_cases,   "both")
TRUTH2(Or,         "bool",  "a || b",                                       truth2_cases,   "one or both")
TRUTH2(Xor,        "bool",  "a != b",                                       truth2_cases,   "exactly one")
ROW(Equal, IN2("value"), "bool", "bool", "a == b", NULL, (NULL), (NULL), compare_cases, "a = b", .min_in = 2, .expand = expand_equal)
TRUTH2(Greater,    "number", "a > b",                                       compare_cases,  "a > b")
TRUTH2(GreaterOrEqual, "number", "a >= b",                                  compare_cases,  "a >= b")
TRUTH2(Less,       "number", "a < b",                                       compare_cases,  "a < b")
TRUTH2(LessOrEqual, "number", "a <= b",                                     compare_cases,  "a <= b")

/* two operands. Integer division and remainder: by 0 gives 0, by -1 cannot overflow. */
ROW2(Add,             "number", "a + b",       NULL, ("g", "g"),                         number2_cases,  "a + b")
ROW2(Sub,             "number", "a - b",       NULL, ("g", "-g"),                        number2_cases,  "a - b")
ROW2(Mul,             "number", "a * b",       NULL, ("g * b", "g * a"),                 number2_cases,  "a * b")
ROW2(Div,             "number", "a / b",       "b == (T)0 ? (T)0 : (SIGNED && b + (T)1 == (T)0) ? (T)0 - a : a / b", ("g / b", "-g * y / b"),            div_cases,      "a / b; integers toward 0")
ROW2(BitwiseAnd,      ANY_INT, "a & b",       NULL, (NULL),                             bits2_cases,    "bits in both")
ROW2(BitwiseOr,       ANY_INT, "a | b",       NULL, (NULL),                             bits2_cases,    "bits in one or both")
ROW2(BitwiseXor,      ANY_INT, "a ^ b",       NULL, (NULL),                             bits2_cases,    "bits in exactly one")
ROW2(PRelu,           "number", "select(a < (T)0, a * b, a)", NULL, ("a < 0 ? g * b : g", "a < 0 ? g * a : 0"), number2_cases,  "x, or slope x below 0")
ROW(BitShift, IN2(ANY_INT), "as a", NULL, "(b < (T)0 || b >= (T)BITS) ? (p != 0.0f && a < (T)0 ? ~(T)0 : (T)0) : p != 0.0f ? shr(a, (u32)b) : shl(a, (u32)b)", NULL, (NULL), ("direction"), shift_cases,
    "a shifted by b bits, LEFT or RIGHT", .attrs = LIST(NEEDED("direction", ATTR_TEXT)))
ROW(Mod, IN2("number"), "as a", NULL, "(p != 0.0f || (fmod(a, b) != 0.0f && (b < 0.0f) == (fmod(a, b) < 0.0f))) ? fmod(a, b) : fmod(a, b) == 0.0f ? copysign(fmod(a, b), b) : fmod(a, b) + b",
    "(b == (T)0 || (SIGNED && b + (T)1 == (T)0)) ? (T)0 : (SIGNED && p == 0.0f && a % b != (T)0 && (a ^ b) < (T)0) ? a % b + b : a % b",
    ("g", "-g * Round((a - y) / b)"),
    ("fmod"), mod_cases, "the remainder, with the sign of b, or of a when fmod=1", .attrs = LIST(INT("fmod", 0)))

/* operands of several kinds */
ROW(Pow, LIST({ "a", "signed" }, { "b", "number" }), "as a", NULL, "pow(a, (T)b)", "(T)POW_INT(a, b)",
    ("b == 0 ? 0 : g * b * Pow(a, b - 1)", "t = a > 0 ? a : 1; a > 0 ? g * y * Log(t) : 0"), (NULL), pow_cases,
    "a to the b, in the type of a", .min_in = 2)
ROW(Where, LIST({ "condition", "bool" }, { "x", "value|complex" }, { "y", "as x" }), "as x", NULL, "a ? b : c", NULL, (NULL, "a ? g : 0", "a ? 0 : g"), (NULL), where_cases,
    "x where the condition holds, else y", .min_in = 3)
ROW(Clip, LIST({ "x", "number" }, { "min", "optional as x" }, { "max", "optional as x" }), "as x", NULL, "min(max(a, b), c)", NULL,
    ("a == y ? g : 0", "a == y ? 0 : b == y ? g : 0", "a == y ? 0 : c == y ? g : 0"), (NULL),
    clip_cases, "x held in [min, max]", .min_in = 1)
ROWN(Max, "number", "max(a, b)", many_number_cases, "the largest of the operands")
ROWN(Min, "number", "min(a, b)", many_number_cases, "the smallest of the operands")
/* clang-format on */

static const ew_row row_Cast = { .expr = "a" };
const op_def op_Cast = {
    .name = "Cast",
    .doc = DOC("x in another type: integers wrap, floats go to integers toward 0 and saturate, to bool is x != 0; texts are "
               "read and written"),
    .in = { { "x", "value|narrow" } },
    .out = { { "y", "value|narrow" } },
    .attrs = { NEEDED_DTYPE("to", "value|narrow"), INT("saturate", 1), TEXT("round_mode", "up") },
    .infer = infer_cast,
    .gradient = GRADIENT(gradient_cast),
    .host_elems = true,
    .expand = narrow_expand_cast,
    .variants = ew_variants,
    .row = &row_Cast,
    .cases = CASES(cast_cases),
};

/* clang-format off */
static const op_case chain_cases[] = {
    { "f32[3,100] f32[100]", "chain=\"f32 Add 0 1\\nf32 Relu t0\"",                    1e-6, "a sum and its activation" },
    { "f32[2,3,4] f32[3,1]", "chain=\"f32 Mul 0 1\\nf32 Clip t0 _ 1\\nf32 Add t1 0\"", 1e-6, "an operand used twice, an absent one" },
    { "f16[9] f16[9]",       "chain=\"f32 Cast 0\\nf32 Mul t0 t0\\nf16 Cast t1\"",     1e-3, "through another type" },
    { "i32[9]=-9..9 f32[9]", "chain=\"f32 Cast 0\\nf32 LeakyRelu t0 p=0.25\\nbool Greater t1 1\"", 0, "types change on the way" }, { 0 }
};
/* clang-format on */
const op_def op_Elementwise = {
    .name = "Elementwise",
    .domain = "quern",
    .doc = DOC("a chain of elementwise ops as one kernel; `chain` lists its steps (op/elementwise.h)"),
    .in = { { "x", "many any" } },
    .out = { { "y", "any" } },
    .attrs = { NEEDED("chain", ATTR_TEXT) },
    .infer = ew_infer_chain,
    .variants = ew_variants,
    .cases = CASES(chain_cases),
};
