"""Are the structures that ctypes was told of those of include/quern.h? A C compiler says where it puts each field."""
import ctypes
import os
import shlex
import shutil
import subprocess
import sys
import tempfile

INCLUDE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "include")


def wanted(structs, numbers):
    """C expression -> the number it should be. structs: C's name -> ctypes.Structure, its fields named as in C, '__' for a dot."""
    want = dict(numbers)
    for name, struct in structs.items():
        want[f"sizeof({name})"] = ctypes.sizeof(struct)
        for field, *_ in struct._fields_:
            want[f"offsetof({name}, {field.replace('__', '.')})"] = getattr(struct, field).offset
    return want


def said_by_c(expressions):
    lines = "".join(f'    printf("%lld\\n", (long long)({e}));\n' for e in expressions)
    with tempfile.TemporaryDirectory() as folder:
        source, program = os.path.join(folder, "layout.c"), os.path.join(folder, "layout")
        with open(source, "w") as f:
            f.write(f"#include <stddef.h>\n#include <stdio.h>\n#include <quern.h>\nint main(void)\n{{\n{lines}    return 0;\n}}\n")
        subprocess.run([*shlex.split(os.environ.get("CC", "cc")), "-I", INCLUDE, source, "-o", program], check=True)
        return [int(n) for n in subprocess.run([program], check=True, capture_output=True, text=True).stdout.split()]


def check(structs, numbers):
    """Raises what is elsewhere than C has it. A machine without a compiler is told so, and trusts what another has found."""
    if not shutil.which(shlex.split(os.environ.get("CC", "cc"))[0]):
        print("no C compiler here: the structures of include/quern.h are taken as they were elsewhere", file=sys.stderr)
        return
    want = wanted(structs, numbers)
    wrong = [f"{e} is {n}, here {want[e]}" for e, n in zip(want, said_by_c(want), strict=True) if n != want[e]]
    if wrong:
        raise RuntimeError("include/quern.h has changed: " + "; ".join(wrong))
