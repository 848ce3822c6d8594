/* What the stages of kc's front end share: names, tokens, symbols, the state of one compilation. Private to src/kc.
 *
 * Failure is sticky: front_fail stores the first diagnostic in f->status; after it every stage runs dry (tokens are at the end, nodes come
 * from a scrap that nobody reads). So no stage checks each node for NULL; loops and recursions check f->status. */
#ifndef KC_FRONT_H
#define KC_FRONT_H

#include "kc/tree.h"

enum {
    FRONT_MAX_SOURCE = 1 << 20,       /* bytes of one file */
    FRONT_MAX_TOKENS = 400 * 1000,    /* after the preprocessor */
    FRONT_MAX_EXPANSION = 600 * 1000, /* tokens handled by macros */
    FRONT_MAX_DEPTH = 100,            /* nested statements, parentheses, macros */
    FRONT_MAX_TREE_DEPTH = 400,       /* of an expression, or of statements after inlining */
    FRONT_MAX_NODES = 300 * 1000,     /* of one kernel, after inlining and unrolling */
    FRONT_MAX_UNROLLED = 40 * 1000,   /* nodes that unrolling one loop may make; a larger one stays a loop */
    FRONT_MAX_UNROLL = 1024,          /* turns of one unrolled loop */
    FRONT_MAX_FILES = 256,
    FRONT_MAX_KERNELS = 1000,  /* of a file; also of tables */
    FRONT_MAX_TABLE = 1 << 16, /* values of a table */
    FRONT_MAX_PARAMS = 64,
    FRONT_MAX_ARRAY = 1 << 20 /* elements of a local or SHARED array */
};

/* ------------------------------------------------------------------ words of the language */
/* clang-format off */
#define FRONT_KEYWORDS(X) \
    X(MAP) X(KERNEL) X(IN) X(OUT) X(INOUT) X(CONST) X(ARRAY) X(ITEMS) X(SHARED) X(SHARED2) X(PER_ITEM) X(PER_ITEMS)     \
    X(MAKE2) X(MAKE4) X(TO) X(load) X(store) X(shl) X(shr) X(splatw)                                                    \
    X(if) X(else) X(for) X(while) X(do) X(return) X(break) X(continue) X(static) X(inline) X(const) X(void)             \
    X(true) X(false) X(INFINITY) X(NAN)
#define FRONT_TYPES(X) \
    X(bool, KC_BOOL, 1) X(i8, KC_I8, 1) X(i16, KC_I16, 1) X(i32, KC_I32, 1) X(i64, KC_I64, 1)                           \
    X(u8, KC_U8, 1) X(u16, KC_U16, 1) X(u32, KC_U32, 1) X(u64, KC_U64, 1) X(f16, KC_F16, 1) X(bf16, KC_BF16, 1)         \
    X(f32, KC_F32, 1) X(f64, KC_F64, 1) X(i32x2, KC_I32, 2) X(i32x4, KC_I32, 4) X(u32x2, KC_U32, 2) X(u32x4, KC_U32, 4)  \
    X(f32x2, KC_F32, 2) X(f32x4, KC_F32, 4) X(f32w, KC_F32, KC_WIDE)
/* Words of C and of other kernel languages that people type first, and what to say. */
#define FRONT_FOREIGN(X) \
    X(int, "i32") X(unsigned, "u32") X(float, "f32") X(double, "f64") X(char, "i8") X(short, "i16") X(long, "i64")
#define FRONT_FOREIGN_NAMES(X) /* these may still name things */ \
    X(half, "f16") X(size_t, "u32") X(uint32_t, "u32") X(int32_t, "i32") X(uint8_t, "u8") X(int8_t, "i8") X(uint, "u32") \
    X(float4, "f32x4") X(float2, "f32x2") X(int64_t, "i64") X(uint64_t, "u64") X(uint16_t, "u16") X(int16_t, "i16")
#define FRONT_NOT_HERE(X) \
    X(struct) X(union) X(enum) X(typedef) X(goto) X(switch) X(case) X(default) X(sizeof) X(volatile) X(restrict)        \
    X(register) X(extern) X(auto) X(signed) X(asm)
/* clang-format on */
/* clang-format off */
typedef enum front_word {
    WORD_NONE,
#define X(word) WORD_##word,
    FRONT_KEYWORDS(X)
#undef X
    WORD_TYPE, WORD_BUILTIN, WORD_FOREIGN, WORD_FOREIGN_NAME, WORD_NOT_HERE
} front_word;
/* clang-format on */

struct macro;
struct symbol;
typedef struct ident { /* an interned identifier */
    const char *text;
    u32 n;
    u8 word;               /* front_word */
    u8 builtin;            /* WORD_BUILTIN */
    kc_type type;          /* WORD_TYPE */
    const char *instead;   /* WORD_FOREIGN, WORD_FOREIGN_NAME */
    struct macro *macro;   /* NULL: none */
    struct symbol *symbol; /* innermost binding, NULL: none */
    bool given;            /* among the program's defines */
    struct ident *next;    /* in its bucket */
} ident;

/* ------------------------------------------------------------------ tokens */
/* clang-format off */
#define FRONT_PUNCTUATORS(X) /* longest first */ \
    X(P_SHL_ASSIGN, "<<=") X(P_SHR_ASSIGN, ">>=") X(P_PASTE, "##") X(P_ADD_ASSIGN, "+=") X(P_SUB_ASSIGN, "-=")          \
    X(P_MUL_ASSIGN, "*=") X(P_DIV_ASSIGN, "/=") X(P_REM_ASSIGN, "%=") X(P_AND_ASSIGN, "&=") X(P_OR_ASSIGN, "|=")        \
    X(P_XOR_ASSIGN, "^=") X(P_PLUS2, "++") X(P_MINUS2, "--") X(P_SHL, "<<") X(P_SHR, ">>") X(P_LE, "<=") X(P_GE, ">=")  \
    X(P_EQ, "==") X(P_NE, "!=") X(P_LOGAND, "&&") X(P_LOGOR, "||") X(P_LPAREN, "(") X(P_RPAREN, ")") X(P_LBRACE, "{")   \
    X(P_RBRACE, "}") X(P_LBRACKET, "[") X(P_RBRACKET, "]") X(P_SEMICOLON, ";") X(P_COMMA, ",") X(P_DOT, ".")            \
    X(P_QUESTION, "?") X(P_COLON, ":") X(P_ASSIGN, "=") X(P_ADD, "+") X(P_SUB, "-") X(P_MUL, "*") X(P_DIV, "/")         \
    X(P_REM, "%") X(P_AND, "&") X(P_OR, "|") X(P_XOR, "^") X(P_NOT, "!") X(P_BITNOT, "~") X(P_LT, "<") X(P_GT, ">")     \
    X(P_HASH, "#")
/* clang-format on */
typedef enum front_punct {
    P_NONE,
#define X(id, text) id,
    FRONT_PUNCTUATORS(X)
#undef X
} front_punct;

typedef enum token_kind {
    T_END,
    T_NAME,
    T_INT,
    T_FLOAT,
    T_PUNCT,
    T_UNROLL,
    T_TEXT /* "quoted" */,
    T_PARAM /* in macro bodies */
} token_kind;
typedef struct token {
    u8 kind;                  /* token_kind */
    u8 punct;                 /* T_PUNCT */
    u8 scalar;                /* T_INT, T_FLOAT: kc_scalar */
    bool line_start, painted; /* painted: a macro name that must stay as it is */
    kc_pos pos;
    const char *text;
    u32 n;       /* as written */
    ident *name; /* T_NAME */
    union {
        u64 i;
        f64 f;
    } value; /* T_INT; T_FLOAT; T_UNROLL: i, 0 is "all"; T_PARAM: i */
} token;

typedef struct lexer {
    u32 file, line;
    const char *at, *end, *line_text;
    bool line_start;
} lexer;

/* ------------------------------------------------------------------ symbols and functions */
enum { V_PARAM = 100, V_PARAM_ARRAY }; /* storage of function parameters, before inlining */

typedef struct func {
    const ident *name;
    kc_pos pos;
    kc_type result;                   /* void: none */
    bool is_map, is_kernel, complete; /* complete: its body has been read */
    u32 group;                        /* of a kernel */
    u32 n_params;
    kc_var *params[FRONT_MAX_PARAMS]; /* an entry's first parameter too */
    u8 roles[FRONT_MAX_PARAMS];       /* entries: kc_role */
    u32 n_vars;
    kc_var **vars;
    u32 cap_vars; /* params and locals, by slot */
    const kc_stmt *body;
} func;

typedef struct symbol { /* one of var and func */
    kc_var *var;
    func *func;
    ident *name;
    struct symbol *outer;  /* what the name meant outside */
    struct symbol *before; /* bound before this one, any name */
    u32 level;             /* of the scope */
} symbol;

typedef struct user_call { /* a K_USER node */
    kc_expr expr;          /* first */
    func *func;
    u32 n_args;
    const kc_expr **args;
} user_call;

/* ------------------------------------------------------------------ the state of one compilation */
enum { FRONT_BUCKETS = 1024 };
typedef struct front {
    arena *arena;
    kc_module *module;
    qn_status status;
    kc_scalar float_type; /* what f32 means: KC_F32, or KC_F64 under T=f64 */
    bool simplify, bound;
    ident *buckets[FRONT_BUCKETS];
    u32 cap_files, cap_entries, cap_tables;

    token *tokens;
    u32 n_tokens, cap_tokens, at; /* preprocess -> parse */
    u64 expanded;
    u32 depth, include_depth;

    symbol *symbols;
    u32 level;  /* parse */
    func *func; /* being read; NULL at file scope */
    u32 loops;
    bool in_items;
    func **entries;
    u32 n_entry_funcs, cap_entry_funcs;
    u32 nodes;

    ident scrap_ident;
    kc_expr scrap_expr;
    user_call scrap_call;
    kc_stmt scrap_stmt;
    kc_var scrap_var;
} front;

/* diagnose.c */
void front_fail(front *f, kc_pos pos, const char *format, ...) PRINTF_LIKE(3, 4); /* the first one counts */
void front_nomem(front *f, size_t bytes);
const char *front_nearest(front *f, const ident *to); /* a known name like it, or NULL */
void *front_alloc(front *f, size_t bytes);            /* zeroed; NULL after front_nomem */

/* lex.c */
ident *lex_name(front *f, const char *text, size_t n); /* interned; never NULL (a scrap name after failure) */
void lex_words(front *f);                              /* intern the language's words */
void lex_start(lexer *l, const kc_module *m, u32 file);
void lex_next(front *f, lexer *l, token *out); /* T_END at the end or after a failure */
void lex_rest_of_line(lexer *l, const char **text, size_t *n);
void lex_skip_line(front *f, lexer *l);       /* to the end of the line, past comments */
bool lex_same_line(front *f, const lexer *l); /* does another token stand on this line? */
bool lex_to_directive(front *f, lexer *l);    /* to the next # that starts a line; false at the end */
u32 lex_add_file(front *f, const char *file_name, const char *text, size_t n); /* its number; 0 on failure */

/* preprocess.c */
void preprocess(front *f, u32 file, const char *defines); /* fills f->tokens */

/* parse.c, parse_statement.c, parse_expression.c */
void parse_file(front *f);
const kc_stmt *parse_body(front *f); /* after its '{', up to and with '}' */
const kc_expr *parse_expression(front *f);
const kc_expr *parse_postfix(front *f);                                                         /* a place or a call */
const kc_expr *parse_indexed(front *f, const kc_expr *array, const kc_expr *index, kc_pos pos); /* K_ELEM, or a row */
bool parse_type(front *f, kc_type *out);                 /* false, without moving, when no type stands here */
u32 parse_constant(front *f, const char *what, u32 max); /* a constant from 1 to max */
const token *parse_peek(const front *f, u32 ahead);
bool parse_is(const front *f, front_punct p);
bool parse_take(front *f, front_punct p); /* step over it when it stands here */
bool parse_is_word(const front *f, front_word w);
bool parse_take_word(front *f, front_word w);
void parse_expect(front *f, front_punct p, const char *after);
ident *parse_new_name(front *f, const char *what); /* an identifier being declared */
bool parse_enter(front *f);                        /* nesting; false when too deep */
void parse_leave(front *f);
void parse_scope_open(front *f);
void parse_scope_close(front *f);
symbol *parse_bind(front *f, ident *n, kc_pos pos);
kc_var *parse_new_var(front *f, ident *n, kc_type type, u32 storage, kc_pos pos); /* bound in this scope */

/* type.c: typed nodes; each checks its operands and inserts conversions */
kc_expr *type_node(front *f, kc_op op, kc_type type, kc_pos pos);
const kc_expr *type_copy(front *f, const kc_expr *like, const kc_expr *const *a); /* the node with other operands */
const kc_expr *type_int(front *f, kc_scalar s, i64 value, kc_pos pos);
const kc_expr *type_float(front *f, kc_scalar s, f64 value, kc_pos pos);
const kc_expr *type_var(front *f, kc_var *v, kc_pos pos);
const kc_expr *type_elem(front *f, kc_var *v, const kc_expr *index, const kc_expr *index2, kc_pos pos);
const kc_expr *type_array(front *f, kc_var *v, const kc_expr *row, kc_pos pos);
const kc_expr *type_lane(front *f, const kc_expr *vector, u32 lane, kc_pos pos);
const kc_expr *type_unary(front *f, kc_op op, const kc_expr *a, kc_pos pos);
const kc_expr *type_binary(front *f, kc_op op, const kc_expr *a, const kc_expr *b, kc_pos pos);
const kc_expr *type_condition(front *f, const kc_expr *a, kc_pos pos); /* to bool */
const kc_expr *type_cond(front *f, const kc_expr *c, const kc_expr *a, const kc_expr *b, kc_pos pos);
const kc_expr *type_cast(front *f, kc_type to, const kc_expr *a, kc_pos pos); /* (T)a */
const kc_expr *type_to(front *f, kc_type to, const kc_expr *a, kc_pos pos);   /* TO(T, a) */
const kc_expr *type_assignable(front *f, kc_type to, const kc_expr *a, kc_pos pos, const char *what);
const kc_expr *type_index(front *f, const kc_expr *a, kc_pos pos);                      /* i32 or u32 */
const kc_expr *type_common(front *f, const kc_expr **a, const kc_expr **b, kc_pos pos); /* usual conversions; gives *a */
const kc_expr *type_make(front *f, kc_type type, const kc_expr *const *args, u32 n, kc_pos pos);
const kc_expr *type_splat(front *f, kc_type type, const kc_expr *a); /* a scalar in every lane */
const kc_expr *type_make_call(front *f, kc_builtin b, kc_type type, const kc_expr *const *args, u32 n, kc_pos pos);
kc_type type_computing(const front *f, kc_type t); /* what load() gives */
kc_stmt *type_stmt(front *f, kc_stmt_op op, kc_pos pos);

/* type_builtin.c */
const kc_expr *type_call(front *f, kc_builtin b, const kc_expr **args, u32 n, kc_pos pos);

/* fold.c: constants per C semantics with wrap */
const kc_expr *fold_expr(front *f, const kc_expr *e); /* the same value, simpler; operands are folded already */
const kc_expr *fold_all(front *f, const kc_expr *e);  /* from the leaves up */
bool fold_is_int(const kc_expr *e, i64 *out);         /* an integer or bool constant */
bool fold_is_pure(const kc_expr *e);                  /* no atomics, no stores */
bool fold_same(const kc_expr *a, const kc_expr *b);   /* the same tree */
bool fold_vanishes(const kc_expr *e);                 /* a binary of floats that is x - x or x + -x: 0 or NaN */
bool fold_rounds(const kc_expr *e);     /* a quotient of floats that is not always a number itself: not by a power of two */
f64 fold_round(kc_scalar s, f64 value); /* to the precision of s */

/* Statement lists under construction. */
typedef struct stmt_list {
    const kc_stmt *first;
    kc_stmt *last;
    u32 n;
} stmt_list;
void stmt_add(front *f, stmt_list *l, kc_stmt *s);

/* inline.c, check.c, simplify.c, bound.c, effects.c: each over one kernel */
kc_entry *inline_entry(front *f, const func *fn);
void check_entry(front *f, const kc_entry *e);
void simplify_entry(front *f, kc_entry *e);
void bound_entry(front *f, kc_entry *e);
void effects_entry(front *f, kc_entry *e);

#endif
