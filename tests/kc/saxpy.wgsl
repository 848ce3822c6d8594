// saxpy, printed by Quern for WGSL
struct Params {
    a: f32,
    qk_count: u32,
}
@group(0) @binding(3) var<uniform> qk: Params;
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> y: array<f32>;
@group(0) @binding(2) var<storage, read_write> qk_out: array<f32>;

fn saxpy_(i: u32) -> f32 {
    return qk.a * x[i] + y[i];
}

@compute @workgroup_size(64)
fn qk_run(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = (id.x + id.y * groups.x * 64u);
    if (i < qk.qk_count) {
        qk_out[i] = saxpy_(i);
    }
}
