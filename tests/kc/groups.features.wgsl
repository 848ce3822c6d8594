// groups, printed by Quern for WGSL
enable f16;
struct Params {
    n: u32,
    qk_count: u32,
}
@group(0) @binding(6) var<uniform> qk: Params;
@group(0) @binding(0) var<storage, read> x: array<f16>;
@group(0) @binding(1) var<storage, read_write> y: array<f16>;
@group(0) @binding(2) var<storage, read_write> low: array<atomic<u32>>;
@group(0) @binding(3) var<storage, read_write> counts: array<atomic<u32>>;
@group(0) @binding(4) var<storage, read_write> ends: array<atomic<i32>>;
@group(0) @binding(5) var<storage, read_write> sum: array<atomic<u32>>;
var<workgroup> part: array<f32, 8>;
var<workgroup> tile: array<array<i32, 2>, 8>;

fn qc_max_f32(a: f32, b: f32) -> f32 {
    let most = select(b, a, a > b);
    return select(select(most, b, (bitcast<i32>(b) & i32(0x7fffffff)) > i32(0x7f800000)), a, (bitcast<i32>(a) & i32(0x7fffffff)) > i32(0x7f800000));
}
fn qk_cas_counts(i: u32, expected: u32, v: u32) -> u32 {
    let wanted = expected;
    var old = wanted;
    for (var done = false; !done; ) {
        let seen = atomicCompareExchangeWeak(&counts[i], wanted, v);
        old = seen.old_value;
        done = seen.exchanged || old != wanted;
    }
    return old;
}
fn qk_add_sum(i: u32, v: f32) -> f32 {
    var old = atomicLoad(&sum[i]);
    for (var done = false; !done; ) {
        let seen = atomicCompareExchangeWeak(&sum[i], old, bitcast<u32>(bitcast<f32>(old) + v));
        done = seen.exchanged;
        if (!done) {
            old = seen.old_value;
        }
    }
    return bitcast<f32>(old);
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
fn qk_store_low(i: u32, v: u32) {
    let by = (i & 3u) * 8u;
    atomicAnd(&low[(i >> 2u)], ~(0xffu << by));
    atomicOr(&low[(i >> 2u)], v << by);
}

var<private> qk_item: u32;

@compute @workgroup_size(8)
fn qk_run(@builtin(workgroup_id) qk_id: vec3<u32>, @builtin(num_workgroups) qk_groups: vec3<u32>, @builtin(local_invocation_index) qk_index: u32) {
    let group = qk_id.x + qk_id.y * qk_groups.x;
    if (group >= qk.qk_count) {
        return;
    }
    qk_item = qk_index;
    if (group >= qk.n) {
        return;
    }
    var seen: u32;
    var kept: array<f32, 2>;
    {
        let t = qk_item;
        kept[0] = f32(x[group * 8u + t]);
        kept[1] = kept[0] * 2.0;
        part[t] = kept[1];
        tile[t][0] = i32(t);
        tile[t][1] = -1;
    }
    storageBarrier();
    workgroupBarrier();
    for (var half: u32 = 4u; half > 0u; half /= 2u) {
        {
            let t = qk_item;
            if (t < half) {
                part[t] = qc_max_f32(part[t], part[t + half]);
            }
        }
        storageBarrier();
        workgroupBarrier();
    }
    if (qk.n > 2u) {
        {
            let t = qk_item;
            seen = atomicAdd(&counts[t & 3u], 1u);
            atomicMin(&ends[0u], tile[t][0]);
            atomicMax(&ends[1u], tile[7u - t][0]);
            atomicAnd(&counts[4u], ~t);
            atomicOr(&counts[5u], t);
            atomicXor(&counts[6u], t);
            atomicExchange(&counts[7u], t);
            qk_cas_counts(8u, 0u, t);
            qk_add_sum(0u, kept[0]);
        }
        storageBarrier();
        workgroupBarrier();
    } else {
        {
            let t = qk_item;
            seen = 0u;
        }
    }
    var top: f32 = workgroupUniformLoad(&part[0]);
    {
        let t = qk_item;
        y[group * 8u + t] = f16(unpack2x16float(qc_to_f16(top - kept[1])).x);
        qk_store_low(group * 8u + t, ((seen + u32(tile[t][1])) & 0xffu));
    }
}
