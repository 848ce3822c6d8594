// matmul_tiled, printed by Quern for WGSL
struct Params {
    m: u32,
    n: u32,
    k: u32,
    qk_count: u32,
}
@group(0) @binding(3) var<uniform> qk: Params;
@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> c: array<f32>;
var<workgroup> tile_a: array<array<f32, 8>, 8>;
var<workgroup> tile_b: array<array<f32, 8>, 8>;

var<private> qk_item: u32;

@compute @workgroup_size(64)
fn qk_run(@builtin(workgroup_id) qk_id: vec3<u32>, @builtin(num_workgroups) qk_groups: vec3<u32>, @builtin(local_invocation_index) qk_index: u32) {
    let group = qk_id.x + qk_id.y * qk_groups.x;
    if (group >= qk.qk_count) {
        return;
    }
    qk_item = qk_index;
    var sum: f32;
    var wide: u32 = (qk.n + 8u - 1u) / 8u;
    var row0: u32 = group / wide * 8u;
    var col0: u32 = group % wide * 8u;
    {
        let t = qk_item;
        sum = 0.0;
    }
    for (var k0: u32 = 0u; k0 < qk.k; k0 += 8u) {
        {
            let t = qk_item;
            var r: u32 = t / 8u;
            var s: u32 = t % 8u;
            tile_a[r][s] = select(0.0, a[(row0 + r) * qk.k + k0 + s], row0 + r < qk.m && k0 + s < qk.k);
            tile_b[r][s] = select(0.0, b[(k0 + r) * qk.n + col0 + s], k0 + r < qk.k && col0 + s < qk.n);
        }
        workgroupBarrier();
        {
            let t = qk_item;
            var r: u32 = t / 8u;
            var s: u32 = t % 8u;
            sum += tile_a[r][0] * tile_b[0][s];
            sum += tile_a[r][1] * tile_b[1][s];
            sum += tile_a[r][2] * tile_b[2][s];
            sum += tile_a[r][3] * tile_b[3][s];
            sum += tile_a[r][4] * tile_b[4][s];
            sum += tile_a[r][5] * tile_b[5][s];
            sum += tile_a[r][6] * tile_b[6][s];
            sum += tile_a[r][7] * tile_b[7][s];
        }
        workgroupBarrier();
    }
    {
        let t = qk_item;
        var r: u32 = row0 + t / 8u;
        var s: u32 = col0 + t % 8u;
        if (r < qk.m && s < qk.n) {
            c[r * qk.n + s] = sum;
        }
    }
}
