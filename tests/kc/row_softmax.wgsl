// row_softmax, printed by Quern for WGSL
struct Params {
    cols: u32,
    qk_count: u32,
}
@group(0) @binding(2) var<uniform> qk: Params;
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
var<workgroup> part: array<f32, 32>;

fn qc_inf() -> f32 {
    return bitcast<f32>(select(0x7f800000u, 0u, qk.qk_count == 0xffffffffu));
}
fn qc_max_f32(a: f32, b: f32) -> f32 {
    let most = select(b, a, a > b);
    return select(select(most, b, (bitcast<i32>(b) & i32(0x7fffffff)) > i32(0x7f800000)), a, (bitcast<i32>(a) & i32(0x7fffffff)) > i32(0x7f800000));
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

var<private> qk_item: u32;

@compute @workgroup_size(32)
fn qk_run(@builtin(workgroup_id) qk_id: vec3<u32>, @builtin(num_workgroups) qk_groups: vec3<u32>, @builtin(local_invocation_index) qk_index: u32) {
    let row = qk_id.x + qk_id.y * qk_groups.x;
    if (row >= qk.qk_count) {
        return;
    }
    qk_item = qk_index;
    var top: f32;
    if (qk.cols == 0u) {
        return;
    }
    {
        let t = qk_item;
        var m: f32 = -qc_inf();
        for (var c: u32 = t; c < qk.cols; c += 32u) {
            m = qc_max_f32(m, x[row * qk.cols + c]);
        }
        part[t] = m;
    }
    workgroupBarrier();
    for (var half: u32 = 16u; half > 0u; half /= 2u) {
        {
            let t = qk_item;
            if (t < half) {
                part[t] = qc_max_f32(part[t], part[t + half]);
            }
        }
        workgroupBarrier();
    }
    var highest: f32 = workgroupUniformLoad(&part[0]);
    {
        let t = qk_item;
        var sum: f32 = 0.0;
        top = highest;
        for (var c: u32 = t; c < qk.cols; c += 32u) {
            sum += qc_exp_f32(x[row * qk.cols + c] - highest);
        }
        part[t] = sum;
    }
    workgroupBarrier();
    for (var half: u32 = 16u; half > 0u; half /= 2u) {
        {
            let t = qk_item;
            if (t < half) {
                part[t] += part[t + half];
            }
        }
        workgroupBarrier();
    }
    {
        let t = qk_item;
        for (var c: u32 = t; c < qk.cols; c += 32u) {
            y[row * qk.cols + c] = qc_quotient_f32(qc_exp_f32(x[row * qk.cols + c] - top), part[0]);
        }
    }
}
