"""Quern through its public header, by ctypes: open a device once, then run models from bytes, many in one process."""
import ctypes as c
import os

import ml_dtypes
import numpy as np

import layout

STATUS_UNSUPPORTED, STATUS_DATA = 101, 504

# qn_dtype, in the header's order
NUMPY = [None, np.float32, np.float16, ml_dtypes.bfloat16, np.float64, np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64, np.bool_, np.object_,
         ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e4m3fnuz, ml_dtypes.float8_e5m2, ml_dtypes.float8_e5m2fnuz, ml_dtypes.float8_e8m0fnu, ml_dtypes.float4_e2m1fn,
         ml_dtypes.int4, ml_dtypes.uint4, ml_dtypes.int2, ml_dtypes.uint2, None, None, None, np.complex64, np.complex128]
NUMBER = {np.dtype(t): i for i, t in enumerate(NUMPY) if t}
C_DTYPES = "NONE F32 F16 BF16 F64 I8 I16 I32 I64 U8 U16 U32 U64 BOOL STRING F8E4M3FN F8E4M3FNUZ F8E5M2 F8E5M2FNUZ F8E8M0 F4E2M1 I4 U4 I2 U2 SEQUENCE OPTIONAL MAP C64 C128".split()


class Bytes(c.Structure):
    _fields_ = [("data", c.c_char_p), ("n", c.c_size_t)]


class Tensor(c.Structure):
    _fields_ = [("dtype", c.c_int), ("rank", c.c_uint32), ("dims", c.c_int64 * 8), ("data", c.c_void_p)]


class Named(c.Structure):
    _fields_ = [("name", c.c_char_p), ("tensor", Tensor)]


class DeviceDesc(c.Structure):
    _fields_ = [("threads", c.c_uint32), ("cpu_isa", c.c_char_p), ("interpret", c.c_bool), ("reverse_items", c.c_bool), ("trust", c.c_bool),
                ("progress", c.c_void_p), ("progress_user", c.c_void_p)]


class SessionDesc(c.Structure):
    _fields_ = [("device", c.c_void_p), ("path", c.c_char_p), ("bytes__data", c.c_char_p), ("bytes__n", c.c_size_t), ("piecewise", c.c_uint64), ("stepwise", c.c_bool),
                ("no_optimize", c.c_bool), ("inspect_only", c.c_bool), ("widen", c.c_bool), ("profile", c.c_bool), ("only_variants", c.c_char_p), ("layout", c.c_int), ("seed", c.c_uint64), ("dump", c.c_void_p), ("dump_user", c.c_void_p),
                ("progress", c.c_void_p), ("progress_user", c.c_void_p)]


class Stats(c.Structure):
    _fields_ = [(n, c.c_uint64) for n in ("plans", "layouts", "device_buffers", "weights_bytes", "planned_peak_bytes", "intermediates_bytes", "largest_live_bytes", "launches",
                                          "host_steps", "host_launches", "random_launches", "flops", "kept_launches", "kept_bytes")]
    _fields_ += [(n, c.c_double) for n in ("read_ms", "check_ms", "passes_ms", "plan_ms", "prepare_ms", "verify_ms")]


STRUCTS = {"qn_bytes": Bytes, "qn_tensor": Tensor, "qn_named": Named, "qn_device_desc": DeviceDesc, "qn_session_desc": SessionDesc, "qn_stats": Stats}
NUMBERS = {f"QN_{d}": i for i, d in enumerate(C_DTYPES)} | {"QN_E_UNSUPPORTED": STATUS_UNSUPPORTED, "QN_E_DATA": STATUS_DATA}


SIGNED = (ml_dtypes.int4, ml_dtypes.int2)  # which the library wants sign-extended


def check_layout():
    layout.check(STRUCTS, NUMBERS)


class Refused(Exception):
    """A status and its sentence."""

    def __init__(self, status, sentence):
        super().__init__(sentence)
        self.status = status


class Device:
    def __init__(self, library, spec="cpu", threads=1, checked=False, layout=0):
        """checked: check_layout was called before, by us or by the parent."""
        if not checked:
            check_layout()
        self.lib = c.CDLL(os.path.abspath(library))
        self.lib.qn_last_error.restype = c.c_char_p
        self.spec, self.layout, self.handle = spec, layout, c.c_void_p()
        kind, _, isa = spec.partition("-")  # cpu-baseline, cpu-avx2: with these instructions alone
        desc = DeviceDesc(threads=threads, cpu_isa=isa.encode() or None)
        self.check(self.lib.qn_device_open(kind.encode(), c.byref(desc), c.byref(self.handle)))

    def check(self, status):
        if status:
            raise Refused(status, self.lib.qn_last_error().decode(errors="replace"))

    def open(self, model, optimize=True, widen=False):
        """model: bytes, which must live as long as the session."""
        desc = SessionDesc(device=self.handle, bytes__data=model, bytes__n=len(model), no_optimize=not optimize, widen=widen, layout=self.layout)
        handle = c.c_void_p()
        self.check(self.lib.qn_session_open(c.byref(desc), c.byref(handle)))
        return Session(self, handle, model)

    def run(self, model, feeds, outputs, optimize=True, widen=False):
        """feeds: name -> array; gives the arrays of these outputs, as the first run has them, and the next, which leaves out what hangs on weights alone."""
        session = self.open(model, optimize, widen)
        try:
            return session.run(feeds, outputs), session.run(feeds, outputs)
        finally:
            session.close()

    def close(self):
        self.lib.qn_device_close(self.handle)


def texts(a):
    """The elements as an array of Bytes, which keeps what it points to."""
    said = [str(t).encode() for t in a.ravel()]
    return (Bytes * max(len(said), 1))(*[Bytes(t, len(t)) for t in said])


class Session:
    def __init__(self, device, handle, model):
        self.device, self.handle, self.model = device, handle, model

    def run(self, feeds, outputs):
        ins = (Named * max(len(feeds), 1))()
        keep = []
        for slot, (name, a) in zip(ins, feeds.items()):
            data = texts(a) if a.dtype == object else np.ascontiguousarray(a.astype(np.int8) if a.dtype in SIGNED else a)
            keep.append(data)
            slot.name = name.encode()
            slot.tensor.dtype, slot.tensor.rank = NUMBER[a.dtype], a.ndim
            slot.tensor.data = c.addressof(data) if a.dtype == object else data.ctypes.data
            for i, d in enumerate(a.shape):
                slot.tensor.dims[i] = d
        ticket = c.c_uint64()
        lib, check = self.device.lib, self.device.check
        check(lib.qn_run(self.handle, ins, c.c_size_t(len(feeds)), c.byref(ticket)))
        check(lib.qn_wait(self.handle, ticket))
        return [self.output(name) for name in outputs]

    def output(self, name):
        t = c.POINTER(Tensor)()
        self.device.check(self.device.lib.qn_output(self.handle, name.encode(), c.byref(t)))
        t = t.contents
        shape, dtype = tuple(t.dims[: t.rank]), np.dtype(NUMPY[t.dtype])
        n = int(np.prod(shape, dtype=np.int64))
        if n == 0:
            return np.zeros(shape, dtype)
        if dtype == object:
            items = c.cast(t.data, c.POINTER(Bytes))
            return np.array([c.string_at(items[i].data, items[i].n).decode(errors="replace") if items[i].n else "" for i in range(n)], object).reshape(shape)
        return np.frombuffer(c.string_at(t.data, n * dtype.itemsize), dtype).reshape(shape).copy()

    def stats(self):
        s = Stats()
        self.device.lib.qn_get_stats(self.handle, c.byref(s))
        return s

    def close(self):
        self.device.lib.qn_session_close(self.handle)
