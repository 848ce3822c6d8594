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
    var bits = 0x7f800000u;
    return bitcast<f32>(bits);
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
    let unknown = i32(select(0, 1, qk.qk_count == 0xffffffffu));
    let by = select(f32(1.0), f32(2.3283064e-10), abs(y) > f32(4e37));
    let a = bitcast<f32>(bitcast<i32>(x) ^ unknown) * by;
    let b = bitcast<f32>(bitcast<i32>(y) ^ unknown) * by;
    let q = bitcast<f32>(bitcast<i32>(a / b) ^ unknown);
    let qh = bitcast<f32>(bitcast<i32>(q) & ~i32(0xfff));
    let bh = bitcast<f32>(bitcast<i32>(b) & ~i32(0xfff));
    let ql = bitcast<f32>(bitcast<i32>(q - qh) ^ unknown);
    let bl = bitcast<f32>(bitcast<i32>(b - bh) ^ unknown);
    let left = (((a - qh * bh) - qh * bl) - ql * bh) - ql * bl;
    let e = bitcast<i32>(q) & i32(0x7f800000);
    return select(q, q + left / b, (e != i32(0)) & (e != i32(0x7f800000)));
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
