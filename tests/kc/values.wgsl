// values, printed by Quern for WGSL
struct Params {
    by: i32,
    qk_count: u32,
}
@group(0) @binding(5) var<uniform> qk: Params;
@group(0) @binding(0) var<storage, read> bytes: array<u32>;
@group(0) @binding(1) var<storage, read> wide: array<u32>;
@group(0) @binding(2) var<storage, read> half: array<u32>;
@group(0) @binding(3) var<storage, read> x: array<f32>;
@group(0) @binding(4) var<storage, read_write> qk_out: array<u32>;
var<private> taps: array<f32, 3> = array<f32, 3>(
    0.25, 0.5, 0.25
);

fn qk_load4_x(i: u32) -> vec4<f32> {
    return vec4<f32>(x[i], x[i + 1u], x[i + 2u], x[i + 3u]);
}
fn qk_load_half(i: u32) -> u32 {
    return extractBits(half[(i >> 1u)], (i & 1u) * 16u, 16u);
}
fn qc_from_bf16(h: u32) -> f32 {
    return bitcast<f32>(h << 16u);
}
fn qc_max_f32(a: f32, b: f32) -> f32 {
    let most = select(b, a, a > b);
    return select(select(most, b, (bitcast<i32>(b) & i32(0x7fffffff)) > i32(0x7f800000)), a, (bitcast<i32>(a) & i32(0x7fffffff)) > i32(0x7f800000));
}
fn qc_inf() -> f32 {
    return bitcast<f32>(select(0x7f800000u, 0u, qk.qk_count == 0xffffffffu));
}
fn qc_copysign_f32(x: f32, s: f32) -> f32 {
    return bitcast<f32>((bitcast<u32>(x) & 0x7fffffffu) | (bitcast<u32>(s) & 0x80000000u));
}
fn qc_ldexp_f32(x: f32, n: i32) -> f32 {
    let a = clamp(n, i32(-126), i32(127));
    let b = clamp(n - a, i32(-126), i32(127));
    let c = clamp(n - a - b, i32(-126), i32(127));
    return x * bitcast<f32>((a + i32(127)) << u32(23u)) * bitcast<f32>((b + i32(127)) << u32(23u)) * bitcast<f32>((c + i32(127)) << u32(23u));
}
fn qc_isnan_f32(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}
fn qc_isinf_f32(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) == 0x7f800000u;
}
fn qc_nan() -> f32 {
    return bitcast<f32>(select(0x7fc00000u, 0u, qk.qk_count == 0xffffffffu));
}
fn qc_signbit_f32(x: f32) -> bool {
    return (bitcast<u32>(x) >> 31u) != 0u;
}
fn qc_again(v: bool) -> bool {
    return v != (qk.qk_count == 0xffffffffu);
}
fn qc_to_f16(v: f32) -> u32 {
    let bits = bitcast<u32>(v);
    let a = bits & 0x7fffffffu;
    var h = (a - 0x38000000u + 0xfffu + ((a >> 13u) & 1u)) >> 13u;
    if (a < 0x38800000u) {
        h = u32(round(bitcast<f32>(a) * 16777216.0));
    }
    if (a >= 0x47800000u) {
        h = 0x7c00u;
    }
    if (a > 0x7f800000u) {
        h = 0x7e00u | ((a >> 13u) & 0x3ffu);
    }
    return h | ((bits >> 16u) & 0x8000u);
}
fn qc_from_f16(h: u32) -> f32 {
    let rest = (h & 0x7fffu) << 13u;
    let bits = select(bitcast<u32>(bitcast<f32>(rest + 0x38000000u)), rest | 0x7f800000u, rest >= 0x0f800000u);
    let tiny = bitcast<u32>(f32(h & 0x3ffu) * 5.9604644775390625e-8);
    return bitcast<f32>(select(bits, tiny, rest < 0x00800000u) | ((h & 0x8000u) << 16u));
}
fn qk_load_bytes(i: u32) -> i32 {
    return extractBits(bitcast<i32>(bytes[(i >> 2u)]), (i & 3u) * 8u, 8u);
}
fn qc_rem_i32(a: i32, b: i32) -> i32 {
    let by = select(b, i32(1), b == i32(0));
    return a - a / by * by;
}
fn qc_dot4_i8(a: u32, b: u32, c: i32) -> i32 {
    var sum = c;
    for (var k = 0u; k < 32u; k += 8u) {
        sum += extractBits(bitcast<i32>(a), k, 8u) * extractBits(bitcast<i32>(b), k, 8u);
    }
    return sum;
}
fn qc_dot4_u8i8(a: u32, b: u32, c: i32) -> i32 {
    var sum = c;
    for (var k = 0u; k < 32u; k += 8u) {
        sum += i32(extractBits(a, k, 8u)) * extractBits(bitcast<i32>(b), k, 8u);
    }
    return sum;
}
fn qc_any_u32(v: u32) -> u32 {
    return v ^ select(0u, 0x5a5a5a5au, qk.qk_count == 0xffffffffu);
}
fn qk_load_wide(i: u32) -> vec2<u32> {
    return vec2<u32>(wide[i * 2u], wide[i * 2u + 1u]);
}
fn qc_i64_sub(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
    return vec2<u32>(a.x - b.x, a.y - b.y - select(0u, 1u, a.x < b.x));
}
fn qc_i64_add(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
    let low = a.x + b.x;
    return vec2<u32>(low, a.y + b.y + select(0u, 1u, low < a.x));
}
fn qc_u64_lt(a: vec2<u32>, b: vec2<u32>) -> bool {
    return a.y < b.y || (a.y == b.y && a.x < b.x);
}
fn qc_u64_shl(a: vec2<u32>, count: u32) -> vec2<u32> {
    let n = count & 63u;
    if (n == 0u) {
        return a;
    }
    if (n >= 32u) {
        return vec2<u32>(0u, a.x << (n - 32u));
    }
    return vec2<u32>(a.x << n, (a.y << n) | (a.x >> (32u - n)));
}
fn qc_u64_divide(a: vec2<u32>, b: vec2<u32>) -> vec4<u32> {
    if ((b.x | b.y) == 0u) {
        return vec4<u32>(a, 0u, 0u);
    }
    if ((a.y | b.y) == 0u) {
        return vec4<u32>(a.x / b.x, 0u, a.x % b.x, 0u);
    }
    var quotient = a;
    var rest = vec2<u32>(0u, 0u);
    for (var i = 0u; i < 64u; i++) {
        let lost = (rest.y >> 31u) != 0u;
        rest = qc_u64_shl(rest, 1u) | vec2<u32>(quotient.y >> 31u, 0u);
        quotient = qc_u64_shl(quotient, 1u);
        if (lost || !qc_u64_lt(rest, b)) {
            rest = qc_i64_sub(rest, b);
            quotient.x |= 1u;
        }
    }
    return vec4<u32>(quotient, rest);
}
fn qc_i64_neg(a: vec2<u32>) -> vec2<u32> {
    return vec2<u32>(0u - a.x, ~a.y + select(0u, 1u, a.x == 0u));
}
fn qc_u64_abs(a: vec2<u32>) -> vec2<u32> {
    return select(a, qc_i64_neg(a), (a.y >> 31u) != 0u);
}
fn qc_i64_div(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
    if ((b.x | b.y) == 0u) {
        return a;
    }
    let q = qc_u64_divide(qc_u64_abs(a), qc_u64_abs(b)).xy;
    return select(q, qc_i64_neg(q), ((a.y ^ b.y) >> 31u) != 0u);
}
fn qc_i64_from_i32(a: i32) -> vec2<u32> {
    return vec2<u32>(bitcast<u32>(a), bitcast<u32>(a >> 31u));
}
fn qc_u32_mul(a: u32, b: u32) -> vec2<u32> {
    let al = a & 0xffffu;
    let ah = a >> 16u;
    let bl = b & 0xffffu;
    let bh = b >> 16u;
    let low = al * bl;
    let middle = ah * bl + (low >> 16u);
    let other = al * bh + (middle & 0xffffu);
    return vec2<u32>((other << 16u) | (low & 0xffffu), ah * bh + (middle >> 16u) + (other >> 16u));
}
fn qc_i64_mul(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
    let low = qc_u32_mul(a.x, b.x);
    return vec2<u32>(low.x, low.y + a.x * b.y + a.y * b.x);
}
fn qc_u64_shr(a: vec2<u32>, count: u32) -> vec2<u32> {
    let n = count & 63u;
    if (n == 0u) {
        return a;
    }
    if (n >= 32u) {
        return vec2<u32>(a.y >> (n - 32u), 0u);
    }
    return vec2<u32>((a.x >> n) | (a.y << (32u - n)), a.y >> n);
}
fn qc_u64_popcount(a: vec2<u32>) -> u32 {
    return countOneBits(a.x) + countOneBits(a.y);
}
fn qc_i64_lt(a: vec2<u32>, b: vec2<u32>) -> bool {
    return bitcast<i32>(a.y) < bitcast<i32>(b.y) || (a.y == b.y && a.x < b.x);
}
fn qc_i64_min(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
    return select(b, a, qc_i64_lt(a, b));
}
fn qc_to_i32(x: f32) -> i32 {
    if ((bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u) {
        return 0;
    }
    return select(select(i32(clamp(x, -2147483648.0, 2147483520.0)), 2147483647, x >= 2147483648.0), i32(-2147483648), x <= -2147483648.0);
}
fn qc_to_u32(x: f32) -> u32 {
    if ((bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u) {
        return 0u;
    }
    return select(u32(clamp(x, 0.0, 4294967040.0)), 4294967295u, x >= 4294967296.0);
}

fn values_(i: u32) -> u32 {
    var line: array<f32, 4> = array<f32, 4>();
    line[0] = 1.0;
    line[1] = 2.0;
    var v: vec4<f32> = qk_load4_x(i) * 2.0 + vec4<f32>(qc_from_bf16(qk_load_half(i)), 1.0, 2.0, 3.0);
    line[i & 3u] = v.z + taps[i % 3u];
    var f: f32 = fma(line[0], line[1], qc_max_f32(v.y, -qc_inf())) + fma(floor(v.x), round(v.y), trunc(v.w)) + qc_copysign_f32(qc_ldexp_f32(v.y, qk.by), v.x);
    f += select(sqrt(abs(f)), qc_nan(), qc_isnan_f32(f) || qc_isinf_f32(f)) + bitcast<f32>(bitcast<u32>(f) & 4294967294u);
    var odd: bool = qc_signbit_f32(f) != (i > 3u);
    for (var k: u32 = 0u; qc_again(true); k++) {
        if (!(k < 9u)) {
            break;
        }
        if (k == u32(qk.by)) {
            continue;
        }
        if (f > 1000000.0) {
            break;
        }
        f *= qc_from_f16(qc_to_f16(f));
    }
    var a: i32 = qk_load_bytes(i);
    var b: i32 = qc_rem_i32(a, qk.by);
    var u: u32 = u32(a << u32(qk.by)) ^ u32(b >> 3u) ^ countLeadingZeros(u32(a)) ^ countTrailingZeros(u32(b));
    u += u32(qc_dot4_i8(u, 16909060u, b)) + u32(qc_dot4_u8i8(u, 7u, a)) + u / 7u + u % 8u + qc_any_u32(u32(extractBits(a, 0u, 16u)));
    var bits: vec2<u32> = qk_load_wide(i);
    var whole: vec2<u32> = qc_i64_sub(qc_i64_add(qc_i64_add(qc_i64_div(qk_load_wide(i), qc_i64_from_i32(qk.by)), qc_i64_mul(qc_u64_shr(bits, 7u), vec2<u32>(3u, 0u))), vec2<u32>(qc_u64_popcount(bits), 0u)), qc_i64_min(qk_load_wide(i), qc_i64_from_i32(qk.by)));
    return ((u32(qc_to_i32(f)) + qc_to_u32(f) + (u + whole.x + u32(abs(a)) + u32(b != 0)) + u32(select(0, 1, odd))) & 0xffu);
}

@compute @workgroup_size(64)
fn qk_run(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = (id.x + id.y * groups.x * 64u) * 4u;
    if (i < qk.qk_count) {
        var word = qk_out[(i / 4u)];
        for (var k = 0u; k < 4u && i + k < qk.qk_count; k++) {
            word = insertBits(word, values_(i + k), k * 8u, 8u);
        }
        qk_out[(i / 4u)] = word;
    }
}
