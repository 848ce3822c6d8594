// blur, printed by Quern for WGSL
struct Params {
    cols: u32,
    qk_count: u32,
}
@group(0) @binding(2) var<uniform> qk: Params;
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
var<private> taps: array<f32, 3> = array<f32, 3>(
    0.25, 0.5, 0.25
);

fn qk_load4_x(i: u32) -> vec4<f32> {
    return vec4<f32>(x[i], x[i + 1u], x[i + 2u], x[i + 3u]);
}
fn qc_max_f32w(a: vec4<f32>, b: vec4<f32>) -> vec4<f32> {
    let most = select(b, a, a > b);
    return select(select(most, b, (bitcast<vec4<i32>>(b) & vec4<i32>(0x7fffffff)) > vec4<i32>(0x7f800000)), a, (bitcast<vec4<i32>>(a) & vec4<i32>(0x7fffffff)) > vec4<i32>(0x7f800000));
}
fn qk_store4_y(i: u32, v: vec4<f32>) {
    y[i] = v.x;
    y[i + 1u] = v.y;
    y[i + 2u] = v.z;
    y[i + 3u] = v.w;
}
fn qk_load_part_x(i: u32, n: u32) -> vec4<f32> {
    return vec4<f32>(select(0.0, x[i], 0u < n), select(0.0, x[i + 1u], 1u < n), select(0.0, x[i + 2u], 2u < n), select(0.0, x[i + 3u], 3u < n));
}
fn qk_store_part_y(i: u32, v: vec4<f32>, n: u32) {
    if (0u < n) {
        y[i] = v.x;
    }
    if (1u < n) {
        y[i + 1u] = v.y;
    }
    if (2u < n) {
        y[i + 2u] = v.z;
    }
    if (3u < n) {
        y[i + 3u] = v.w;
    }
}
fn qc_sumw_f32w(v: vec4<f32>) -> f32 {
    return (v.x + v.z) + (v.y + v.w);
}
fn qc_max_f32(a: f32, b: f32) -> f32 {
    let most = select(b, a, a > b);
    return select(select(most, b, (bitcast<i32>(b) & i32(0x7fffffff)) > i32(0x7f800000)), a, (bitcast<i32>(a) & i32(0x7fffffff)) > i32(0x7f800000));
}
fn qc_maxw_f32w(v: vec4<f32>) -> f32 {
    return qc_max_f32(qc_max_f32(v.x, v.z), qc_max_f32(v.y, v.w));
}

var<private> qk_item: u32;

@compute @workgroup_size(1)
fn qk_run(@builtin(workgroup_id) qk_id: vec3<u32>, @builtin(num_workgroups) qk_groups: vec3<u32>, @builtin(local_invocation_index) qk_index: u32) {
    let row = qk_id.x + qk_id.y * qk_groups.x;
    if (row >= qk.qk_count) {
        return;
    }
    qk_item = qk_index;
    {
        let t = qk_item;
        var at: u32 = row * qk.cols;
        var c: u32 = 1u;
        for (; c + 4u < qk.cols; c += 4u) {
            var sum: vec4<f32> = vec4<f32>(0.0);
            sum = fma(vec4<f32>(0.25), qk_load4_x(at + c - 1u), sum);
            sum = fma(vec4<f32>(0.5), qk_load4_x(at + c + 1u - 1u), sum);
            sum = fma(vec4<f32>(0.25), qk_load4_x(at + c + 2u - 1u), sum);
            qk_store4_y(at + c, qc_max_f32w(sum * 2.0, vec4<f32>(-1.0)));
        }
        for (; c + 1u < qk.cols; c++) {
            var sum: f32 = 0.0;
            for (var k: u32 = 0u; k < 3u; k++) {
                sum += taps[k] * x[at + c + k - 1u];
            }
            y[at + c] = sum;
        }
        var v: array<vec4<f32>, 2> = array<vec4<f32>, 2>();
        v[0] = qk_load4_x(at) * 0.5;
        v[1] = qk_load4_x(at + 4u) * 0.5;
        v[0].w = v[1].x;
        qk_store4_y(at, v[0] + v[1]);
        var rest: vec4<f32> = qk_load_part_x(at + c, qk.cols - c);
        qk_store_part_y(at + c, rest, qk.cols - c);
        y[at] = qc_sumw_f32w(rest) + qc_maxw_f32w(rest);
    }
}
