"""Quern through its public header, by ctypes: open a device once, then run models from bytes, many in one process."""
import ctypes as c
import os

import ml_dtypes
import numpy as np

STATUS_UNSUPPORTED, STATUS_DATA = 101, 504

# qn_dtype, in the header's order
NUMPY = [None, np.float32, np.float16, ml_dtypes.bfloat16, np.float64, np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64, np.bool_]
NUMBER = {np.dtype(t): i for i, t in enumerate(NUMPY) if t}


class Tensor(c.Structure):
    _fields_ = [("dtype", c.c_int), ("rank", c.c_uint32), ("dims", c.c_int64 * 8), ("data", c.c_void_p)]


class Named(c.Structure):
    _fields_ = [("name", c.c_char_p), ("tensor", Tensor)]


class DeviceDesc(c.Structure):
    _fields_ = [("threads", c.c_uint32), ("cpu_isa", c.c_char_p), ("interpret", c.c_bool), ("reverse_items", c.c_bool), ("trust", c.c_bool)]


class SessionDesc(c.Structure):
    _fields_ = [("device", c.c_void_p), ("path", c.c_char_p), ("data", c.c_char_p), ("bytes", c.c_size_t), ("piecewise", c.c_uint64), ("no_optimize", c.c_bool),
                ("inspect_only", c.c_bool), ("widen", c.c_bool), ("profile", c.c_bool), ("only_variants", c.c_char_p), ("dump", c.c_void_p), ("dump_user", c.c_void_p),
                ("progress", c.c_void_p), ("progress_user", c.c_void_p)]


class Refused(Exception):
    """A status and its sentence."""

    def __init__(self, status, sentence):
        super().__init__(sentence)
        self.status = status


class Device:
    def __init__(self, library, spec="cpu", threads=1):
        self.lib = c.CDLL(os.path.abspath(library))
        self.lib.qn_last_error.restype = c.c_char_p
        self.spec, self.handle = spec, c.c_void_p()
        desc = DeviceDesc(threads=threads)
        self.check(self.lib.qn_device_open(spec.encode(), c.byref(desc), c.byref(self.handle)))

    def check(self, status):
        if status:
            raise Refused(status, self.lib.qn_last_error().decode(errors="replace"))

    def run(self, model, feeds, outputs, optimize=True, widen=False):
        """model: bytes; feeds: name -> array; gives the arrays of these outputs."""
        desc = SessionDesc(device=self.handle, data=model, bytes=len(model), no_optimize=not optimize, widen=widen)
        session = c.c_void_p()
        self.check(self.lib.qn_session_open(c.byref(desc), c.byref(session)))
        try:
            ins = (Named * max(len(feeds), 1))()
            keep = []
            for slot, (name, a) in zip(ins, feeds.items()):
                a = np.ascontiguousarray(a).reshape(a.shape)
                keep.append(a)
                slot.name = name.encode()
                slot.tensor.dtype, slot.tensor.rank, slot.tensor.data = NUMBER[a.dtype], a.ndim, a.ctypes.data
                for i, d in enumerate(a.shape):
                    slot.tensor.dims[i] = d
            ticket = c.c_uint64()
            self.check(self.lib.qn_run(session, ins, c.c_size_t(len(feeds)), c.byref(ticket)))
            self.check(self.lib.qn_wait(session, ticket))
            return [self.output(session, name) for name in outputs]
        finally:
            self.lib.qn_session_close(session)

    def output(self, session, name):
        t = c.POINTER(Tensor)()
        self.check(self.lib.qn_output(session, name.encode(), c.byref(t)))
        t = t.contents
        shape, dtype = tuple(t.dims[: t.rank]), np.dtype(NUMPY[t.dtype])
        n = int(np.prod(shape, dtype=np.int64))
        if n == 0:
            return np.zeros(shape, dtype)
        return np.frombuffer(c.string_at(t.data, n * dtype.itemsize), dtype).reshape(shape).copy()

    def close(self):
        self.lib.qn_device_close(self.handle)
