/* Put an update where something is: mode 0 replaces it, 1 adds, 2 multiplies, 3 keeps the larger, 4 the smaller. A: computing type of T. */
#define SCATTER_INTO(y, at, updates, from)                                                                                  \
    if (mode == 0) y[at] = updates[from];                                                                                   \
    else if (mode == 1) y[at] = TO(T, (A)load(y, at) + (A)load(updates, from));                                             \
    else if (mode == 2) y[at] = TO(T, (A)load(y, at) * (A)load(updates, from));                                             \
    else if (mode == 3) y[at] = TO(T, max((A)load(y, at), (A)load(updates, from)));                                         \
    else y[at] = TO(T, min((A)load(y, at), (A)load(updates, from)));

#define SCATTER_MEET(acc, updates, from)                                                                                    \
    if (mode == 0) acc = (A)load(updates, from);                                                                            \
    else if (mode == 1) acc = acc + (A)load(updates, from);                                                                 \
    else if (mode == 2) acc = acc * (A)load(updates, from);                                                                 \
    else if (mode == 3) acc = max(acc, (A)load(updates, from));                                                             \
    else acc = min(acc, (A)load(updates, from));
