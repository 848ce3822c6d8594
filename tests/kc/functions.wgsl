// functions, printed by Quern for WGSL
struct Params {
    n: u32,
    qk_count: u32,
}
@group(0) @binding(2) var<uniform> qk: Params;
@group(0) @binding(0) var<storage, read> keys: array<u32>;
@group(0) @binding(1) var<storage, read_write> qk_out: array<i32>;

fn qc_again(v: bool) -> bool {
    return v != (qk.qk_count == 0xffffffffu);
}

fn functions_(i: u32) -> i32 {
    var rows: array<array<i32, 2>, 2> = array<array<i32, 2>, 2>();
    rows[0][0] = i32(i);
    rows[0][1] = -1;
    rows[1][0] = 7;
    var find: u32 = u32();
    var done: bool = false;
    var lo: u32 = 0u;
    var hi: u32 = qk.n;
    while (qc_again(true)) {
        if (!(lo < hi)) {
            break;
        }
        var mid: u32 = (lo + hi) / 2u;
        if (keys[mid] == i) {
            find = mid;
            done = true;
            break;
        }
        if (keys[mid] < i) {
            lo = mid + 1u;
        } else {
            hi = mid;
        }
    }
    if (!done) {
        find = qk.n;
        done = true;
    }
    rows[1][1] = i32(find);
    var k: u32 = 0u;
    while (qc_again(true)) {
        var chosen: bool = k < qk.n;
        if (chosen) {
            var find_2: u32 = u32();
            var done_2: bool = false;
            var lo_2: u32 = 0u;
            var hi_2: u32 = qk.n;
            while (qc_again(true)) {
                if (!(lo_2 < hi_2)) {
                    break;
                }
                var mid: u32 = (lo_2 + hi_2) / 2u;
                if (keys[mid] == k) {
                    find_2 = mid;
                    done_2 = true;
                    break;
                }
                if (keys[mid] < k) {
                    lo_2 = mid + 1u;
                } else {
                    hi_2 = mid;
                }
            }
            if (!done_2) {
                find_2 = qk.n;
                done_2 = true;
            }
            chosen = find_2 != qk.n;
        }
        if (!chosen) {
            break;
        }
        k++;
    }
    var weight: i32 = i32();
    if (i == 0u || i + 1u == qk.n) {
        weight = 0;
    } else {
        var sum: i32 = 0;
        for (var k_2: u32 = 0u; k_2 < 2u; k_2++) {
            sum += rows[0][k_2];
        }
        weight = sum;
    }
    var row: u32 = i % 2u;
    var weight_2: i32 = i32();
    if (k == 0u || k + 1u == qk.n) {
        weight_2 = 0;
    } else {
        var sum: i32 = 0;
        for (var k_2: u32 = 0u; k_2 < 2u; k_2++) {
            sum += rows[row][k_2];
        }
        weight_2 = sum;
    }
    var sum: i32 = weight + weight_2;
    for (var qk_again = qc_again(true); qk_again; qk_again = qc_again(sum < 0)) {
        var chosen: i32 = i32();
        if (sum > 100) {
            chosen = sum - 100;
        } else {
            var i_2: u32 = i + 1u;
            var weight_3: i32 = i32();
            if (i_2 == 0u || i_2 + 1u == qk.n) {
                weight_3 = 0;
            } else {
                var sum_2: i32 = 0;
                for (var k_2: u32 = 0u; k_2 < 2u; k_2++) {
                    sum_2 += rows[1][k_2];
                }
                weight_3 = sum_2;
            }
            chosen = sum + weight_3;
        }
        sum = chosen;
    }
    return sum;
}

@compute @workgroup_size(64)
fn qk_run(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = (id.x + id.y * groups.x * 64u);
    if (i < qk.qk_count) {
        qk_out[i] = functions_(i);
    }
}
