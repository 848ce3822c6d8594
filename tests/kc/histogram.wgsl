// histogram, printed by Quern for WGSL
struct Params {
    n: u32,
    qk_count: u32,
}
@group(0) @binding(2) var<uniform> qk: Params;
@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read_write> counts: array<atomic<u32>>;
var<workgroup> mine: array<atomic<u32>, 256>;

fn qk_load_x(i: u32) -> u32 {
    return extractBits(x[(i >> 2u)], (i & 3u) * 8u, 8u);
}

var<private> qk_item: u32;

@compute @workgroup_size(64)
fn qk_run(@builtin(workgroup_id) qk_id: vec3<u32>, @builtin(num_workgroups) qk_groups: vec3<u32>, @builtin(local_invocation_index) qk_index: u32) {
    let group = qk_id.x + qk_id.y * qk_groups.x;
    if (group >= qk.qk_count) {
        return;
    }
    qk_item = qk_index;
    {
        let t = qk_item;
        for (var bin: u32 = t; bin < 256u; bin += 64u) {
            atomicStore(&mine[bin], 0u);
        }
    }
    storageBarrier();
    workgroupBarrier();
    {
        let t = qk_item;
        var end: u32 = min(qk.n, (group + 1u) * 4096u);
        for (var i: u32 = group * 4096u + t; i < end; i += 64u) {
            atomicAdd(&mine[u32(i32(qk_load_x(i)))], 1u);
        }
    }
    storageBarrier();
    workgroupBarrier();
    {
        let t = qk_item;
        for (var bin: u32 = t; bin < 256u; bin += 64u) {
            if (atomicLoad(&mine[bin]) > 0u) {
                atomicAdd(&counts[bin], atomicLoad(&mine[bin]));
            }
        }
    }
}
