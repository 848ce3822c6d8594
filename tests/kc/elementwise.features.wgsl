// elementwise, printed by Quern for WGSL
enable f16;
struct Params {
    by: f32,
    act: u32,
    cols: u32,
    qk_count: u32,
}
@group(0) @binding(3) var<uniform> qk: Params;
@group(0) @binding(0) var<storage, read> x: array<f16>;
@group(0) @binding(1) var<storage, read> scale: array<f16>;
@group(0) @binding(2) var<storage, read_write> qk_out: array<f16>;

fn qc_max_f32(a: f32, b: f32) -> f32 {
    let most = select(b, a, a > b);
    return select(select(most, b, (bitcast<i32>(b) & i32(0x7fffffff)) > i32(0x7f800000)), a, (bitcast<i32>(a) & i32(0x7fffffff)) > i32(0x7f800000));
}
fn qc_min_f32(a: f32, b: f32) -> f32 {
    let least = select(b, a, a < b);
    return select(select(least, b, (bitcast<i32>(b) & i32(0x7fffffff)) > i32(0x7f800000)), a, (bitcast<i32>(a) & i32(0x7fffffff)) > i32(0x7f800000));
}
fn qc_quotient_f32(x: f32, y: f32) -> f32 {
    let ax = bitcast<i32>(x);
    let ay = bitcast<i32>(y);
    let ex = ax & i32(0x7f800000);
    let ey = ay & i32(0x7f800000);
    let mx = (ax & i32(0x7fffff)) | i32(0x800000);
    let my = (ay & i32(0x7fffff)) | i32(0x800000);
    let less = mx < my;
    let e = ex - ey + select(i32(0x3f800000), i32(0x3f000000), less);
    let far = (ex == i32(0)) | (ex == i32(0x7f800000)) | (ey == i32(0)) | (ey == i32(0x7f800000)) | ((e <= i32(0)) & (e >= i32(-0x40000000)));
    let zero_x = i32(select(0, 1, qk.qk_count == 0xffffffffu));
    let zero_y = i32(select(0, 1, qk.qk_count == 0xfffffffeu));
    let by = select(f32(1.0), f32(2.3283064e-10), abs(y) > f32(4e37));
    let a = select(bitcast<f32>((ax & i32(0x7fffff)) | select(i32(0x3f800000), i32(0x40000000), less)), bitcast<f32>(ax ^ zero_x) * by, far);
    let b = select(bitcast<f32>((ay & i32(0x7fffff)) | i32(0x3f800000)), bitcast<f32>(ay ^ zero_y) * by, far);
    let q = a / b;
    var m = clamp(bitcast<i32>(q), i32(0x3f800000), i32(0x3fffffff)) - i32(0x3f000003);
    var rest = (mx * select(i32(0x800000), i32(0x1000000), less) - m * my) * i32(2) + my;
    let four = rest >= my * i32(8);
    m += select(i32(0), i32(4), four);
    rest -= select(i32(0), my * i32(8), four);
    let two = rest >= my * i32(4);
    m += select(i32(0), i32(2), two);
    rest -= select(i32(0), my * i32(4), two);
    m += select(i32(0), i32(1), rest >= my * i32(2));
    let over = (e == i32(0x7f800000)) | (e < i32(-0x40000000));
    let near = select(m + e - i32(0x800000), i32(0x7f800000), over) | ((ax ^ ay) & ~i32(0x7fffffff));
    return select(bitcast<f32>(near), q, far);
}
fn qc_scale_f32(v: f32, n: i32) -> f32 {
    let half = n >> u32(1u);
    return v * bitcast<f32>((half + i32(127)) << u32(23u)) * bitcast<f32>((n - half + i32(127)) << u32(23u));
}
fn qc_exp_f32(x: f32) -> f32 {
    let low = select(x, f32(-105.0), x < f32(-105.0));
    let v = select(low, f32(89.0), low > f32(89.0));
    let n = round(v * 1.44269504);
    let r = (v - n * 0.693359375) + n * 2.12194440e-4;
    let q = 0.499999911 + r * (0.166664973 + r * (0.0416686684 + r * (0.00837149657 + r * 0.00138088339)));
    return select(qc_scale_f32((r * r * q + r) + 1.0, i32(n)), x, (bitcast<i32>(x) & i32(0x7fffffff)) > i32(0x7f800000));
}
fn qc_sigmoid_f32(x: f32) -> f32 {
    let e = qc_exp_f32(-abs(x));
    return select(select(f32(1.0), e, x < f32(0.0)) / (1.0 + e), x, (bitcast<i32>(x) & i32(0x7fffffff)) > i32(0x7f800000));
}
fn qc_isnan_f32(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
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

fn elementwise_(i: u32) -> u32 {
    var v: f32 = f32(x[i]) * f32(scale[i % qk.cols]) + qk.by;
    if (qk.act == 1u) {
        v = qc_max_f32(v, 0.0);
    } else if (qk.act == 2u) {
        v *= qc_min_f32(qc_max_f32(qc_quotient_f32(v, 6.0) + 0.5, 0.0), 1.0);
    } else {
        v = qc_sigmoid_f32(v);
    }
    return qc_to_f16(select(v, 0.0, qc_isnan_f32(v)));
}

@compute @workgroup_size(64)
fn qk_run(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = (id.x + id.y * groups.x * 64u) * 2u;
    if (i < qk.qk_count) {
        for (var k = i; k < i + 2u && k < qk.qk_count; k++) {
            qk_out[k] = f16(unpack2x16float(elementwise_(k)).x);
        }
    }
}
