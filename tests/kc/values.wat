;; values, printed by Quern
(module
  (import "env" "memory" (memory 0))
  (import "env" "__stack_pointer" (global $stack (mut i32)))
  (import "math" "fma_f32" (func $fma_f32 (param f32 f32 f32) (result f32)))
  (import "math" "ldexp_f32" (func $ldexp_f32 (param f32 i32) (result f32)))
  (import "math" "to_f16" (func $to_f16 (param f32) (result i32)))
  (import "math" "from_f16" (func $from_f16 (param i32) (result f32)))
  (import "math" "dot4_i8" (func $dot4_i8 (param i32 i32 i32) (result i32)))
  (import "math" "dot4_u8i8" (func $dot4_u8i8 (param i32 i32 i32) (result i32)))
  (func (export "qk_run") (param $args i32) (param $from i32) (param $to i32)
    (local $i i32)
    (local $bytes i32)
    (local $wide i32)
    (local $half i32)
    (local $x i32)
    (local $by i32)
    (local $v v128)
    (local $f f32)
    (local $odd i32)
    (local $k i32)
    (local $a i32)
    (local $b i32)
    (local $u i32)
    (local $bits i64)
    (local $whole i64)
    (local $frame i32)
    (local $out i32)
    (local $result i32)
    (local $21 i32)
    (local $22 f32)
    (local $23 f32)
    (local $24 f32)
    (local $25 i32)
    (local $26 i32)
    (local $27 i64)
    (local $28 i64)
    (local $29 i64)
    (local $30 i64)
    (local $31 i32)
    (local $32 i32)
    global.get $stack
    i32.const 32
    i32.sub
    local.tee $frame
    global.set $stack
    local.get $frame
    i32.const 0
    i32.const 12
    memory.init $tables
    local.get $args
    i32.load align=4
    i32.load align=4
    local.set $bytes
    local.get $args
    i32.load align=4
    i32.load offset=4 align=4
    local.set $wide
    local.get $args
    i32.load align=4
    i32.load offset=8 align=4
    local.set $half
    local.get $args
    i32.load align=4
    i32.load offset=12 align=4
    local.set $x
    local.get $args
    i32.load offset=4 align=4
    i32.load align=4
    local.set $by
    local.get $args
    i32.load align=4
    i32.load offset=16 align=4
    local.set $out
    local.get $from
    local.set $i
    block
      loop
        local.get $to
        local.get $i
        i32.sub
        i32.const 1
        i32.lt_u
        br_if 1
        block
          local.get $frame
          i32.const 16
          i32.add
          i32.const 0
          i32.const 16
          memory.fill
          local.get $frame
          i32.const 0
          i32.const 4
          i32.mul
          i32.add
          f32.const 1
          f32.store offset=16 align=4
          local.get $frame
          i32.const 1
          i32.const 4
          i32.mul
          i32.add
          f32.const 2
          f32.store offset=16 align=4
          local.get $x
          local.get $i
          i32.const 4
          i32.mul
          i32.add
          local.set $21
          local.get $21
          v128.load align=4
          f32.const 2
          f32x4.splat
          f32x4.mul
          v128.const i32x4 0 0 0 0
          local.get $half
          local.get $i
          i32.const 2
          i32.mul
          i32.add
          i32.load16_u align=2
          i32.const 16
          i32.shl
          f32.reinterpret_i32
          f32x4.replace_lane 0
          f32.const 1
          f32x4.replace_lane 1
          f32.const 2
          f32x4.replace_lane 2
          f32.const 3
          f32x4.replace_lane 3
          f32x4.add
          local.set $v
          local.get $frame
          local.get $i
          i32.const 3
          i32.and
          i32.const 4
          i32.mul
          i32.add
          local.get $v
          f32x4.extract_lane 2
          local.get $frame
          local.get $i
          i32.const 3
          i32.rem_u
          i32.const 4
          i32.mul
          i32.add
          f32.load align=4
          f32.add
          f32.store offset=16 align=4
          local.get $frame
          i32.const 0
          i32.const 4
          i32.mul
          i32.add
          f32.load offset=16 align=4
          local.get $frame
          i32.const 1
          i32.const 4
          i32.mul
          i32.add
          f32.load offset=16 align=4
          local.get $v
          f32x4.extract_lane 1
          f32.const -inf
          f32.max
          call $fma_f32
          local.get $v
          f32x4.extract_lane 0
          f32.floor
          local.get $v
          f32x4.extract_lane 1
          f32.nearest
          f32.mul
          local.get $v
          f32x4.extract_lane 3
          f32.trunc
          f32.add
          f32.add
          local.get $v
          f32x4.extract_lane 1
          local.get $by
          call $ldexp_f32
          local.get $v
          f32x4.extract_lane 0
          f32.copysign
          f32.add
          local.set $f
          local.get $f
          f32.const nan
          local.get $f
          f32.abs
          f32.sqrt
          local.get $f
          local.tee $22
          local.get $22
          f32.ne
          if (result i32)
            i32.const 1
          else
            local.get $f
            f32.abs
            f32.const inf
            f32.eq
          end
          select
          local.get $f
          i32.reinterpret_f32
          i32.const -2
          i32.and
          f32.reinterpret_i32
          f32.add
          f32.add
          local.set $f
          local.get $f
          i32.reinterpret_f32
          i32.const 0
          i32.lt_s
          local.get $i
          i32.const 3
          i32.gt_u
          i32.ne
          local.set $odd
          i32.const 0
          local.set $k
          block
            loop
              local.get $k
              i32.const 9
              i32.lt_u
              i32.eqz
              br_if 1
              block
                local.get $k
                local.get $by
                i32.eq
                if
                  br 1
                end
                local.get $f
                f32.const 1000000
                f32.gt
                if
                  br 3
                end
                local.get $f
                local.get $f
                call $to_f16
                call $from_f16
                f32.mul
                local.set $f
              end
              local.get $k
              i32.const 1
              i32.add
              local.set $k
              br 0
            end
          end
          local.get $bytes
          local.get $i
          i32.add
          i32.load8_s align=1
          local.set $a
          local.get $a
          local.tee $25
          local.get $by
          local.set $26
          i32.const 1
          local.get $26
          local.get $26
          i32.eqz
          local.get $26
          i32.const -1
          i32.eq
          local.get $25
          i32.const -2147483648
          i32.eq
          i32.and
          i32.or
          select
          i32.rem_s
          local.set $b
          local.get $a
          local.get $by
          i32.shl
          local.get $b
          i32.const 3
          i32.shr_s
          i32.xor
          local.get $a
          i32.clz
          i32.xor
          local.get $b
          i32.ctz
          i32.xor
          local.set $u
          local.get $u
          local.get $u
          i32.const 16909060
          local.get $b
          call $dot4_i8
          local.get $u
          i32.const 7
          local.get $a
          call $dot4_u8i8
          i32.add
          local.get $u
          i32.const 7
          i32.div_u
          i32.add
          local.get $u
          i32.const 8
          i32.rem_u
          i32.add
          local.get $a
          i32.extend16_s
          i32.add
          i32.add
          local.set $u
          local.get $wide
          local.get $i
          i32.const 8
          i32.mul
          i32.add
          i64.load align=8
          local.set $bits
          local.get $wide
          local.get $i
          i32.const 8
          i32.mul
          i32.add
          i64.load align=8
          local.tee $27
          local.get $by
          i64.extend_i32_s
          local.set $28
          i64.const 1
          local.get $28
          local.get $28
          i64.eqz
          local.get $28
          i64.const -1
          i64.eq
          local.get $27
          i64.const -9223372036854775808
          i64.eq
          i32.and
          i32.or
          select
          i64.div_s
          local.get $bits
          i32.const 7
          i64.extend_i32_u
          i64.shr_u
          i64.const 3
          i64.mul
          i64.add
          local.get $bits
          i64.popcnt
          i32.wrap_i64
          i64.extend_i32_u
          i64.add
          local.get $wide
          local.get $i
          i32.const 8
          i32.mul
          i32.add
          i64.load align=8
          local.set $29
          local.get $by
          i64.extend_i32_s
          local.set $30
          local.get $29
          local.get $30
          local.get $29
          local.get $30
          i64.lt_s
          select
          i64.sub
          local.set $whole
          local.get $f
          i32.trunc_sat_f32_s
          local.get $f
          i32.trunc_sat_f32_u
          i32.add
          local.get $u
          local.get $whole
          i32.wrap_i64
          i32.add
          local.get $a
          local.set $31
          i32.const 0
          local.get $31
          i32.sub
          local.set $32
          local.get $31
          local.get $32
          local.get $31
          local.get $32
          i32.gt_s
          select
          i32.add
          local.get $b
          i32.const 0
          i32.ne
          i32.add
          i32.add
          local.get $odd
          if (result i32)
            i32.const 1
          else
            i32.const 0
          end
          i32.add
          i32.const 255
          i32.and
          local.set $result
          br 0
        end
        local.get $out
        local.get $i
        i32.const 1
        i32.mul
        i32.add
        local.get $result
        i32.store8 align=1
        local.get $i
        i32.const 1
        i32.add
        local.set $i
        br 0
      end
    end
    local.get $frame
    i32.const 32
    i32.add
    global.set $stack
  )
  (data $tables "\00\00\80\3e\00\00\00\3f\00\00\80\3e")
)
