// subgroups, printed by Quern for WGSL
enable subgroups;
struct Params {
    qk_count: u32,
}
@group(0) @binding(4) var<uniform> qk: Params;
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> k: array<i32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<storage, read_write> z: array<i32>;
var<workgroup> cells: array<f32, 64>;
var<workgroup> cells_2: array<i32, 64>;

fn qk_subgroupAdd_f32(v: f32) -> f32 {
    let lanes = subgroupAdd(1u);
    let rank = subgroupExclusiveAdd(1u);
    let part = subgroupAdd(v);
    cells[qk_item] = select(f32(0), part, qk_item == subgroupMin(qk_item));
    workgroupBarrier();
    var mine = f32(0);
    for (var k = rank; k < 64u; k += lanes) {
        mine = mine + cells[k];
    }
    let all = subgroupAdd(mine);
    workgroupBarrier();
    if (qk_item == 0u) {
        cells[0] = all;
    }
    workgroupBarrier();
    let told = cells[0];
    workgroupBarrier();
    return told;
}
fn qc_max_f32(a: f32, b: f32) -> f32 {
    let most = select(b, a, a > b);
    return select(select(most, b, (bitcast<i32>(b) & i32(0x7fffffff)) > i32(0x7f800000)), a, (bitcast<i32>(a) & i32(0x7fffffff)) > i32(0x7f800000));
}
fn qk_order(v: f32, nan: u32) -> u32 {
    let bits = bitcast<u32>(v);
    let order = select(bits ^ 0x80000000u, ~bits, (bits >> 31u) != 0u);
    return select(order, nan, (bits & 0x7fffffffu) > 0x7f800000u);
}
fn qk_ordered(order: u32) -> f32 {
    return bitcast<f32>(select(~order, order ^ 0x80000000u, (order >> 31u) != 0u));
}
fn qk_subgroupMax_f32(v: f32) -> f32 {
    let lanes = subgroupAdd(1u);
    let rank = subgroupExclusiveAdd(1u);
    let part = qk_ordered(subgroupMax(qk_order(v, 4294967295u)));
    cells[qk_item] = part;
    workgroupBarrier();
    var mine = part;
    for (var k = rank; k < 64u; k += lanes) {
        mine = qc_max_f32(mine, cells[k]);
    }
    let all = qk_ordered(subgroupMax(qk_order(mine, 4294967295u)));
    workgroupBarrier();
    if (qk_item == 0u) {
        cells[0] = all;
    }
    workgroupBarrier();
    let told = cells[0];
    workgroupBarrier();
    return told;
}
fn qk_subgroupMin_i32(v: i32) -> i32 {
    let lanes = subgroupAdd(1u);
    let rank = subgroupExclusiveAdd(1u);
    let part = subgroupMin(v);
    cells_2[qk_item] = part;
    workgroupBarrier();
    var mine = part;
    for (var k = rank; k < 64u; k += lanes) {
        mine = min(mine, cells_2[k]);
    }
    let all = subgroupMin(mine);
    workgroupBarrier();
    if (qk_item == 0u) {
        cells_2[0] = all;
    }
    workgroupBarrier();
    let told = cells_2[0];
    workgroupBarrier();
    return told;
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

@compute @workgroup_size(64)
fn qk_run(@builtin(workgroup_id) qk_id: vec3<u32>, @builtin(num_workgroups) qk_groups: vec3<u32>, @builtin(local_invocation_index) qk_index: u32) {
    let group = qk_id.x + qk_id.y * qk_groups.x;
    if (group >= qk.qk_count) {
        return;
    }
    qk_item = qk_index;
    var sum: f32;
    var top: f32;
    var low: i32;
    {
        let t = qk_item;
        sum = x[group * 64u + t];
        top = sum;
        low = k[group * 64u + t];
    }
    sum = qk_subgroupAdd_f32(sum);
    top = qk_subgroupMax_f32(top);
    low = qk_subgroupMin_i32(low);
    {
        let t = qk_item;
        y[group * 64u + t] = qc_quotient_f32(x[group * 64u + t] - top, sum);
        z[group * 64u + t] = low;
    }
    workgroupBarrier();
    {
        {
            let t = qk_item;
            cells_2[t] = low;
        }
        workgroupBarrier();
        for (var half: u32 = 8u; half > 0u; half /= 2u) {
            {
                let t = qk_item;
                if ((t & 15u) < half) {
                    cells_2[t] += cells_2[t + half];
                }
            }
            workgroupBarrier();
        }
        {
            let t = qk_item;
            low = cells_2[t & 4294967280u];
        }
        workgroupBarrier();
    }
    {
        {
            let t = qk_item;
            cells[t] = top;
        }
        workgroupBarrier();
        {
            let t = qk_item;
            top = cells[(t & 4294967288u) + 3u];
        }
        workgroupBarrier();
    }
    {
        {
            let t = qk_item;
            cells[t] = sum;
        }
        workgroupBarrier();
        {
            let t = qk_item;
            sum = cells[t ^ 5u];
        }
        workgroupBarrier();
    }
    {
        let t = qk_item;
        if (low > 0) {
            y[group * 64u + t] = top + sum;
        }
    }
}
